"""Watches readers and cards behind PC/SC: a thread of our own that outlives the service.

pyscard's own monitors die with pcscd and never come back. This one has a context of its own, waits
inside PC/SC (so that watching costs nothing), and starts anew when the service does.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final

from drivers.card.pcsc import COUNTER_BITS, list_readers, load_scard
from drivers.card.pcsc_results import (
    CANCELLED,
    SUCCESS,
    TIMED_OUT,
    UNKNOWN_READER,
    error_of,
)
from drivers.clock import Clock, RealClock
from drivers.errors import DeviceError

log = logging.getLogger(__name__)

ANY_READER: Final = "\\\\?PnP?\\Notification"
"""The pseudo reader whose state changes when a reader comes or goes (PC/SC part 5)."""
WAIT_MS: Final = 1000
MOST_STATES: Final = 16
"""More are refused by pcsc-lite before 2.5; readers beyond are seen to come and go by the list."""
FIRST_PAUSE_S: Final = 0.25
LONGEST_PAUSE_S: Final = 5.0
STOP_STEP_S: Final = 0.02
STOP_PATIENCE_S: Final = 1.0


class Sight(StrEnum):
    """What the monitor has seen."""

    SERVICE_UP = "service-up"
    SERVICE_DOWN = "service-down"
    READER_ARRIVED = "reader-arrived"
    READER_LEFT = "reader-left"
    CARD_IN = "card-in"
    CARD_OUT = "card-out"


@dataclass(frozen=True, slots=True)
class MonitorEvent:
    """One change; `at` is the monotonic clock in seconds.

    `reader` is empty for the service. `counter` grows with every insertion and removal (16 bits,
    from pcscd); two more than before with a card still there is a card that was exchanged.
    """

    at: float
    what: Sight
    reader: str = ""
    counter: int = 0

    def __str__(self) -> str:
        counter = f" (movement {self.counter})" if "card" in self.what else ""
        return f"{self.what.value.replace('-', ' ')} {self.reader}".rstrip() + counter


@dataclass(frozen=True, slots=True)
class ReaderView:
    """How one slot stands; `is_mute`: a card lies there and does not answer to reset."""

    present: bool
    counter: int
    is_mute: bool = False


@dataclass(frozen=True, slots=True)
class MonitorView:
    """How service and readers stand; `service_starts` counts the services seen, one after another.

    `fault` says why the service cannot be reached, empty when it can.
    """

    service_is_up: bool = False
    service_starts: int = 0
    readers: Mapping[str, ReaderView] = field(default_factory=dict)
    fault: str = ""


Listener = Callable[[MonitorEvent], None]


class ReaderMonitor:
    """Tells what happens at the readers of the machine, until it is stopped.

    Args:
        device: a name for the thread and for errors.
        service_socket: of a pcscd of one's own; empty means that of the machine.
    """

    def __init__(
        self, device: str, service_socket: str = "", *, clock: Clock | None = None
    ) -> None:
        self._device = device
        self._service_socket = service_socket
        self._clock: Clock = clock or RealClock()
        self._listeners: list[Listener] = []
        self._view = MonitorView()
        self._known: dict[str, int] = {}
        self._ready = threading.Event()
        self._stopping = threading.Event()
        self._waiting_context: Any = None
        self._scard: Any = None
        self._thread: threading.Thread | None = None

    @property
    def view(self) -> MonitorView:
        """How everything stands now; costs nothing, from any thread."""
        return self._view

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener(event)` on the monitor's thread; return the remover."""
        self._listeners.append(listener)

        def remove() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return remove

    def start(self) -> None:
        """Begin to watch.

        Raises:
            CardLibraryMissing: libpcsclite or pyscard is not installed.
        """
        self._scard = load_scard(self._device, self._service_socket)
        self._thread = threading.Thread(
            target=self._run, name=f"device-{self._device}-monitor", daemon=True
        )
        self._thread.start()

    @property
    def is_watching(self) -> bool:
        """Whether the monitor's thread runs; what `view` says counts only then."""
        return self._thread is not None and self._thread.is_alive()

    def wait_ready(self, timeout: float) -> bool:
        """Wait for the first look at the service; say whether there was one."""
        return self._ready.wait(timeout)

    def stop(self) -> None:
        """Stop watching; idempotent, returns when the thread has ended."""
        thread, self._thread = self._thread, None
        self._stopping.set()
        if thread is None or thread is threading.current_thread():
            return
        for _ in range(int(STOP_PATIENCE_S / STOP_STEP_S)):
            # a cancel that comes between two waits is forgotten by pcscd: it is repeated
            if (context := self._waiting_context) is not None:
                self._scard.SCardCancel(context)
            thread.join(STOP_STEP_S)
            if not thread.is_alive():
                return
        log.warning("monitor of %s did not end", self._device)

    def __enter__(self) -> ReaderMonitor:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self) -> None:
        pause_s = FIRST_PAUSE_S
        while not self._stopping.is_set():
            started = self._clock.monotonic()
            try:
                self._watch_service()
            except DeviceError as error:
                was_up = self._view.service_is_up
                self._service_lost(error.detail)
                pause_s = self._rest(FIRST_PAUSE_S if was_up else pause_s)
            except Exception as error:  # the thread border: pyscard raises SystemError inside calls
                log.warning("monitor of %s: %s", self._device, type(error).__name__)
                self._service_lost(f"the monitor failed: {type(error).__name__}")
                # a fault of our own does not count as a fresh service, however often it is found
                has_lasted = self._clock.monotonic() - started > LONGEST_PAUSE_S
                pause_s = self._rest(FIRST_PAUSE_S if has_lasted else pause_s)

    def _rest(self, pause_s: float) -> float:
        """Wait before the service is looked for again; return how long to wait the next time."""
        self._ready.set()
        self._clock.wait(self._stopping, pause_s)
        return min(2 * pause_s, LONGEST_PAUSE_S)

    def _watch_service(self) -> None:
        """Watch until the service ends (raises) or the monitor is stopped (returns)."""
        scard = self._scard
        code, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
        if code != SUCCESS:
            raise error_of(code, self._device)
        try:
            self._service_found()
            self._waiting_context = context
            while not self._stopping.is_set():
                self._look(context)
        finally:
            self._waiting_context = None
            scard.SCardReleaseContext(context)

    def _look(self, context: Any) -> None:
        """Compare the list of readers, then wait for one change of any of them."""
        names = list_readers(self._scard, context, self._device)
        self._compare(names)
        is_new = any(name not in self._known for name in names[:MOST_STATES])
        if not is_new:
            self._ready.set()
        wanted = [(name, self._known.get(name, 0)) for name in names] + [(ANY_READER, 0)]
        del wanted[MOST_STATES:]
        code, states = self._scard.SCardGetStatusChange(context, 0 if is_new else WAIT_MS, wanted)
        code &= 0xFFFFFFFF
        if code == UNKNOWN_READER:  # it left between the list and the call
            self._clock.wait(self._stopping, STOP_STEP_S)
        elif code not in (SUCCESS, TIMED_OUT, CANCELLED):
            raise error_of(code, self._device)
        else:
            for name, event, _ in states:
                if name != ANY_READER:
                    self._seen(name, event)

    def _service_found(self) -> None:
        self._known.clear()
        self._view = MonitorView(True, self._view.service_starts + 1)
        self._tell(Sight.SERVICE_UP)

    def _service_lost(self, fault: str) -> None:
        is_news = self._view.service_is_up or not self._view.fault
        self._view = MonitorView(False, self._view.service_starts, fault=fault)
        if is_news:
            self._tell(Sight.SERVICE_DOWN)

    def _compare(self, names: list[str]) -> None:
        readers = dict(self._view.readers)
        for name in sorted(readers.keys() - set(names)):
            del readers[name]
            self._known.pop(name, None)
            self._view = replace(self._view, readers=dict(readers))
            self._tell(Sight.READER_LEFT, name)
        for name in names:
            if name not in readers:
                readers[name] = ReaderView(False, 0)
                self._view = replace(self._view, readers=dict(readers))
                self._tell(Sight.READER_ARRIVED, name)

    def _seen(self, name: str, event: int) -> None:
        scard = self._scard
        if event & (scard.SCARD_STATE_UNKNOWN | scard.SCARD_STATE_UNAVAILABLE):
            return  # the next list of readers says whether it has left
        is_first = name not in self._known
        self._known[name] = event & ~scard.SCARD_STATE_CHANGED
        before = self._view.readers[name]
        present, counter = bool(event & scard.SCARD_STATE_PRESENT), event >> COUNTER_BITS & 0xFFFF
        now = ReaderView(present, counter, bool(event & scard.SCARD_STATE_MUTE))
        self._view = replace(self._view, readers={**self._view.readers, name: now})
        # counted, and yet as before: it left and came back, or came and left, between two looks
        twice = not is_first and present is before.present and counter != before.counter
        if twice:
            self._tell(Sight.CARD_OUT if present else Sight.CARD_IN, name, counter)
        if twice or present is not before.present:
            self._tell(Sight.CARD_IN if present else Sight.CARD_OUT, name, counter)

    def _tell(self, what: Sight, reader: str = "", counter: int = 0) -> None:
        event = MonitorEvent(self._clock.monotonic(), what, reader, counter)
        for listener in tuple(self._listeners):
            try:
                listener(event)
            except Exception:  # the border to whoever listens: its bug must not stop the monitor
                log.exception("listener of the card monitor failed")

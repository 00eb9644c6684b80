"""A trace of card commands for the technician: what was sent when and how long it took, no data.

A line holds the time, the slot, the header of the command, sizes, status word and duration. What a
card or a resident says never gets there: no data field, no UID, no answer to reset, no PIN.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from drivers.card.channel import ACCESS_MODULE, CARD, status_text
from drivers.card.transport import CardContact, CardTransport
from drivers.errors import DeviceError
from drivers.values import CardState

T = TypeVar("T")
log = logging.getLogger(__name__)

LARGEST_FILE_BYTES: Final = 4 << 20
OWNER_ONLY: Final = 0o600


class Trace:
    """The file of a trace: its owner alone may read it, and at 4 MiB a new one begins.

    One old file is kept beside it (`NAME.1`). Where it cannot be written, or the name is a symbolic
    link, tracing stops and the log says so: a diagnosis must not stop the desk. The file is open
    only while a line is written, because a link that was given up may write its last one late.
    """

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._lock = threading.Lock()
        self._has_failed = False

    def write(self, text: str) -> None:
        """Add a line; from any thread."""
        with self._lock:
            if self._has_failed:
                return
            try:
                self._write(f"{time.monotonic():.6f} {text}\n".encode())
            except OSError as error:
                self._has_failed = True
                log.warning("the card trace cannot be written: %s", type(error).__name__)

    def _write(self, line: bytes) -> None:
        with open(self._path, "ab", opener=_private) as file:
            if file.tell() + len(line) <= LARGEST_FILE_BYTES:
                file.write(line)
                return
        self._path.replace(self._path.with_name(f"{self._path.name}.1"))
        with open(self._path, "ab", opener=_private) as file:
            file.write(line)


class TracedContact:
    """A `CardContact` that writes down what passes."""

    def __init__(self, contact: CardContact, slot: str, trace: Trace) -> None:
        self._contact = contact
        self._slot = slot
        self._trace = trace

    def connect(self) -> None:
        self._timed("power on", self._contact.connect, lambda _: "ok")

    def atr(self) -> bytes:
        return self._timed("answer to reset", self._contact.atr, lambda atr: f"{len(atr)} bytes")

    def transmit(self, apdu: bytes) -> bytes:
        return self._timed(
            f"{apdu[:4].hex()} {len(apdu)} bytes",
            lambda: self._contact.transmit(apdu),
            lambda answer: f"{status_text(answer)} {len(answer)} bytes",
        )

    def disconnect(self) -> None:
        self._timed("power off", self._contact.disconnect, lambda _: "ok")

    def _timed(self, what: str, action: Callable[[], T], outcome: Callable[[T], str]) -> T:
        # written before the answer too: a card that never answers is what traces are made for
        self._trace.write(f"{self._slot} > {what}")
        started = time.monotonic()
        try:
            result = action()
        except DeviceError as error:
            self._end(f"{type(error).__name__} {error.code}", started)
            raise
        self._end(outcome(result), started)
        return result

    def _end(self, text: str, started: float) -> None:
        elapsed_ms = (time.monotonic() - started) * 1000
        self._trace.write(f"{self._slot} < {text} {elapsed_ms:.2f} ms")


class TraceTransport:
    """A `CardTransport` around any other one, with a trace of both slots."""

    def __init__(self, transport: CardTransport, trace: Trace) -> None:
        self._transport = transport
        self._trace = trace
        self._card: CardContact | None = None
        self._module: CardContact | None = None

    @property
    def card(self) -> CardContact:
        if self._card is None:
            self._card = TracedContact(self._transport.card, CARD, self._trace)
        return self._card

    @property
    def access_module(self) -> CardContact | None:
        if self._module is None and (module := self._transport.access_module) is not None:
            self._module = TracedContact(module, ACCESS_MODULE, self._trace)
        return self._module

    def open(self) -> str:
        name = self._transport.open()
        self._trace.write(f"reader open: {name}")
        return name

    def look(self, wait_s: float) -> CardState:
        return self._transport.look(wait_s)

    def look_at_module(self) -> CardState | None:
        return self._transport.look_at_module()

    def interrupt(self) -> None:
        self._transport.interrupt()

    def close(self) -> None:
        self._transport.close()
        self._trace.write("reader closed")


def _private(path: str, flags: int) -> int:
    """Open a file, never what a link points to; its owner alone may read it from now on."""
    descriptor = os.open(path, flags | os.O_NOFOLLOW, OWNER_ONLY)
    try:
        os.fchmod(descriptor, OWNER_ONLY)  # the file may have been there, with another mode
    except OSError:
        os.close(descriptor)
        raise
    return descriptor

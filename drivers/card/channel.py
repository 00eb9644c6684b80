"""The channel that profile code gets: one card of one session, on the link thread.

A channel serves only inside `CardSession.run`. It looks at the deadline and the cancellation of
that call before every command, and whether anybody still waits for it: whoever stops waiting ends
the channel first, so that an answer that comes late has no consequences. After one failed exchange
it sends nothing more.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple, TypeVar

from drivers.api import CardChannel
from drivers.card.atr import AtrError, check_atr
from drivers.card.errors import ReaderBusy, SamMissing, ServiceDown
from drivers.card.transport import CardContact
from drivers.device import Call
from drivers.errors import CardLost, DeviceError, NoCard, Unsupported
from drivers.recorder import Direction, FlightRecorder

T = TypeVar("T")

SHORT_APDU_BYTES: Final = range(4, 262)
CARD: Final = "card"
ACCESS_MODULE: Final = "access module"
OK: Final = b"\x90\x00"
POWER_ON: Final = b"power on"
"""Stands for a command while a slot is powered, which can take as long as one."""


class Outstanding(NamedTuple):
    """A command that has been sent and not yet answered; `since` is the clock of its call."""

    slot: str
    what: str
    since: float


class SlotChannel:
    """A `CardChannel` to one slot.

    `outstanding` and `failure` are read by the device thread, which also calls `end`; the rest
    belongs to the link thread.
    """

    slot = CARD

    def __init__(self, device: str, contact: CardContact, recorder: FlightRecorder) -> None:
        self._device = device
        self._contact = contact
        self._recorder = recorder
        self._gate = threading.Lock()  # a command begins either before `end` or never
        self._call: Call | None = None
        self._ended: Call | None = None
        self._is_over = False
        self._pending = b""
        self._sent_at = 0.0
        self.failure: DeviceError | None = None

    @property
    def device(self) -> str:
        """Name of the reader, for errors."""
        return self._device

    @property
    def access_module(self) -> SlotChannel | None:
        """None: an access module has none of its own."""
        return None

    def transmit(self, apdu: bytes) -> bytes:
        """Send one short command APDU; return data and status word.

        Raises:
            CardLost: the card left or was reset, or the session is over.
            DeviceTimeout, Cancelled: the call that this channel serves has ended.
            Unsupported: no short APDU.
        """
        if len(apdu) not in SHORT_APDU_BYTES:
            raise Unsupported(self._device, f"command of {len(apdu)} bytes is no short APDU")
        self._begin(apdu)
        try:
            answer = self._contact.transmit(apdu)
        except DeviceError as error:
            self.failure = error
            self._note(apdu, error.code)
            raise
        finally:
            self._pending = b""
        self._note(apdu, f"{status_text(answer)} {len(answer)} bytes")
        return answer

    @property
    def outstanding(self) -> Outstanding | None:
        """The command that is unanswered now; for the device thread."""
        apdu, since = self._pending, self._sent_at
        what = "power on" if apdu is POWER_ON else apdu[:4].hex()
        return Outstanding(self.slot, what, since) if apdu else None

    def end(self, call: Call | None = None) -> None:
        """Send nothing more for `call`, or for anybody where it is None; from any thread.

        A command that is on its way is not called back; its answer is the last thing that the work
        gets to see.
        """
        with self._gate:
            self._ended = call
            self._is_over = self._is_over or call is None

    def _begin(self, apdu: bytes) -> None:
        """Write down that a command is on its way, if one may still be sent."""
        with self._gate:
            call = self._call
            is_ended = self._is_over or call is self._ended
            if call is None or is_ended or self.failure is not None:
                raise self._refusal()
            now = call.clock.monotonic()
            if now >= call.deadline or call.cancelled.is_set():
                call.check()
            self._pending, self._sent_at = apdu, now

    def _note(self, apdu: bytes, outcome: str) -> None:
        # header and sizes: data and their hashes would give away UID, NIK and PIN; one entry for
        # command and answer, because entries are what the driver's own time is mostly spent on
        self._recorder.note(f"{apdu[:4].hex()} {len(apdu)} bytes: {outcome}", Direction.SENT)

    @contextmanager
    def serving(self, call: Call) -> Iterator[None]:
        """Serve `call`, and nobody after it."""
        self._call = call
        try:
            yield
        finally:
            if self._call is call:
                self._call = None

    def _refusal(self) -> DeviceError:
        return CardLost(self._device, "the session is over")


class ModuleChannel(SlotChannel):
    """The channel to the access module: connected at its first command, its failures its own.

    A failure ends the module for this session, not the session: what is free on the card can still
    be read.
    """

    slot = ACCESS_MODULE

    def __init__(self, device: str, contact: CardContact, recorder: FlightRecorder) -> None:
        super().__init__(device, contact, recorder)
        self._is_connected = False

    def transmit(self, apdu: bytes) -> bytes:
        """Send one short command APDU to the access module.

        Raises:
            SamMissing: absent, mute, pulled out or silent; stays so until the next session.
            ReaderBusy: another program holds its slot.
            ServiceDown: the smart-card service has ended.
            DeviceTimeout, Cancelled: the call that this channel serves has ended.
        """
        try:
            if not self._is_connected:
                self._connect()
            return super().transmit(apdu)
        except (NoCard, CardLost) as error:
            raise SamMissing(self._device, error.detail or "the slot is empty") from error

    def _connect(self) -> None:
        self._begin(POWER_ON)
        try:
            self._contact.connect()
            check_atr(self._contact.atr())
            self._is_connected = True
        except AtrError as error:
            raise self._failed(SamMissing(self._device, str(error))) from error
        except (ServiceDown, ReaderBusy, SamMissing) as error:
            self.failure = error
            raise
        except DeviceError as error:
            detail = error.detail or "the slot is empty"
            raise self._failed(SamMissing(self._device, detail)) from error
        finally:
            self._pending = b""

    def _failed(self, error: DeviceError) -> DeviceError:
        self.failure = error
        return error

    def _refusal(self) -> DeviceError:
        detail = "the session is over" if self.failure is None else self.failure.detail
        return SamMissing(self._device, detail)


class SessionChannel(SlotChannel):
    """The channel to the card of a session, with the one to the access module beside it."""

    def __init__(
        self,
        device: str,
        card: CardContact,
        access_module: CardContact | None,
        recorder: FlightRecorder,
    ) -> None:
        super().__init__(device, card, recorder)
        self._module = (
            None if access_module is None else ModuleChannel(device, access_module, recorder)
        )

    @property
    def access_module(self) -> SlotChannel | None:
        """The channel to the access module; None where none is configured."""
        return self._module

    @property
    def waits_for(self) -> Outstanding | None:
        """The command that is unanswered now, to either slot."""
        outstanding = self.outstanding
        if outstanding is None and self._module is not None:
            return self._module.outstanding
        return outstanding

    @property
    def has_lost_the_wire(self) -> bool:
        """Whether the link must be given up: a module that failed alone is no reason."""
        module_error = None if self._module is None else self._module.failure
        return self.failure is not None or isinstance(module_error, ServiceDown)

    def end(self, call: Call | None = None) -> None:
        """Send nothing more for `call` (or for anybody) to either slot; from any thread."""
        super().end(call)
        if self._module is not None:
            self._module.end(call)

    @contextmanager
    def serving(self, call: Call) -> Iterator[None]:
        """Serve `call` on both slots."""
        if self._module is None:
            with super().serving(call):
                yield
            return
        with super().serving(call), self._module.serving(call):
            yield

    def run(self, work: Callable[[CardChannel], T], call: Call) -> T:
        """Run profile code for `call`."""
        with self.serving(call):
            return work(self)


def status_text(answer: bytes) -> str:
    """Return the status word of an answer, `????` where the last two bytes cannot be one.

    A card that forgets its status word must not get two bytes of its data written down.
    """
    status = answer[-2:]
    if status == OK:  # nearly always
        return "9000"
    return status.hex() if len(status) == 2 and status[0] >> 4 in (0x6, 0x9) else "????"

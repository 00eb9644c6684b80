"""Readers behind PC/SC, by the low-level calls of pyscard.

The high-level classes are not used: their monitor threads die with pcscd, their finalisers print,
and two cards with equal ATRs are one card to them.
"""

from __future__ import annotations

import ctypes.util
import os
from collections.abc import Sequence
from functools import cache
from typing import Any, Final

from drivers.card.errors import CardLibraryMissing, ReaderGone, SamMissing, ServiceDown
from drivers.card.pcsc_results import NO_READERS, SUCCESS, TIMED_OUT, error_of, match_reader
from drivers.card.transport import CardContact
from drivers.errors import CardLost, DeviceError, Disconnected
from drivers.values import CardState

SOCKET_VARIABLE: Final = "PCSCLITE_CSOCK_NAME"
SHORT_HEADER_BYTES: Final = 5
COUNTER_BITS: Final = 16
"""The upper half of a reader's event state counts insertions and removals."""


@cache
def is_library_installed() -> bool:
    """Look for libpcsclite; without it, pyscard prints to standard output, on the screen."""
    return ctypes.util.find_library("pcsclite") is not None


def load_scard(device: str, service_socket: str = "") -> Any:  # Any: pyscard has no types
    """Import pyscard and point it to the service.

    Args:
        device: for the error.
        service_socket: of a pcscd of one's own; empty means that of the machine. libpcsclite reads
            it once, at the first call of the process.

    Raises:
        CardLibraryMissing: libpcsclite or pyscard is not installed.
    """
    if service_socket:
        os.environ[SOCKET_VARIABLE] = service_socket
    if not is_library_installed():
        raise CardLibraryMissing(device, "libpcsclite is not installed")
    try:
        from smartcard import scard
    except ImportError as error:
        raise CardLibraryMissing(device, "pyscard is not installed") from error
    return scard


def list_readers(scard: Any, context: Any, device: str) -> list[str]:
    """Return the names of all slots; an empty list where no reader is plugged in.

    Raises:
        ServiceDown: the service ended meanwhile.
    """
    try:
        result = scard.SCardListReaders(context, [])
    except SystemError as error:  # pyscard, when the service ends inside the call
        raise ServiceDown(device, "the smart-card service ended") from error
    if result[0] & 0xFFFFFFFF == NO_READERS:
        return []
    return list(_checked(device, result)[0])


class PcscContact:
    """A `CardContact`: one slot, by a card handle of its own."""

    def __init__(self, device: str, scard: Any, context: Any, reader: str) -> None:
        self._device = device
        self._scard = scard
        self._context = context
        self._reader = reader
        self._handle: Any = None
        self._protocol = 0

    def connect(self) -> None:
        scard = self._scard
        self._handle, self._protocol = _checked(
            self._device,
            scard.SCardConnect(
                self._context,
                self._reader,
                scard.SCARD_SHARE_EXCLUSIVE,
                scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1,
            ),
        )

    def atr(self) -> bytes:
        _, _, _, atr = _checked(self._device, self._scard.SCardStatus(self._handle))
        return bytes(atr)

    def transmit(self, apdu: bytes) -> bytes:
        if self._protocol == self._scard.SCARD_PROTOCOL_T0:
            apdu = without_expected_length(apdu)
        code, answer = self._scard.SCardTransmit(self._handle, self._protocol, list(apdu))
        if code != SUCCESS:
            raise self._lost(code)
        if len(answer) < 2:
            # a link that broke inside the command is reported as success without an answer
            raise CardLost(self._device, f"answer of {len(answer)} bytes")
        return bytes(answer)

    def disconnect(self) -> None:
        handle, self._handle = self._handle, None
        if handle is not None:
            self._scard.SCardDisconnect(handle, self._scard.SCARD_UNPOWER_CARD)

    def _lost(self, code: int) -> DeviceError:
        error = error_of(code, self._device)
        return (
            error
            if isinstance(error, Disconnected | CardLost)
            else CardLost(self._device, error.detail)
        )


class PcscTransport:
    """A `CardTransport` with a PC/SC context of its own."""

    def __init__(
        self, device: str, wanted: str, wanted_sam: str = "", service_socket: str = ""
    ) -> None:
        self._device = device
        self._wanted = wanted
        self._wanted_sam = wanted_sam
        self._service_socket = service_socket
        self._scard: Any = None
        self._context: Any = None
        self._reader = ""
        self._sam_reader = ""
        self._card: PcscContact | None = None
        self._sam: PcscContact | _AbsentModule | None = None
        self._known = 0

    @property
    def card(self) -> CardContact:
        if self._card is None:
            raise Disconnected(self._device, "the reader is not open")
        return self._card

    @property
    def access_module(self) -> CardContact | None:
        return self._sam

    def open(self) -> str:
        scard = self._scard = load_scard(self._device, self._service_socket)
        (self._context,) = _checked(
            self._device, scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
        )
        names = list_readers(scard, self._context, self._device)
        if not names:
            raise ReaderGone(self._device, "no reader is connected")
        self._reader = match_reader(self._device, names, self._wanted)
        self._card = PcscContact(self._device, scard, self._context, self._reader)
        if self._wanted_sam:
            self._sam = self._find_module(names)
        return self._reader

    def look(self, wait_s: float) -> CardState:
        known = self._known if wait_s > 0 else self._scard.SCARD_STATE_UNAWARE
        event, atr = self._status(self._reader, known, wait_s)
        self._known = event & ~self._scard.SCARD_STATE_CHANGED
        return self._card_state(event, atr)

    def look_at_module(self) -> CardState | None:
        if not self._sam_reader:
            return None
        try:
            return self._card_state(
                *self._status(self._sam_reader, self._scard.SCARD_STATE_UNAWARE, 0.0)
            )
        except ReaderGone:
            return None

    def interrupt(self) -> None:
        """Do nothing: PC/SC cannot end a running command."""

    def close(self) -> None:
        for contact in (self._sam, self._card):
            if contact is not None:
                contact.disconnect()
        context, self._context = self._context, None
        if context is not None:
            self._scard.SCardReleaseContext(context)

    def _status(self, reader: str, known: int, wait_s: float) -> tuple[int, bytes]:
        scard = self._scard
        code, states = scard.SCardGetStatusChange(
            self._context, int(wait_s * 1000), [(reader, known)]
        )
        if code & 0xFFFFFFFF != TIMED_OUT:
            _checked(self._device, [code])
        _, event, atr = states[0]
        gone = scard.SCARD_STATE_UNKNOWN | scard.SCARD_STATE_UNAVAILABLE | scard.SCARD_STATE_IGNORE
        if event & gone:
            raise ReaderGone(self._device, "the reader has gone")
        return event, bytes(atr)

    def _card_state(self, event: int, atr: bytes) -> CardState:
        present = bool(event & self._scard.SCARD_STATE_PRESENT)
        # a card that was exchanged between two looks shows in the counter
        return CardState(present, event >> COUNTER_BITS & 0xFFFF, atr if present else b"")

    def _find_module(self, names: Sequence[str]) -> PcscContact | _AbsentModule:
        try:
            self._sam_reader = match_reader(self._device, names, self._wanted_sam)
        except DeviceError as error:
            # the card can be read without it: only who asks for the module is told
            return _AbsentModule(self._device, error.detail)
        return PcscContact(self._device, self._scard, self._context, self._sam_reader)


class _AbsentModule:
    """A `CardContact` for a slot that is configured and does not exist."""

    def __init__(self, device: str, detail: str) -> None:
        self._device = device
        self._detail = detail

    def connect(self) -> None:
        raise SamMissing(self._device, f"slot of the access module: {self._detail}")

    def atr(self) -> bytes:
        raise SamMissing(self._device, "no access module")

    def transmit(self, apdu: bytes) -> bytes:
        raise SamMissing(self._device, "no access module")

    def disconnect(self) -> None:
        """Do nothing: there is nothing to give up."""


def without_expected_length(apdu: bytes) -> bytes:
    """Return a short command as T=0 carries it: with data there is no place for Le (case 4).

    The card announces its answer by 61xx then, and the caller follows with GET RESPONSE.
    Source: ISO/IEC 7816-3:2006 clause 12.2 (case 4S).
    """
    has_data = len(apdu) > SHORT_HEADER_BYTES and apdu[4] > 0
    return apdu[:-1] if has_data and len(apdu) == SHORT_HEADER_BYTES + apdu[4] + 1 else apdu


def _checked(device: str, result: Sequence[Any]) -> Sequence[Any]:
    if result[0] != SUCCESS:
        raise error_of(result[0], device)
    return result[1:]

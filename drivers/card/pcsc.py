"""Readers behind PC/SC, by the low-level calls of pyscard.

The high-level classes are not used: their monitor threads die with pcscd, their finalisers print,
and two cards with equal ATRs are one card to them.
"""

from __future__ import annotations

import ctypes.util
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final

from drivers.errors import (
    CardLost,
    CardUnreadable,
    DeviceBusy,
    DeviceError,
    DeviceRefused,
    Disconnected,
    NoCard,
    ProtocolError,
)
from drivers.values import CardState

SUCCESS: Final = 0x00000000
TIMED_OUT: Final = 0x8010000A
SECURITY_VIOLATION: Final = 0x8010006A

ERRORS: Final[Mapping[int, tuple[type[DeviceError], str]]] = {
    0x8010001D: (Disconnected, "the smart-card service does not run"),
    0x8010001E: (Disconnected, "the smart-card service has stopped"),
    0x80100013: (Disconnected, "the smart-card service ended"),
    0x8010002E: (Disconnected, "no reader is connected"),
    0x80100009: (Disconnected, "the reader is not there"),
    0x80100017: (Disconnected, "the reader has gone"),
    0x8010000C: (NoCard, ""),
    0x80100069: (CardLost, "the card was removed"),
    0x80100016: (CardLost, "the exchange failed"),
    0x80100068: (CardLost, "another program reset the card"),
    0x8010000B: (DeviceBusy, "another program holds the reader"),
    0x8010000F: (CardUnreadable, "the answer to reset offers no usable protocol"),
    0x80100066: (CardUnreadable, "the card is mute"),
    0x80100067: (CardUnreadable, "the card cannot be powered"),
}
"""PC/SC result -> our error. Source: provoked on pcscd 1.9.9 except 8010001E, 8010002E, 80100009,
80100017 and 80100066, which follow the PC/SC documentation."""


def error_of(code: int, device: str) -> DeviceError:
    """Translate a PC/SC result other than success."""
    code &= 0xFFFFFFFF
    if code == SECURITY_VIOLATION:
        return DeviceRefused(device, f"{code:08X}", "the system forbids access to the reader")
    error, fact = ERRORS.get(code, (ProtocolError, "unexpected result"))
    return error(device, f"{fact} (PC/SC {code:08X})".strip())


@cache
def is_library_installed() -> bool:
    """Look for libpcsclite; without it, pyscard prints to standard output, on the screen."""
    return ctypes.util.find_library("pcsclite") is not None


def match_reader(names: Sequence[str], wanted: str) -> str:
    """Return the one reader whose name is `wanted` or begins with it; empty means the only one.

    Raises:
        LookupError: none or several fit; the text says how many.
    """
    if wanted and wanted in names:
        return wanted
    fitting = [name for name in names if name.startswith(wanted)]
    if len(fitting) == 1:
        return fitting[0]
    raise LookupError(f"{len(fitting)} of {len(names)} readers fit the configured name")


class PcscTransport:
    """A `CardTransport` with a PC/SC context and a card handle of its own.

    libpcsclite is loaded at the first call of the process and reads PCSCLITE_CSOCK_NAME then.
    """

    def __init__(self, device: str, wanted_reader: str) -> None:
        self._device = device
        self._wanted = wanted_reader
        self._reader = ""
        self._context: Any = None
        self._handle: Any = None
        self._protocol = 0
        self._known = 0

    def open(self) -> str:
        if not is_library_installed():
            raise Disconnected(self._device, "libpcsclite is not installed")
        from smartcard import scard

        (self._context,) = self._checked(scard.SCardEstablishContext(scard.SCARD_SCOPE_USER))
        try:
            (names,) = self._checked(scard.SCardListReaders(self._context, []))
            self._reader = match_reader(names, self._wanted)
        except SystemError as error:  # pyscard, when the service ends between the two calls
            raise Disconnected(self._device, "the smart-card service ended") from error
        except LookupError as error:
            raise Disconnected(self._device, str(error)) from error
        return self._reader

    def look(self, wait_s: float) -> CardState:
        from smartcard import scard

        known = self._known if wait_s > 0 else scard.SCARD_STATE_UNAWARE
        code, states = scard.SCardGetStatusChange(
            self._context, int(wait_s * 1000), [(self._reader, known)]
        )
        if code & 0xFFFFFFFF != TIMED_OUT:
            self._checked([code])
        _, event, atr = states[0]
        gone = scard.SCARD_STATE_UNKNOWN | scard.SCARD_STATE_UNAVAILABLE | scard.SCARD_STATE_IGNORE
        if event & gone:
            raise Disconnected(self._device, "the reader has gone")
        self._known = event & ~scard.SCARD_STATE_CHANGED
        present = bool(event & scard.SCARD_STATE_PRESENT)
        # bits 16 to 31 count insertions and removals: a card exchanged between two looks shows
        return CardState(present, event >> 16 & 0xFFFF, bytes(atr) if present else b"")

    def connect(self) -> None:
        from smartcard import scard

        self._handle, self._protocol = self._checked(
            scard.SCardConnect(
                self._context,
                self._reader,
                scard.SCARD_SHARE_EXCLUSIVE,
                scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1,
            )
        )

    def atr(self) -> bytes:
        from smartcard import scard

        _, _, _, atr = self._checked(scard.SCardStatus(self._handle))
        return bytes(atr)

    def transmit(self, apdu: bytes) -> bytes:
        from smartcard import scard

        code, answer = scard.SCardTransmit(self._handle, self._protocol, list(apdu))
        if code != SUCCESS:
            error = error_of(code, self._device)
            if isinstance(error, Disconnected):
                raise error
            raise CardLost(self._device, error.detail)
        if len(answer) < 2:
            # a link that broke inside the command is reported as success without an answer
            raise CardLost(self._device, f"answer of {len(answer)} bytes")
        return bytes(answer)

    def disconnect(self) -> None:
        from smartcard import scard

        handle, self._handle = self._handle, None
        if handle is not None:
            scard.SCardDisconnect(handle, scard.SCARD_UNPOWER_CARD)

    def interrupt(self) -> None:
        """Do nothing: PC/SC cannot end a running command."""

    def close(self) -> None:
        from smartcard import scard

        self.disconnect()
        context, self._context = self._context, None
        if context is not None:
            scard.SCardReleaseContext(context)

    def _checked(self, result: Sequence[Any]) -> Sequence[Any]:
        if result[0] != SUCCESS:
            raise error_of(result[0], self._device)
        return result[1:]

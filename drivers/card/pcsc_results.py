"""What PC/SC says, in our words: result codes, and the names of readers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from drivers.card.errors import (
    BadAtr,
    CardMute,
    CardReset,
    ReaderAmbiguous,
    ReaderBusy,
    ReaderForbidden,
    ReaderGone,
    ServiceDown,
)
from drivers.errors import CardLost, DeviceError, NoCard, ProtocolError

SUCCESS: Final = 0x00000000
CANCELLED: Final = 0x80100002
UNKNOWN_READER: Final = 0x80100009
TIMED_OUT: Final = 0x8010000A
NO_READERS: Final = 0x8010002E
SECURITY_VIOLATION: Final = 0x8010006A

ERRORS: Final[Mapping[int, tuple[type[DeviceError], str]]] = {
    0x8010001D: (ServiceDown, "the smart-card service does not run"),
    0x8010001E: (ServiceDown, "the smart-card service has stopped"),
    0x80100013: (ServiceDown, "the smart-card service ended"),
    0x80100003: (ServiceDown, "the smart-card service was started anew"),
    NO_READERS: (ReaderGone, "no reader is connected"),
    UNKNOWN_READER: (ReaderGone, "the reader is not there"),
    0x80100017: (ReaderGone, "the reader has gone"),
    0x8010000C: (NoCard, ""),
    0x80100069: (CardLost, "the card was removed"),
    0x80100016: (CardLost, "the exchange failed"),
    0x8010002F: (CardLost, "the exchange with the card broke"),
    0x80100068: (CardReset, "another program reset the card"),
    0x8010000B: (ReaderBusy, "another program holds the reader"),
    0x8010000F: (BadAtr, "the answer to reset offers no usable protocol"),
    0x80100015: (BadAtr, "the answer to reset is invalid"),
    0x80100066: (CardMute, "the card is mute"),
    0x80100067: (CardMute, "the card cannot be powered"),
}
"""PC/SC result -> our error. Source: provoked on pcscd 1.9.9 except 8010001E, 8010002E, 80100017,
8010002F, 80100015 and 80100066, which follow the PC/SC documentation."""


def error_of(code: int, device: str) -> DeviceError:
    """Translate a PC/SC result other than success; the code may be signed or not."""
    code &= 0xFFFFFFFF
    if code == SECURITY_VIOLATION:
        return ReaderForbidden(device, f"{code:08X}", "the system forbids access to the reader")
    error, fact = ERRORS.get(code, (ProtocolError, "unexpected result"))
    return error(device, f"{fact} (PC/SC {code:08X})".strip())


class ReaderName(NamedTuple):
    """The parts of a name that pcscd gives a reader: "MODEL (SERIAL) NUMBER SLOT".

    `number` counts readers of the same model in the order in which they were plugged in, so it says
    nothing about which one it is; `slot` is the place of the card in a reader with several.
    """

    model: str
    number: str
    slot: str

    @property
    def identity(self) -> str:
        """What stays when the reader is plugged in anew."""
        return f"{self.model} slot {self.slot}" if self.slot else self.model


def split_name(name: str) -> ReaderName:
    """Take a reader's name apart; a name of another form is all model."""
    match = re.fullmatch(r"(.*\S) ([0-9A-F]{2}) ([0-9A-F]{2})", name)
    return ReaderName(*match.groups()) if match else ReaderName(name, "", "")


def match_reader(device: str, names: Sequence[str], wanted: str) -> str:
    """Return the one reader whose name is `wanted` or begins with it; empty means the only one.

    A reader that was plugged in again may have another number: the one with the same model and slot
    is taken then.

    Raises:
        ReaderGone: no reader fits.
        ReaderAmbiguous: several fit; the text says how many.
    """
    if wanted and wanted in names:
        return wanted
    fitting = [name for name in names if name.startswith(wanted)]
    if not fitting:
        identity = split_name(wanted).identity
        fitting = [name for name in names if split_name(name).identity == identity]
    if not fitting:
        raise ReaderGone(device, f"0 of {len(names)} readers fit the configured name")
    if len(fitting) > 1:
        raise ReaderAmbiguous(
            device, f"{len(fitting)} of {len(names)} readers fit the configured name"
        )
    return fitting[0]

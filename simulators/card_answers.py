"""What the faults of a card do to its answers; no link and no time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from simulators.card_faults import CardFault
from simulators.injection import Injector

SELECT: Final = 0xA4
READ_BINARY: Final = 0xB0
OPEN_MODULE: Final = 0xF0
STATUS_BYTES: Final = 2
LENGTH_FIELD_BYTES: Final = 2
"""A KTP-el file begins with its length; the driver reads these two bytes alone."""

GARBAGE_ATR: Final = bytes.fromhex("0001")
TRUNCATED_ATR: Final = bytes.fromhex("3B8B80")
TOO_LONG_ATR: Final = bytes.fromhex("3B8F8001") + bytes(31)

Falsifier = Callable[[bytes], bytes]

_ATRS: Final[Mapping[CardFault, Falsifier]] = MappingProxyType(
    {
        CardFault.GARBAGE_ATR: lambda atr: GARBAGE_ATR,
        CardFault.TRUNCATED_ATR: lambda atr: TRUNCATED_ATR,
        CardFault.ATR_TOO_LONG: lambda atr: TOO_LONG_ATR,
        CardFault.WRONG_TCK: lambda atr: atr[:-1] + bytes([atr[-1] ^ 0x01]),
        # behind pcscd an unusable answer is the only way to be mute: none at all is an empty slot
        CardFault.MUTE: lambda atr: TOO_LONG_ATR,
    }
)
ATR_FAULTS: Final = tuple(_ATRS)

_PIECES: Final[Mapping[CardFault, Falsifier]] = MappingProxyType(
    {
        CardFault.SHORT_ANSWER: lambda answer: answer[1:],
        CardFault.LONG_ANSWER: lambda answer: b"\x00" + answer,
        CardFault.EARLY_END: lambda answer: answer[: (len(answer) - 2) // 2] + b"\x62\x82",
        CardFault.NO_STATUS: lambda answer: answer[:1],
        CardFault.WRONG_STATUS: lambda answer: b"\x6f\x00",
    }
)
_LENGTHS: Final[Mapping[CardFault, bytes]] = MappingProxyType(
    {CardFault.EMPTY_FILE: b"\x00\x00", CardFault.HUGE_FILE: b"\xff\xff"}
)


def false_atr(faults: Injector[CardFault], atr: bytes) -> bytes:
    """Return the answer to reset with the faults of the moment."""
    for fault, falsify in _ATRS.items():
        if fault in faults:
            atr = falsify(atr)
    return atr


def false_answer(faults: Injector[CardFault], command: bytes, answer: bytes) -> bytes:
    """Return the card's answer to `command` with the faults of the moment."""
    instruction = command[1]
    if CardFault.ENDLESS_MORE in faults and command[0] != 0xFF:
        return answer[:-STATUS_BYTES] + b"\x61\xff"
    if CardFault.FOREIGN_CARD in faults and instruction in (SELECT, READ_BINARY):
        return b"\x6a\x82"
    if instruction != READ_BINARY or len(answer) <= STATUS_BYTES:
        return answer
    for fault, length in _LENGTHS.items():
        if fault in faults and command[2:] == bytes((0, 0, LENGTH_FIELD_BYTES)):
            return length + answer[-STATUS_BYTES:]
    for fault, falsify in _PIECES.items():
        if fault in faults:
            return falsify(answer)
    return answer


def false_module_answer(faults: Injector[CardFault], command: bytes, answer: bytes) -> bytes:
    """Return the access module's answer to `command` with the faults of the moment."""
    if CardFault.SAM_REFUSING in faults and command[1] == OPEN_MODULE:
        return b"\x63\x00"
    return answer

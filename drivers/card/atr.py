"""The answer to reset: is it whole, and which card does it hint at?

Source: ISO/IEC 7816-3:2006 clause 8.2; contactless form `3B 8n 80 01 ... TCK` PC/SC part 3.
"""

from __future__ import annotations

from enum import StrEnum
from functools import reduce
from operator import xor
from typing import Final

MAX_ATR_BYTES: Final = 33

_KTPEL_TYPE_A: Final = frozenset(
    bytes.fromhex(text)
    for text in (
        "3B8B8001654B5450304432654B54504C",  # historical bytes "eKTP0D2eKTP"
        "3B8B800150333038473050335F31302B",  # "P308G0P3_10"
        "3B8A80013037393134315F3030316F",  # "079141_001"
    )
)
# type B: 3B 8C 80 01 50, PUPI (4 bytes), 30 AA AA 01 77 81 D7, TCK
_KTPEL_TYPE_B_HEAD: Final = bytes.fromhex("3B8C800150")
_KTPEL_TYPE_B_TAIL: Final = bytes.fromhex("30AAAA017781D7")


class AtrError(ValueError):
    """The bytes are no answer to reset; the text says which rule they break."""


class AtrHint(StrEnum):
    """Which card an ATR is known from; a hint, never a proof."""

    KTPEL_TYPE_A = "KTP-el, type A"
    KTPEL_TYPE_B = "KTP-el, type B"
    NONE = "not listed"


def check_atr(atr: bytes) -> None:
    """Check structure, length and check byte; readers and pcscd pass wrong ones on.

    Raises:
        AtrError: 2 to 33 bytes, TS 3B or 3F, every announced byte there and none more, and the
            exclusive or of T0 to TCK zero where a TCK is due (any protocol but T=0 announced).
    """
    if not 2 <= len(atr) <= MAX_ATR_BYTES:
        raise AtrError(f"answer to reset of {len(atr)} bytes")
    if atr[0] not in (0x3B, 0x3F):
        raise AtrError("answer to reset does not begin with 3B or 3F")
    position, announced, has_check_byte = 1, atr[1], False
    historical = atr[1] & 0x0F
    while True:
        position += (announced >> 4).bit_count()
        if not announced & 0x80:
            break
        if position >= len(atr):
            raise AtrError("answer to reset ends in its interface bytes")
        announced = atr[position]
        has_check_byte |= announced & 0x0F != 0
    expected = position + 1 + historical + has_check_byte
    if len(atr) != expected:
        raise AtrError(f"answer to reset of {len(atr)} bytes, announced {expected}")
    if has_check_byte and reduce(xor, atr[1:]) != 0:
        raise AtrError("check byte of the answer to reset is wrong")


def hint_of(atr: bytes) -> AtrHint:
    """Say which card this ATR is publicly known from (list of pcsc-tools 1.6.2)."""
    if atr in _KTPEL_TYPE_A:
        return AtrHint.KTPEL_TYPE_A
    head, pupi_and_tail = atr[: len(_KTPEL_TYPE_B_HEAD)], atr[len(_KTPEL_TYPE_B_HEAD) :]
    is_type_b = head == _KTPEL_TYPE_B_HEAD and pupi_and_tail[4:-1] == _KTPEL_TYPE_B_TAIL
    return AtrHint.KTPEL_TYPE_B if is_type_b else AtrHint.NONE


def is_contactless(atr: bytes) -> bool:
    """Say whether a reader made this ATR for an ISO/IEC 14443-4 card (PC/SC part 3: 3B 8n 80 01).

    Such a card has a UID that the reader tells; a card in a contact reader has none.
    """
    return len(atr) > 4 and atr[0] == 0x3B and atr[1] & 0xF0 == 0x80 and atr[2:4] == b"\x80\x01"

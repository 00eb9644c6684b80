"""The answer to reset in detail: what a card says of itself before anybody asks.

Source: ISO/IEC 7816-3:2006 clause 8 (interface bytes, tables 7 and 8), ISO/IEC 7816-4:2013 clause
12.1.1 (historical bytes), PC/SC part 3 clause 3.1.3.2.3 (contactless cards).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from drivers.card.atr import AtrHint, check_atr, hint_of, is_contactless

DIRECT: Final = 0x3B
GLOBAL_BYTES: Final = 15
"""Number that announces bytes for every protocol; no protocol of its own."""

CLOCK_RATES: Final[Mapping[int, tuple[int, float]]] = {
    **{0: (372, 4.0), 1: (372, 5.0), 2: (558, 6.0), 3: (744, 8.0), 4: (1116, 12.0)},
    **{5: (1488, 16.0), 6: (1860, 20.0), 9: (512, 5.0), 10: (768, 7.5), 11: (1024, 10.0)},
    **{12: (1536, 15.0), 13: (2048, 20.0)},
}
"""Upper half of TA1 -> clock rate conversion integer Fi, highest clock in MHz (table 7)."""

BAUD_RATES: Final[Mapping[int, int]] = {
    **{1: 1, 2: 2, 3: 4, 4: 8, 5: 16, 6: 32, 7: 64, 8: 12, 9: 20},
}
"""Lower half of TA1 -> baud rate adjustment integer Di (table 8)."""

_STORAGE_CARD: Final = bytes.fromhex("804F0CA000000306")
_STORAGE_NAMES: Final[Mapping[int, str]] = {
    0x0001: "MIFARE Classic 1K",
    0x0002: "MIFARE Classic 4K",
    0x0003: "MIFARE Ultralight",
    0x0026: "MIFARE Mini",
    0xF004: "Topaz",
    0xF011: "FeliCa 212K",
    0xF012: "FeliCa 424K",
}
"""PC/SC part 3 supplement: names of storage cards that need no application."""

_TYPE_B_FIRST: Final = 0x50
_PUPI: Final = slice(5, 9)


class Convention(StrEnum):
    """How bits stand for levels on the wire."""

    DIRECT = "direct"
    INVERSE = "inverse"


class HistoricalForm(StrEnum):
    """What the first historical byte says about the others."""

    NONE = "none"
    STATUS_AT_END = "status at the end"
    COMPACT_OBJECTS = "compact objects"
    REFERENCE = "reference to a file"
    PROPRIETARY = "of the maker's own form"


@dataclass(frozen=True, slots=True)
class AtrFacts:
    """What one whole answer to reset says.

    `protocols` are the numbers of T= in the order offered; `specific_protocol` is the only one that
    the card talks where TA2 says so. `clock_conversion` and `baud_adjustment` are Fi and Di,
    `highest_clock_mhz` belongs to Fi; None where the bits are reserved. `extra_guard` is N (TC1)
    in units of the bit time, 255 = the shortest. `block_bytes` is the card's block size for T=1,
    None without T=1. `storage_card` names a contactless card without applications.
    """

    convention: Convention
    protocols: tuple[int, ...]
    specific_protocol: int | None
    clock_conversion: int | None
    baud_adjustment: int | None
    highest_clock_mhz: float | None
    extra_guard: int
    block_bytes: int | None
    historical: bytes = field(repr=False)
    historical_form: HistoricalForm
    has_check_byte: bool
    is_contactless: bool
    storage_card: str
    hint: AtrHint

    @property
    def historical_text(self) -> str:
        """The historical bytes as ASCII, a dot where a byte is not printable."""
        return "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in self.historical)


@dataclass(frozen=True, slots=True)
class _Level:
    """Interface bytes TAi to TDi; `protocol` is that of TDi before it, None for the first."""

    protocol: int | None
    values: Mapping[str, int]


def explain_atr(atr: bytes) -> AtrFacts:
    """Take an answer to reset apart.

    Raises:
        AtrError: it is not whole, or its check byte is wrong.
    """
    check_atr(atr)
    levels = tuple(_levels(atr))
    offered = tuple(dict.fromkeys(_protocols(levels)))
    interface_bytes = sum(len(level.values) for level in levels)
    begin = 2 + interface_bytes
    historical = atr[begin : begin + (atr[1] & 0x0F)]
    conversion, clock, baud = _speed(levels[0].values.get("TA", 0x11))
    specific = levels[1].values.get("TA") if len(levels) > 1 else None
    return AtrFacts(
        convention=Convention.DIRECT if atr[0] == DIRECT else Convention.INVERSE,
        protocols=offered,
        specific_protocol=None if specific is None else specific & 0x0F,
        clock_conversion=conversion,
        baud_adjustment=baud,
        highest_clock_mhz=clock,
        extra_guard=levels[0].values.get("TC", 0),
        block_bytes=_block_bytes(levels) if 1 in offered else None,
        historical=historical[:1] + b"*" * 4 + historical[5:] if _holds_pupi(atr) else historical,
        historical_form=_form(historical),
        has_check_byte=any(protocol != 0 for protocol in _announced(levels)),
        is_contactless=is_contactless(atr),
        storage_card=_storage_card(historical),
        hint=hint_of(atr),
    )


def printable_atr(atr: bytes) -> str:
    """Return the bytes in hexadecimal; what identifies one contactless card is starred out.

    The ATR of a type B card holds its PUPI, which is its UID, and the check byte would tell the
    last byte of it.
    """
    shown = [f"{byte:02X}" for byte in atr]
    if _holds_pupi(atr):
        shown[_PUPI] = ["**"] * 4
        shown[-1] = "**"
    return " ".join(shown)


def _levels(atr: bytes) -> Iterator[_Level]:
    position, announced, protocol = 2, atr[1], None
    while True:
        values = {}
        for bit, name in ((0x10, "TA"), (0x20, "TB"), (0x40, "TC"), (0x80, "TD")):
            if announced & bit:
                values[name] = atr[position]
                position += 1
        yield _Level(protocol, values)
        if "TD" not in values:
            return
        announced = values["TD"]
        protocol = announced & 0x0F


def _announced(levels: tuple[_Level, ...]) -> list[int]:
    return [level.protocol for level in levels if level.protocol is not None]


def _protocols(levels: tuple[_Level, ...]) -> list[int]:
    offered = [protocol for protocol in _announced(levels) if protocol != GLOBAL_BYTES]
    return offered or [0]


def _speed(byte: int) -> tuple[int | None, float | None, int | None]:
    conversion, clock = CLOCK_RATES.get(byte >> 4, (None, None))
    return conversion, clock, BAUD_RATES.get(byte & 0x0F)


def _block_bytes(levels: tuple[_Level, ...]) -> int:
    """IFSC: the first TA from level 3 on that belongs to T=1; 32 where there is none."""
    sizes = [level.values.get("TA") for level in levels[2:] if level.protocol == 1]
    return next((size for size in sizes if size is not None), 32)


def _form(historical: bytes) -> HistoricalForm:
    if not historical:
        return HistoricalForm.NONE
    forms = {
        0x00: HistoricalForm.STATUS_AT_END,
        0x10: HistoricalForm.REFERENCE,
        0x80: HistoricalForm.COMPACT_OBJECTS,
    }
    return forms.get(historical[0], HistoricalForm.PROPRIETARY)


def _storage_card(historical: bytes) -> str:
    if not historical.startswith(_STORAGE_CARD) or len(historical) < 11:
        return ""
    number = int.from_bytes(historical[9:11], "big")
    return _STORAGE_NAMES.get(number, f"{number:04X}")


def _holds_pupi(atr: bytes) -> bool:
    """Say whether a reader put the whole answer of a type B card (50, PUPI, ...) into the ATR.

    The historical bytes of a type A card may begin by 50 too, a P; those are text.
    """
    historical = atr[_PUPI.start - 1 : -1]
    is_text = all(0x20 <= byte < 0x7F for byte in historical)
    return (
        is_contactless(atr)
        and len(historical) > _PUPI.stop - _PUPI.start
        and historical[0] == _TYPE_B_FIRST
        and not is_text
    )

"""The biodata text of a card: 21 quoted fields, whose meaning is public except for four.

Source: order of the fields and quoting as in public KTP-el clients (file 6FF1); fields 16, 17, 18
and 20 have no publicly known meaning and keep their numbers.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Final

MAX_TEXT_BYTES: Final = 8192
FIELD_NAMES: Final = (
    *("nik", "address", "rt", "rw", "place_of_birth", "district", "village", "regency"),
    *("sex", "blood_type", "religion", "marital_status", "occupation", "name"),
    *("date_of_birth", "province", "field_16", "field_17", "field_18", "citizenship", "field_20"),
)

_QUOTED = re.compile(r'"([^"]*)"')


class BiodataError(ValueError):
    """The text is not 21 quoted fields; the message names sizes and positions only."""


class CardBiodata(Mapping[str, str]):
    """Field name -> text as the card states it, without control characters; masked when printed."""

    __slots__ = ("_texts",)

    def __init__(self, texts: Mapping[str, str]) -> None:
        if set(texts) != set(FIELD_NAMES):
            raise BiodataError(f"{len(texts)} fields, expected {len(FIELD_NAMES)}")
        self._texts = {name: texts[name] for name in FIELD_NAMES}

    def __getitem__(self, name: str) -> str:
        return self._texts[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)

    def __repr__(self) -> str:
        return f"CardBiodata({len(self._texts)} fields)"


def parse_card_text(data: bytes) -> CardBiodata:
    """Read `"f0","f1",...,"f20"` in UTF-8; zeros and blanks around it are padding.

    Raises:
        BiodataError: not UTF-8, too long, a quote inside or missing, or not 21 fields.
    """
    if len(data) > MAX_TEXT_BYTES:
        raise BiodataError(f"text of {len(data)} bytes")
    try:
        text = data.decode("utf-8").strip("\x00 \t\r\n")
    except UnicodeDecodeError as error:
        # `from None`: the decoder's error carries the whole text
        raise BiodataError(f"no UTF-8 at byte {error.start}") from None
    texts: list[str] = []
    position = 0
    while (match := _QUOTED.match(text, position)) is not None:
        texts.append(_printable(match[1]))
        position = match.end()
        if position == len(text) or text[position] != ",":
            break
        position += 1
    if position != len(text) or len(texts) != len(FIELD_NAMES):
        raise BiodataError(f"{len(texts)} fields up to character {position} of {len(text)}")
    return CardBiodata(dict(zip(FIELD_NAMES, texts, strict=True)))


def _printable(text: str) -> str:
    # Unicode categories C*: controls, direction marks, surrogates, private and unassigned ones, all
    # of which could disturb a terminal or hide text on it; Z*: separators, of which some end a line
    shown = (" " if unicodedata.category(c)[0] == "Z" else c for c in text)
    return "".join(c for c in shown if unicodedata.category(c)[0] != "C").strip()

"""The biodata of a resident as a record of texts, and how it is shown.

Register values are data: they are stored and shown as they came, never translated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

FIELDS = (
    "nik",
    "full_name",
    "place_of_birth",
    "date_of_birth",
    "sex",
    "blood_type",
    "religion",
    "marital_status",
    "occupation",
    "address",
    "rt",
    "rw",
    "village",
    "district",
    "regency",
    "province",
    "citizenship",
)
"""Field names in the order in which they are read aloud; all but `nik` may be absent."""

LONGEST_VALUE = 200
_CONTROL = {*range(0x00, 0x20), 0x7F, *range(0x80, 0xA0), *range(0x202A, 0x202F)}
_CONTROL |= set(range(0x2066, 0x206A))
_STRIPPED = dict.fromkeys(_CONTROL)


def clean(text: str) -> str:
    """Remove control and text-direction characters: a card can hold an escape sequence."""
    return text.translate(_STRIPPED).strip()[:LONGEST_VALUE]


@dataclass(frozen=True, slots=True)
class Biodata:
    """Fields of one resident; printing it shows how many there are and no value."""

    source: str
    """Where they come from: "card" or "typed"."""
    values: Mapping[str, str] = field(repr=False)

    @classmethod
    def of(cls, source: str, values: Mapping[str, str]) -> Biodata:
        """Keep the known, non-empty fields of `values`, cleaned, in reading order."""
        kept = {name: clean(values[name]) for name in FIELDS if values.get(name)}
        return cls(source, MappingProxyType({name: text for name, text in kept.items() if text}))

    @property
    def nik(self) -> str:
        """The digits, empty when there are none."""
        return self.values.get("nik", "")

    @property
    def name(self) -> str:
        """The full name, empty when it is not known."""
        return self.values.get("full_name", "")

"""The catalogue of faults: everything that can go wrong at a simulated desk, by wire and name.

A fault seen in the field becomes a member of its wire's enum, a note, a row of the fault matrix and
a test, together. `python -m simulators.faults > docs/reference/faults.md` writes it all down.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TypeVar

from simulators.camera_faults import CAMERA_FAULTS
from simulators.card_faults import CARD_FAULTS
from simulators.injection import FaultNote
from simulators.sbi_faults import SBI_FAULTS
from simulators.serial_faults import SERIAL_FAULTS

F = TypeVar("F", bound=StrEnum)
Notes = Mapping[StrEnum, FaultNote]

_HEAD = """\
# Faults of the simulated devices

Written by `python -m simulators.faults`; do not edit. {count} faults, each by a name that never
changes. In a running simulated desk (`rekam-sim lab`) a fault is injected with
`rekam-sim control inject ROLE FAULT` and taken away with `rekam-sim control clear ROLE FAULT`.
The codes are those that a driver may answer with ([error codes](errors.md)); a fault without
one makes no operation fail. What each fault does to each operation: `tests/faults/expected`."""


@dataclass(frozen=True, slots=True)
class Wire:
    """The faults of one kind of wire: `title` for people, `roles` of the devices that have them."""

    title: str
    roles: str
    notes: Notes


def _notes(notes: Mapping[F, FaultNote]) -> Notes:
    known: dict[StrEnum, FaultNote] = {}
    known.update(notes.items())
    return MappingProxyType(known)


CATALOGUE: Mapping[str, Wire] = MappingProxyType(
    {
        "sbi": Wire("SBI service", "scanner, iris", _notes(SBI_FAULTS)),
        "serial": Wire("Serial fingerprint module", "verifier", _notes(SERIAL_FAULTS)),
        "camera": Wire("Camera", "face", _notes(CAMERA_FAULTS)),
        "card": Wire("Card and card reader", "card", _notes(CARD_FAULTS)),
    }
)


def reference() -> str:
    """Return the catalogue as a page of the documentation (Markdown)."""
    count = sum(len(wire.notes) for wire in CATALOGUE.values())
    parts = [_HEAD.format(count=count)]
    for wire in CATALOGUE.values():
        parts.append(f"\n## {wire.title} (roles: {wire.roles})\n")
        parts.append("| fault | what goes wrong | what the operator sees | codes |")
        parts.append("|---|---|---|---|")
        parts += [_row(fault, note) for fault, note in wire.notes.items()]
    return "\n".join(parts) + "\n"


def _row(fault: StrEnum, note: FaultNote) -> str:
    happens = _sentence(note.happens) + (" Strikes once." if note.once else "")
    codes = ", ".join(f"`{code}`" for code in note.codes)
    cells = (f"`{fault.value}`", happens, _sentence(note.shown), codes)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:].rstrip(".") + "."


if __name__ == "__main__":
    sys.stdout.write(reference())

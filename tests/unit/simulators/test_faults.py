"""The catalogue of faults is complete, in words, and written down."""

from __future__ import annotations

import subprocess
import sys
from enum import StrEnum
from pathlib import Path

import pytest

from simulators.control_client import UNPLUGS
from simulators.faults import CATALOGUE, reference
from simulators.injection import FaultNote
from station.messages import ERRORS

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "faults.md"
FEWEST_FAULTS = 40
EVERY = [
    pytest.param(fault, note, id=f"{wire}-{fault}")
    for wire, entry in CATALOGUE.items()
    for fault, note in entry.notes.items()
]


def test_four_wires_and_enough_faults() -> None:
    assert list(CATALOGUE) == ["sbi", "serial", "camera", "card"]
    assert sum(len(wire.notes) for wire in CATALOGUE.values()) >= FEWEST_FAULTS
    for name, wire in CATALOGUE.items():
        kinds = {type(fault) for fault in wire.notes}
        assert len(kinds) == 1, name
        assert set(wire.notes) == set(next(iter(kinds))), f"{name}: a fault without a note"


@pytest.mark.parametrize("wire", CATALOGUE)
def test_every_device_can_be_unplugged(wire: str) -> None:
    note = next(note for fault, note in CATALOGUE[wire].notes.items() if fault in UNPLUGS)
    assert not note.once, "plugged in again when it is cleared"
    assert note.codes


@pytest.mark.parametrize(("fault", "note"), EVERY)
def test_every_fault_is_told_in_words_with_known_codes(fault: StrEnum, note: FaultNote) -> None:
    assert fault.value == fault.value.lower().replace("_", "-")
    for words in (note.happens, note.shown):
        assert words == words.strip()
        assert len(words) > 5
        assert "\n" not in words
    assert len(set(note.codes)) == len(note.codes)
    assert set(note.codes) <= set(ERRORS)


def test_page_is_the_catalogue() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference(), (
        "run `python -m simulators.faults > docs/reference/faults.md`"
    )


def test_command_writes_the_page() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "simulators.faults"], capture_output=True, text=True, check=True
    )
    assert done.stdout == reference()

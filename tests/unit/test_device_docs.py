"""What the documents of the device layer say is what the tree holds."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from drivers import registry
from station.commands.findings import CauseCode

ROOT = Path(__file__).parents[2]
DEVICES = (ROOT / "docs/reference/devices.md").read_text("utf-8")
INSTALLATION = (ROOT / "docs/technician/installation.md").read_text("utf-8")
EXAMPLE = tuple(
    (ROOT / "tests/conformance" / name).read_text("utf-8")
    for name in ("example_driver.py", "test_example_driver.py")
)
QUOTES = re.findall(r"^```python\n(.*?)^```$", DEVICES, re.MULTILINE | re.DOTALL)
COLUMNS = [
    "driver",
    "protocol",
    "conformance",
    "protocol tests",
    "fault matrix",
    "fuzz",
    "independent software",
    "on hardware",
]
NOTHING = "-"


def rows() -> list[dict[str, str]]:
    lines = [line for line in DEVICES.splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    head = cells.index(COLUMNS)
    return [dict(zip(COLUMNS, row, strict=True)) for row in cells[head + 1 :]]


def named(row: dict[str, str]) -> str:
    return row["driver"].strip("`")


@pytest.mark.parametrize("quote", QUOTES, ids=lambda quote: quote.split("(")[0])
def test_quoted_code_is_that_of_the_example(quote: str) -> None:
    assert any(f"\n{quote}" in text for text in EXAMPLE)


def test_the_whole_driver_and_its_hardware_are_quoted() -> None:
    classes = re.findall(r"^class (\w+)", "".join(EXAMPLE), re.MULTILINE)
    assert len(classes) == 6
    assert all(any(quote.startswith(f"class {name}") for quote in QUOTES) for name in classes)


def test_the_example_is_short() -> None:
    assert all(len(text.splitlines()) <= 150 for text in EXAMPLE)


def test_every_registered_driver_has_a_row() -> None:
    assert sorted(map(named, rows())) == registry.names()


@pytest.mark.parametrize("row", rows(), ids=named)
def test_every_test_that_a_row_names_exists(row: dict[str, str]) -> None:
    for column in COLUMNS[2:-1]:
        files = re.findall(r"`([^`]+)`", row[column])
        assert files or row[column] == NOTHING, f"{column}: neither tests nor a dash"
        absent = [file for file in files if not (ROOT / "tests" / file).exists()]
        assert absent == [], column


@pytest.mark.parametrize("row", rows(), ids=named)
def test_no_driver_claims_more_than_was_done(row: dict[str, str]) -> None:
    assert row["conformance"] != NOTHING
    assert row["on hardware"] == "no"


def test_every_cause_is_explained_once() -> None:
    explained = re.findall(r"^\| `([a-z.-]+)` \|", INSTALLATION, re.MULTILINE)
    assert sorted(explained) == sorted(code.value for code in CauseCode)

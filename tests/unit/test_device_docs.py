"""What the documents of the device layer say is what the tree holds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from drivers import registry
from station.cli import app
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


@pytest.mark.parametrize("row", rows(), ids=named)
def test_a_dash_stands_only_where_there_is_no_test(row: dict[str, str]) -> None:
    driver = re.compile(rf"\b{registry.load(named(row)).__name__}\b")
    folders = {"protocol tests": "protocol", "fault matrix": "faults", "fuzz": "fuzz"}
    for column in (column for column in folders if row[column] == NOTHING):
        tests = (ROOT / "tests" / folders[column]).glob("test_*.py")
        unnamed = [test.name for test in tests if driver.search(test.read_text("utf-8"))]
        assert unnamed == [], column


def test_the_page_says_which_commands_speak_the_language_of_the_desk() -> None:
    """A command speaks it exactly when it has the option `--language`."""
    opening = INSTALLATION.split("## 1.")[0]
    english, _, theirs = opening.partition("speak English.")
    commands = {" ".join(path): command for path, command in commands_below(get_command(app))}
    named_here = re.findall(r"`rekam ([a-z ]+)`", english.split("front of any line")[1])
    assert {"doctor", "devices"} <= set(named_here)
    assert not any(has_language(commands[name]) for name in named_here)
    speaking = re.findall(r"`rekam ([a-z ]+)`", theirs)
    assert speaking == ["card info", "devices watch"]
    assert all(has_language(commands[name]) for name in speaking)


def commands_below(
    command: Any,  # of click, which typer carries along under another name in newer versions
    path: tuple[str, ...] = (),
) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield path, command
    for name, below in getattr(command, "commands", {}).items():
        yield from commands_below(below, (*path, name))


def has_language(command: Any) -> bool:
    return any("--language" in option.opts for option in command.params)

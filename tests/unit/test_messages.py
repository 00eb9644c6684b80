from __future__ import annotations

import importlib.util
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import drivers
import station
from drivers.errors import DeviceError
from station.biometrics.findings import Finding
from station.domain.nik import NikFinding
from station.errors import StationError
from station.i18n import Translator
from station.messages import ERRORS, GUIDANCE, INTERNAL_ERROR, explain, guidance
from station.recording.judging import OTHER_FINGER, SAME_FINGER_DOUBTFUL

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "errors.md"
LONGEST = 80
"""Characters of one sentence at the desk: it stays on one line of the smallest terminal."""
MADE_BY_THE_CORE = {"CARD-101", "CARD-102", "CARD-103", "CARD-104", "CARD-105", INTERNAL_ERROR}
JUDGED = {OTHER_FINGER, SAME_FINGER_DOUBTFUL, "finger.no-reference"}


Kind = type[DeviceError] | type[StationError]


def _subclasses(kind: Kind) -> Iterator[Kind]:
    for child in kind.__subclasses__():
        yield child
        yield from _subclasses(child)


def _error_codes() -> dict[str, str]:
    """Code to class name of every error in `drivers` and `station`, found by importing them."""
    for package in (drivers, station):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if re.search(r'^    code = "', _source(module), re.MULTILINE):
                importlib.import_module(module.name)
    kinds = [DeviceError, *_subclasses(DeviceError), StationError, *_subclasses(StationError)]
    return {
        kind.code: kind.__name__
        for kind in kinds
        if kind.__module__.split(".")[0] in ("drivers", "station")
    }


def _source(module: pkgutil.ModuleInfo) -> str:
    """The text of a module; only those that define codes are imported, the others may be heavy."""
    spec = importlib.util.find_spec(module.name)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).read_text(encoding="utf-8")


ALL_CODES = sorted({*_error_codes(), *(finding.value for finding in NikFinding), *MADE_BY_THE_CORE})


def test_the_walk_finds_errors_of_every_layer() -> None:
    assert {"DEV-103", "ST-101", "SEC-205", "CFG-002", "NIK-101"} <= set(ALL_CODES)


def test_catalogue_has_exactly_the_codes_that_exist() -> None:
    assert sorted(ERRORS) == ALL_CODES


@pytest.mark.parametrize("code", ALL_CODES)
def test_code_has_message_action_translation_and_a_line_in_the_reference(code: str) -> None:
    text = ERRORS[code]
    for sentence in (text.message, text.action):
        indonesian = Translator("id")(sentence)
        assert sentence
        assert indonesian not in ("", sentence)
        assert max(len(sentence), len(indonesian)) <= LONGEST
        assert not sentence.endswith(".")
    rows = [row for row in REFERENCE.read_text("utf-8").splitlines() if f"| `{code}` |" in row]
    assert len(rows) == 1
    assert text.action in rows[0], "the reference tells another action"


def test_reference_names_no_code_that_does_not_exist() -> None:
    named = re.findall(r"^\| `([A-Z]+-\d+)` \|", REFERENCE.read_text("utf-8"), re.MULTILINE)
    assert sorted(named) == ALL_CODES


def test_guidance_exists_for_exactly_the_findings_there_are() -> None:
    assert set(GUIDANCE) == {finding.value for finding in Finding} | JUDGED


@pytest.mark.parametrize("finding", sorted(GUIDANCE))
def test_guidance_is_short_and_in_both_languages(finding: str) -> None:
    indonesian, english = (guidance(finding, Translator(code)) for code in ("id", "en"))
    for shown in (*indonesian, *english):
        assert shown
        assert len(shown) <= LONGEST
    assert all(one != other for one, other in zip(indonesian, english, strict=True))
    assert len(indonesian[1].split()) <= 8, "what is said to a resident has at most eight words"


def test_unknown_code_says_that_it_is_unknown() -> None:
    message, action = explain("XYZ-999", Translator("en"))
    assert message == "An error without an explanation in this version"
    assert "technician" in action


def test_explain_speaks_the_translators_language() -> None:
    assert explain("DEV-103", Translator("id"))[0] == "Perangkat terputus"
    assert explain("DEV-103", Translator("en"))[0] == "The device was disconnected"

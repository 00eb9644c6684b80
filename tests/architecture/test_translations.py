"""The catalogue is whole: every text of the source, nothing empty, placeholders as in English."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from station.biometrics.face.assess import _GATE_OF
from station.desk import names
from station.domain.biodata import FIELDS
from station.domain.plan import Step
from station.i18n import LANGUAGES, Translator
from station.recording.capture import CaptureState
from station.recording.judging import SHOWN_OF_IRIS
from station.recording.policy import Option
from station.records.content import Missing

STATION = Path(__file__).parents[2] / "station"
KEYWORDS = {"_": None, "N_": None}
SAME_IN_BOTH = {
    "1:1",
    "NIK",
    "NIK {nik}",
    "RT/RW",
    "Radius",
    "Iris",
    "Status",
    "SHA-256: {hash} ...",
}
WIDEST = {"strip": 78, "step": 22, "status": 17, "role": 24, "state": 16, "biodata": 25}
"""Cells that the screens set aside for these words."""


@pytest.fixture(scope="module")
def catalogue() -> Catalog:
    with (STATION / "locale" / "id" / "LC_MESSAGES" / "rekam.po").open("rb") as file:
        return read_po(file, locale="id", abort_invalid=True)


@pytest.fixture(scope="module")
def sources() -> set[str]:
    found = extract_from_dir(STATION, [("**.py", "python")], keywords=KEYWORDS)
    return {str(message) for _, _, message, _, _ in found}


def test_every_text_of_the_source_is_translated_and_nothing_is_left_over(
    catalogue: Catalog, sources: set[str]
) -> None:
    entries = {str(message.id): message for message in catalogue if message.id}
    assert sources - set(entries) == set(), "run `make messages` and translate"
    assert set(entries) - sources == set()
    assert not catalogue.obsolete
    assert [text for text, entry in entries.items() if not entry.string or entry.fuzzy] == []


def test_placeholders_are_the_same_in_both_languages(catalogue: Catalog) -> None:
    for message in catalogue:
        if message.id:
            named = [re.findall(r"{(\w*)}", str(text)) for text in (message.id, message.string)]
            assert sorted(named[0]) == sorted(named[1]), message.id
            assert "" not in named[0], message.id


def test_only_names_that_are_equal_stay_english(catalogue: Catalog) -> None:
    same = {str(message.id) for message in catalogue if message.id == message.string}
    assert same - {""} == SAME_IN_BOTH


def test_catalogue_uses_the_official_wording(catalogue: Catalog) -> None:
    text = " ".join(str(message.string) for message in catalogue if message.id)
    for wrong in (
        "e-KTP",
        "eKTP",
        "retina",
        "kwalitas",
        "jari Anda jelek",
        "data palsu",
        "silahkan",
    ):
        assert wrong.lower() not in text.lower()
    assert catalogue.num_plurals == 1


def test_every_value_that_a_screen_may_meet_has_a_name() -> None:
    assert set(names.STEPS) == set(Step)
    assert set(names.CAPTURE_STATES) == set(CaptureState)
    assert set(names.OPTIONS) == set(Option)
    assert set(names.EXCEPTION_REASONS) == {reason.value for reason in Missing}
    measured = [name.rpartition(".")[2] for name in (*_GATE_OF, *SHOWN_OF_IRIS)]
    assert set(measured) <= set(names.MEASURES)
    assert {field for _, fields, _ in names.BIODATA for field in fields} == set(FIELDS)


@pytest.mark.parametrize("language", LANGUAGES)
def test_words_fit_the_columns_of_the_screens(language: str) -> None:
    _ = Translator(language)
    strip = " ".join(f"● {_(step)}" for step in names.SHORT_STEPS.values())
    assert len(strip) <= WIDEST["strip"]
    columns = {
        "step": names.STEPS.values(),
        "status": names.STATUSES.values(),
        "role": names.ROLES.values(),
        "state": names.DEVICE_STATES.values(),
        "biodata": [label for label, _fields, _between in names.BIODATA],
    }
    for column, words in columns.items():
        too_wide = [_(word) for word in words if len(_(word)) > WIDEST[column]]
        assert too_wide == [], column

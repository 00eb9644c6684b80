from __future__ import annotations

import csv
import io
import re

import pytest

from simulators.people.biodata import FEMALE, Biodata, invent_biodata
from simulators.people.person import Person
from simulators.people.seeds import derive

SEEDS = range(200)


def test_seeds_come_from_names_and_stay_the_same() -> None:
    assert derive("resident-7", "finger", 3) == derive("resident-7", "finger", 3)
    assert derive("resident-7", "finger", 3) == 0xD6FC3B396E2804AC
    assert derive("a", "b") != derive("b", "a")


def test_same_seed_gives_the_same_biodata() -> None:
    assert invent_biodata(7) == invent_biodata(7)
    assert invent_biodata(7) != invent_biodata(8)


@pytest.mark.parametrize("seed", [*SEEDS][::10])
def test_nik_agrees_with_the_other_fields(seed: int) -> None:
    person = invent_biodata(seed)
    day = person.date_of_birth.day + (40 if person.sex == FEMALE else 0)
    assert re.fullmatch(r"99\d{14}", person.nik)
    assert person.nik[6:12] == f"{day:02}{person.date_of_birth:%m%y}"
    assert person.nik[12:] != "0000"


def test_residents_are_adults_of_both_sexes_with_different_niks() -> None:
    people = [invent_biodata(seed) for seed in SEEDS]
    assert {p.sex for p in people} == {"LAKI-LAKI", "PEREMPUAN"}
    assert len({p.nik for p in people}) == len(people)
    assert all(1955 <= p.date_of_birth.year <= 2004 for p in people)


def test_repr_shows_neither_name_nor_nik() -> None:
    person = invent_biodata(7)
    assert repr(person) == "Biodata(99**************)"


def test_card_text_has_21_quoted_fields_in_the_order_of_the_card() -> None:
    person = invent_biodata(7)
    text = person.to_card_text().decode()
    (fields,) = csv.reader(io.StringIO(text))
    assert text.startswith('"')
    assert text.endswith('"')
    assert len(fields) == 21
    assert fields[0] == person.nik
    assert fields[1:4] == [person.address, person.rt, person.rw]
    assert fields[13] == person.full_name
    assert fields[14] == f"{person.date_of_birth:%d-%m-%Y}"
    assert fields[19] == "WNI"


def test_names_and_numbers_have_the_forms_of_the_register() -> None:
    for seed in SEEDS:
        person: Biodata = invent_biodata(seed)
        assert re.fullmatch(r"[A-Z]+ [A-Z]+", person.full_name)
        assert len(person.full_name) <= 60
        assert re.fullmatch(r"\d{3}", person.rt)
        assert re.fullmatch(r"\d{3}", person.rw)


def test_card_identifiers_have_seven_bytes_and_differ() -> None:
    uids = {Person(seed).card_uid for seed in SEEDS}
    assert len(uids) == len(SEEDS)
    assert {len(uid) for uid in uids} == {7}

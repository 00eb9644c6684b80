"""The vectors are invented numbers; none belongs to anybody."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from station.domain.nik import Nik, NikFinding, check_nik


@pytest.mark.parametrize(
    ("digits", "woman"),
    [
        ("3171011708450001", False),
        ("3171015708450001", True),
        ("3171012902000001", False),
        ("3171016902040001", True),
    ],
)
def test_well_formed(digits: str, woman: bool) -> None:
    checked = check_nik(digits)
    assert checked.findings == ()
    assert checked.nik is not None
    assert checked.nik.is_woman is woman


@pytest.mark.parametrize(
    ("digits", "finding"),
    [
        ("3171012902010001", NikFinding.IMPOSSIBLE_DATE),
        ("3171018108450001", NikFinding.IMPOSSIBLE_DAY),
        ("3171010008450001", NikFinding.IMPOSSIBLE_DAY),
        ("3171014008450001", NikFinding.IMPOSSIBLE_DAY),
        ("3171017208450001", NikFinding.IMPOSSIBLE_DAY),
        ("3171013104900001", NikFinding.IMPOSSIBLE_DATE),
        ("3171017104900001", NikFinding.IMPOSSIBLE_DATE),
        ("3171011713450001", NikFinding.IMPOSSIBLE_MONTH),
        ("3171011708450000", NikFinding.SERIAL_ZERO),
        ("317101170845000", NikFinding.NOT_SIXTEEN_DIGITS),
        ("\uff13171011708450001", NikFinding.NOT_SIXTEEN_DIGITS),
        ("", NikFinding.NOT_SIXTEEN_DIGITS),
    ],
)
def test_impossible(digits: str, finding: NikFinding) -> None:
    checked = check_nik(digits)
    assert checked.nik is None
    assert finding in checked.findings
    assert finding.is_error


def test_unknown_province_is_a_warning_never_a_refusal() -> None:
    checked = check_nik("9971011708450001")
    assert checked.nik is not None
    assert checked.findings == (NikFinding.UNKNOWN_PROVINCE,)
    assert not NikFinding.UNKNOWN_PROVINCE.is_error


def test_separators_of_a_card_are_let_pass() -> None:
    assert check_nik(" 317101-170845.0001 ").nik == Nik("3171011708450001")


def test_printing_shows_nothing_of_the_person() -> None:
    nik = Nik("3171011708450001")
    assert "170845" not in repr(nik) + str(nik) + f"{nik}"
    assert nik.masked == "31**********0001"


@given(st.text(max_size=40))
def test_any_text_is_answered(text: str) -> None:
    checked = check_nik(text)
    assert (checked.nik is None) == any(finding.is_error for finding in checked.findings)

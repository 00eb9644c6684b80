"""What PC/SC says, translated; no daemon is needed here."""

from __future__ import annotations

import pytest

from drivers.card.pcsc_results import ERRORS, error_of, match_reader, split_name
from drivers.errors import (
    BadAtr,
    CardLost,
    CardMute,
    CardReset,
    DeviceError,
    NoCard,
    ProtocolError,
    ReaderAmbiguous,
    ReaderBusy,
    ReaderForbidden,
    ReaderGone,
    ServiceDown,
)

NAMES = ["ACS ACR1281 1S Dual Reader 00 00", "ACS ACR1281 1S Dual Reader 00 01", "Gemalto 01 00"]


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (0x8010001D, ServiceDown),
        (0x80100013, ServiceDown),
        (0x80100003, ServiceDown),
        (0x8010002E, ReaderGone),
        (0x80100009, ReaderGone),
        (0x8010000C, NoCard),
        (0x80100069, CardLost),
        (0x80100016, CardLost),
        (0x80100068, CardReset),
        (0x8010000B, ReaderBusy),
        (0x8010000F, BadAtr),
        (0x80100067, CardMute),
        (0x8010006A, ReaderForbidden),
        (0x80100001, ProtocolError),
    ],
)
def test_codes_become_errors_signed_or_not(code: int, error: type[DeviceError]) -> None:
    for same in (code, code - (1 << 32)):
        translated = error_of(same, "reader")
        assert type(translated) is error
        assert f"{code:08X}" in str(translated)


def test_only_a_vanished_service_or_reader_loses_the_device() -> None:
    losing = {code for code in ERRORS if not error_of(code, "reader").device_usable}
    assert losing == {
        *(0x8010001D, 0x8010001E, 0x80100013, 0x80100003),
        *(0x8010002E, 0x80100009, 0x80100017),
    }


@pytest.mark.parametrize("wanted", [NAMES[0], "Gemalto", NAMES[1]])
def test_a_reader_is_found_by_the_beginning_of_its_name(wanted: str) -> None:
    assert match_reader("reader", NAMES, wanted).startswith(wanted)


def test_an_exact_name_wins_over_longer_ones() -> None:
    assert match_reader("reader", ["Reader 1", "Reader"], "Reader") == "Reader"


def test_a_reader_that_was_plugged_in_again_is_found_under_its_new_number() -> None:
    again = [name.replace(" 00 0", " 01 0") for name in NAMES]
    assert match_reader("reader", again, NAMES[1]) == "ACS ACR1281 1S Dual Reader 01 01"
    both = [*again, NAMES[1]]
    assert match_reader("reader", both, NAMES[1]) == NAMES[1]


def test_two_readers_of_a_kind_with_new_numbers_are_not_guessed() -> None:
    again = ["Gemalto 02 00", "Gemalto 03 00"]
    with pytest.raises(ReaderAmbiguous):
        match_reader("reader", again, "Gemalto 00 00")


@pytest.mark.parametrize("wanted", ["", "ACS"])
def test_several_readers_are_not_guessed(wanted: str) -> None:
    with pytest.raises(ReaderAmbiguous, match="of 3 readers"):
        match_reader("reader", NAMES, wanted)


@pytest.mark.parametrize("names", [NAMES, []])
def test_an_absent_reader_is_told(names: list[str]) -> None:
    with pytest.raises(ReaderGone):
        match_reader("reader", names, "Omnikey 00 00")


def test_the_only_reader_needs_no_name() -> None:
    assert match_reader("reader", NAMES[2:], "") == NAMES[2]


def test_the_identity_of_a_reader_is_its_name_without_the_number() -> None:
    first, second, single = map(split_name, NAMES)
    assert first.identity == "ACS ACR1281 1S Dual Reader slot 00"
    assert second.identity == "ACS ACR1281 1S Dual Reader slot 01"
    assert single == ("Gemalto", "01", "00")
    assert split_name("Reader of another form").identity == "Reader of another form"

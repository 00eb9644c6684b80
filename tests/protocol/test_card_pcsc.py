"""What PC/SC says, translated; no daemon is needed here."""

from __future__ import annotations

import pytest

from drivers.card.pcsc_results import ERRORS, error_of, match_reader
from drivers.errors import (
    CardLost,
    CardUnreadable,
    DeviceBusy,
    DeviceError,
    DeviceRefused,
    Disconnected,
    NoCard,
    ProtocolError,
)

NAMES = ["ACS ACR1281 1S Dual Reader 00 00", "ACS ACR1281 1S Dual Reader 00 01", "Gemalto 01 00"]


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (0x8010001D, Disconnected),
        (0x80100013, Disconnected),
        (0x8010000C, NoCard),
        (0x80100069, CardLost),
        (0x80100068, CardLost),
        (0x8010000B, DeviceBusy),
        (0x80100067, CardUnreadable),
        (0x8010006A, DeviceRefused),
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
    assert losing == {0x8010001D, 0x8010001E, 0x80100013, 0x8010002E, 0x80100009, 0x80100017}


@pytest.mark.parametrize("wanted", [NAMES[0], "Gemalto", NAMES[1]])
def test_a_reader_is_found_by_the_beginning_of_its_name(wanted: str) -> None:
    assert match_reader(NAMES, wanted).startswith(wanted)


def test_an_exact_name_wins_over_longer_ones() -> None:
    assert match_reader(["Reader 1", "Reader"], "Reader") == "Reader"


@pytest.mark.parametrize("wanted", ["", "ACS", "Omnikey"])
def test_several_or_no_readers_are_not_guessed(wanted: str) -> None:
    with pytest.raises(LookupError):
        match_reader(NAMES, wanted)


def test_the_only_reader_needs_no_name() -> None:
    assert match_reader(NAMES[2:], "") == NAMES[2]

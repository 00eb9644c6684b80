"""What PC/SC says, translated, and a reader on made answers; no daemon is needed here."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from drivers.api import State
from drivers.card import monitor as monitor_module
from drivers.card import pcsc as pcsc_module
from drivers.card.apdu import ApduChannel
from drivers.card.errors import (
    BadAtr,
    CardMute,
    CardReset,
    ReaderAmbiguous,
    ReaderBusy,
    ReaderForbidden,
    ReaderGone,
    ServiceDown,
)
from drivers.card.pcsc import PcscContact
from drivers.card.pcsc_results import ERRORS, error_of, match_reader, split_name
from drivers.card.reader import MONITOR_PATIENCE_S, PcscReader
from drivers.errors import Cancelled, CardLost, DeviceError, NoCard, ProtocolError
from tests.protocol.card_scene import wait_until

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


# --- a service that is made of answers ----------------------------------------------------------


@dataclass
class MadeService:
    """As much of pyscard as a reader and its monitor need; `answers` are those of the card."""

    protocol: int = 2
    answers: dict[str, str] = field(default_factory=dict)
    sent: list[str] = field(default_factory=list)
    monitor_waits: bool = False
    cancelled: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.scard: Any = SimpleNamespace(
            SCARD_SCOPE_USER=0,
            SCARD_SHARE_EXCLUSIVE=1,
            SCARD_PROTOCOL_T0=1,
            SCARD_PROTOCOL_T1=2,
            SCARD_STATE_UNAWARE=0,
            SCARD_STATE_IGNORE=1,
            SCARD_STATE_CHANGED=2,
            SCARD_STATE_UNKNOWN=4,
            SCARD_STATE_UNAVAILABLE=8,
            SCARD_STATE_PRESENT=0x20,
            SCARD_STATE_MUTE=0x200,
            SCardEstablishContext=self.establish,
            SCardReleaseContext=self.release,
            SCardCancel=self.cancel,
            SCardListReaders=self.list_readers,
            SCardGetStatusChange=self.look,
            SCardConnect=self.connect,
            SCardTransmit=self.transmit,
        )

    def establish(self, scope: int) -> tuple[int, int]:
        return 0, 1

    def release(self, context: int) -> int:
        return 0

    def cancel(self, context: int) -> int:
        self.cancelled.set()
        return 0

    def list_readers(self, context: int, groups: Sequence[str]) -> tuple[int, list[str]]:
        if self.monitor_waits and threading.current_thread().name.endswith("-monitor"):
            self.cancelled.wait(10.0)
        return 0, NAMES[2:]

    def look(
        self, context: int, wait_ms: int, states: Sequence[tuple[str, int]]
    ) -> tuple[int, list[tuple[str, int, bytes]]]:
        if wait_ms:
            self.cancelled.wait(0.02)
        return 0, [(name, 0x10, b"") for name, _ in states]

    def connect(self, context: int, reader: str, mode: int, protocols: int) -> tuple[int, int, int]:
        return 0, 7, self.protocol

    def transmit(self, handle: int, protocol: int, apdu: Sequence[int]) -> tuple[int, list[int]]:
        command = bytes(apdu).hex().upper()
        self.sent.append(command)
        return 0, list(bytes.fromhex(self.answers.get(command, "9000")))


@dataclass
class ContactChannel:
    """A `CardChannel` straight to a contact."""

    contact: PcscContact
    device: str = "reader"
    access_module: None = None

    def transmit(self, apdu: bytes) -> bytes:
        return self.contact.transmit(apdu)


def connected(service: MadeService) -> PcscContact:
    contact = PcscContact("reader", service.scard, 1, NAMES[2])
    contact.connect()
    return contact


COMMANDS = [
    ("00A40000", "00A40000"),  # case 1
    ("00B0000004", "00B0000004"),  # case 2
    ("00A40000027F0A", "00A40000027F0A"),  # case 3
    ("00A40400023F0000", "00A40400023F00"),  # case 4
    ("00CB3FFF055C035FC10500", "00CB3FFF055C035FC105"),
    ("00A4040001AA00", "00A4040001AA"),
    ("00D60000" + "FF" + "11" * 255 + "00", "00D60000" + "FF" + "11" * 255),
    ("00B000000000", "00B000000000"),  # Lc is 0: no case 4
]


@pytest.mark.parametrize(("apdu", "on_the_wire"), COMMANDS)
def test_under_t0_a_command_with_data_goes_without_le(apdu: str, on_the_wire: str) -> None:
    for protocol, expected in ((1, on_the_wire), (2, apdu)):
        service = MadeService(protocol=protocol)
        connected(service).transmit(bytes.fromhex(apdu))
        assert service.sent == [expected]


def test_under_t0_the_answer_to_a_command_with_data_is_fetched() -> None:
    service = MadeService(1, {"00CB3FFF035C017E": "6104", "00C0000004": "010203049000"})
    response = ApduChannel(ContactChannel(connected(service))).send(
        bytes.fromhex("00CB3FFF035C017E00")
    )
    assert (response.data, response.status) == (bytes.fromhex("01020304"), 0x9000)
    assert service.sent == ["00CB3FFF035C017E", "00C0000004"]


def made_reader(service: MadeService, monkeypatch: pytest.MonkeyPatch) -> PcscReader:
    for module in (pcsc_module, monitor_module):
        monkeypatch.setattr(module, "load_scard", lambda device, socket: service.scard)
    return PcscReader("reader", PcscReader.Settings())


async def test_a_connect_that_waits_for_the_monitor_can_be_cancelled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reader = made_reader(MadeService(monitor_waits=True), monkeypatch)
    connecting = asyncio.create_task(reader.connect())
    assert await asyncio.to_thread(wait_until, lambda: reader._monitor is not None)
    began = time.monotonic()
    reader.cancel()
    with pytest.raises(Cancelled):
        await connecting
    assert time.monotonic() - began < MONITOR_PATIENCE_S / 2
    assert reader.state is State.CLOSED
    assert reader._monitor is None  # it was stopped: nobody else would
    assert reader._links.link is None


async def test_a_look_at_a_reader_whose_monitor_has_ended_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with made_reader(MadeService(), monkeypatch) as reader:
        await reader.check()
        monitor = reader._monitor
        assert monitor is not None
        monitor._stopping.set()
        assert await asyncio.to_thread(wait_until, lambda: not monitor.is_watching)
        assert monitor.view.service_is_up  # what it saw last
        with pytest.raises(ServiceDown, match="monitor"):
            await reader.check()
        assert reader.state is State.LOST
        await reader.connect()
        await reader.check()

"""An operator card on a reader: sessions, removal, what is written down, and what is told of it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import cast

import pytest

from drivers.api import State
from drivers.card.errors import PinWrong
from drivers.card.info import ReaderFacts, describe
from drivers.card.info_applications import Application
from drivers.card.profiles.piv_certificate import OperatorCertificate
from drivers.card.profiles.piv_login import Challenge, is_signature_of, sign_in
from drivers.card.reader import LoopbackReader
from drivers.errors import CardLost, NoCard
from simulators.card import KtpelCard, specimen
from simulators.card_faults import CardFault
from simulators.card_links import LoopbackSlot
from simulators.card_slot import SimulatedCard
from simulators.piv_card import OperatorCard
from station.commands import card as command
from station.config import ConfiguredDevice, StationConfig
from tests.protocol.piv_scene import NOW, OPERATOR, STATION, operator_card, pin, trust

PIN_ON_THE_WIRE = "313233343536"


@dataclass
class Place:
    """A place for one card; a scene for the simulated slots."""

    card: SimulatedCard | None
    listeners: list[Callable[[], None]] = field(default_factory=list)

    def lay(self, card: SimulatedCard | None) -> None:
        self.card = card
        for listener in tuple(self.listeners):
            listener()

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        self.listeners.append(listener)
        return lambda: self.listeners.remove(listener)


@dataclass
class Torn:
    """A card that is taken away before its n-th command."""

    card: OperatorCard
    place: Place
    after: int

    @property
    def atr(self) -> bytes:
        return self.card.atr

    def power(self, event: int) -> None:
        self.card.power(event)

    def apdu(self, apdu: bytes) -> bytes:
        if self.after == 0:
            self.place.lay(None)
        self.after -= 1
        return self.card.apdu(apdu)


@pytest.fixture
def place() -> Place:
    return Place(operator_card())


@pytest.fixture
def slot(place: Place) -> Iterator[LoopbackSlot]:
    slot = LoopbackSlot(place)
    yield slot
    slot.close()


def make_reader(slot: LoopbackSlot) -> LoopbackReader:
    settings = LoopbackReader.Settings.model_validate({"port": slot.port})
    return LoopbackReader("reader", settings)


@pytest.fixture
async def reader(slot: LoopbackSlot) -> AsyncIterator[LoopbackReader]:
    reader = make_reader(slot)
    await reader.connect()
    yield reader
    await reader.close()


async def test_an_operator_signs_in_and_nothing_secret_is_written_down(
    reader: LoopbackReader,
) -> None:
    secret = pin()
    proof = await sign_in(reader, secret, Challenge.make(STATION, NOW), trust())
    assert proof.is_accepted
    assert OPERATOR in proof.subject
    operator = OperatorCertificate.load(proof.certificate_der)
    assert is_signature_of(operator.key, proof.signature, proof.signed)
    assert secret == bytes(6)
    noted = "\n".join(map(str, reader.recorder.dump()))
    assert "00200080" in noted
    assert PIN_ON_THE_WIRE not in noted
    assert OPERATOR not in noted


async def test_a_wrong_pin_leaves_the_reader_usable(reader: LoopbackReader) -> None:
    with pytest.raises(PinWrong) as refused:
        await sign_in(reader, pin("000000"), Challenge.make(STATION, NOW), trust())
    assert refused.value.tries_left == 2
    assert reader.state is State.READY
    assert (await sign_in(reader, pin(), Challenge.make(STATION, NOW), trust())).is_accepted


async def test_a_card_taken_away_before_any_command_proves_nothing(
    reader: LoopbackReader, place: Place
) -> None:
    # the UID is asked before and after the commands of the sign-in: those count too
    for after in range(8):
        place.lay(Torn(operator_card(), place, after))
        with pytest.raises((CardLost, NoCard)):
            await sign_in(reader, pin(), Challenge.make(STATION, NOW), trust())
        assert reader.state is State.READY
    place.lay(operator_card())
    assert (await sign_in(reader, pin(), Challenge.make(STATION, NOW), trust())).is_accepted


async def test_without_a_card_nobody_signs_in(reader: LoopbackReader, place: Place) -> None:
    place.lay(None)
    secret = pin()
    with pytest.raises(NoCard):
        await sign_in(reader, secret, Challenge.make(STATION, NOW), trust())
    assert secret == bytes(6)


async def test_an_operator_card_is_described(slot: LoopbackSlot) -> None:
    facts = await describe(make_reader(slot))
    assert facts.problem is None
    assert facts.is_simulated
    assert facts.card is not None
    assert facts.card.uid == ""
    assert facts.card.atr_facts.historical_text == "REKAM SIM PIV"
    (piv,) = facts.card.applications.present
    assert piv.application is Application.PIV


@pytest.mark.parametrize(
    ("prepare", "code"),
    [
        (lambda place, slot: place.lay(None), "DEV-501"),
        (lambda place, slot: slot.faults.inject(CardFault.MUTE), "DEV-508"),
        (lambda place, slot: slot.faults.inject(CardFault.WRONG_TCK), "DEV-509"),
        (lambda place, slot: slot.faults.inject(CardFault.UNPLUGGED), "DEV-505"),
        (lambda place, slot: slot.faults.inject(CardFault.HELD), "DEV-507"),
        (lambda place, slot: slot.faults.inject(CardFault.LINK_BROKEN), "DEV-502"),
        (lambda place, slot: slot.faults.inject(CardFault.ENDLESS_MORE), "DEV-503"),
    ],
)
async def test_what_fails_is_told_by_its_code(
    place: Place, slot: LoopbackSlot, prepare: Callable[[Place, LoopbackSlot], None], code: str
) -> None:
    prepare(place, slot)
    facts = await describe(make_reader(slot))
    assert facts.card is None
    assert facts.problem is not None
    assert facts.problem.code == code


def configured(slot: LoopbackSlot, language: str = "id") -> StationConfig:
    """As much of a configuration as the command looks at."""
    settings = LoopbackReader.Settings.model_validate({"port": slot.port})
    entry = ConfiguredDevice("card", "loopback-card", LoopbackReader, settings)
    station = SimpleNamespace(language=language)
    return cast(StationConfig, SimpleNamespace(devices={"card": entry}, station=station))


def show(config: StationConfig, *, as_json: bool = False, language: str | None = None) -> int:
    return command.run(config, reader="", service_socket="", as_json=as_json, language=language)


def test_the_command_speaks_both_languages(
    slot: LoopbackSlot, place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    assert show(configured(slot)) == 0
    indonesian = capsys.readouterr().out
    assert "sisa percobaan PIN: 3" in indonesian
    assert "(simulasi)" in indonesian
    place.lay(KtpelCard(specimen()))
    assert show(configured(slot), language="en") == 0
    english = capsys.readouterr().out
    assert "NIK, masked: 31**************" in english
    assert "UID, masked: 04************" in english
    for secret in ("BUDI", "3171234567890001", specimen().uid.hex()):
        assert secret.lower() not in english.lower()


def test_the_command_prints_json_for_programs(
    slot: LoopbackSlot, capsys: pytest.CaptureFixture[str]
) -> None:
    assert show(configured(slot), as_json=True) == 0
    report = json.loads(capsys.readouterr().out)
    (reader,) = report["readers"]
    assert report["problem"] is None
    assert reader["simulated"]
    assert reader["card"]["atr"]["protocols"] == ["T=1"]
    (piv,) = reader["card"]["applications"]
    assert piv["application"] == "piv"
    assert piv["facts"]["pin_tries_left"] == 3


def test_the_command_says_what_to_do_without_a_card(
    slot: LoopbackSlot, place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    place.lay(None)
    assert show(configured(slot, "en")) == 1
    assert "[DEV-501] There is no card on the reader" in capsys.readouterr().out
    assert show(configured(slot, "en"), as_json=True) == 1
    (reader,) = json.loads(capsys.readouterr().out)["readers"]
    assert reader["card"] is None
    assert reader["problem"]["code"] == "DEV-501"
    assert reader["problem"]["action"]


@pytest.mark.parametrize("language", ["id", "en"])
@pytest.mark.parametrize("everything", [True, False])
def test_unknown_cards_are_described_in_words(
    slot: LoopbackSlot,
    place: Place,
    capsys: pytest.CaptureFixture[str],
    language: str,
    everything: bool,
) -> None:
    place.lay(Stubborn(b"\x90\x00" if everything else b"\x6a\x82"))
    assert show(configured(slot, language)) == 0
    shown = capsys.readouterr().out
    words = {
        (True, "en"): "answers to every name",
        (False, "en"): "No known application",
        (True, "id"): "setiap nama",
        (False, "id"): "Tidak ada aplikasi",
    }
    assert words[everything, language] in shown


@dataclass
class Stubborn:
    """A card with one answer; its ATR offers a choice and a memory card's name."""

    answer: bytes
    atr: bytes = bytes.fromhex("3B8F8001804F0CA000000306030001000000006A")

    def power(self, event: int) -> None:
        """Nothing to forget."""

    def apdu(self, command: bytes) -> bytes:
        return b"\x04\x01\x02\x03\x90\x00" if command[0] == 0xFF else self.answer


def test_a_report_without_a_card_that_was_read_is_not_good() -> None:
    assert not command.Report().is_good
    assert not command.Report((ReaderFacts("a"),)).is_good

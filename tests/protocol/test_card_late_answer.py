"""An answer that comes when nobody waits any more: nothing follows it, on either slot."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field

import pytest

from drivers.api import CardChannel, State
from drivers.card.errors import CardSilent, SamMissing
from drivers.card.profiles.piv_login import Challenge, sign_in
from drivers.card.transport import CardContact
from drivers.card.transport_reader import CardReaderSettings, TransportReader
from drivers.errors import CardLost, DeviceError, DeviceTimeout
from drivers.values import CardState
from simulators.card_slot import SimulatedCard
from tests.protocol.card_scene import SELECT_KTPEL
from tests.protocol.piv_scene import NOW, STATION, operator_card, pin, trust

ATR = bytes.fromhex("3BF81300008131FE154B545053414D7630E6")
GET_UID = bytes.fromhex("FFCA000000")
ASK_TRIES = bytes.fromhex("00200080")
MODULE_NUMBER = bytes.fromhex("00F7000000")
LATE_S = 5.0
"""How long a test lets its card be silent at most; each ends that by itself."""


@dataclass
class Willing:
    """A card that says yes to everything."""

    atr: bytes = ATR

    def power(self, event: int) -> None:
        """Keep nothing."""

    def apdu(self, command: bytes) -> bytes:
        return b"\x90\x00"


@dataclass
class LateContact:
    """A slot whose answer to `late` waits for `released`; nothing can interrupt it, as in PC/SC."""

    card: SimulatedCard = field(default_factory=Willing)
    late: bytes = b""
    sent: list[bytes] = field(default_factory=list)
    asked: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)

    def connect(self) -> None:
        self.card.power(1)

    def atr(self) -> bytes:
        return ATR

    def transmit(self, apdu: bytes) -> bytes:
        self.sent.append(apdu)
        if apdu == self.late:
            self.asked.set()
            self.released.wait(LATE_S)
        return b"\x6d\x00" if apdu == GET_UID else self.card.apdu(apdu)

    def disconnect(self) -> None:
        """Stay as it is: the log of commands is looked at afterwards."""


@dataclass
class Desk:
    """The transport of one reader with two slots; `closed` when its thread gave it up."""

    card: LateContact = field(default_factory=LateContact)
    module: LateContact = field(default_factory=LateContact)
    closed: threading.Event = field(default_factory=threading.Event)

    @property
    def access_module(self) -> CardContact:
        return self.module

    def open(self) -> str:
        return "MEMORY 00 00"

    def look(self, wait_s: float) -> CardState:
        return CardState(True, 5, ATR)

    def look_at_module(self) -> CardState | None:
        return None

    def interrupt(self) -> None:
        """Do nothing, as PC/SC."""

    def close(self) -> None:
        self.closed.set()

    def answer_late(self) -> None:
        """Let what was slow answer, and wait until the work behind it has ended."""
        self.card.released.set()
        self.module.released.set()
        assert self.closed.wait(LATE_S)


class MemoryReader(TransportReader):
    """A reader on transports that the test has made."""

    driver_name = "memory-card"

    def __init__(self, desk: Desk) -> None:
        super().__init__("reader", CardReaderSettings(command_timeout_s=0.1))
        self._desks = [desk]

    def _make_transport(self) -> Desk:
        return self._desks.pop(0) if self._desks else Desk()

    def _is_simulated(self, reader_name: str) -> bool:
        return True


@pytest.fixture
def desk() -> Desk:
    return Desk()


def careless(errors: list[DeviceError], channel: CardChannel) -> None:
    """Try every command on both slots, whatever became of the one before."""
    module = channel.access_module
    assert module is not None
    for slot, apdu in [(channel, SELECT_KTPEL), (module, MODULE_NUMBER)] * 2:
        try:
            slot.transmit(apdu)
        except DeviceError as error:
            errors.append(error)


async def test_after_a_late_answer_of_the_card_nothing_is_sent(desk: Desk) -> None:
    errors: list[DeviceError] = []
    desk.card.late = SELECT_KTPEL
    async with MemoryReader(desk) as reader:
        with pytest.raises(CardSilent):
            async with reader.session() as session:
                await session.run(lambda channel: careless(errors, channel), 20.0)
        await asyncio.to_thread(desk.answer_late)
        assert reader.state is State.READY
    assert desk.card.sent == [GET_UID, SELECT_KTPEL]
    assert desk.module.sent == []
    assert [type(error) for error in errors] == [SamMissing, CardLost, SamMissing]
    assert all("over" in error.detail for error in errors)


async def test_after_a_late_answer_of_the_module_nothing_is_sent(desk: Desk) -> None:
    errors: list[DeviceError] = []
    desk.module.late = MODULE_NUMBER
    async with MemoryReader(desk) as reader:
        with pytest.raises(SamMissing, match="no answer within"):
            async with reader.session() as session:
                await session.run(lambda channel: careless(errors, channel), 20.0)
        await asyncio.to_thread(desk.answer_late)
    assert desk.module.sent == [MODULE_NUMBER]
    assert desk.card.sent == [GET_UID, SELECT_KTPEL]
    assert [type(error) for error in errors] == [CardLost, SamMissing]


@pytest.mark.parametrize("end", ["cancel", "close"])
async def test_whoever_stops_waiting_ends_the_work(desk: Desk, end: str) -> None:
    errors: list[DeviceError] = []
    desk.card.late = SELECT_KTPEL
    async with MemoryReader(desk) as reader:

        async def read() -> None:
            async with reader.session() as session:
                await session.run(lambda channel: careless(errors, channel), 20.0)

        reading = asyncio.create_task(read())
        assert await asyncio.to_thread(desk.card.asked.wait, LATE_S)
        if end == "close":
            await reader.close()
        else:
            reading.cancel()
        with pytest.raises((asyncio.CancelledError, DeviceError)):
            await reading
        await asyncio.to_thread(desk.answer_late)
    assert desk.card.sent == [GET_UID, SELECT_KTPEL]
    assert len(errors) == 3


async def test_a_late_answer_to_the_question_for_tries_costs_no_try(desk: Desk) -> None:
    card = operator_card()
    desk.card = LateContact(card, late=ASK_TRIES)
    tries = card.pin.tries
    secret = pin()
    async with MemoryReader(desk) as reader:
        with pytest.raises(CardSilent):
            await sign_in(reader, secret, Challenge.make(STATION, NOW), trust())
        assert not any(secret)
        await asyncio.to_thread(desk.answer_late)
    assert desk.card.sent[-1] == ASK_TRIES
    assert card.pin.tries == tries


async def test_a_session_goes_on_after_a_call_that_ended_between_two_commands(desk: Desk) -> None:
    """Only the call that is over is refused: the card and the link are as good as before."""
    kept: list[DeviceError] = []

    def without_end(channel: CardChannel) -> None:
        try:
            while True:
                channel.transmit(SELECT_KTPEL)
        except DeviceError as error:
            kept.append(error)
            raise

    async with MemoryReader(desk) as reader, reader.session() as session:
        with pytest.raises(DeviceTimeout):
            await session.run(without_end, 0.05)
        assert len(kept) == 1
        assert await session.transmit(SELECT_KTPEL) == b"\x90\x00"
        assert not desk.closed.is_set()

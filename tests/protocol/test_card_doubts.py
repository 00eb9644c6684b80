"""Two cards that look alike: only the count of insertions tells that one took the other's place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from drivers.api import CardState
from drivers.card.reader import LoopbackReader
from drivers.card.transport import CardContact, CardTransport
from drivers.errors import CardLost
from simulators.card import GET_UID, TYPE_A_ATR
from simulators.card_links import LoopbackSlot
from tests.protocol.card_scene import ANDI, SELECT_KTPEL

OK = b"\x90\x00"


@dataclass
class Twin:
    """A card with the same answer to reset and the same UID as every other one."""

    atr: bytes = TYPE_A_ATR
    asked: list[bytes] = field(default_factory=list)

    def power(self, event: int) -> None:
        """Keep nothing."""

    def apdu(self, command: bytes) -> bytes:
        self.asked.append(command)
        return (ANDI.card_uid if command == GET_UID else b"") + OK


class Table:
    """A scene in which somebody exchanges cards."""

    def __init__(self, card: Twin | None) -> None:
        self.card = card
        self._listeners: list[Callable[[], None]] = []

    def lay(self, card: Twin | None) -> None:
        self.card = card
        for listener in tuple(self._listeners):
            listener()

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)


@pytest.fixture
def table() -> Table:
    return Table(Twin())


@pytest.fixture
def slot(table: Table) -> Iterator[LoopbackSlot]:
    slot = LoopbackSlot(table)
    yield slot
    slot.close()


async def use(reader: LoopbackReader, meanwhile: Callable[[], None]) -> None:
    async with reader.session() as session:
        await session.transmit(SELECT_KTPEL)
        meanwhile()


def exchanged_for_a_twin(table: Table) -> Callable[[], None]:
    return lambda: table.lay(Twin())


def lifted_and_laid_back(table: Table) -> Callable[[], None]:
    card = table.card

    def move() -> None:
        table.lay(None)
        table.lay(card)

    return move


@pytest.mark.parametrize("movement", [exchanged_for_a_twin, lifted_and_laid_back])
async def test_a_card_that_moved_during_a_session_is_lost(
    table: Table, slot: LoopbackSlot, movement: Callable[[Table], Callable[[], None]]
) -> None:
    async with LoopbackReader("reader", LoopbackReader.Settings(port=slot.port)) as reader:
        await use(reader, lambda: None)
        with pytest.raises(CardLost, match="lifted during the session"):
            await use(reader, movement(table))
        await use(reader, lambda: None)


@dataclass
class LastingHandle:
    """A handle that goes on with whatever card lies there, and counts what lay there.

    This is what a reader does whose driver keeps the power on, or that another program resets.
    """

    card_there: Twin = field(default_factory=Twin)
    counter: int = 1

    def exchange(self) -> None:
        """Lay an equal card in the place of this one, between two looks."""
        self.card_there = Twin()
        self.counter += 2

    def connect(self) -> None:
        """Nothing to do."""

    def disconnect(self) -> None:
        """Nothing to give up."""

    def atr(self) -> bytes:
        return self.card_there.atr

    def transmit(self, apdu: bytes) -> bytes:
        return self.card_there.apdu(apdu)

    @property
    def card(self) -> CardContact:
        return self

    @property
    def access_module(self) -> CardContact | None:
        return None

    def open(self) -> str:
        return "reader of a test"

    def look(self, wait_s: float) -> CardState:
        return CardState(True, self.counter, self.card_there.atr)

    def look_at_module(self) -> CardState | None:
        return None

    def interrupt(self) -> None:
        """Nothing blocks."""

    def close(self) -> None:
        """Nothing to give up."""


async def test_the_counter_alone_tells_equal_cards_apart() -> None:
    handle = LastingHandle()

    class Reader(LoopbackReader):
        def _make_transport(self) -> CardTransport:
            return handle

    async with Reader("reader", LoopbackReader.Settings(port=1)) as reader:
        await use(reader, lambda: None)
        assert handle.card_there.asked == [GET_UID, SELECT_KTPEL, GET_UID]
        with pytest.raises(CardLost, match="lifted during the session"):
            await use(reader, handle.exchange)
        assert handle.card_there.asked == [], "the other card was asked something"

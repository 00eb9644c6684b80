"""The access module in the reader's other slot: connected when it is needed, failing by itself."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from drivers.api import CardChannel, CardReader, State
from drivers.card.errors import SamMissing
from drivers.card.reader import LoopbackReader
from drivers.errors import CardLost
from simulators.card import GET_UID
from simulators.card_faults import CardFault, loopback_faults
from simulators.card_links import LoopbackSlot
from simulators.card_slot import FixedCard, Slot
from simulators.injection import Injector
from tests.protocol.card_scene import ANDI, SELECT_KTPEL, CardTable, wait_until

SAM_ATR = bytes.fromhex("3BF81300008131FE154B545053414D7630E6")
MODULE_NUMBER = bytes.fromhex("00F7000000")
NUMBER = b"SAM 7"


@dataclass
class NumberedModule:
    """An access module that knows its number, and tells when it got power."""

    atr: bytes = SAM_ATR
    powered: list[int] = field(default_factory=list)

    def power(self, event: int) -> None:
        self.powered.append(event)

    def apdu(self, command: bytes) -> bytes:
        return NUMBER + b"\x90\x00" if command == MODULE_NUMBER else b"\x6d\x00"


@pytest.fixture
def faults() -> Injector[CardFault]:
    return Injector(loopback_faults(access_module=True))


@pytest.fixture
def module() -> NumberedModule:
    return NumberedModule()


@pytest.fixture
def reader(faults: Injector[CardFault], module: NumberedModule) -> Iterator[LoopbackReader]:
    card = LoopbackSlot(CardTable(ANDI), faults=faults)
    sam = LoopbackSlot(FixedCard(module), faults=faults, slot=Slot.ACCESS_MODULE)
    settings = LoopbackReader.Settings(port=card.port, sam_port=sam.port, command_timeout_s=0.2)
    yield LoopbackReader("reader", settings)
    card.close()
    sam.close()


def ask_both(channel: CardChannel) -> tuple[bytes, bytes]:
    module = channel.access_module
    assert module is not None
    assert module.device == channel.device
    assert module.access_module is None
    return channel.transmit(SELECT_KTPEL), module.transmit(MODULE_NUMBER)


async def in_a_session(reader: CardReader, work: Callable[[CardChannel], object]) -> object:
    async with reader.session() as session:
        return await session.run(work)


async def test_both_slots_answer_in_one_session(
    reader: LoopbackReader, module: NumberedModule
) -> None:
    async with reader:
        assert "sam" in reader.info.capabilities
        assert (await reader.self_test()).facts["access_module"] == "present"
        async with reader.session() as session:
            assert module.powered == []  # nobody has needed it yet
            answers = await session.run(ask_both)
            assert answers == (b"\x90\x00", NUMBER + b"\x90\x00")
            await session.run(ask_both)
            assert module.powered == [1]  # what was agreed with it lasts for the session
        assert wait_until(lambda: module.powered == [1, 0])  # powering off is not answered


@pytest.mark.parametrize(
    "fault", [CardFault.SAM_ABSENT, CardFault.SAM_PULLED], ids=lambda fault: str(fault)
)
async def test_a_missing_module_leaves_the_card_readable(
    reader: LoopbackReader, faults: Injector[CardFault], fault: CardFault
) -> None:
    def try_the_module(channel: CardChannel) -> bytes:
        module = channel.access_module
        assert module is not None
        for _ in range(2):  # the second time it is not asked any more
            with pytest.raises(SamMissing):
                module.transmit(MODULE_NUMBER)
        return channel.transmit(SELECT_KTPEL)

    async with reader:
        faults.inject(fault)
        assert await in_a_session(reader, try_the_module) == b"\x90\x00"
        faults.clear()
        assert reader.state is State.READY


async def test_a_slot_that_does_not_exist_is_a_missing_module(
    reader: LoopbackReader, faults: Injector[CardFault]
) -> None:
    settings = LoopbackReader.Settings(port=reader._port, sam_port=1)
    async with LoopbackReader("other", settings) as other:
        assert (await other.self_test()).facts["access_module"] == "absent"
        with pytest.raises(SamMissing):
            await in_a_session(other, ask_both)
        assert await in_a_session(other, lambda card: card.transmit(SELECT_KTPEL)) == b"\x90\x00"


async def test_a_broken_answer_to_reset_is_a_missing_module(
    reader: LoopbackReader, module: NumberedModule
) -> None:
    module.atr = SAM_ATR[:-1] + b"\x00"
    async with reader:
        with pytest.raises(SamMissing, match="check byte"):
            await in_a_session(reader, ask_both)
        module.atr = SAM_ATR
        await in_a_session(reader, ask_both)


async def test_a_silent_module_ends_the_work_in_time(
    reader: LoopbackReader, faults: Injector[CardFault]
) -> None:
    async with reader:
        faults.inject(CardFault.SAM_SILENT)
        with pytest.raises(SamMissing, match="no answer within"):
            await in_a_session(reader, ask_both)
        faults.clear()
        await in_a_session(reader, ask_both)


async def test_a_lost_card_is_not_blamed_on_the_module(
    reader: LoopbackReader, faults: Injector[CardFault]
) -> None:
    async with reader:
        faults.inject(CardFault.LINK_BROKEN)
        with pytest.raises(CardLost):
            await in_a_session(reader, ask_both)


async def test_a_kept_module_channel_serves_nobody(reader: LoopbackReader) -> None:
    kept: list[CardChannel] = []

    def keep(channel: CardChannel) -> None:
        ask_both(channel)
        assert channel.access_module is not None
        kept.append(channel.access_module)

    async with reader:
        await in_a_session(reader, keep)
        with pytest.raises(SamMissing, match="over"):
            kept[0].transmit(MODULE_NUMBER)


async def test_another_thread_gets_no_channel(reader: LoopbackReader) -> None:
    """The wire belongs to the link thread; what strays from it afterwards is refused."""
    strays: list[Exception] = []

    def stray(channel: CardChannel) -> None:
        try:
            channel.transmit(GET_UID)
        except CardLost as error:
            strays.append(error)

    async with reader:
        async with reader.session() as session:
            channel = await session.run(lambda channel: channel)
        thread = threading.Thread(target=stray, args=(channel,))
        thread.start()
        thread.join()
    assert len(strays) == 1

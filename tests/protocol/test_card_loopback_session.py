"""What binds a session to one card, and what ends it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from drivers.api import CardChannel, State
from drivers.card.errors import (
    BadAtr,
    CardExchanged,
    CardMute,
    CardSilent,
    LiftCard,
    ReaderAbsent,
    ReaderBusy,
)
from drivers.card.lifting import LiftWatch
from drivers.card.reader import LoopbackReader
from drivers.clock import FastClock
from drivers.errors import Cancelled, CardLost, CardUnreadable, DeviceTimeout
from simulators.card import GET_UID, TYPE_A_ATR
from simulators.card_faults import CardFault, loopback_faults
from simulators.card_links import LoopbackSlot
from simulators.card_slot import FixedCard
from simulators.injection import Injector
from tests.protocol.card_scene import ANDI, SELECT_KTPEL, CardTable

CONTACT_ATR = bytes.fromhex("3BF81300008131FE154B545053414D7630E6")
OK = b"\x90\x00"


@dataclass
class OddCard:
    """A card whose answers are set by the test; `uids` are given one after another."""

    atr: bytes = TYPE_A_ATR
    uids: list[bytes] = field(default_factory=lambda: [ANDI.card_uid])
    asked: list[bytes] = field(default_factory=list)

    def power(self, event: int) -> None:
        """Keep nothing."""

    def apdu(self, command: bytes) -> bytes:
        self.asked.append(command)
        if command != GET_UID:
            return OK
        uid = self.uids.pop(0) if len(self.uids) > 1 else self.uids[0]
        return uid + OK if uid else b"\x6d\x00"


@pytest.fixture
def card() -> OddCard:
    return OddCard()


@pytest.fixture
def slot(card: OddCard) -> Iterator[LoopbackSlot]:
    slot = LoopbackSlot(FixedCard(card))
    yield slot
    slot.close()


@pytest.fixture
def reader(slot: LoopbackSlot) -> LoopbackReader:
    settings = LoopbackReader.Settings(port=slot.port, command_timeout_s=0.15)
    return LoopbackReader("reader", settings)


async def open_and_close(reader: LoopbackReader) -> bytes:
    async with reader.session() as session:
        await session.transmit(SELECT_KTPEL)
    return session.identity.uid


async def test_another_uid_at_the_end_is_another_card(
    reader: LoopbackReader, card: OddCard
) -> None:
    card.uids = [ANDI.card_uid, b"\x04\x22\x22\x22\x22\x22\x22"]
    async with reader:
        with pytest.raises(CardExchanged, match="UID"):
            await open_and_close(reader)
        assert reader.state is State.READY


async def test_another_answer_to_reset_at_the_end_is_another_card(
    reader: LoopbackReader, card: OddCard
) -> None:
    async def change_inside() -> None:
        async with reader.session():
            card.atr = bytes.fromhex("3B8A80013037393134315F3030316F")

    async with reader:
        with pytest.raises(CardExchanged, match="answer to reset"):
            await change_inside()


async def test_a_card_in_a_contact_reader_has_no_uid(reader: LoopbackReader, card: OddCard) -> None:
    card.atr, card.uids = CONTACT_ATR, [b""]
    async with reader:
        assert await open_and_close(reader) == b""


@pytest.mark.parametrize("uid", [b"", b"\x04" * 5, b"\x04" * 11])
async def test_a_contactless_card_must_tell_a_uid_of_a_known_length(
    reader: LoopbackReader, card: OddCard, uid: bytes
) -> None:
    card.uids = [uid]
    async with reader:
        with pytest.raises(CardUnreadable, match="no UID"):
            await open_and_close(reader)
        card.uids = [ANDI.card_uid]
        assert await open_and_close(reader) == ANDI.card_uid


async def test_one_silent_command_is_told_long_before_the_whole_reading_is_over(
    reader: LoopbackReader, slot: LoopbackSlot
) -> None:
    async def be_silent_inside() -> None:
        async with reader.session() as session:
            slot.faults.inject(CardFault.SILENT)
            with pytest.raises(CardSilent, match=r"0\.15 s"):
                await session.transmit(SELECT_KTPEL, timeout=20.0)
            slot.faults.clear()
            with pytest.raises(CardLost, match="over"):
                await session.transmit(SELECT_KTPEL)

    async with reader:
        started = time.monotonic()
        with pytest.raises(CardLost, match="over"):  # leaving the block confirms nothing either
            await be_silent_inside()
        assert time.monotonic() - started < 1.0
        assert reader.state is State.READY
        await open_and_close(reader)


async def test_after_one_failure_the_work_can_send_nothing_more(
    reader: LoopbackReader, slot: LoopbackSlot, card: OddCard
) -> None:
    refused: list[str] = []

    def careless(channel: CardChannel) -> None:
        slot.faults.inject(CardFault.LINK_BROKEN)
        for _ in range(3):
            try:
                channel.transmit(SELECT_KTPEL)
            except CardLost as error:
                refused.append(error.detail)
            slot.faults.clear()

    async def read_carelessly() -> None:
        async with reader.session() as session:
            card.asked.clear()
            await session.run(careless)

    async with reader:
        with pytest.raises(CardLost):
            await read_carelessly()
    assert refused[1:] == ["the session is over"] * 2
    assert card.asked == []


async def test_an_abandoned_link_thread_sends_nothing_more(
    reader: LoopbackReader, slot: LoopbackSlot, card: OddCard
) -> None:
    ended = threading.Event()
    errors: list[Exception] = []

    def two_commands(channel: CardChannel) -> None:
        try:
            for _ in range(2):
                try:
                    channel.transmit(SELECT_KTPEL)
                except Exception as error:
                    errors.append(error)
        finally:
            ended.set()

    async def cancel_inside() -> None:
        async with reader.session() as session:
            card.asked.clear()
            slot.faults.inject(CardFault.SILENT)
            running = asyncio.create_task(session.run(two_commands, timeout=0.05))
            await running

    async with reader:
        with pytest.raises((DeviceTimeout, Cancelled)):
            await cancel_inside()
        slot.faults.clear()
        assert await asyncio.to_thread(ended.wait, 2.0)
    assert len(errors) == 2
    assert len(card.asked) <= 1


async def test_faults_of_the_slot_have_codes_of_their_own(reader: LoopbackReader) -> None:
    faults = Injector(loopback_faults(access_module=False))
    slot = LoopbackSlot(CardTable(ANDI), faults=faults)
    other = LoopbackReader("other", LoopbackReader.Settings(port=slot.port))
    expected = {
        CardFault.MUTE: CardMute,
        CardFault.GARBAGE_ATR: BadAtr,
        CardFault.HELD: ReaderBusy,
    }
    async with other:
        for fault, error in expected.items():
            faults.inject(fault)
            with pytest.raises(error):
                await open_and_close(other)
            assert (await other.card_state()).present
            faults.clear()
            await other.wait_card(present=True)
    slot.close()


async def test_a_reader_that_is_absent_at_connect_has_its_own_code() -> None:
    reader = LoopbackReader("reader", LoopbackReader.Settings(port=1))
    with pytest.raises(ReaderAbsent) as caught:
        await reader.connect()
    assert caught.value.code == "DEV-505"
    assert reader.state is State.CLOSED


def test_a_card_counts_only_after_the_reader_was_empty_for_half_a_second() -> None:
    clock = FastClock()
    watch = LiftWatch(clock)
    watch.saw(present=True)
    assert not watch.is_due
    watch.demand()
    for empty_s, is_due in ((0.0, True), (0.4, True), (0.49, True), (0.5, False)):
        watch.saw(present=False)
        clock._now += empty_s
        watch.saw(present=True)
        assert watch.is_due is is_due
    watch.saw(present=False)
    watch.saw(present=True)
    assert not watch.is_due


def test_a_card_that_had_left_before_the_failure_was_told_counts_from_then() -> None:
    clock = FastClock()
    watch = LiftWatch(clock)
    watch.saw(present=False)
    clock._now += 0.3
    watch.demand()
    clock._now += 0.3
    watch.saw(present=True)
    assert not watch.is_due


def test_a_card_that_never_left_must_be_lifted() -> None:
    clock = FastClock()
    watch = LiftWatch(clock)
    watch.demand()
    clock._now += 60.0
    watch.saw(present=True)
    assert watch.is_due


async def test_where_pcscd_looks_seldom_the_operator_is_asked_to_lift(
    reader: LoopbackReader, slot: LoopbackSlot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LoopbackReader, "needs_lifting", True)
    async with reader:
        slot.faults.inject(CardFault.LINK_BROKEN)
        with pytest.raises(CardLost):
            await open_and_close(reader)
        for verb in (open_and_close(reader), reader.wait_card(present=True, timeout=0.2)):
            with pytest.raises(LiftCard):
                await verb
        assert (await reader.card_state()).present

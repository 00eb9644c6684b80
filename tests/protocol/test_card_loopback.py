"""Whole readings over the loopback link, with every fault of the simulated card."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator

import pytest

from drivers.api import State
from drivers.card import frames
from drivers.card.identity import CardKind, read_identity
from drivers.card.loopback import LoopbackTransport
from drivers.card.reader import LoopbackReader
from drivers.errors import (
    CardLost,
    CardUnreadable,
    DeviceTimeout,
    Disconnected,
    ProtocolError,
    Unsupported,
)
from simulators.card import GET_UID, KtpelCard, from_person
from simulators.card_faults import CardFault
from simulators.card_links import LoopbackSlot
from simulators.people.person import Person
from simulators.scene import Scene
from tests.protocol.card_scene import ANDI, BUDI, SELECT_KTPEL, CardTable, read_andi


@pytest.fixture
def table() -> CardTable:
    return CardTable(ANDI)


@pytest.fixture
def slot(table: CardTable) -> Iterator[LoopbackSlot]:
    slot = LoopbackSlot(table, stranger=KtpelCard(from_person(BUDI)))
    yield slot
    slot.close()


@pytest.fixture
def reader(slot: LoopbackSlot) -> LoopbackReader:
    return LoopbackReader("reader", LoopbackReader.Settings(port=slot.port))


async def test_a_test_card_gives_everything(reader: LoopbackReader) -> None:
    async with reader:
        reading = await read_andi(reader)
    assert reading.kind is CardKind.TEST_CARD
    assert str(reading.kind) == "KARTU UJI"
    assert reading.simulated
    assert reading.photo == from_person(ANDI).photo
    assert reading.biodata_absent_because == ""


async def test_nothing_personal_is_printed_or_recorded(reader: LoopbackReader) -> None:
    async with reader:
        reading = await read_andi(reader)
        record = " ".join(map(str, reader.recorder.dump()))
    assert reading.biodata is not None
    for secret in (ANDI.card_uid.hex(), reading.biodata["nik"], reading.biodata["name"]):
        assert secret not in repr(reading)
        assert secret not in record


async def test_without_the_test_application_biodata_need_an_access_module(
    reader: LoopbackReader, slot: LoopbackSlot
) -> None:
    with slot._changed:
        slot._lay(KtpelCard(from_person(ANDI), has_test_application=False))
    async with reader:
        reading = await read_identity(reader)
    assert reading.kind is CardKind.KTPEL
    assert reading.biodata is None
    assert reading.biodata_absent_because == "no SAM"
    assert reading.photo == from_person(ANDI).photo


async def test_a_card_of_the_scene_is_the_card_of_the_seated_resident() -> None:
    scene = Scene()
    slot = LoopbackSlot(scene)
    reader = LoopbackReader("reader", LoopbackReader.Settings(port=slot.port))
    try:
        async with reader:
            assert not (await reader.card_state()).present
            for seed in (7, 8):
                person = Person(seed)
                scene.seat(person)
                reading = await read_identity(reader)
                assert reading.uid == person.card_uid
                assert reading.biodata is not None
                assert reading.biodata["nik"] == person.biodata.nik
                assert reading.biodata["name"] == person.biodata.full_name
                assert reading.biodata["province"] == person.biodata.province
            scene.remove_card()
            assert not (await reader.card_state()).present
    finally:
        slot.close()


async def test_exchange_between_two_commands_never_mixes_two_people(
    reader: LoopbackReader, table: CardTable
) -> None:
    answers = []

    async def try_again_and_again() -> None:
        async with reader.session() as session:
            await session.transmit(SELECT_KTPEL)
            table.lay(BUDI)
            for _ in range(5):
                try:
                    answers.append(await session.transmit(GET_UID))
                except CardLost:
                    await asyncio.sleep(0)

    async with reader:
        with pytest.raises(CardLost):
            await try_again_and_again()
        assert answers == []
        assert reader.state is State.READY
        assert (await read_identity(reader)).uid == BUDI.card_uid


def test_a_careless_client_reaches_the_other_card(slot: LoopbackSlot, table: CardTable) -> None:
    """The trap exists in the simulation as it does in pcscd; otherwise the test above is empty."""
    with socket.create_connection(("127.0.0.1", slot.port)) as link:
        link.sendall(frames.control(frames.POWER_ON) + frames.pack(GET_UID))
        assert frames.receive(link) == ANDI.card_uid + b"\x90\x00"
        table.lay(BUDI)
        link.sendall(frames.pack(GET_UID) * 2)
        assert frames.receive(link) == b""
        assert frames.receive(link) == BUDI.card_uid + b"\x90\x00"


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (CardFault.LINK_BROKEN, CardLost),
        (CardFault.SWAPPED, CardLost),
        (CardFault.GARBAGE_ATR, CardUnreadable),
        (CardFault.WRONG_TCK, CardUnreadable),
        (CardFault.SHORT_ANSWER, CardUnreadable),
        (CardFault.SILENT, DeviceTimeout),
    ],
)
async def test_every_fault_ends_the_reading_and_the_next_card_is_read(
    reader: LoopbackReader,
    slot: LoopbackSlot,
    table: CardTable,
    fault: CardFault,
    error: type[Exception],
) -> None:
    async with reader:
        slot.faults.inject(fault)
        with pytest.raises(error):
            await read_identity(reader, timeout=0.2)
        assert reader.state is State.READY
        slot.faults.clear()
        table.lay(None)
        table.lay(ANDI)
        await read_andi(reader)


@pytest.mark.parametrize("fault", [CardFault.LINK_BROKEN, CardFault.SWAPPED])
async def test_losing_the_card_at_the_last_comparison_returns_nothing(
    reader: LoopbackReader, slot: LoopbackSlot, fault: CardFault
) -> None:
    kept = []

    async def lose_at_the_end() -> None:
        async with reader.session() as session:
            kept.append(await session.transmit(SELECT_KTPEL))
            slot.faults.inject(fault)

    async with reader:
        with pytest.raises(CardLost):
            await lose_at_the_end()
    assert kept == [b"\x90\x00"]


async def test_unplugging_inside_a_session_loses_the_reader(
    reader: LoopbackReader, slot: LoopbackSlot
) -> None:
    async def unplug_inside() -> None:
        async with reader.session() as session:
            slot.faults.inject(CardFault.UNPLUGGED)
            await session.transmit(SELECT_KTPEL)

    async with reader:
        with pytest.raises(Disconnected):
            await unplug_inside()
        assert reader.state is State.LOST
        slot.faults.clear(CardFault.UNPLUGGED)
        await reader.connect()
        await read_andi(reader)


async def test_waiting_for_a_card_ends_in_time_or_by_cancel(
    reader: LoopbackReader, table: CardTable
) -> None:
    async with reader:
        with pytest.raises(DeviceTimeout):
            await reader.wait_card(present=False, timeout=0.1)
        waiting = asyncio.create_task(reader.wait_card(present=False, timeout=10.0))
        await asyncio.sleep(0.02)
        table.lay(None)
        assert not (await waiting).present


async def test_only_short_commands_are_sent(reader: LoopbackReader) -> None:
    async with reader, reader.session() as session:
        for apdu in (b"\x00\xa4\x00", bytes(262)):
            with pytest.raises(Unsupported):
                await session.transmit(apdu)


async def test_a_session_that_is_kept_reaches_no_card(reader: LoopbackReader) -> None:
    async with reader:
        async with reader.session() as session:
            pass
        with pytest.raises(CardLost):
            await session.transmit(SELECT_KTPEL)


def test_a_state_that_is_too_short_is_a_protocol_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer_three_bytes() -> None:
            connection, _ = server.accept()
            with connection:
                frames.receive(connection)
                connection.sendall(frames.pack(b"\x00\x00\x00"))

        thread = threading.Thread(target=answer_three_bytes)
        thread.start()
        transport = LoopbackTransport("reader", server.getsockname()[1])
        with pytest.raises(ProtocolError):
            transport.look(0.0)
        transport.close()
        thread.join()

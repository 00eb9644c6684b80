"""The PC/SC reader on a pcscd of our own with virtual cards: the contract, and the traps of PC/SC.

One daemon serves the whole file, because libpcsclite reads the socket path once a process and
pcscd looks at its slots only every 0.4 s.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import Iterator

import pytest

from drivers.api import CardChannel, CardReader, State
from drivers.card import pcsc
from drivers.card.errors import LiftCard, SamMissing, ServiceDown
from drivers.card.identity import CardKind, read_identity
from drivers.card.monitor import ReaderMonitor
from drivers.card.pcsc import PcscTransport
from drivers.card.reader import SAM, SIMULATED
from drivers.errors import (
    CardLost,
    CardUnreadable,
    ConnectFailed,
    DeviceBusy,
    DeviceTimeout,
    Disconnected,
)
from simulators.card import GET_UID, TYPE_A_ATR, KtpelCard, from_person
from simulators.card_faults import CardFault
from simulators.card_links import VpcdSlot
from simulators.card_slot import FixedCard
from simulators.pcscd import available
from tests.conformance.card_contract import CardReaderContract
from tests.conformance.pcsc_rig import READER, SLOT, PcscRig, seen_by_pcscd
from tests.protocol.card_scene import (
    ANDI,
    BUDI,
    SELECT_KTPEL,
    read_andi,
    wait_until,
)

pytestmark = pytest.mark.pcsc


@pytest.fixture(scope="module")
def desk() -> Iterator[PcscRig]:
    if (reason := available()) is not None:
        pytest.skip(reason)
    rig = PcscRig()
    yield rig
    rig.close()


@pytest.fixture
def rig(desk: PcscRig) -> PcscRig:
    desk.reset()
    return desk


class TestPcscReader(CardReaderContract):
    @pytest.fixture
    def rig(self, desk: PcscRig) -> PcscRig:
        desk.reset()
        return desk


async def test_a_whole_card_is_read_and_witnessed_by_the_daemon(rig: PcscRig) -> None:
    before = rig.daemon.log().count("APDU: ")
    async with _reader(rig) as reader:
        reading = await read_andi(reader)
        sent = sum(entry.direction == ">" for entry in reader.recorder.dump())
    assert reading.kind is CardKind.TEST_CARD
    assert reading.simulated
    assert reading.photo == from_person(ANDI).photo
    assert rig.daemon.log().count("APDU: ") - before == sent


async def test_exchange_faster_than_the_poll_never_mixes_two_people(rig: PcscRig) -> None:
    async with _reader(rig) as reader:
        answers = []

        async def try_again_and_again() -> None:
            async with reader.session() as session:
                await session.transmit(SELECT_KTPEL)
                rig.table.lay(BUDI)
                for _ in range(40):  # a stale handle would reach the other card after some tries
                    try:
                        answers.append(await session.transmit(GET_UID))
                    except CardLost:
                        await asyncio.sleep(0.02)

        with pytest.raises(CardLost):
            await try_again_and_again()
        assert answers == []
        assert reader.state is State.READY


async def test_exchange_inside_a_command_ends_the_reading(rig: PcscRig) -> None:
    async with _reader(rig) as reader:
        async with reader.session() as session:
            await session.transmit(SELECT_KTPEL)
        rig.slot.faults.inject(CardFault.SWAPPED)
        with pytest.raises(CardLost):
            await read_identity(reader)
    rig.remove()


async def test_a_broken_link_inside_a_command_is_a_lost_card(rig: PcscRig) -> None:
    async with _reader(rig) as reader:
        rig.slot.faults.inject(CardFault.LINK_BROKEN)
        with pytest.raises(CardLost):
            await read_identity(reader)
        rig.remove()
        rig.insert()
        with pytest.raises(LiftCard):  # it was not away for as long as pcscd needs
            await read_identity(reader)
        rig.lift()
        await read_andi(reader)


async def test_a_silent_card_must_be_lifted_and_then_the_reader_works(rig: PcscRig) -> None:
    rig.hush()
    async with _reader(rig) as reader:
        with pytest.raises(DeviceTimeout):
            await read_identity(reader, timeout=0.2)
        with pytest.raises(CardUnreadable, match="unanswered"):
            await read_identity(reader, timeout=3.0)
        assert (await reader.card_state()).present
        rig.speak()
        await read_andi(reader)


@pytest.mark.parametrize("fault", [CardFault.GARBAGE_ATR, CardFault.WRONG_TCK])
async def test_wrong_answers_to_reset_are_unreadable_cards(rig: PcscRig, fault: CardFault) -> None:
    rig.remove()
    rig.slot.faults.inject(fault)
    rig.insert()
    async with _reader(rig) as reader:
        with pytest.raises(CardUnreadable):
            await read_identity(reader)
        assert reader.state is State.READY
    rig.speak()
    rig.remove()


async def test_service_killed_inside_a_session(rig: PcscRig) -> None:
    async with _reader(rig) as reader:

        async def lose_the_service() -> None:
            async with reader.session() as session:
                rig.unplug()
                await session.transmit(SELECT_KTPEL)

        with pytest.raises(Disconnected):
            await lose_the_service()
        assert reader.state is State.LOST
        rig.plug()
        await reader.connect()
        await read_andi(reader)


async def test_service_killed_while_waiting_for_a_card(rig: PcscRig) -> None:
    async with _reader(rig) as reader:
        waiting = asyncio.create_task(reader.wait_card(present=False, timeout=10.0))
        await asyncio.sleep(0.05)
        rig.unplug()
        with pytest.raises(Disconnected):
            await waiting
        assert reader.state is State.LOST


async def test_another_program_holds_the_reader(rig: PcscRig) -> None:
    async with _reader(rig) as holder, _reader(rig) as reader:
        async with holder.session():
            with pytest.raises(DeviceBusy):
                await read_identity(reader)
        await read_andi(reader)


async def test_another_program_cannot_reset_a_card_that_is_being_read(rig: PcscRig) -> None:
    from smartcard import scard

    def intrude() -> int:
        _, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
        protocols = scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1
        code = scard.SCardConnect(context, SLOT, scard.SCARD_SHARE_SHARED, protocols)[0]
        scard.SCardReleaseContext(context)
        return int(code) & 0xFFFFFFFF

    async with _reader(rig) as reader, reader.session() as session:
        assert await session.transmit(SELECT_KTPEL) == b"\x90\x00"
        assert intrude() == 0x8010000B
        assert await session.transmit(SELECT_KTPEL) == b"\x90\x00"


async def test_a_card_that_is_lifted_properly_is_read_after_a_failure(rig: PcscRig) -> None:
    async with _reader(rig) as reader:
        rig.slot.faults.inject(CardFault.TORN_AWAY)
        with pytest.raises(CardLost):
            await read_identity(reader)
        for _ in range(2):  # it is not back yet, and the operator is told what to do
            with pytest.raises(LiftCard):
                await reader.wait_card(present=True, timeout=0.1)
        rig.slot.faults.clear()  # laid down again after a second
        await reader.wait_card(present=True, timeout=3.0)
        await read_andi(reader)


async def test_a_look_at_the_idle_reader_asks_pcscd_nothing(
    rig: PcscRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with _reader(rig) as reader:
        looks: list[float] = []
        monkeypatch.setattr(PcscTransport, "look", lambda self, wait_s: looks.append(wait_s))
        for _ in range(50):
            await reader.check()
        assert looks == []
        assert reader.state is State.READY


async def test_a_restarted_service_is_noticed_by_a_look_and_connected_anew(rig: PcscRig) -> None:
    async with _reader(rig) as reader:
        rig.unplug()
        rig.plug()
        assert reader._monitor is not None  # type: ignore[attr-defined]
        monitor: ReaderMonitor = reader._monitor  # type: ignore[attr-defined]
        assert wait_until(lambda: monitor.view.service_starts == 2)
        with pytest.raises(ServiceDown):
            await reader.check()
        assert reader.state is State.LOST
        await reader.connect()
        await reader.check()
        await read_andi(reader)


async def test_a_reader_set_up_under_another_number_is_found(rig: PcscRig) -> None:
    reader = rig.device(reader=f"{READER} 01 00")
    async with reader:
        assert reader.info.model == READER
        assert reader.info.serial == f"{READER} slot 00"
        assert SIMULATED in reader.info.capabilities


async def test_what_is_wrong_at_connect_is_told_by_its_own_code(
    rig: PcscRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def code_of(**changes: object) -> str:
        with pytest.raises(ConnectFailed) as caught:
            await rig.device(**changes).connect()
        return caught.value.code

    assert await code_of(reader="No such reader") == "DEV-505"
    assert await code_of(reader=READER) == "DEV-514"
    rig.unplug()
    assert await code_of() == "DEV-504"
    rig.plug()
    monkeypatch.setattr(pcsc, "is_library_installed", lambda: False)
    assert await code_of() == "DEV-515"


async def test_the_access_module_has_a_slot_of_its_own(rig: PcscRig) -> None:
    module = VpcdSlot(FixedCard(KtpelCard(from_person(BUDI))), rig.daemon.slot_port(READER, 1))
    try:
        device = rig.device(sam_reader=f"{READER} 00 01")
        assert isinstance(device, CardReader)

        def both(card: CardChannel) -> tuple[bytes, bytes]:
            assert card.access_module is not None
            return card.transmit(GET_UID), card.access_module.transmit(GET_UID)

        async with device:
            assert SAM in device.info.capabilities
            assert wait_until(lambda: seen_by_pcscd(f"{READER} 00 01")[0])
            assert (await device.self_test()).facts["access_module"] == "present"
            async with device.session() as session:
                uids = await session.run(both)
            assert uids == (ANDI.card_uid + b"\x90\x00", BUDI.card_uid + b"\x90\x00")
            module.close()
            assert wait_until(lambda: not seen_by_pcscd(f"{READER} 00 01")[0])
            async with device.session() as session:
                with pytest.raises(SamMissing):
                    await session.run(both)
                assert await session.transmit(GET_UID) == ANDI.card_uid + b"\x90\x00"
    finally:
        module.close()


async def test_a_module_slot_that_does_not_exist_is_told_when_it_is_needed(rig: PcscRig) -> None:
    device = rig.device(sam_reader="No such slot")
    assert isinstance(device, CardReader)
    async with device:
        assert (await device.self_test()).facts["access_module"] == "absent"
        async with device.session() as session:
            with pytest.raises(SamMissing, match="0 of 2 readers"):
                await session.run(lambda card: (m := card.access_module) and m.transmit(GET_UID))
            assert await session.transmit(GET_UID) == ANDI.card_uid + b"\x90\x00"


@pytest.mark.skipif(shutil.which("opensc-tool") is None, reason="opensc is not installed")
def test_an_independent_program_reads_the_same_card(rig: PcscRig) -> None:
    def opensc(*arguments: str) -> str:
        command = ["opensc-tool", "--reader", SLOT, *arguments]
        return subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=10, env=dict(os.environ)
        ).stdout

    assert bytes.fromhex(opensc("--atr").strip().replace(":", "")) == TYPE_A_ATR
    told = opensc("--send-apdu", "FF:CA:00:00:00", "--send-apdu", "00:A4:00:00:02:7F:0A")
    assert ANDI.card_uid.hex(" ").upper() in told
    assert told.count("SW1=0x90, SW2=0x00") == 2


def _reader(rig: PcscRig) -> CardReader:
    device = rig.device()
    assert isinstance(device, CardReader)
    return device

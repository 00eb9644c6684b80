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

from drivers.api import CardReader, Device, State
from drivers.card.identity import CardKind, read_identity
from drivers.card.reader import PcscReader
from drivers.errors import (
    CardLost,
    CardUnreadable,
    DeviceBusy,
    DeviceTimeout,
    Disconnected,
    LiftCard,
)
from simulators.card import GET_UID, TYPE_A_ATR, KtpelCard, from_person
from simulators.card_faults import CardFault
from simulators.card_links import VpcdSlot
from simulators.pcscd import PrivatePcscd, available
from tests.conformance.contract import CardReaderContract
from tests.protocol.card_scene import (
    ANDI,
    BUDI,
    SELECT_KTPEL,
    CardTable,
    Holder,
    read_andi,
    wait_until,
)

pytestmark = pytest.mark.pcsc

READER = "KTPEL-SIM"
SLOT = f"{READER} 00 00"
LIFT_S = 0.6
NEXT_LOOK_S = 1.0
"""pcscd looks every 0.4 s; a card that it has not seen after this time was overlooked."""


def seen_by_pcscd() -> tuple[bool, bytes]:
    """Return whether pcscd sees a card in our slot, and its ATR; asked by other calls than ours."""
    from smartcard import scard

    code, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
    if code != 0:
        return False, b""
    code, states = scard.SCardGetStatusChange(context, 0, [(SLOT, scard.SCARD_STATE_UNAWARE)])
    scard.SCardReleaseContext(context)
    if code != 0:
        return False, b""
    _, event, atr = states[0]
    return bool(event & scard.SCARD_STATE_PRESENT), bytes(atr)


class PcscRig:
    """A pcscd, a virtual reader and the card of Andi; made once, put back in order by `reset`."""

    def __init__(self) -> None:
        self.daemon = PrivatePcscd([READER])
        self.table = CardTable(ANDI)
        port = self.daemon.slot_port(READER, 0)
        self.slot = VpcdSlot(self.table, port, stranger=KtpelCard(from_person(BUDI)))
        self._is_running = True

    def close(self) -> None:
        self.slot.close()
        self.daemon.close()

    def reset(self) -> None:
        self.slot.faults.clear()
        self.plug()
        if self.table.card is not ANDI:
            self.remove()  # so that pcscd does not take the card of before for the new one
        self.insert()

    def device(self, **changes: object) -> Device:
        settings = PcscReader.Settings.model_validate({"reader": SLOT, **changes})
        return PcscReader("reader", settings)

    def unplug(self) -> None:
        self.daemon.kill()
        self._is_running = False

    def plug(self) -> None:
        if not self._is_running:
            self.daemon.start()
            self._is_running = True
            assert wait_until(lambda: seen_by_pcscd()[0])

    def hush(self) -> None:
        self.slot.faults.inject(CardFault.SILENT)

    def speak(self) -> None:
        self.slot.faults.clear()

    def insert(self, holder: Holder = ANDI) -> None:
        self.table.lay(holder)
        if not wait_until(lambda: seen_by_pcscd()[0], NEXT_LOOK_S):
            # a card that comes between a broken link and pcscd's next look is never announced
            self.table.lay(None)
            wait_until(lambda: False, NEXT_LOOK_S / 2)
            self.table.lay(holder)
            assert wait_until(lambda: seen_by_pcscd()[0])

    def remove(self) -> None:
        self.table.lay(None)
        assert wait_until(lambda: not seen_by_pcscd()[0])

    def lift(self) -> None:
        """Take the card away for as long as a person does, and lay it down again."""
        self.remove()
        wait_until(lambda: False, LIFT_S)
        self.insert()


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

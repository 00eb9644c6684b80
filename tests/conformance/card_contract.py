"""What every card reader must pass: cards come, go, are exchanged, and sessions end with them."""

from __future__ import annotations

import asyncio
import threading
from typing import Protocol

import pytest

from drivers.api import (
    CardChannel,
    CardReader,
    Device,
    State,
)
from drivers.errors import (
    Cancelled,
    CardLost,
    DeviceRefused,
    DeviceTimeout,
    DriverFault,
    NoCard,
)
from tests.conformance.contract import DeviceContract, Rig


class CardRig(Rig, Protocol):
    """Reader hardware with a card that comes and goes."""

    def insert(self) -> None:
        """Lay the resident's card on the reader and return when the reader knows."""
        ...

    def remove(self) -> None:
        """Take it away and return when the reader knows."""
        ...


async def exchange_card_inside_a_session(device: CardReader, rig: CardRig) -> None:
    """Take the card away and lay it down again while it is being read."""
    async with device.session():
        rig.remove()
        rig.insert()


SELECT_DIRECTORY = bytes.fromhex("00A40000027F0A")


def refuse(channel: CardChannel) -> None:
    """Do what profile code does when the card says no."""
    channel.transmit(SELECT_DIRECTORY)
    raise DeviceRefused(channel.device, "6982", "READ BINARY")


async def crash_inside_a_session(device: CardReader) -> None:
    """Let the work of a session raise what no driver may raise."""
    async with device.session() as session:
        await session.run(lambda channel: channel.transmit(SELECT_DIRECTORY)[99])


class CardReaderContract(DeviceContract):
    """Cards come, go and are exchanged."""

    check_sees_silence = False

    @pytest.fixture
    def rig(self) -> CardRig:
        raise NotImplementedError("the subclass says how the hardware is made")

    async def use(self, device: Device, timeout: float = 10.0) -> object:
        assert isinstance(device, CardReader)
        async with device.session(timeout=timeout) as session:
            return await session.transmit(bytes.fromhex("00A40000027F0A"), timeout=timeout)

    async def test_card_is_seen_coming_and_going(self, rig: CardRig) -> None:
        rig.remove()
        device = rig.device()
        assert isinstance(device, CardReader)
        async with device:
            before = await device.card_state()
            assert not before.present
            rig.insert()
            after = await device.wait_card(present=True, timeout=5.0)
            assert after.present
            assert after.counter > before.counter
            rig.remove()
            assert not (await device.wait_card(present=False, timeout=5.0)).present

    async def test_session_without_a_card(self, rig: CardRig) -> None:
        rig.remove()
        device = rig.device()
        assert isinstance(device, CardReader)
        async with device:
            with pytest.raises(NoCard):
                await self.use(device)
            assert device.state is State.READY

    async def test_session_is_bound_to_the_card(self, rig: CardRig) -> None:
        device = rig.device()
        assert isinstance(device, CardReader)
        async with device:
            async with device.session() as session:
                assert session.identity.atr[:1] == b"\x3b"
                assert session.identity.uid
                answer = await session.transmit(bytes.fromhex("00A40000027F0A"))
                assert answer == b"\x90\x00"
            with pytest.raises(CardLost):
                await exchange_card_inside_a_session(device, rig)
            assert device.state is State.READY
            await self.use(device)

    async def test_work_that_raises_by_itself_ends_no_session(self, rig: CardRig) -> None:
        device = rig.device()
        assert isinstance(device, CardReader)
        async with device, device.session() as session:
            with pytest.raises(DeviceRefused):
                await session.run(refuse)
            assert await session.transmit(SELECT_DIRECTORY) == b"\x90\x00"

    async def test_work_that_crashes_is_a_fault_of_the_driver(self, rig: CardRig) -> None:
        device = rig.device()
        assert isinstance(device, CardReader)
        async with device:
            with pytest.raises(DriverFault):
                await crash_inside_a_session(device)
            assert device.state is State.LOST
            await device.connect()
            await self.use(device)

    async def test_sessions_and_channels_that_are_kept_reach_no_card(self, rig: CardRig) -> None:
        device = rig.device()
        assert isinstance(device, CardReader)
        async with device:
            async with device.session() as old:
                channel = await old.run(lambda channel: channel)
                with pytest.raises(CardLost):
                    channel.transmit(SELECT_DIRECTORY)
            async with device.session() as new:
                with pytest.raises(CardLost):
                    await old.transmit(SELECT_DIRECTORY)
                with pytest.raises(CardLost):
                    channel.transmit(SELECT_DIRECTORY)
                assert await new.transmit(SELECT_DIRECTORY) == b"\x90\x00"

    async def test_work_ends_between_two_commands_when_its_call_ends(self, rig: CardRig) -> None:
        device = rig.device()
        assert isinstance(device, CardReader)
        async with device:
            ended = threading.Event()

            def for_ever(channel: CardChannel) -> None:
                try:
                    while True:
                        channel.transmit(SELECT_DIRECTORY)
                finally:
                    ended.set()

            for end in (device.cancel, lambda: None):
                ended.clear()
                async with device.session() as session:
                    running = asyncio.create_task(session.run(for_ever, timeout=0.3))
                    await asyncio.sleep(0.02)
                    end()
                    with pytest.raises((Cancelled, DeviceTimeout)):
                        await running
                    assert ended.is_set()
                    # nothing was outstanding: the same session goes on
                    assert await session.transmit(SELECT_DIRECTORY) == b"\x90\x00"

    async def test_no_access_module_unless_one_is_configured(self, rig: CardRig) -> None:
        device = rig.device()
        assert isinstance(device, CardReader)
        async with device, device.session() as session:
            assert await session.run(lambda channel: channel.access_module) is None
            assert "sam" not in device.info.capabilities

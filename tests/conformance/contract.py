"""What every driver must pass, with its simulated hardware behind the real wire.

A driver joins by writing one fixture, `rig`, and inherits every test of its kind. The rig is the
hardware: it can be pulled out, plugged in again, and made to hold its tongue.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from dataclasses import replace
from typing import Protocol

import pytest

from drivers.api import (
    Device,
    State,
)
from drivers.device import FAILED_CHECKS_BEFORE_LOST, DeviceSettings
from drivers.errors import (
    Cancelled,
    ConnectFailed,
    DeviceBusy,
    DeviceError,
    NotConnected,
)
from drivers.health import Health
from drivers.worker import THREAD_PREFIX

CHECK_S = 1.0
"""How long one look at an idle device may take."""


class Rig(Protocol):
    """Simulated hardware and the way to a driver for it."""

    def device(self, **changes: object) -> Device:
        """Return a new, closed driver object for this hardware; `changes` go into its settings."""
        ...

    def unplug(self) -> None:
        """Take the hardware away; a running verb must notice."""
        ...

    def plug(self) -> None:
        """Bring it back at the same address."""
        ...

    def hush(self) -> None:
        """Let the hardware accept everything and answer nothing, until `speak`."""
        ...

    def speak(self) -> None:
        """End `hush`."""
        ...


def broken_listener(device: Device, state: State) -> None:
    raise RuntimeError("a listener with a bug")


class DeviceContract:
    """Life cycle, identity and events; the same for every kind of device."""

    check_sees_silence = True
    """Whether `hush` silences what `connect` and `check` ask; at a reader it silences the card."""

    @pytest.fixture
    def rig(self) -> Rig:
        raise NotImplementedError("the subclass says how the hardware is made")

    async def use(self, device: Device, timeout: float = 10.0) -> object:
        """Run one verb that talks to the hardware."""
        return await device.self_test(timeout=timeout)

    def test_constructor_starts_nothing(self, rig: Rig) -> None:
        device = rig.device()
        assert device.state is State.CLOSED
        assert not [t for t in threading.enumerate() if t.name == THREAD_PREFIX + device.name]

    def test_unknown_settings_are_errors(self, rig: Rig) -> None:
        with pytest.raises(ValueError, match="no_such_setting"):
            rig.device(no_such_setting=1)

    def test_settings_of_another_driver_are_refused(self, rig: Rig) -> None:
        class Foreign(DeviceSettings):
            pass

        with pytest.raises(TypeError):
            type(rig.device())("desk", Foreign())

    async def test_connect_is_idempotent(self, rig: Rig) -> None:
        async with rig.device() as device:
            assert await device.connect() is device.info
            assert device.state is State.READY

    async def test_concurrent_connects_share_one_attempt(self, rig: Rig) -> None:
        device = rig.device()
        first, second = await asyncio.gather(device.connect(), device.connect())
        assert first is second
        await device.close()

    async def test_connecting_while_closing_gives_an_open_device(self, rig: Rig) -> None:
        device = rig.device()
        await device.connect()
        closing = asyncio.create_task(device.close())
        await asyncio.sleep(0)
        await device.connect()
        await closing
        assert device.state is State.READY
        await device.close()

    async def test_close_is_idempotent_and_reopens(self, rig: Rig) -> None:
        device = rig.device()
        await device.close()
        for _ in range(2):
            await device.connect()
            await device.close()
            await device.close()
            assert device.state is State.CLOSED

    async def test_info_needs_a_connection(self, rig: Rig) -> None:
        device = rig.device()
        with pytest.raises(NotConnected):
            _ = device.info
        await device.connect()
        await device.close()
        with pytest.raises(NotConnected):
            _ = device.info

    async def test_identity_is_stable(self, rig: Rig) -> None:
        device = rig.device()
        first = await device.connect()
        await device.close()
        second = await device.connect()
        await device.close()
        assert first == second
        assert first.kind is device.kind
        assert first.serial

    async def test_another_serial_number_is_refused(self, rig: Rig) -> None:
        device = rig.device(expect_serial="no such serial")
        with pytest.raises(ConnectFailed):
            await device.connect()
        assert device.state is State.CLOSED

    async def test_states_are_announced_in_order(self, rig: Rig) -> None:
        device = rig.device()
        seen: list[State] = []
        unsubscribe = device.subscribe(lambda _, state: seen.append(state))
        await device.connect()
        await device.close()
        unsubscribe()
        unsubscribe()
        await device.connect()
        await device.close()
        assert seen == [State.CONNECTING, State.READY, State.CLOSED]

    async def test_failing_listener_harms_nobody(self, rig: Rig) -> None:
        device = rig.device()
        seen: list[State] = []
        device.subscribe(broken_listener)
        device.subscribe(lambda _, state: seen.append(state))
        await device.connect()
        await device.close()
        assert State.READY in seen

    async def test_self_test_passes(self, rig: Rig) -> None:
        async with rig.device() as device:
            result = await device.self_test()
            assert result.passed
            assert result.facts

    async def test_verbs_need_a_connection(self, rig: Rig) -> None:
        with pytest.raises(NotConnected):
            await self.use(rig.device())

    async def test_absent_hardware(self, rig: Rig) -> None:
        rig.unplug()
        device = rig.device()
        with pytest.raises(ConnectFailed):
            await device.connect(timeout=3.0)
        assert device.state is State.CLOSED
        rig.plug()
        await device.connect()
        await device.close()

    async def test_silent_hardware_is_no_connection(self, rig: Rig) -> None:
        device = rig.device()
        rig.hush()
        started = time.monotonic()
        if not self.check_sees_silence:
            await device.connect(timeout=3.0)
            await device.close()
            rig.speak()
            return
        with pytest.raises(DeviceError):
            await device.connect(timeout=1.0)
        assert time.monotonic() - started < 1.0 + device.grace + 1.0
        assert device.state is State.CLOSED
        rig.speak()
        await device.connect()
        await device.close()

    async def test_silence_ends_in_an_error_in_time(self, rig: Rig) -> None:
        async with rig.device() as device:
            rig.hush()
            started = time.monotonic()
            with pytest.raises(DeviceError):
                await self.use(device, timeout=0.5)
            assert time.monotonic() - started < 0.5 + device.grace + 1.0
            rig.speak()

    async def test_unplugged_device_refuses_verbs_until_reconnected(self, rig: Rig) -> None:
        async with rig.device() as device:
            rig.unplug()
            with pytest.raises(DeviceError):
                await self.use(device, timeout=3.0)
            assert device.state is State.LOST
            with pytest.raises(NotConnected):
                await self.use(device)
            rig.plug()
            await device.connect()
            await self.use(device)

    async def test_cancel_is_prompt(self, rig: Rig) -> None:
        async with rig.device() as device:
            rig.hush()
            running = asyncio.create_task(self.use(device, timeout=30.0))
            await asyncio.sleep(0.05)
            started = time.monotonic()
            device.cancel()
            with pytest.raises(Cancelled):
                await asyncio.wait_for(running, 2.0)
            assert time.monotonic() - started < 1.0
            assert device.state is State.READY
            rig.speak()

    async def test_one_verb_at_a_time(self, rig: Rig) -> None:
        async with rig.device() as device:
            rig.hush()
            running = asyncio.create_task(self.use(device, timeout=30.0))
            await asyncio.sleep(0.05)
            with pytest.raises(DeviceBusy):
                await self.use(device)
            device.cancel()
            with pytest.raises(Cancelled):
                await running
            rig.speak()

    async def test_close_ends_a_running_verb(self, rig: Rig) -> None:
        device = rig.device()
        await device.connect()
        rig.hush()
        running = asyncio.create_task(self.use(device, timeout=30.0))
        await asyncio.sleep(0.05)
        await device.close()
        with pytest.raises(Cancelled):
            await running
        assert device.state is State.CLOSED
        rig.speak()

    async def test_errors_leave_a_flight_record(self, rig: Rig) -> None:
        async with rig.device() as device:
            rig.hush()
            with pytest.raises(DeviceError):
                await self.use(device, timeout=0.5)
            rig.speak()
            told = [entry for entry in device.recorder.dump() if "state" not in entry.text]
            assert told, "nothing of the wire was kept"

    async def test_check_of_a_healthy_device_changes_nothing(self, rig: Rig) -> None:
        async with rig.device() as device:
            seen: list[State] = []
            device.subscribe(lambda _, state: seen.append(state))
            before = counters(device)
            for _ in range(3):
                await device.check()
            assert device.state is State.READY
            assert seen == []
            assert counters(device) == before
            await self.use(device)

    async def test_check_notices_an_unplugged_device(self, rig: Rig) -> None:
        async with rig.device() as device:
            rig.unplug()
            started = time.monotonic()
            failures = await check_until_lost(device)
            assert time.monotonic() - started < FAILED_CHECKS_BEFORE_LOST * CHECK_S + 1.0
            assert 1 <= failures <= FAILED_CHECKS_BEFORE_LOST
            assert device.state is State.LOST
            assert device.health.losses == 1
            rig.plug()
            await device.connect()
            await self.use(device)

    async def test_check_notices_a_silent_device(self, rig: Rig) -> None:
        async with rig.device() as device:
            rig.hush()
            if not self.check_sees_silence:
                await device.check()
                assert device.state is State.READY
                rig.speak()
                return
            failures = await check_until_lost(device)
            rig.speak()
            assert 1 <= failures <= FAILED_CHECKS_BEFORE_LOST
            assert device.state is State.LOST
            await device.connect()
            await self.use(device)

    async def test_verb_during_a_check_is_not_refused(self, rig: Rig) -> None:
        async with rig.device() as device:
            rig.hush()
            checking = asyncio.create_task(device.check(timeout=10.0))
            await asyncio.sleep(0.05)
            rig.speak()
            await self.use(device)
            await checking
            assert device.state is State.READY

    async def test_health_counts_what_happened(self, rig: Rig) -> None:
        device = rig.device()
        rig.unplug()
        with pytest.raises(ConnectFailed):
            await device.connect(timeout=3.0)
        assert device.health.refusals == 1
        rig.plug()
        async with device:
            await self.use(device)
            health = device.health
            assert (health.connections, health.losses, health.failures) == (1, 0, 0)
            assert health.verbs >= 1
            assert health.ready_s > 0
            rig.unplug()
            with pytest.raises(DeviceError) as caught:
                await self.use(device, timeout=3.0)
            health = device.health
            assert (health.losses, health.last_code) == (1, caught.value.code)
            assert health.failures >= 1
            assert health.last_failed_at is not None
            rig.plug()
            await device.connect()
            assert device.health.connections == 2

    async def test_reset_gives_a_ready_device_whatever_it_was_doing(self, rig: Rig) -> None:
        device = rig.device()
        first = await device.reset()
        rig.hush()
        running = asyncio.create_task(self.use(device, timeout=30.0))
        await asyncio.sleep(0.05)
        resetting = asyncio.create_task(device.reset())
        await asyncio.sleep(0)
        rig.speak()
        assert await resetting == first
        with contextlib.suppress(DeviceError):  # cancelled, or answered at the last moment
            await asyncio.wait_for(running, CHECK_S)
        assert device.state is State.READY
        await self.use(device)
        await device.close()

    async def test_reset_brings_a_lost_device_back(self, rig: Rig) -> None:
        async with rig.device() as device:
            rig.unplug()
            with pytest.raises(DeviceError):
                await self.use(device, timeout=3.0)
            rig.plug()
            await device.reset()
            await self.use(device)


async def check_until_lost(device: Device) -> int:
    """Look at the idle device again and again; return how many looks failed."""
    failures = 0
    deadline = time.monotonic() + 5.0
    while device.state is State.READY and time.monotonic() < deadline:
        try:
            await device.check(timeout=CHECK_S)
        except DeviceError:
            failures += 1
        await asyncio.sleep(0.02)
    return failures


def counters(device: Device) -> Health:
    """What was counted, without the time that passes anyway."""
    return replace(device.health, ready_s=0.0)

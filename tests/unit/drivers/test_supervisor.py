"""Devices are connected, looked after and connected again, and every change is told once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from random import Random

import pytest

from drivers.errors import (
    Cancelled,
    ConnectFailed,
    DeviceBusy,
    DeviceError,
    DeviceHung,
    DeviceTimeout,
    Disconnected,
    OtherDevice,
)
from drivers.supervision import ABSENCE_TOLD_AFTER_S
from drivers.supervisor import Event, EventQueue, Happening, Supervisor
from drivers.values import State
from tests.unit.drivers.scripted import START, ScriptedDevice, TurnedClock, settle


class Desk:
    """A supervisor on scripted devices, and what it has told."""

    def __init__(self, clock: TurnedClock, devices: dict[str, ScriptedDevice]) -> None:
        self.clock = clock
        self.devices = devices
        self.supervisor = Supervisor(devices, clock=clock, random=Random(1))  # noqa: S311
        self.events: list[Event] = []
        self.supervisor.subscribe(self.events.append)

    @property
    def device(self) -> ScriptedDevice:
        return self.devices["scanner"]

    def told(self) -> list[tuple[Happening, str]]:
        """What has been told since the last call, with its code."""
        told = [(event.what, event.code) for event in self.events]
        self.events.clear()
        return told


@asynccontextmanager
async def supervised(*roles: str, started: bool = True) -> AsyncIterator[Desk]:
    clock = TurnedClock()
    desk = Desk(clock, {role: ScriptedDevice(clock) for role in roles or ("scanner",)})
    if started:
        desk.supervisor.start()
        await settle()
    try:
        yield desk
    finally:
        await desk.supervisor.stop()
    assert not [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]


def lost(device: ScriptedDevice) -> Disconnected:
    return Disconnected(device.name, "the port is gone")


async def test_every_device_is_connected_and_introduced() -> None:
    async with supervised("scanner", "face") as desk:
        assert {event.role for event in desk.events} == {"scanner", "face"}
        for event in desk.events:
            assert event.what is Happening.CONNECTED
            assert event.at == START
            assert event.attempt == 1
            assert event.device is not None
            assert event.device.serial == "S1"
        assert all(status.state is State.READY for status in desk.supervisor.status().values())


async def test_device_that_is_connected_already_is_introduced_too() -> None:
    async with supervised(started=False) as desk:
        await desk.device.connect()
        desk.supervisor.start()
        await settle()
        assert desk.told() == [(Happening.CONNECTED, "")]
        assert desk.device.attempts == [0.0]


async def test_absent_device_is_tried_less_and_less_often_but_every_second() -> None:
    async with supervised(started=False) as desk:
        desk.device.pull_out()
        desk.supervisor.start()
        await desk.clock.turn(8.0)
        tried = desk.device.attempts
        pauses = [later - earlier for earlier, later in pairwise(tried)]
        for pause, middle in zip(pauses, [0.25, 0.5, 1.0, 1.0, 1.0, 1.0], strict=False):
            assert 0.8 * middle <= pause <= 1.2 * middle
        assert len({round(pause, 3) for pause in pauses[2:]}) > 1, "the attempts are not scattered"
        status = desk.supervisor.status()["scanner"]
        assert status.code == ConnectFailed.code
        assert status.detail == "no such port"
        assert status.next_attempt_s is not None
        assert 0 < status.next_attempt_s <= 1.2
        assert status.attempts == len(tried)
        assert status.downtime_s == status.longest_outage_s == 8.0


async def test_refusal_is_told_once_and_again_for_another_reason() -> None:
    async with supervised(started=False) as desk:
        desk.device.pull_out()
        desk.supervisor.start()
        await desk.clock.turn(5.0)
        assert desk.told() == [(Happening.REFUSED, ConnectFailed.code)]
        desk.device.refusal = DeviceBusy(desk.device.name)
        await desk.clock.turn(5.0)
        assert desk.told() == [(Happening.REFUSED, DeviceBusy.code)]


@pytest.mark.parametrize("reason", [ConnectFailed, Disconnected, DeviceTimeout, DeviceHung])
async def test_short_unplug_is_one_loss_and_one_return(reason: type[DeviceError]) -> None:
    async with supervised() as desk:
        desk.told()
        desk.device.finding, desk.device.refusal = lost(desk.device), reason(desk.device.name)
        await desk.clock.turn(ABSENCE_TOLD_AFTER_S - 0.5)
        assert len(desk.device.attempts) > 3
        desk.device.plug_in()
        await desk.clock.turn(1.2)
        assert [what for what, _ in desk.told()] == [Happening.LOST, Happening.BACK]


async def test_loss_that_lasts_is_told_once_more_and_a_new_reason_at_once() -> None:
    async with supervised() as desk:
        desk.told()
        desk.device.pull_out()
        desk.device.finding = lost(desk.device)
        await desk.clock.turn(2.0)
        assert desk.told() == [(Happening.LOST, Disconnected.code)]
        desk.device.refusal = DeviceBusy(desk.device.name)
        await desk.clock.turn(1.3)
        assert desk.told() == [(Happening.REFUSED, DeviceBusy.code)]
        desk.device.pull_out()
        await desk.clock.turn(1.3)
        assert desk.told() == [], "still known to be away"
        await desk.clock.turn(ABSENCE_TOLD_AFTER_S)
        (event,) = desk.events
        assert (event.what, event.code) == (Happening.REFUSED, ConnectFailed.code)
        assert ABSENCE_TOLD_AFTER_S <= event.outage_s <= ABSENCE_TOLD_AFTER_S + 1.3
        desk.told()
        await desk.clock.turn(20.0)
        assert desk.told() == []


async def test_delay_starts_anew_after_a_success() -> None:
    async with supervised(started=False) as desk:
        device = desk.device
        device.pull_out()
        desk.supervisor.start()
        await desk.clock.turn(6.0)
        device.plug_in()
        await desk.clock.turn(1.5)
        device.finding, device.refusal = lost(device), ConnectFailed(device.name)
        device.attempts.clear()
        await desk.clock.turn(1.1)
        first, second = device.attempts[:2]
        assert second - first <= 0.3


async def test_unplug_is_noticed_within_a_second_and_the_return_within_a_second() -> None:
    async with supervised() as desk:
        desk.told()
        await desk.clock.turn(3.3)
        desk.device.pull_out()
        desk.device.finding = lost(desk.device)
        await desk.clock.turn(1.0)
        assert desk.told() == [(Happening.LOST, Disconnected.code)]
        await desk.clock.turn(30.0)
        assert desk.told() == [(Happening.REFUSED, ConnectFailed.code)]
        desk.device.plug_in()
        await desk.clock.turn(1.2)
        (event,) = desk.events
        assert event.what is Happening.BACK
        assert 30.0 <= event.outage_s <= 32.2
        status = desk.supervisor.status()["scanner"]
        assert status.state is State.READY
        assert status.code == status.detail == ""
        assert status.longest_outage_s == event.outage_s
        assert status.health.losses == 1


async def test_idle_device_is_looked_at_twice_a_second() -> None:
    async with supervised() as desk:
        await desk.clock.turn(10.0)
        assert len(desk.device.looks) == 20


async def test_device_in_use_is_left_alone() -> None:
    async with supervised() as desk:
        desk.device.be(State.BUSY)
        await desk.clock.turn(10.0)
        assert desk.device.looks == []
        desk.device.be(State.READY)
        await desk.clock.turn(0.4)
        assert desk.device.looks == [], "it answered a moment ago"
        await desk.clock.turn(0.2)
        assert len(desk.device.looks) == 1


async def test_loss_during_a_verb_is_told_with_its_code() -> None:
    async with supervised() as desk:
        desk.told()
        desk.device.be(State.BUSY)
        desk.device.lose(Disconnected.code)
        assert desk.told() == [(Happening.LOST, Disconnected.code)]
        await settle()
        assert desk.told() == [(Happening.BACK, "")], "it is tried at once"


async def test_one_silent_look_is_forgiven_and_two_are_a_hang() -> None:
    async with supervised() as desk:
        desk.told()
        desk.device.finding = DeviceTimeout(desk.device.name)
        await desk.clock.turn(0.6)
        assert desk.told() == []
        desk.device.finding = None
        await desk.clock.turn(5.0)
        desk.device.finding = desk.device.refusal = DeviceTimeout(desk.device.name)
        await desk.clock.turn(1.0)
        assert desk.told() == [(Happening.HUNG, DeviceHung.code)], "the reason is told once"


async def test_another_serial_number_is_told_until_it_is_accepted() -> None:
    async with supervised() as desk:
        desk.told()
        desk.device.serial = "S2"
        desk.device.lose(Disconnected.code)
        await settle()
        assert desk.told() == [
            (Happening.LOST, Disconnected.code),
            (Happening.OTHER_DEVICE, OtherDevice.code),
        ]
        assert desk.supervisor.status()["scanner"].is_other_device
        desk.supervisor.accept("scanner")
        assert not desk.supervisor.status()["scanner"].is_other_device
        desk.device.lose(Disconnected.code)
        await settle()
        assert desk.told()[1] == (Happening.BACK, ""), "S2 is the right one now"


async def test_outage_lasts_until_the_known_device_is_back() -> None:
    async with supervised() as desk:
        await desk.clock.turn(1.0)
        desk.told()
        device = desk.device
        device.pull_out()
        device.finding = lost(device)
        await desk.clock.turn(2.0)
        device.serial = "S2"
        device.plug_in()
        await desk.clock.turn(4.0)
        assert desk.supervisor.status()["scanner"].downtime_s == pytest.approx(5.5, abs=0.6)
        device.serial = "S1"
        device.lose(Disconnected.code)
        await settle()
        seconds = {event.what: event.outage_s for event in desk.events}
        assert list(seconds) == [Happening.LOST, Happening.OTHER_DEVICE, Happening.BACK]
        assert seconds[Happening.OTHER_DEVICE] == pytest.approx(2.0, abs=1.2)
        assert seconds[Happening.BACK] == pytest.approx(6.0, abs=0.6)
        assert desk.supervisor.status()["scanner"].longest_outage_s == seconds[Happening.BACK]


async def test_nobody_is_accepted_while_nobody_answers() -> None:
    async with supervised() as desk:
        desk.told()
        desk.device.pull_out()
        desk.device.finding = lost(desk.device)
        await desk.clock.turn(2.0)
        desk.supervisor.accept("scanner")
        desk.device.serial = "S2"
        desk.device.plug_in()
        await desk.clock.turn(1.2)
        assert desk.told()[-1] == (Happening.OTHER_DEVICE, OtherDevice.code)


async def test_accepting_another_device_ends_the_outage() -> None:
    async with supervised() as desk:
        desk.device.serial = "S2"
        desk.device.lose(Disconnected.code)
        await settle()
        await desk.clock.turn(3.0)
        desk.supervisor.accept("scanner")
        await desk.clock.turn(10.0)
        assert desk.supervisor.status()["scanner"].downtime_s == 3.0


async def test_another_model_with_the_same_serial_number_is_another_device() -> None:
    async with supervised() as desk:
        desk.told()
        desk.device.model = "another model"
        desk.device.lose(Disconnected.code)
        await settle()
        assert desk.told()[1] == (Happening.OTHER_DEVICE, OtherDevice.code)
        assert desk.supervisor.status()["scanner"].is_other_device
        desk.device.model = "model"
        desk.device.lose(Disconnected.code)
        await settle()
        assert not desk.supervisor.status()["scanner"].is_other_device


async def test_right_device_in_place_of_another_ends_the_warning() -> None:
    async with supervised() as desk:
        for serial, is_other in (("S2", True), ("S1", False)):
            desk.device.serial = serial
            desk.device.lose(Disconnected.code)
            await settle()
            assert desk.supervisor.status()["scanner"].is_other_device is is_other


async def test_ensure_gives_the_connected_device_at_once() -> None:
    async with supervised() as desk:
        desk.device.be(State.BUSY)
        assert (await desk.supervisor.ensure("scanner")).serial == "S1"
        assert len(desk.device.attempts) == 1


async def test_ensure_shares_the_running_attempt() -> None:
    async with supervised(started=False) as desk:
        desk.device.gate.clear()
        desk.supervisor.start()
        await settle()
        both = [asyncio.create_task(desk.supervisor.ensure("scanner")) for _ in range(2)]
        await settle()
        desk.device.gate.set()
        assert [info.serial for info in await asyncio.gather(*both)] == ["S1", "S1"]
        assert len(desk.device.attempts) == 1


async def test_ensure_does_not_wait_for_the_next_attempt() -> None:
    async with supervised(started=False) as desk:
        desk.device.pull_out()
        desk.supervisor.start()
        await desk.clock.turn(5.0)
        desk.device.plug_in()
        await desk.supervisor.ensure("scanner")
        assert desk.device.attempts[-1] == desk.clock.monotonic()


async def test_ensure_says_why_not() -> None:
    async with supervised(started=False) as desk:
        desk.device.pull_out()
        with pytest.raises(ConnectFailed):
            await desk.supervisor.ensure("scanner")
        desk.device.gate.clear()
        with pytest.raises(DeviceTimeout):
            await desk.supervisor.ensure("scanner", timeout=0.01)


async def test_reset_touches_one_device_and_is_told() -> None:
    async with supervised("scanner", "face") as desk:
        desk.told()
        desk.device.be(State.BUSY)
        info = await desk.supervisor.reset("scanner")
        assert info.serial == "S1"
        assert desk.told() == [(Happening.RESET, ""), (Happening.BACK, "")]
        assert len(desk.devices["face"].attempts) == 1
        assert len(desk.device.attempts) == 2


async def test_reset_asked_for_twice_is_one_reset() -> None:
    async with supervised() as desk:
        desk.told()
        await asyncio.gather(*(desk.supervisor.reset("scanner") for _ in range(2)))
        assert desk.told() == [(Happening.RESET, ""), (Happening.BACK, "")]
        await desk.supervisor.reset("scanner")
        assert len(desk.device.attempts) == 3


async def test_reset_ends_an_attempt_that_hangs() -> None:
    async with supervised(started=False) as desk:
        desk.device.gate.clear()
        desk.supervisor.start()
        await settle()
        waiting = asyncio.create_task(desk.supervisor.ensure("scanner"))
        await settle()
        resetting = asyncio.create_task(desk.supervisor.reset("scanner"))
        await settle()
        desk.device.gate.set()
        await resetting
        with pytest.raises(Cancelled):
            await waiting
        assert (Happening.REFUSED, Cancelled.code) not in desk.told()


async def test_reset_that_fails_says_why_and_goes_on_trying() -> None:
    async with supervised() as desk:
        desk.device.pull_out()
        with pytest.raises(ConnectFailed):
            await desk.supervisor.reset("scanner")
        desk.device.plug_in()
        await desk.clock.turn(1.2)
        assert desk.device.state is State.READY


async def test_first_attempt_has_time_and_later_ones_are_short() -> None:
    async with supervised(started=False) as desk:
        desk.device.gate.clear()
        desk.supervisor.start()
        await desk.clock.turn(1.5)
        desk.device.gate.set()
        await settle()
        desk.device.lose(Disconnected.code)
        await settle()
        assert desk.device.timeouts == [10.0, 4.5]


async def test_stop_leaves_the_devices_and_ends_every_attempt() -> None:
    async with supervised(started=False) as desk:
        desk.device.gate.clear()
        desk.supervisor.start()
        await settle()
        waiting = asyncio.create_task(desk.supervisor.ensure("scanner"))
        await settle()
        await desk.supervisor.stop()
        with pytest.raises(Cancelled):
            await waiting
        assert desk.device.state is State.CLOSED
        await desk.supervisor.stop()
    async with supervised() as desk:
        await desk.supervisor.stop()
        assert desk.device.state is State.READY
        desk.supervisor.start()
        await desk.clock.turn(1.0)
        assert desk.device.looks, "it goes on after a new start"


async def test_listener_with_a_fault_harms_nobody() -> None:
    def broken(_event: Event) -> None:
        raise RuntimeError("a listener with a bug")

    async with supervised(started=False) as desk:
        desk.supervisor.subscribe(broken)
        heard: list[Event] = []
        unsubscribe = desk.supervisor.subscribe(heard.append)
        desk.supervisor.start()
        await settle()
        assert len(heard) == 1
        unsubscribe()
        unsubscribe()
        desk.device.lose(Disconnected.code)
        await settle()
        assert len(heard) == 1


async def test_queue_of_a_slow_reader_keeps_the_newest() -> None:
    queue = EventQueue(length=2)
    for number in range(3):
        queue(Event(START, "scanner", Happening.REFUSED, attempt=number))
    assert [(await queue.get()).attempt for _ in range(2)] == [1, 2]
    assert queue.dropped == 1
    reader = asyncio.create_task(queue.get())
    await settle()
    queue(Event(START, "scanner", Happening.BACK))
    assert (await reader).what is Happening.BACK


async def test_unknown_role() -> None:
    async with supervised() as desk:
        with pytest.raises(KeyError):
            await desk.supervisor.ensure("printer")


async def test_every_device_error_but_a_cancellation_is_told() -> None:
    async with supervised(started=False) as desk:
        desk.device.refusal = DeviceError(desk.device.name, "something")
        desk.supervisor.start()
        await settle()
        assert desk.told() == [(Happening.REFUSED, "DEV-000")]

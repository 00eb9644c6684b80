"""The look at an idle device, the counters beside it, and the one key of an operator."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable

import pytest

from drivers.device import Call, Device, DeviceSettings
from drivers.errors import (
    Cancelled,
    ConnectFailed,
    DeviceError,
    DeviceHung,
    DeviceTimeout,
    Disconnected,
    DriverFault,
    NotConnected,
)
from drivers.values import DeviceInfo, Kind, SelfTest, State

Work = Callable[[Call], object]


def nothing(_call: Call) -> None:
    return None


class Hooked(Device):
    """A device on its own thread, as drivers write them; each hook is an attribute."""

    kind = Kind.FACE
    grace = 0.05

    def __init__(self) -> None:
        super().__init__("hooked", DeviceSettings())
        self.on_connect: Work = nothing
        self.on_check: Work = nothing
        self.on_test: Work = nothing
        self.on_close: Callable[[], object] = bool
        self.checks = 0

    def _do_connect(self, call: Call) -> DeviceInfo:
        self.on_connect(call)
        return DeviceInfo(self.kind, "hooked", "model", "S1", "1")

    def _do_close(self) -> None:
        self.on_close()

    def _do_check(self, call: Call) -> None:
        self.checks += 1
        self.on_check(call)

    def _do_self_test(self, call: Call) -> SelfTest:
        self.on_test(call)
        return SelfTest(passed=True)


class Hold:
    """A hook that lasts until it is let go or its call ends."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.go = threading.Event()

    def __call__(self, call: Call) -> None:
        self.entered.set()
        while not self.go.wait(0.005):
            call.check()

    async def begun(self) -> None:
        while not self.entered.is_set():  # noqa: ASYNC110  # set on a thread
            await asyncio.sleep(0.001)


class Deaf(Hold):
    """A hook that does not look at its call: a library that hangs."""

    def __call__(self, call: Call) -> None:
        self.entered.set()
        self.go.wait(10)


def raising(error: Exception) -> Work:
    def hook(_call: Call) -> None:
        raise error

    return hook


@pytest.fixture
async def device() -> AsyncIterator[Hooked]:
    device = Hooked()
    await device.connect()
    yield device
    await device.close()


async def test_healthy_look_changes_nothing(device: Hooked) -> None:
    seen: list[State] = []
    device.subscribe(lambda _device, state: seen.append(state))
    await device.check()
    assert device.checks == 1
    assert seen == []
    assert device.health.verbs == 0


async def test_device_that_is_not_idle_is_not_looked_at(device: Hooked) -> None:
    hold = Hold()
    device.on_test = hold
    running = asyncio.create_task(device.self_test())
    await hold.begun()
    await device.check()
    hold.go.set()
    await running
    await device.close()
    await device.check()
    assert device.checks == 0


async def test_gone_is_lost_at_the_first_look(device: Hooked) -> None:
    device.on_check = raising(Disconnected(device.name, "no such file"))
    with pytest.raises(Disconnected):
        await device.check()
    assert device.state is State.LOST
    assert device.health.losses == 1
    assert device.health.last_code == Disconnected.code
    with pytest.raises(NotConnected):
        await device.self_test()


async def test_silence_is_lost_at_the_second_look_in_a_row(device: Hooked) -> None:
    device.on_check = raising(DeviceTimeout(device.name))
    for expected in (State.READY, State.LOST):
        with pytest.raises(DeviceTimeout):
            await device.check()
        assert device.state is expected


@pytest.mark.parametrize("between", ["look", "verb"])
async def test_answer_between_two_silences_is_well(device: Hooked, between: str) -> None:
    for _ in range(2):
        device.on_check = raising(DeviceTimeout(device.name))
        with pytest.raises(DeviceTimeout):
            await device.check()
        device.on_check = nothing
        await (device.check() if between == "look" else device.self_test())
    assert device.state is State.READY


async def test_look_that_does_not_return_is_a_hang(device: Hooked) -> None:
    deaf = Deaf()
    device.on_check = deaf
    with pytest.raises(DeviceHung):
        await device.check(timeout=0.01)
    assert device.state is State.LOST
    deaf.go.set()


async def test_look_obeys_its_deadline(device: Hooked) -> None:
    device.on_check = Hold()
    with pytest.raises(DeviceTimeout) as caught:
        await device.check(timeout=0.02)
    assert type(caught.value) is DeviceTimeout
    assert device.state is State.READY


async def test_fault_of_the_driver_is_named_and_the_device_is_lost(device: Hooked) -> None:
    device.on_check = raising(ValueError("a bug"))
    with pytest.raises(DriverFault, match="ValueError"):
        await device.check()
    assert device.state is State.LOST


async def test_verb_ends_the_look_and_has_its_turn(device: Hooked) -> None:
    hold = Hold()
    device.on_check = hold
    looking = asyncio.create_task(device.check(timeout=5.0))
    await hold.begun()
    result = await device.self_test(timeout=1.0)
    await looking
    assert result.passed
    assert device.state is State.READY
    assert device.health.losses == 0


async def test_closing_ends_the_look(device: Hooked) -> None:
    hold = Hold()
    device.on_check = hold
    looking = asyncio.create_task(device.check(timeout=5.0))
    await hold.begun()
    await device.close()
    await looking
    assert device.state is State.CLOSED


async def test_one_look_at_a_time(device: Hooked) -> None:
    hold = Hold()
    device.on_check = hold
    looking = asyncio.create_task(device.check(timeout=5.0))
    await hold.begun()
    await device.check()
    hold.go.set()
    await looking
    assert device.checks == 1


async def test_abandoned_look_does_not_harm_the_next_connection(device: Hooked) -> None:
    deaf = Deaf()
    device.on_check = deaf
    looking = asyncio.create_task(device.check(timeout=0.2))
    await deaf.begun()
    await device.close(timeout=0.01)
    device.on_check = nothing
    await device.connect()
    with pytest.raises(DeviceHung):
        await looking
    assert device.state is State.READY
    deaf.go.set()
    await device.check()
    assert device.checks == 2


async def test_reset_ends_a_hung_verb_and_opens_anew(device: Hooked) -> None:
    deaf = Deaf()
    device.on_test = deaf
    running = asyncio.create_task(device.self_test(timeout=5.0))
    await deaf.begun()
    device.on_test = nothing
    closing = asyncio.create_task(device.reset())
    await asyncio.sleep(0)
    deaf.go.set()
    info = await closing
    assert info.serial == "S1"
    assert device.state is State.READY
    await running  # it came to its end after all
    await device.self_test()
    assert device.health.connections == 2


async def test_reset_of_a_waiting_verb_cancels_it(device: Hooked) -> None:
    hold = Hold()
    device.on_test = hold
    running = asyncio.create_task(device.self_test(timeout=5.0))
    await hold.begun()
    await device.reset()
    with pytest.raises(Cancelled):
        await running
    assert device.state is State.READY


async def test_reset_of_a_closed_device_opens_it() -> None:
    device = Hooked()
    await device.reset()
    assert device.state is State.READY
    await device.close()


async def test_reset_of_absent_hardware_says_so(device: Hooked) -> None:
    device.on_connect = raising(ConnectFailed(device.name, "absent"))
    with pytest.raises(ConnectFailed):
        await device.reset()
    assert device.state is State.CLOSED
    assert device.health.refusals == 1


async def test_verbs_and_failures_are_counted(device: Hooked) -> None:
    await device.self_test()
    device.on_test = raising(DeviceError(device.name, "something"))
    with pytest.raises(DeviceError):
        await device.self_test()
    health = device.health
    assert (health.verbs, health.failures, health.last_code) == (2, 1, "DEV-000")
    assert health.connections == 1


@pytest.mark.parametrize("turns", [0, 1, 2, 5])
async def test_abandoned_reset_leaves_a_true_state(device: Hooked, turns: int) -> None:
    deaf = Deaf()
    device.on_check = deaf
    looking = asyncio.create_task(device.check(timeout=5.0))
    await deaf.begun()
    resetting = asyncio.create_task(device.reset())
    for _ in range(turns):
        await asyncio.sleep(0)
    resetting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await resetting
    deaf.go.set()
    await device.close()
    await asyncio.wait({looking})
    assert device.state is State.CLOSED
    device.on_check = nothing
    await device.connect()
    await device.self_test()


async def test_second_close_waits_for_the_first(device: Hooked) -> None:
    released: list[bool] = []

    def release() -> None:
        threading.Event().wait(0.02)
        released.append(True)

    device.on_close = release
    first = asyncio.create_task(device.close())
    await asyncio.sleep(0)
    await device.close()
    assert released
    assert device.state is State.CLOSED
    await first
    assert len(released) == 1

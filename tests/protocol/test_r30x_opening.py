"""Speed and place of a module: found when it is opened, changed, and found again elsewhere."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import serial
from serial.tools import list_ports

from drivers.api import Image, State
from drivers.errors import ConnectFailed, DeviceError, Unsupported
from drivers.serial import port as ports
from drivers.serial.errors import ModuleBusy, ModuleLocked
from drivers.serial.module import LightColour, LightMode
from drivers.serial.opening import candidates
from drivers.serial.port import Bridge, bridge_at, find_bridge, lasting_name
from drivers.serial.r30x import R30xScanner
from drivers.serial.settings import R30xSettings
from simulators.serial_faults import SerialFault
from simulators.serial_line import heard_at
from simulators.serial_module import R30xModule


class EmptySensor:
    """A scene without a finger."""

    def single_finger(self, width: int = 256, height: int = 288) -> Image | None:
        return None


@pytest.fixture
def module(tmp_path: Path) -> Iterator[R30xModule]:
    with R30xModule(EmptySensor(), link=tmp_path / "ttyFINGER") as module:
        yield module


def scanner(module: R30xModule, **settings: object) -> R30xScanner:
    values = {"port": module.path, **settings}
    return R30xScanner("desk", R30xSettings.model_validate(values))


async def seconds_to_connect(device: R30xScanner) -> float:
    started = time.monotonic()
    await device.connect()
    elapsed = time.monotonic() - started
    await device.close()
    return elapsed


async def test_the_expected_speed_is_found_at_once(module: R30xModule) -> None:
    elapsed = min([await seconds_to_connect(scanner(module)) for _ in range(3)])
    print(f"connect at the expected speed: {elapsed * 1000:.1f} ms")
    assert elapsed < 0.3


@pytest.mark.parametrize("baud", [9600, 19200, 38400, 115200])
async def test_another_usual_speed_is_found(module: R30xModule, baud: int) -> None:
    module.model.baud = baud
    async with scanner(module) as device:
        assert (await device.self_test()).facts["baud"] == baud


async def test_the_configured_speed_is_tried_first(module: R30xModule) -> None:
    module.model.baud = 28800  # not among the probed ones
    assert await seconds_to_connect(scanner(module, baud=28800)) < 1.0
    with pytest.raises(ConnectFailed, match="at 57600, 115200"):
        await scanner(module).connect()


async def test_a_module_at_another_speed_than_configured_is_found(module: R30xModule) -> None:
    async with scanner(module, baud=115200) as device:
        assert (await device.self_test()).facts["baud"] == 57600


def test_speeds_are_tried_in_order_and_once() -> None:
    assert candidates(0) == (57600, 115200, 9600, 19200, 38400)
    assert candidates(9600) == (9600, 57600, 115200, 19200, 38400)
    assert candidates(28800)[0] == 28800


async def test_a_module_that_was_just_switched_on_is_waited_for(module: R30xModule) -> None:
    module.faults.inject(SerialFault.POWER_UP)
    elapsed = await seconds_to_connect(scanner(module))
    assert 0.25 < elapsed < 1.0


@pytest.mark.parametrize("baud", [9600, 28800, 115200])
async def test_both_ends_change_their_speed(module: R30xModule, baud: int) -> None:
    async with scanner(module) as device:
        assert await device.change_baud(baud) == baud
        assert module.model.baud == baud
        assert (await device.self_test()).facts["baud"] == baud
    module.start()  # the speed outlives a power loss
    async with scanner(module, baud=baud) as device:
        assert (await device.self_test()).passed


async def test_a_change_of_speed_that_the_flash_refuses_leaves_the_old_one(
    module: R30xModule,
) -> None:
    module.faults.inject(SerialFault.FLASH_ERROR)
    async with scanner(module) as device:
        with pytest.raises(DeviceError):
            await device.change_baud(115200)
        await device.check()
        assert module.model.baud == 57600


async def test_a_module_that_stays_at_the_old_speed_is_found_there(module: R30xModule) -> None:
    module.faults.inject(SerialFault.BAUD_MISMATCH)  # it runs at 115200
    async with scanner(module, baud=115200) as device:
        assert await device.change_baud(9600) == 115200
        assert device.state is State.READY


def test_another_speed_makes_garbage_of_bytes() -> None:
    sent = bytes.fromhex("EF01FFFFFFFF010003010005")
    assert heard_at(sent, 57600, 57600) == sent
    for speed in (9600, 19200, 38400, 115200):
        heard = heard_at(sent, 57600, speed)
        assert b"\xef\x01" not in heard
        # a fast receiver hears a level of a slow sender several times, a slow one misses some
        assert heard
    assert heard_at(b"\x00", 9600, 10000) == b"\x00"
    assert heard_at(b"\x55", 57600, 58000) == b"\x55"


async def test_a_stuck_module_is_no_connection(module: R30xModule) -> None:
    module.faults.inject(SerialFault.STUCK_BUSY)
    with pytest.raises(ModuleBusy):
        await scanner(module).connect()


async def test_a_module_that_becomes_free_is_a_connection(module: R30xModule) -> None:
    module.faults.inject(SerialFault.STUCK_BUSY)
    device = scanner(module)
    connecting = asyncio.create_task(device.connect())
    await asyncio.sleep(0.05)
    module.faults.clear()
    await connecting
    await device.close()


async def test_a_password_is_named(module: R30xModule) -> None:
    module.faults.inject(SerialFault.WRONG_PASSWORD)
    with pytest.raises(ModuleLocked):
        await scanner(module).connect()


async def test_unplugging_is_noticed_by_a_look(module: R30xModule) -> None:
    async with scanner(module) as device:
        await device.check()
        module.faults.inject(SerialFault.UNPLUG)
        started = time.monotonic()
        with pytest.raises(DeviceError):
            await device.check()
        assert time.monotonic() - started < 0.5
        assert device.state is State.LOST
        module.faults.clear()
        started = time.monotonic()
        await device.connect()
        assert time.monotonic() - started < 1.0


async def test_a_look_ends_early_when_a_verb_comes(module: R30xModule) -> None:
    async with scanner(module) as device:
        module.faults.inject(SerialFault.SILENT)
        looking = asyncio.create_task(device.check(timeout=1.0))
        await asyncio.sleep(0.02)
        module.faults.clear()
        started = time.monotonic()
        assert (await device.self_test()).passed
        assert time.monotonic() - started < 0.6
        await looking
        assert device.state is State.READY


async def test_an_r503_has_a_light_and_restarts(tmp_path: Path) -> None:
    with R30xModule(EmptySensor(), link=tmp_path / "tty", has_light=True) as module:
        async with scanner(module, model="R503") as device:
            assert "light" in device.info.capabilities
            await device.run(
                lambda commands, call: commands.light(LightMode.FLASH, LightColour.PURPLE, call)
            )
            assert module.model.light == bytes([2, 0x80, 3, 0])
            module.model.buffers[1] = b"lost in a restart"
            await device.run(lambda commands, call: commands.restart(call))
            assert module.model.buffers == {}
            assert (await device.self_test()).passed


async def test_a_module_without_a_light_refuses(module: R30xModule) -> None:
    async with scanner(module) as device:
        with pytest.raises(Unsupported):
            await device.run(
                lambda commands, call: commands.light(LightMode.ON, LightColour.RED, call)
            )
        assert device.state is State.READY


@pytest.mark.parametrize(
    "values", [{}, {"port": "/dev/null", "usb_serial": "A1"}, {"usb_serial": "A1", "usb_path": "1"}]
)
def test_a_module_has_exactly_one_address(values: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="exactly one"):
        R30xSettings.model_validate(values)


class UsbTree:
    """What the kernel would tell of the bridges that are plugged in."""

    def __init__(self) -> None:
        self.bridges: list[SimpleNamespace] = []

    def plug(self, device: str, serial_number: str | None, location: str | None) -> None:
        entry = SimpleNamespace(device=device, serial_number=serial_number, location=location)
        self.bridges.append(entry)

    def comports(self) -> list[SimpleNamespace]:
        return self.bridges


@pytest.fixture
def tree(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> UsbTree:
    tree = UsbTree()
    monkeypatch.setattr(list_ports, "comports", tree.comports)
    for name in ("BY_ID", "BY_PATH"):
        folder = tmp_path / name
        folder.mkdir()
        monkeypatch.setattr(ports, name, folder)
    return tree


async def test_a_module_is_found_again_on_another_port(tree: UsbTree) -> None:
    with R30xModule(EmptySensor()) as module:
        tree.plug("/dev/ttyS9", None, None)
        tree.plug(module.terminal, "A10K7XYZ", "1-2:1.0")
        device = R30xScanner("desk", R30xSettings(usb_serial="A10K7XYZ"))
        first = await device.connect()
        assert first.serial == "A10K7XYZ-0009-FFFFFFFF-200"
        before = module.terminal
        module.faults.inject(SerialFault.REPLUG_ELSEWHERE)
        tree.bridges.clear()
        tree.plug(module.terminal, "A10K7XYZ", "3-1.4:1.0")
        with pytest.raises(DeviceError):
            await device.check()
        assert device.state is State.LOST
        assert await device.connect() == first
        assert module.terminal != before
        await device.close()


@pytest.mark.parametrize("usb_path", ["1-2", "1-2:1.0", "pci-0000:00:14.0-usb-0:2:1.0"])
async def test_a_module_is_found_by_its_place(tree: UsbTree, usb_path: str) -> None:
    with R30xModule(EmptySensor()) as module:
        tree.plug("/dev/ttyS9", None, "1-3:1.0")
        tree.plug(module.terminal, None, "1-2:1.0")
        name = "pci-0000:00:14.0-usb-0:2:1.0-port0"
        (ports.BY_PATH / name).symlink_to(module.terminal)
        async with R30xScanner("desk", R30xSettings(usb_path=usb_path)) as device:
            assert device.info.serial == "0009-FFFFFFFF-200"  # this bridge has no serial number


def test_a_bridge_that_is_absent_or_twice_there_is_an_error(tree: UsbTree) -> None:
    with pytest.raises(ConnectFailed, match="0 serial bridges"):
        find_bridge("desk", "A1", "")
    tree.plug("/dev/ttyUSB0", "A1", "1-1")
    assert find_bridge("desk", "A1", "") == Bridge("/dev/ttyUSB0", "A1", "1-1")
    tree.plug("/dev/ttyUSB1", "A1", "1-2")
    with pytest.raises(ConnectFailed, match="2 serial bridges"):
        find_bridge("desk", "A1", "")


def test_a_link_that_outlives_replugging_is_preferred(tree: UsbTree, tmp_path: Path) -> None:
    port = tmp_path / "ttyUSB0"
    port.touch()
    assert lasting_name(str(port)) == str(port)
    link = ports.BY_ID / "usb-FTDI_FT232R_A1-if00-port0"
    link.symlink_to(port)
    assert lasting_name(str(port)) == str(link)
    tree.plug(str(port), "A1", "1-1")
    assert bridge_at(str(link)).serial_number == "A1"
    assert bridge_at("/dev/null") == Bridge("/dev/null")


async def test_a_stranger_at_the_wrong_speed_hears_garbage_only(module: R30xModule) -> None:
    with serial.Serial(module.path, 9600, timeout=0.1) as stranger:
        stranger.write(bytes.fromhex("EF01FFFFFFFF010003010005"))
        assert b"\xef\x01" not in stranger.read(12)

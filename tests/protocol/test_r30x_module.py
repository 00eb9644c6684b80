from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import serial

from drivers.errors import (
    ConnectFailed,
    DeviceBusy,
    DeviceError,
    DeviceRefused,
    DeviceTimeout,
    Disconnected,
    ProtocolError,
    Unsupported,
)
from drivers.positions import Finger, Slap
from drivers.serial.packet import Packet, PacketKind
from drivers.serial.r30x import R30xScanner
from drivers.serial.settings import R30xSettings
from drivers.values import NO_ATTESTATION, FingerRequest, Image, SlapRequest, State
from simulators.serial_faults import SerialFault
from simulators.serial_model import NOISY_PIXELS
from simulators.serial_module import R30xModule

INDEX = FingerRequest(Finger.RIGHT_INDEX)


class Sensor:
    """A scene in which one known picture lies on the sensor, or nothing."""

    def __init__(self) -> None:
        picture = np.random.default_rng(3).integers(0, 256, (288, 256), dtype=np.uint8)
        self.finger: Image | None = picture
        self.looks = 0

    def single_finger(self, width: int = 256, height: int = 288) -> Image | None:
        assert (width, height) == (256, 288)
        self.looks += 1
        return self.finger


@pytest.fixture
def sensor() -> Sensor:
    return Sensor()


@pytest.fixture
def module(sensor: Sensor, tmp_path: Path) -> Iterator[R30xModule]:
    with R30xModule(sensor, link=tmp_path / "ttyFINGER") as module:
        yield module


def scanner(module: R30xModule) -> R30xScanner:
    return R30xScanner("desk", R30xSettings(port=module.path))


async def looked_at(sensor: Sensor, times: int) -> None:
    """Return when the module has looked at its sensor so often."""
    for _ in range(500):
        if sensor.looks >= times:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"the sensor was looked at {sensor.looks} times only")


async def noted(device: R30xScanner, text: str) -> None:
    """Return when the flight recorder holds an entry with this text."""
    for _ in range(500):
        if any(text in entry.text for entry in device.recorder.dump()):
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"never noted: {text}")


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_identity_is_made_of_the_parameters(module: R30xModule) -> None:
    async with scanner(module) as device:
        assert device.info.serial == "0009-FFFFFFFF-200"
        assert device.info.firmware == "0009"
        assert "preview" not in device.info.capabilities


async def test_self_test_tells_the_facts(module: R30xModule) -> None:
    module.model.library = {0: b"one", 1: b"two", 199: b"three"}
    async with scanner(module) as device:
        result = await device.self_test()
    assert result.passed
    assert result.facts == {
        "echo": "55",
        "system_id": "0009",
        "status": 0,
        "capacity": 200,
        "templates": 3,
        "security_level": 3,
        "packet_bytes": 128,
        "baud": 57600,
    }


async def test_the_picture_arrives_with_its_upper_four_bits(
    module: R30xModule, sensor: Sensor
) -> None:
    async with scanner(module) as device:
        capture = await device.capture(INDEX)
    (sample,) = capture.samples
    assert sensor.finger is not None
    assert module.model.image is not None
    assert np.array_equal(sample.image, module.model.image)
    off = np.abs(sample.image.astype(int) - (sensor.finger >> 4) * 17)
    assert np.count_nonzero(off) == NOISY_PIXELS
    assert off.max() == 17
    assert sample.resolution_ppi == 500
    assert sample.record is None
    assert sample.scores == ()
    assert capture.attestation is NO_ATTESTATION


async def test_an_image_takes_less_than_a_fifth_of_a_second(module: R30xModule) -> None:
    async with scanner(module) as device:
        await device.capture(INDEX)
        durations = []
        for _ in range(5):
            started = time.perf_counter()
            await device.capture(INDEX)
            durations.append(time.perf_counter() - started)
    print(f"unpaced capture: best {min(durations) * 1000:.1f} ms")
    assert min(durations) < 0.2


async def test_capture_waits_for_a_finger(module: R30xModule, sensor: Sensor) -> None:
    picture, sensor.finger = sensor.finger, None
    async with scanner(module) as device:
        running = asyncio.create_task(device.capture(INDEX))
        await looked_at(sensor, 2)
        assert not running.done()
        sensor.finger = picture
        assert (await running).samples[0].position is Finger.RIGHT_INDEX


async def test_nobody_comes(module: R30xModule, sensor: Sensor) -> None:
    sensor.finger = None
    async with scanner(module) as device:
        with pytest.raises(DeviceTimeout):
            await device.capture(INDEX, timeout=0.3)
        assert device.state is State.READY


async def test_finger_present(module: R30xModule, sensor: Sensor) -> None:
    async with scanner(module) as device:
        assert await device.finger_present()
        module.faults.inject(SerialFault.IMAGE_FAILED)
        assert await device.finger_present()
        sensor.finger = None
        assert not await device.finger_present()


async def test_slaps_and_preview_are_unsupported(module: R30xModule) -> None:
    async with scanner(module) as device:
        with pytest.raises(Unsupported):
            await device.capture(SlapRequest(Slap.RIGHT_FOUR))
        with pytest.raises(Unsupported):
            await device.start_preview(INDEX)
        assert device.state is State.READY


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (SerialFault.SILENT, DeviceTimeout),
        (SerialFault.TRUNCATED, DeviceTimeout),
        (SerialFault.WRONG_CHECKSUM, ProtocolError),
        (SerialFault.WRONG_ADDRESS, ProtocolError),
        (SerialFault.IMAGE_FAILED, DeviceTimeout),
        (SerialFault.HALF_IMAGE, ProtocolError),
    ],
)
async def test_a_fault_has_its_error_and_is_overcome_when_it_ends(
    module: R30xModule, fault: SerialFault, error: type[DeviceError]
) -> None:
    async with scanner(module) as device:
        module.faults.inject(fault)
        with pytest.raises(error) as caught:
            await device.capture(INDEX, timeout=0.8)
        assert type(caught.value) is error
        assert device.state is State.READY
        module.faults.clear()
        assert (await device.capture(INDEX)).samples


async def test_a_failed_image_is_noted_and_tried_again(module: R30xModule) -> None:
    module.faults.inject(SerialFault.IMAGE_FAILED)
    async with scanner(module) as device:
        running = asyncio.create_task(device.capture(INDEX))
        await noted(device, "03 image failed")
        module.faults.clear()
        assert (await running).samples


async def test_stray_bytes_are_harmless(module: R30xModule) -> None:
    module.faults.inject(SerialFault.STRAY_BYTES)
    async with scanner(module) as device:
        assert (await device.self_test()).passed
        assert (await device.capture(INDEX)).samples


async def test_the_power_up_byte_is_harmless(module: R30xModule) -> None:
    module.faults.inject(SerialFault.POWER_UP)
    module.start()
    async with scanner(module) as device:
        assert device.state is State.READY
        assert (await device.self_test()).passed


async def test_unplugged_in_the_middle_of_an_image(module: R30xModule) -> None:
    async with scanner(module) as device:
        module.faults.inject(SerialFault.UNPLUG_IN_IMAGE)
        with pytest.raises(Disconnected):
            await device.capture(INDEX)
        assert device.state is State.LOST
        with pytest.raises(ConnectFailed):
            await device.connect()
        module.faults.clear()
        await device.connect()
        assert (await device.capture(INDEX)).samples


async def test_a_silent_port_is_no_module(module: R30xModule) -> None:
    module.faults.inject(SerialFault.SILENT)
    with pytest.raises(ConnectFailed, match="at 57600, 115200, 9600"):
        await scanner(module).connect()


async def test_a_port_with_another_device_is_no_module(module: R30xModule) -> None:
    module.faults.inject(SerialFault.WRONG_CHECKSUM)
    with pytest.raises(ConnectFailed, match="no R30x module"):
        await scanner(module).connect()


async def test_a_connect_that_runs_out_of_time_says_so(module: R30xModule) -> None:
    module.faults.inject(SerialFault.SILENT)
    with pytest.raises(DeviceTimeout):
        await scanner(module).connect(timeout=0.2)


async def test_a_changed_password_is_a_refusal(module: R30xModule) -> None:
    module.model.password = b"\x00\x00\x00\x01"
    device = scanner(module)
    with pytest.raises(DeviceRefused) as caught:
        await device.connect()
    assert caught.value.device_code == "13"
    module.model.password = bytes(4)
    await device.connect()
    await device.close()


async def test_a_port_has_one_owner(module: R30xModule) -> None:
    async with scanner(module):
        with pytest.raises(DeviceBusy):
            await scanner(module).connect()


@pytest.mark.parametrize("name", ["nothing", "."])
async def test_a_path_that_is_no_port(tmp_path: Path, name: str) -> None:
    device = R30xScanner("desk", R30xSettings(port=str(tmp_path / name)))
    with pytest.raises(ConnectFailed):
        await device.connect()


async def test_a_file_is_no_port(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"")
    with pytest.raises(ConnectFailed):
        await R30xScanner("desk", R30xSettings(port=str(path))).connect()


@pytest.mark.parametrize("baud", [-9600, 300, 57601, 124800])
def test_baud_rates_the_module_does_not_know_are_refused(baud: int) -> None:
    with pytest.raises(ValueError, match="baud"):
        R30xSettings(port="/dev/null", baud=baud)


async def test_no_file_stays_open(module: R30xModule) -> None:
    async def use() -> None:
        async with scanner(module) as device:
            await device.capture(INDEX)
            module.stop()
            with pytest.raises(Disconnected):
                await device.self_test()
        with pytest.raises(ConnectFailed):
            await scanner(module).connect()
        module.start()

    await use()
    before = open_files()
    for _ in range(3):
        await use()
    assert open_files() == before


async def test_abandoned_upload_does_not_reach_the_next_owner(module: R30xModule) -> None:
    with serial.Serial(module.path, 57600, timeout=0.5) as port:
        port.write(Packet(PacketKind.COMMAND, b"\x01").encode())
        assert port.read(12)
        port.write(Packet(PacketKind.COMMAND, b"\x0a").encode())
        assert port.read(500)
    async with scanner(module) as device:
        assert (await device.capture(INDEX)).samples

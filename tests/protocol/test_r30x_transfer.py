"""Pictures over the line: at each packet size and speed, and how much of the line is used."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from drivers.api import Finger, FingerRequest, Image
from drivers.serial.errors import StaleImage, WrongPixelOrder
from drivers.serial.picture import IMAGE_BYTES, has_swapped_pixels
from drivers.serial.r30x import R30xScanner
from drivers.serial.settings import R30xSettings
from simulators.people.person import Person
from simulators.scene import Scene
from simulators.serial_faults import SerialFault
from simulators.serial_line import seconds_on_line
from simulators.serial_module import R30xModule

INDEX = FingerRequest(Finger.RIGHT_INDEX)
PACKET_OVERHEAD = 11
LEAST_USE = 0.97


class Sensor:
    """A finger lies there all the time."""

    def __init__(self) -> None:
        picture = Scene(Person(7002)).single_finger()
        assert picture is not None
        self.picture = picture

    def single_finger(self, width: int = 256, height: int = 288) -> Image | None:
        return self.picture


@pytest.fixture(scope="module")
def sensor() -> Sensor:
    return Sensor()


@pytest.fixture
def module(sensor: Sensor, tmp_path: Path) -> Iterator[R30xModule]:
    with R30xModule(sensor, link=tmp_path / "ttyFINGER") as module:
        yield module


def scanner(module: R30xModule) -> R30xScanner:
    return R30xScanner("desk", R30xSettings(port=module.path, baud=module.model.baud))


@pytest.mark.parametrize("packet_bytes", [32, 64, 128, 256])
@pytest.mark.parametrize("baud", [9600, 57600, 115200])
async def test_a_picture_is_the_same_at_every_packet_size_and_speed(
    module: R30xModule, packet_bytes: int, baud: int
) -> None:
    async with scanner(module) as device:
        await device.change_baud(baud)
        await device.run(lambda commands, call: commands.set_packet_bytes(packet_bytes, call))
        (sample,) = (await device.capture(INDEX)).samples
        assert module.model.image is not None
        assert np.array_equal(sample.image, module.model.image)
        parameters = await device.run(lambda commands, call: commands.parameters(call))
        assert (parameters.baud, parameters.packet_bytes) == (baud, packet_bytes)


async def test_the_line_is_used_to_97_percent(sensor: Sensor, tmp_path: Path) -> None:
    with R30xModule(sensor, link=tmp_path / "tty", paced=True, baud=115200) as module:
        async with scanner(module) as device:
            started = time.monotonic()
            await device.capture(INDEX)
            elapsed = time.monotonic() - started
    packets = IMAGE_BYTES // 128
    least = seconds_on_line(IMAGE_BYTES + packets * PACKET_OVERHEAD, 115200)
    print(f"image at 115200: {elapsed:.3f} s, {least / elapsed:.1%} of the line")
    assert least / elapsed >= LEAST_USE


async def test_a_slow_line_can_be_left_at_once(sensor: Sensor, tmp_path: Path) -> None:
    with R30xModule(sensor, link=tmp_path / "tty", paced=True, baud=9600) as module:
        device = scanner(module)
        await device.connect()
        started = time.monotonic()
        await device.close()
        assert time.monotonic() - started < 0.5


async def test_the_same_picture_twice_is_no_capture(module: R30xModule) -> None:
    async with scanner(module) as device:
        await device.capture(INDEX)
        module.faults.inject(SerialFault.STALE_IMAGE)
        with pytest.raises(StaleImage):
            await device.capture(INDEX)
        module.faults.clear()
        assert (await device.capture(INDEX)).samples


async def test_pixels_in_the_wrong_order_are_no_capture(module: R30xModule) -> None:
    async with scanner(module) as device:
        module.faults.inject(SerialFault.SWAPPED_NIBBLES)
        with pytest.raises(WrongPixelOrder):
            await device.capture(INDEX)
        module.faults.clear()
        assert (await device.capture(INDEX)).samples


def test_only_ridges_tell_the_order_of_pixels(sensor: Sensor) -> None:
    picture = sensor.picture
    swapped = picture.reshape(288, 128, 2)[:, :, ::-1].reshape(288, 256)
    assert not has_swapped_pixels(picture)
    assert has_swapped_pixels(swapped)
    noise = np.random.default_rng(1).integers(0, 256, (288, 256), dtype=np.uint8)
    assert not has_swapped_pixels(noise)
    assert not has_swapped_pixels(np.full((288, 256), 200, np.uint8))

"""The OpenCV iris camera over a lossless stream: bit exact, each eye its sharpest, unscaled."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from drivers.api import Eye, FaceRequest, IrisRequest, State
from drivers.camera.errors import PictureFrozen
from drivers.camera.link import Link
from drivers.errors import ConnectFailed, Unsupported
from drivers.values import Image
from simulators.stream_camera import StreamCamera
from tests.protocol.camera_scenes import (
    EYE_HEIGHT,
    EYE_WIDTH,
    NumberedEyes,
    NumberedScene,
    grabber,
    iris_driver,
    read_eye_number,
    until,
)


@pytest.fixture
def camera() -> Iterator[StreamCamera]:
    with StreamCamera(NumberedScene(), fps=60, eyes=NumberedEyes()) as running:
        yield running


def sent(camera: StreamCamera) -> list[Image]:
    """The last pictures of both eyes, as the camera sent them."""
    shape = (EYE_HEIGHT, 2 * EYE_WIDTH)
    return [np.frombuffer(data, np.uint8).reshape(shape) for data in camera.recent_eyes()]


async def test_pixels_are_those_that_the_camera_sent(camera: StreamCamera) -> None:
    async with iris_driver(camera) as device:
        right, left = (await device.capture(IrisRequest())).samples
        pictures = sent(camera)
    assert (right.position, left.position) == (Eye.RIGHT, Eye.LEFT)
    assert any(np.array_equal(picture[:, :EYE_WIDTH], right.image) for picture in pictures)
    assert any(np.array_equal(picture[:, EYE_WIDTH:], left.image) for picture in pictures)
    assert right.resolution_ppi == left.resolution_ppi == 0


async def test_record_is_lossless(camera: StreamCamera) -> None:
    async with iris_driver(camera) as device:
        samples = (await device.capture(IrisRequest())).samples
    for sample in samples:
        assert sample.record is not None
        assert sample.record.codec == "PNG"
        assert sample.record.data == sample.record.image_bytes
        data = np.frombuffer(sample.record.data, np.uint8)
        decoded = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
        assert decoded is not None
        assert np.array_equal(decoded, sample.image)


async def test_each_eye_takes_its_own_sharpest_picture() -> None:
    eyes = NumberedEyes(sharp_right=3, sharp_left=4)
    with StreamCamera(NumberedScene(), fps=60, eyes=eyes) as camera:
        async with iris_driver(camera) as device:
            right, left = (await device.capture(IrisRequest())).samples
    assert read_eye_number(right.image) % 3 == 0
    assert read_eye_number(left.image) % 4 == 0


async def test_one_eye_of_a_picture_of_both(camera: StreamCamera) -> None:
    async with iris_driver(camera) as device:
        (left,) = (await device.capture(IrisRequest((Eye.LEFT,)))).samples
        pictures = sent(camera)
    assert left.position is Eye.LEFT
    assert left.image.shape == (EYE_HEIGHT, EYE_WIDTH)
    assert any(np.array_equal(picture[:, EYE_WIDTH:], left.image) for picture in pictures)


class TestSingleEye:
    async def test_whole_picture_is_the_eye_that_was_asked_for(self, camera: StreamCamera) -> None:
        async with iris_driver(camera, source=camera.eye_url, eyes="one") as device:
            for eye in (Eye.RIGHT, Eye.LEFT):
                camera.set_controls(eye=eye.name.lower())
                (sample,) = (await device.capture(IrisRequest((eye,)))).samples
                assert sample.position is eye
                assert sample.image.shape == (EYE_HEIGHT, EYE_WIDTH)

    @pytest.mark.parametrize("eyes", [(), (Eye.RIGHT, Eye.LEFT)])
    async def test_other_numbers_of_eyes_are_refused(
        self, camera: StreamCamera, eyes: tuple[Eye, ...]
    ) -> None:
        async with iris_driver(camera, source=camera.eye_url, eyes="one") as device:
            with pytest.raises(Unsupported):
                await device.capture(IrisRequest(eyes))
            assert device.state is State.READY


async def test_odd_picture_of_both_eyes_is_not_connected() -> None:
    image = np.random.default_rng(1).integers(0, 255, (121, 161), np.uint8)
    with StreamCamera(
        NumberedScene(), fps=60, eyes=lambda index: image ^ np.uint8(index)
    ) as camera:
        with pytest.raises(ConnectFailed, match="halved"):
            await iris_driver(camera).connect()


async def test_face_request_is_refused(camera: StreamCamera) -> None:
    async with iris_driver(camera) as device:
        with pytest.raises(Unsupported):
            await device.start_preview(FaceRequest())


async def test_frozen_grey_picture_is_noticed(camera: StreamCamera) -> None:
    async with iris_driver(camera) as device:
        camera.faults.inject("frozen")
        assert await until(lambda: grabber(device).link is Link.FROZEN, 3.0) < 1.2
        with pytest.raises(PictureFrozen):
            await device.check()


async def test_dark_eyes_are_a_picture_and_a_failed_self_test(camera: StreamCamera) -> None:
    camera.set_controls(led=False, ambient=0.0)
    async with iris_driver(camera) as device:
        await device.capture(IrisRequest())
        result = await device.self_test()
    assert not result.passed
    assert result.facts["picture"] == "black"


async def test_a_dead_camera_does_not_hold_up_the_other_one(camera: StreamCamera) -> None:
    with StreamCamera(NumberedScene(), fps=60, eyes=NumberedEyes()) as dead:
        dead.faults.inject("stalled")
        waiting = asyncio.create_task(iris_driver(dead).connect(timeout=1.0))
        await asyncio.sleep(0.05)
        living = iris_driver(camera)
        took = await _seconds_to_connect(living)
        assert took < 0.7  # OpenCV alone would open one stream at a time
        await living.close()
        with pytest.raises(Exception, match="DEV-"):
            await waiting


async def _seconds_to_connect(device: object) -> float:
    from drivers.camera.iris import OpenCvIrisCamera

    assert isinstance(device, OpenCvIrisCamera)
    started = asyncio.get_running_loop().time()
    await device.connect()
    return asyncio.get_running_loop().time() - started

"""The OpenCV camera driver over a real stream: freshness, faults, original bytes, the burst."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from drivers.api import Eye, FaceRequest, IrisRequest, State
from drivers.camera.grabber import FrameGrabber
from drivers.camera.link import Link
from drivers.camera.inspection import sharpness
from drivers.camera.jpeg import decode_jpeg, is_whole_jpeg
from drivers.camera.opencv import OpenCvCamera
from drivers.camera.settings import OpenCvSettings
from drivers.camera.streaming import OLDEST_FRAME_S
from drivers.errors import (
    ConnectFailed,
    PictureFrozen,
    PictureStopped,
    Disconnected,
    ProtocolError,
    Unsupported,
)
from simulators.stream_camera import StreamCamera
from tests.protocol.camera_scenes import (
    HEIGHT,
    WIDTH,
    NumberedScene,
    SometimesSharpScene,
    StillScene,
    read_number,
)


def driver(camera: StreamCamera, **changes: object) -> OpenCvCamera:
    values: dict[str, object] = {"source": camera.url, "serial": "SIM-7", "model": "sim"}
    return OpenCvCamera("face", OpenCvSettings.model_validate(values | changes))


def grabber(device: OpenCvCamera) -> FrameGrabber:
    running = device._grabber
    assert running is not None
    return running


async def until(condition: Callable[[], bool], timeout: float) -> float:
    """Wait for a condition and return the seconds it took."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < timeout, f"not within {timeout} s"
        await asyncio.sleep(0.01)
    return time.monotonic() - started


@pytest.fixture
def scene() -> NumberedScene:
    return NumberedScene()


@pytest.fixture
def camera(scene: NumberedScene) -> Iterator[StreamCamera]:
    with StreamCamera(scene, fps=60) as running:
        yield running


class TestPicture:
    async def test_first_frame_comes_within_two_seconds(self, camera: StreamCamera) -> None:
        device = driver(camera)
        started = time.monotonic()
        info = await device.connect()
        assert time.monotonic() - started < 2.0
        assert (info.model, info.serial) == ("sim", "SIM-7")
        await device.close()

    async def test_slow_reader_gets_fresh_frames(
        self, camera: StreamCamera, scene: NumberedScene
    ) -> None:
        ages_s = []
        async with driver(camera) as device:
            await device.start_preview(FaceRequest())
            await until(lambda: device.latest() is not None, 2.0)
            for _ in range(20):
                await asyncio.sleep(0.05)
                frame = device.latest()
                assert frame is not None
                ages_s.append(time.monotonic() - scene.made_at[read_number(frame.image)])
        assert np.percentile(ages_s, 95) < 0.2

    async def test_original_bytes_are_what_the_camera_sent(self, camera: StreamCamera) -> None:
        async with driver(camera) as device:
            (sample,) = (await device.capture(FaceRequest(burst=3))).samples
            sent = camera.recent_jpegs()
        assert sample.record is not None
        assert sample.record.image_bytes in sent
        assert sample.record.data == sample.record.image_bytes
        decoded = decode_jpeg(sample.record.image_bytes)
        assert decoded is not None
        assert np.array_equal(decoded, sample.image)

    async def test_capture_takes_frames_made_after_the_call(
        self, camera: StreamCamera, scene: NumberedScene
    ) -> None:
        async with driver(camera) as device:
            for _ in range(2):
                called_at = time.monotonic()
                (sample,) = (await device.capture(FaceRequest(burst=2))).samples
                made_at = scene.made_at[read_number(sample.image)]
                assert made_at > called_at - OLDEST_FRAME_S

    async def test_burst_chooses_the_sharp_frame(self) -> None:
        scene = SometimesSharpScene(every=3)
        with StreamCamera(scene, fps=60) as camera:
            async with driver(camera) as device:
                (sample,) = (await device.capture(FaceRequest(burst=12))).samples
        assert read_number(sample.image) % scene.every == 0
        assert sample.scores[0] == sharpness(sample.image)

    async def test_capture_works_during_the_preview(self, camera: StreamCamera) -> None:
        async with driver(camera) as device:
            await device.start_preview(FaceRequest())
            await device.capture(FaceRequest(burst=2))
            before = grabber(device).sequence
            await until(lambda: (f := device.latest()) is not None and f.sequence > before, 2.0)

    async def test_capture_without_preview_shows_nothing(self, camera: StreamCamera) -> None:
        async with driver(camera) as device:
            await device.capture(FaceRequest(burst=2))
            assert device.latest() is None
            assert grabber(device).newer_than(0, 0.0) is None

    async def test_frame_numbers_grow_over_a_reconnection(self, camera: StreamCamera) -> None:
        device = driver(camera)
        numbers = []
        for _ in range(2):
            await device.connect()
            await device.start_preview(FaceRequest())
            await until(lambda: device.latest() is not None, 2.0)
            frame = device.latest()
            assert frame is not None
            numbers.append(frame.sequence)
            await device.close()
            assert device.latest() is None
        assert numbers[1] > numbers[0]

    async def test_self_test_tells_size_and_rate(self, camera: StreamCamera) -> None:
        async with driver(camera, fps=60) as device:
            result = await device.self_test()
        assert result.passed
        assert (result.facts["width_px"], result.facts["height_px"]) == (WIDTH, HEIGHT)
        assert 20 < float(result.facts["fps_measured"]) < 80
        assert result.facts["reopened"] == 0

    async def test_self_test_fails_a_camera_that_is_too_slow(self, scene: NumberedScene) -> None:
        with StreamCamera(scene, fps=20) as camera:
            async with driver(camera, fps=60) as device:
                assert not (await device.self_test()).passed

    @pytest.mark.parametrize("burst", [0, -1, 33, 10_000])
    async def test_impossible_burst_is_refused(self, camera: StreamCamera, burst: int) -> None:
        async with driver(camera) as device:
            with pytest.raises(Unsupported):
                await device.capture(FaceRequest(burst=burst))
            assert device.state is State.READY

    async def test_preview_for_another_device_is_refused(self, camera: StreamCamera) -> None:
        async with driver(camera) as device:
            with pytest.raises(Unsupported):
                await device.start_preview(IrisRequest((Eye.LEFT,)))


class TestFaults:
    async def test_stall_is_seen_within_a_second_and_heals_alone(
        self, camera: StreamCamera
    ) -> None:
        async with driver(camera) as device:
            camera.set_faults(stalled=True)
            assert await until(lambda: grabber(device).link is Link.SILENT, 2.0) < 1.0
            with pytest.raises(DeviceTimeout):
                await device.capture(FaceRequest(burst=1), timeout=0.1)
            assert device.state is State.READY
            camera.set_faults(stalled=False)
            await device.capture(FaceRequest(burst=1))
            assert (await device.self_test()).facts["reopened"] == 1

    @pytest.mark.parametrize("fault", ["closing", "refusing"])
    async def test_ended_stream_heals_alone(self, camera: StreamCamera, fault: str) -> None:
        async with driver(camera) as device:
            camera.set_faults(**{fault: True})
            await until(lambda: grabber(device).link is Link.GONE, 2.0)
            camera.set_faults(**{fault: False})
            await device.capture(FaceRequest(burst=1))
            assert grabber(device).counters.reopened == 1
            assert device.state is State.READY

    async def test_camera_that_stays_away_is_lost(self, camera: StreamCamera) -> None:
        async with driver(camera) as device:
            await device.start_preview(FaceRequest())
            running = grabber(device)
            camera.set_faults(refusing=True)
            with pytest.raises(Disconnected):
                await device.capture(FaceRequest(burst=1), timeout=0.5)
            assert device.state is State.LOST
            camera.set_faults(refusing=False)
            assert running.join(2.0)  # a lost camera does not come back by itself

    async def test_frozen_picture_is_a_stall(self, camera: StreamCamera) -> None:
        async with driver(camera) as device:
            await device.start_preview(FaceRequest())
            camera.set_faults(frozen=True)
            with pytest.raises(DeviceTimeout):
                await device.capture(FaceRequest(burst=8), timeout=1.5)
            assert grabber(device).link is Link.SILENT
            assert grabber(device).counters.repeated > 10
            camera.set_faults(frozen=False)
            await device.capture(FaceRequest(burst=8))

    async def test_broken_pictures_are_skipped(self, camera: StreamCamera) -> None:
        async with driver(camera) as device:
            camera.set_faults(garbled=True)
            await until(lambda: grabber(device).counters.garbled > 3, 2.0)
            with pytest.raises(ProtocolError, match="none of them whole"):
                await device.capture(FaceRequest(burst=1), timeout=0.2)
            camera.set_faults(garbled=False)
            (sample,) = (await device.capture(FaceRequest(burst=2))).samples
            assert sample.record is not None
            assert is_whole_jpeg(sample.record.image_bytes)

    async def test_picture_of_another_size_is_refused(self, camera: StreamCamera) -> None:
        async with driver(camera) as device:
            camera.set_faults(wrong_size=True)
            with pytest.raises(ProtocolError, match=f"{WIDTH // 2} x {HEIGHT // 2}"):
                await device.capture(FaceRequest(burst=30))
            assert device.state is State.READY

    async def test_camera_of_another_size_is_not_connected(self, camera: StreamCamera) -> None:
        device = driver(camera, width=640, height=480)
        with pytest.raises(ConnectFailed, match="expected 640 x 480"):
            await device.connect()
        assert device.state is State.CLOSED

    @pytest.mark.parametrize("faults", [{"refusing": True}, {"stalled": True}, {"garbled": True}])
    async def test_faulty_camera_is_not_connected(
        self, camera: StreamCamera, faults: dict[str, bool]
    ) -> None:
        camera.set_faults(**faults)
        device = driver(camera)
        with pytest.raises(ConnectFailed):
            await device.connect(timeout=5.0)
        assert device.state is State.CLOSED
        camera.set_faults(**dict.fromkeys(faults, False))
        await device.connect()
        await device.close()

    @pytest.mark.parametrize("fault", ["stalled", "closing", "refusing", "frozen", "garbled"])
    async def test_close_returns_within_two_seconds(self, camera: StreamCamera, fault: str) -> None:
        device = driver(camera)
        await device.connect()
        running = grabber(device)
        camera.set_faults(**{fault: True})
        await asyncio.sleep(0.05)
        started = time.monotonic()
        await device.close()
        assert time.monotonic() - started < 2.0
        assert running.join(0.0)

    async def test_picture_that_never_changes_is_no_live_picture(self) -> None:
        with StreamCamera(StillScene(), fps=60) as camera:
            async with driver(camera) as device:
                with pytest.raises(DeviceTimeout):
                    await device.capture(FaceRequest(burst=1), timeout=0.2)

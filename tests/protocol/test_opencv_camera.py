"""The OpenCV face camera over a real stream: freshness, faults, original bytes, the burst."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from drivers.api import Eye, FaceRequest, IrisRequest, State
from drivers.camera.errors import PictureBroken, PictureFrozen, PictureStopped
from drivers.camera.grabber import THREAD_PREFIX
from drivers.camera.inspection import sharpness
from drivers.camera.jpeg import decode_jpeg, is_whole_jpeg
from drivers.camera.link import Link
from drivers.camera.streaming import OLDEST_FRAME_S
from drivers.errors import ConnectFailed, Disconnected, Unsupported
from simulators.stream_camera import StreamCamera
from tests.protocol.camera_scenes import (
    FAST,
    HEIGHT,
    WIDTH,
    NumberedScene,
    SometimesSharpScene,
    StillScene,
    face_driver,
    grabber,
    read_number,
    until,
)


@pytest.fixture
def scene() -> NumberedScene:
    return NumberedScene()


@pytest.fixture
def camera(scene: NumberedScene) -> Iterator[StreamCamera]:
    with StreamCamera(scene, fps=60) as running:
        yield running


class TestPicture:
    async def test_first_frame_comes_within_two_seconds(self, camera: StreamCamera) -> None:
        device = face_driver(camera)
        started = time.monotonic()
        info = await device.connect()
        assert time.monotonic() - started < 2.0
        assert (info.model, info.serial) == ("sim", "SIM-7")
        await device.close()

    async def test_slow_reader_gets_fresh_frames(
        self, camera: StreamCamera, scene: NumberedScene
    ) -> None:
        ages_s = []
        async with face_driver(camera) as device:
            await device.start_preview(FaceRequest())
            await until(lambda: device.latest() is not None, 2.0)
            for _ in range(20):
                await asyncio.sleep(0.05)
                frame = device.latest()
                assert frame is not None
                ages_s.append(time.monotonic() - scene.made_at[read_number(frame.image)])
        assert np.percentile(ages_s, 95) < 0.2

    async def test_original_bytes_are_what_the_camera_sent(self, camera: StreamCamera) -> None:
        async with face_driver(camera) as device:
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
        async with face_driver(camera) as device:
            for _ in range(2):
                called_at = time.monotonic()
                (sample,) = (await device.capture(FaceRequest(burst=2))).samples
                made_at = scene.made_at[read_number(sample.image)]
                assert made_at > called_at - OLDEST_FRAME_S

    async def test_burst_chooses_the_sharp_frame(self) -> None:
        scene = SometimesSharpScene(every=3)
        with StreamCamera(scene, fps=60) as camera:
            async with face_driver(camera) as device:
                (sample,) = (await device.capture(FaceRequest(burst=12))).samples
        assert read_number(sample.image) % scene.every == 0
        assert sample.scores[0] == sharpness(sample.image)

    async def test_capture_works_during_the_preview(self, camera: StreamCamera) -> None:
        async with face_driver(camera) as device:
            await device.start_preview(FaceRequest())
            await device.capture(FaceRequest(burst=2))
            before = grabber(device).sequence
            await until(lambda: (f := device.latest()) is not None and f.sequence > before, 2.0)

    async def test_capture_without_preview_shows_nothing(self, camera: StreamCamera) -> None:
        async with face_driver(camera) as device:
            await device.capture(FaceRequest(burst=2))
            assert device.latest() is None
            assert grabber(device).newer_than(0, 0.0) is None

    async def test_frame_numbers_grow_over_a_reconnection(self, camera: StreamCamera) -> None:
        device = face_driver(camera)
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
        async with face_driver(camera, fps=60) as device:
            result = await device.self_test()
        assert result.passed
        assert (result.facts["width_px"], result.facts["height_px"]) == (WIDTH, HEIGHT)
        assert 20 < float(result.facts["fps_measured"]) < 80
        assert result.facts["reopened"] == 0

    async def test_self_test_fails_a_camera_that_is_too_slow(self, scene: NumberedScene) -> None:
        with StreamCamera(scene, fps=20) as camera:
            async with face_driver(camera, fps=60) as device:
                assert not (await device.self_test()).passed

    @pytest.mark.parametrize("burst", [0, -1, 33, 10_000])
    async def test_impossible_burst_is_refused(self, camera: StreamCamera, burst: int) -> None:
        async with face_driver(camera) as device:
            with pytest.raises(Unsupported):
                await device.capture(FaceRequest(burst=burst))
            assert device.state is State.READY

    async def test_preview_for_another_device_is_refused(self, camera: StreamCamera) -> None:
        async with face_driver(camera) as device:
            with pytest.raises(Unsupported):
                await device.start_preview(IrisRequest((Eye.LEFT,)))


class TestFaults:
    async def test_stall_is_seen_within_a_second_and_heals_alone(
        self, camera: StreamCamera
    ) -> None:
        async with face_driver(camera) as device:
            camera.faults.inject("stalled")
            assert await until(lambda: grabber(device).link is Link.SILENT, 2.0) < 1.0
            with pytest.raises(PictureStopped):
                await device.check()
            with pytest.raises(PictureStopped):
                await device.capture(FaceRequest(burst=1), timeout=0.1)
            assert device.state is State.READY
            camera.faults.clear("stalled")
            await device.capture(FaceRequest(burst=1))
            assert (await device.self_test()).facts["reopened"] == 1

    async def test_ended_stream_heals_alone(self, camera: StreamCamera) -> None:
        async with face_driver(camera) as device:
            camera.faults.inject("refusing")
            await until(lambda: grabber(device).link is Link.GONE, 2.0)
            camera.faults.clear("refusing")
            await device.capture(FaceRequest(burst=1))
            assert grabber(device).counters.reopened == 1
            assert device.state is State.READY

    @pytest.mark.parametrize("fault", ["refusing", "unplug", "wrong-content"])
    async def test_camera_that_stays_away_is_lost(self, camera: StreamCamera, fault: str) -> None:
        async with face_driver(camera) as device:
            await device.start_preview(FaceRequest())
            running = grabber(device)
            camera.faults.inject(fault)
            started = time.monotonic()
            with pytest.raises(Disconnected):
                await device.capture(FaceRequest(burst=1), timeout=5.0)
            assert time.monotonic() - started < 1.0  # long before the deadline
            assert device.state is State.LOST
            camera.faults.clear(fault)
            assert running.join(2.0)  # a lost camera does not come back by itself

    async def test_idle_camera_that_is_unplugged_is_noticed_within_a_second(
        self, camera: StreamCamera
    ) -> None:
        async with face_driver(camera) as device:
            await device.check()
            camera.faults.inject("unplug")
            started = time.monotonic()
            with pytest.raises(Disconnected):
                await device.check()
            assert time.monotonic() - started < 1.0
            assert device.state is State.LOST
            camera.faults.clear("unplug")
            await device.connect()
            await device.check()

    async def test_a_check_opens_nothing(self, camera: StreamCamera) -> None:
        async with face_driver(camera) as device:
            for _ in range(20):
                await device.check()
            assert grabber(device).counters.reopened == 0

    async def test_camera_is_usable_soon_after_a_long_absence(self, camera: StreamCamera) -> None:
        async with face_driver(camera, **FAST) as device:
            camera.faults.inject("stalled")
            # three failed openings: the pause has grown to its longest
            await until(lambda: grabber(device).link is Link.SILENT, 2.0)
            await asyncio.sleep(0.05)
            camera.faults.clear("stalled")
            assert await until(lambda: grabber(device).link is Link.STREAMING, 5.0) < 3.0

    async def test_frozen_picture_has_its_own_error(self, camera: StreamCamera) -> None:
        async with face_driver(camera) as device:
            await device.start_preview(FaceRequest())
            camera.faults.inject("frozen")
            assert await until(lambda: grabber(device).link is Link.FROZEN, 3.0) < 1.2
            with pytest.raises(PictureFrozen):
                await device.check()
            with pytest.raises(PictureFrozen):
                await device.capture(FaceRequest(burst=8), timeout=0.2)
            assert grabber(device).counters.repeated > 10
            camera.faults.clear("frozen")
            await device.capture(FaceRequest(burst=8))

    async def test_frozen_camera_is_recognised_after_a_reconnection(
        self, camera: StreamCamera
    ) -> None:
        device = face_driver(camera)
        await device.connect()
        camera.faults.inject("frozen")
        await until(lambda: grabber(device).counters.repeated > 1, 2.0)
        await device.close()
        for timeout in (6.0, 2.0):  # also where the time ends before the patience does
            with pytest.raises(PictureFrozen, match="again and again"):
                await device.connect(timeout)
        camera.faults.clear("frozen")
        await device.connect()
        await device.close()

    async def test_old_pictures_between_new_ones_are_left_out(self, camera: StreamCamera) -> None:
        async with face_driver(camera) as device:
            await until(lambda: len(camera.recent_jpegs()) > 25, 3.0)
            camera.faults.inject("stale")
            await until(lambda: grabber(device).counters.repeated > 3, 3.0)
            await device.start_preview(FaceRequest())
            numbers: list[int] = []
            deadline = time.monotonic() + 0.5
            while time.monotonic() < deadline:
                frame = device.latest()
                if frame is not None:
                    numbers.append(read_number(frame.image))
                await asyncio.sleep(0.01)
        assert numbers == sorted(numbers)
        assert len(set(numbers)) > 5

    @pytest.mark.parametrize("fault", ["garbled", "garbage"])
    async def test_broken_pictures_are_skipped(self, camera: StreamCamera, fault: str) -> None:
        async with face_driver(camera) as device:
            camera.faults.inject(fault)
            await until(lambda: grabber(device).counters.garbled > 3, 2.0)
            with pytest.raises(PictureBroken, match="none of them whole"):
                await device.capture(FaceRequest(burst=1), timeout=0.2)
            camera.faults.clear(fault)
            (sample,) = (await device.capture(FaceRequest(burst=2))).samples
            assert sample.record is not None
            assert is_whole_jpeg(sample.record.image_bytes)

    async def test_picture_of_another_size_is_refused(self, camera: StreamCamera) -> None:
        async with face_driver(camera) as device:
            await device.start_preview(FaceRequest())
            camera.faults.inject("wrong-size")
            with pytest.raises(PictureBroken, match=f"{WIDTH // 2} x {HEIGHT // 2}"):
                await device.capture(FaceRequest(burst=30))
            assert device.state is State.READY
            with pytest.raises(PictureBroken, match=f"{WIDTH // 2} x {HEIGHT // 2}"):
                await device.check()
            frame = device.latest()
            assert frame is None or frame.image.shape == (HEIGHT, WIDTH, 3)

    async def test_size_of_the_first_connection_holds(self, camera: StreamCamera) -> None:
        device = face_driver(camera)
        await device.connect()
        await device.close()
        camera.faults.inject("wrong-size")
        sizes = f"{WIDTH // 2} x {HEIGHT // 2}, expected {WIDTH} x {HEIGHT}"
        with pytest.raises(PictureBroken, match=sizes):
            await device.connect()
        assert device.state is State.CLOSED
        camera.faults.clear("wrong-size")
        await device.connect()
        await device.close()

    async def test_no_grab_thread_outlives_a_failed_connect(self, camera: StreamCamera) -> None:
        device = face_driver(camera, width=640, height=480)
        with pytest.raises(ConnectFailed):
            await device.connect()
        left = [t.name for t in threading.enumerate() if t.name.startswith(THREAD_PREFIX)]
        assert not left, "the end of the program would abort in OpenCV"

    async def test_camera_of_another_size_is_not_connected(self, camera: StreamCamera) -> None:
        device = face_driver(camera, width=640, height=480)
        with pytest.raises(ConnectFailed, match="expected 640 x 480"):
            await device.connect()
        assert device.state is State.CLOSED

    @pytest.mark.parametrize(
        "fault", ["refusing", "stalled", "garbled", "unplug", "wrong-content", "endless-header"]
    )
    async def test_faulty_camera_is_not_connected(self, camera: StreamCamera, fault: str) -> None:
        camera.faults.inject(fault)
        device = face_driver(camera, **FAST)
        with pytest.raises(ConnectFailed):
            await device.connect(timeout=5.0)
        assert device.state is State.CLOSED
        camera.faults.clear(fault)
        await device.connect()
        await device.close()

    @pytest.mark.parametrize(
        "fault", ["stalled", "closing", "refusing", "frozen", "garbled", "slow", "unplug"]
    )
    async def test_close_returns_within_two_seconds(self, camera: StreamCamera, fault: str) -> None:
        device = face_driver(camera)
        await device.connect()
        running = grabber(device)
        camera.faults.inject(fault)
        await asyncio.sleep(0.05)
        started = time.monotonic()
        await device.close()
        assert time.monotonic() - started < 2.0
        assert running.join(0.5)

    async def test_picture_that_never_changes_is_no_live_picture(self) -> None:
        with StreamCamera(StillScene(), fps=60) as camera:
            async with face_driver(camera) as device:
                with pytest.raises(PictureFrozen):
                    await device.capture(FaceRequest(burst=1), timeout=0.2)

    @pytest.mark.parametrize("level", [0, 255])
    async def test_clipped_picture_is_alive_although_it_never_changes(self, level: int) -> None:
        flat = np.full((HEIGHT, WIDTH, 3), level, np.uint8)
        with StreamCamera(StillScene(flat), fps=60) as camera:
            async with face_driver(camera) as device:
                await device.capture(FaceRequest(burst=3), timeout=2.0)
                result = await device.self_test()
        assert not result.passed
        assert result.facts["picture"] == ("overexposed" if level else "black")


class TestLooks:
    """What the self-test says of pictures that are poor and honestly delivered."""

    @pytest.mark.parametrize("fault", ["black", "overexposed"])
    async def test_light_is_named(self, camera: StreamCamera, fault: str) -> None:
        camera.faults.inject(fault)
        async with face_driver(camera) as device:
            await device.capture(FaceRequest(burst=2))  # a picture for the judge, no error
            result = await device.self_test()
        assert not result.passed
        assert result.facts["picture"] == fault

    async def test_bands_of_lamps_are_measured(self, camera: StreamCamera) -> None:
        async with face_driver(camera) as device:
            quiet = await device.self_test()
            camera.faults.inject("flicker")
            banded = await device.self_test()
        assert quiet.passed
        assert not banded.passed
        assert float(quiet.facts["bands_percent"]) < 1 < float(banded.facts["bands_percent"])

    async def test_missing_pictures_are_counted(self, camera: StreamCamera) -> None:
        async with face_driver(camera) as device:
            await device.start_preview(FaceRequest())
            await until(lambda: grabber(device).counters.frames > 20, 2.0)
            camera.faults.inject("dropped")
            before = grabber(device).counters.missing
            await until(lambda: grabber(device).counters.missing > before + 5, 3.0)

    async def test_torn_pictures_are_left_out_of_the_burst(self, camera: StreamCamera) -> None:
        camera.faults.inject("tearing")
        async with face_driver(camera) as device:
            for _ in range(3):
                (sample,) = (await device.capture(FaceRequest(burst=8))).samples
                whole = NumberedScene().face_frame(read_number(sample.image))
                away = np.abs(whole.astype(int) - sample.image).mean(axis=(1, 2))
                assert away.max() < 12  # a displaced row is some 40 grey levels away
            assert int((await device.self_test()).facts["torn"]) > 0

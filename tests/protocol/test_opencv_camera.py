"""The OpenCV camera driver over a real stream: freshness, faults, original bytes, the burst."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from drivers.api import Eye, FaceRequest, IrisRequest, State
from drivers.camera.environment import ENVIRONMENT
from drivers.camera.grabber import FrameGrabber, Link
from drivers.camera.jpeg import decode_jpeg, is_whole_jpeg, sharpness
from drivers.camera.opencv import OLDEST_FRAME_S, OpenCvCamera
from drivers.camera.settings import OpenCvSettings
from drivers.camera.source import _v4l_properties
from drivers.errors import (
    ConnectFailed,
    DeviceTimeout,
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
    pattern,
    read_number,
)

BY_ID = "/dev/v4l/by-id/usb-Acme_Portrait_Cam_SN0042-video-index0"


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

    @pytest.mark.parametrize("burst", [0, -1, 10_000])
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
                await device.capture(FaceRequest(burst=60))
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


class TestSettings:
    @pytest.mark.parametrize(
        ("source", "message"),
        [
            ("0", "by-id"),
            ("/dev/video0", "by-id"),
            ("rtsp://127.0.0.1/a", "source must be"),
            ("http://", "source must be"),
            ("http://127.0.0.1:99999/a", "Port out of range"),
            ("", "source must be"),
        ],
    )
    def test_other_addresses_are_refused(self, source: str, message: str) -> None:
        with pytest.raises(ValidationError, match=message):
            OpenCvSettings(source=source, serial="1")

    def test_network_camera_needs_a_serial_number(self) -> None:
        with pytest.raises(ValidationError, match="serial"):
            OpenCvSettings(source="http://127.0.0.1/face.mjpg")

    def test_password_in_an_address_is_not_printed(self) -> None:
        with pytest.raises(ValidationError) as caught:
            OpenCvSettings(source="ftp://desk:secret-word@127.0.0.1/a", serial="1")
        assert "secret-word" not in str(caught.value)

    def test_half_a_size_is_refused(self) -> None:
        with pytest.raises(ValidationError, match="width and height"):
            OpenCvSettings(source=BY_ID, width=640)

    def test_identity_comes_from_the_link_name(self) -> None:
        assert OpenCvSettings(source=BY_ID).identity == ("Acme_Portrait_Cam", "SN0042")
        assert OpenCvSettings(source=BY_ID, serial="7").identity == ("Acme_Portrait_Cam", "7")

    async def test_link_that_is_not_there_is_a_camera_unplugged(self) -> None:
        device = OpenCvCamera("face", OpenCvSettings(source=BY_ID))
        with pytest.raises(ConnectFailed, match="not plugged in"):
            await device.connect()

    def test_v4l_values_follow_the_automatics_that_they_replace(self) -> None:
        settings = OpenCvSettings(
            source=BY_ID, width=1280, height=720, fps=25, exposure_100us=100, focus=30
        )
        names = [name for name, _ in _v4l_properties(settings)]
        assert names == [
            *("FOURCC", "FRAME_WIDTH", "FRAME_HEIGHT", "FPS", "BUFFERSIZE"),
            *("AUTO_EXPOSURE", "AUTOFOCUS", "EXPOSURE", "FOCUS", "CONVERT_RGB"),
        ]

    def test_v4l_property_codes_exist(self) -> None:
        import cv2

        everything = OpenCvSettings(
            source=BY_ID,
            width=640,
            height=480,
            fps=30,
            exposure_100us=100,
            gain=1,
            focus=1,
            white_balance_k=5000,
        )
        properties = dict(_v4l_properties(everything))
        assert all(hasattr(cv2, f"CAP_PROP_{name}") for name in properties)
        assert properties["FOURCC"] == cv2.VideoWriter.fourcc(*"MJPG")

    def test_environment_is_set_and_cv2_not_imported(self) -> None:
        script = (
            "import os, sys; from drivers.camera.environment import prepare_environment as p;"
            "p(); p(); import drivers.camera.opencv; assert 'cv2' not in sys.modules;"
            "print(os.environ['OPENCV_FFMPEG_CAPTURE_OPTIONS'], os.environ['OPENCV_LOG_LEVEL'])"
        )
        clean = {name: value for name, value in os.environ.items() if name not in ENVIRONMENT}
        answer = subprocess.run(
            [sys.executable, "-c", script],
            env={**clean, "OPENCV_LOG_LEVEL": "DEBUG"},
            capture_output=True,
            text=True,
            check=True,
        )
        assert answer.stdout.split() == ["fflags;nobuffer", "DEBUG"]


class TestJpeg:
    def test_blur_lowers_sharpness(self) -> None:
        import cv2

        sharp = pattern()
        values = [sharpness(sharp).value]
        for sigma in (0.7, 1.5, 3.0):
            blurred = np.asarray(cv2.GaussianBlur(sharp, (0, 0), sigma), np.uint8)
            values.append(sharpness(blurred).value)
        assert values == sorted(values, reverse=True)
        assert values[0] > 10 * values[-1]

    def test_sharpness_of_a_checkerboard_is_known(self) -> None:
        board = np.indices((40, 40)).sum(0) % 2 * np.uint8(255)
        image = np.repeat(board.astype(np.uint8)[..., None], 3, axis=2)
        # 4-neighbour Laplacian: -1020 on white, +1020 on black
        assert sharpness(image).value == pytest.approx(1020.0**2)

    def test_flat_picture_has_no_sharpness(self) -> None:
        assert sharpness(np.full((40, 40, 3), 90, np.uint8)).value == 0.0

    @pytest.mark.parametrize(
        ("data", "is_whole"),
        [
            (b"", False),
            (b"\xff\xd8\xff\xd9", True),
            (b"\xff\xd8\xff\xd9\0\0", True),
            (b"\xff\xd8\xff", False),
            (b"\x89PNG\xff\xd9", False),
        ],
    )
    def test_whole_begins_and_ends_right(self, data: bytes, is_whole: bool) -> None:
        assert is_whole_jpeg(data) is is_whole

    def test_junk_between_the_marks_is_no_picture(self) -> None:
        assert decode_jpeg(b"\xff\xd8 no picture \xff\xd9") is None

    def test_header_that_claims_too_many_pixels_is_no_picture(self) -> None:
        import cv2

        _, encoded = cv2.imencode(".jpg", np.zeros((16, 16, 3), np.uint8))
        data = bytearray(encoded.tobytes())
        at = data.index(b"\xff\xc0") + 5  # height and width of the frame header
        data[at : at + 4] = b"\xff\xff\xff\xff"
        assert decode_jpeg(bytes(data)) is None

    @given(st.data())
    def test_damaged_picture_is_decoded_or_refused(self, data: st.DataObject) -> None:
        import cv2

        _, encoded = cv2.imencode(".jpg", pattern(64, 48))
        damaged = bytearray(encoded.tobytes())
        first = damaged.index(b"\xff\xda")  # the compressed data
        for _ in range(data.draw(st.integers(1, 8))):
            at = data.draw(st.integers(first, len(damaged) - 3))
            damaged[at] = data.draw(st.integers(0, 255))
        image = decode_jpeg(bytes(damaged))
        assert image is None or (image.shape == (48, 64, 3) and not image.flags.writeable)

    @given(st.binary(max_size=300))
    def test_any_bytes_between_the_marks_are_survived(self, body: bytes) -> None:
        image = decode_jpeg(b"\xff\xd8" + body + b"\xff\xd9")
        assert image is None or image.dtype == np.uint8

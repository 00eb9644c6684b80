"""The order in which a V4L2 camera is set up, and what is read back, on a recording of the calls.

There is no V4L2 device here: this proves what the driver asks for, not what a camera answers.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from drivers.camera import v4l
from drivers.camera.errors import ControlRefused
from drivers.camera.iris import OpenCvIrisCamera
from drivers.camera.link import Link, SourceUnavailable
from drivers.camera.opencv import OpenCvCamera
from drivers.camera.pictures import Raw, grey_picture
from drivers.camera.settings import OpenCvIrisSettings, OpenCvSettings
from drivers.camera.source import Source
from drivers.errors import ConnectFailed, DeviceBusy
from tests.protocol.camera_scenes import pattern

BY_ID = "/dev/v4l/by-id/usb-Acme_Portrait_Cam_SN0042-video-index0"
NAMES = {
    getattr(cv2, f"CAP_PROP_{name}"): name
    for name in (
        *("FOURCC", "FRAME_WIDTH", "FRAME_HEIGHT", "FPS", "BUFFERSIZE", "CONVERT_RGB"),
        *("AUTO_EXPOSURE", "AUTO_WB", "AUTOFOCUS", "EXPOSURE", "GAIN", "WB_TEMPERATURE", "FOCUS"),
        *("SHARPNESS", "ZOOM"),
    )
}


class FakeCapture:
    """Remembers what is set, and takes it unless `takes` says what it takes instead."""

    def __init__(self, takes: dict[str, float] | None = None, *, opened: bool = True) -> None:
        self.calls: list[str] = []
        self.values: dict[str, float] = {}
        self.released = False
        self._takes = takes or {}
        self._opened = opened
        self.pictures: list[Raw] = []

    def isOpened(self) -> bool:  # noqa: N802
        return self._opened

    def set(self, code: int, value: float) -> bool:
        name = NAMES[code]
        self.calls.append(f"set {name}")
        self.values[name] = self._takes.get(name, value)
        return name not in self._takes

    def get(self, code: int) -> float:
        name = NAMES[code]
        self.calls.append(f"get {name}")
        return self.values.get(name, 0.0)

    def release(self) -> None:
        self.released = True

    def grab(self) -> bool:
        return bool(self.pictures)

    def retrieve(self, _: object = None) -> tuple[bool, Raw]:
        return True, self.pictures.pop(0)


def full(**changes: object) -> OpenCvSettings:
    values: dict[str, object] = {
        "source": BY_ID,
        "width": 1280,
        "height": 720,
        "fps": 30,
        "exposure_100us": 100,
        "gain": 4,
        "white_balance_k": 5000,
        "focus": 30,
        "controls": {"sharpness": 2, "zoom": 100},
    }
    return OpenCvSettings.model_validate(values | changes)


@pytest.fixture
def plugged(monkeypatch: pytest.MonkeyPatch) -> list[FakeCapture]:
    """A camera that is plugged in; each opening takes the next capture of the list."""
    captures: list[FakeCapture] = []
    monkeypatch.setattr(v4l, "look_at", lambda _: None)
    monkeypatch.setattr(cv2, "VideoCapture", lambda *_: captures.pop(0))
    return captures


class TestOrder:
    def test_everything_is_set_in_the_order_that_works(self) -> None:
        capture = FakeCapture()
        v4l.set_up(capture, full(), "MJPG")
        assert [call.removeprefix("set ") for call in capture.calls if call.startswith("set")] == [
            "FOURCC",
            *("FRAME_WIDTH", "FRAME_HEIGHT", "FPS", "BUFFERSIZE"),
            *("AUTO_EXPOSURE", "AUTO_WB", "AUTOFOCUS"),
            *("EXPOSURE", "GAIN", "WB_TEMPERATURE", "FOCUS", "SHARPNESS", "ZOOM"),
            "CONVERT_RGB",
        ]

    def test_everything_is_read_back_after_it_was_set(self) -> None:
        capture = FakeCapture()
        facts = v4l.set_up(capture, full(), "MJPG")
        for was_set, was_read in zip(capture.calls[::2], capture.calls[1::2], strict=True):
            assert was_read == was_set.replace("set", "get")
        assert facts["v4l_exposure"] == 100
        assert facts["v4l_auto_exposure"] == v4l.MANUAL_EXPOSURE == 1
        assert facts["v4l_auto_wb"] == facts["v4l_autofocus"] == facts["v4l_convert_rgb"] == 0

    def test_automatics_stay_on_where_nothing_was_asked(self) -> None:
        names = [step.name for step in v4l.steps(OpenCvSettings(source=BY_ID), "MJPG")]
        assert names == ["FOURCC", "BUFFERSIZE", "CONVERT_RGB"]

    def test_format_is_the_number_that_opencv_uses(self) -> None:
        assert v4l.fourcc_code("MJPG") == cv2.VideoWriter.fourcc(*"MJPG")
        assert v4l.fourcc_code("Y16 ") == cv2.VideoWriter.fourcc(*"Y16 ")


class TestReadBack:
    @pytest.mark.parametrize(
        ("takes", "control", "words"),
        [
            ({"FOURCC": v4l.fourcc_code("YUYV")}, "FOURCC", "asked for MJPG, took YUYV"),
            ({"FOURCC": -1.0}, "FOURCC", "asked for MJPG, took none"),
            ({"AUTO_EXPOSURE": 3.0}, "AUTO_EXPOSURE", "asked for 1, took 3"),
            ({"EXPOSURE": 312.0}, "EXPOSURE", "asked for 100, took 312"),
            ({"FOCUS": 0.0}, "FOCUS", "asked for 30, took 0"),
            ({"ZOOM": -1.0}, "ZOOM", "asked for 100, took -1"),
            ({"CONVERT_RGB": 1.0}, "CONVERT_RGB", "asked for 0, took 1"),
        ],
    )
    def test_value_that_is_not_taken_is_named(
        self, takes: dict[str, float], control: str, words: str
    ) -> None:
        with pytest.raises(v4l.NotTaken, match=words) as caught:
            v4l.set_up(FakeCapture(takes), full(), "MJPG")
        assert caught.value.control == control

    def test_value_rounded_to_a_step_is_taken(self) -> None:
        facts = v4l.set_up(FakeCapture({"EXPOSURE": 98.0, "GAIN": 3.0}), full(), "MJPG")
        assert facts["v4l_exposure"] == 98

    def test_size_rate_and_buffers_are_facts_only(self) -> None:
        takes = {"FRAME_WIDTH": 640.0, "FPS": 15.0, "BUFFERSIZE": 4.0}
        facts = v4l.set_up(FakeCapture(takes), full(), "MJPG")
        assert (facts["v4l_frame_width"], facts["v4l_fps"], facts["v4l_buffersize"]) == (640, 15, 4)


class TestOpening:
    def test_first_pictures_after_opening_are_thrown_away(self, plugged: list[FakeCapture]) -> None:
        plugged.append(FakeCapture())
        assert Source(full()).open().settle_frames == v4l.V4L_SETTLE_FRAMES == 5

    def test_camera_of_another_program_is_taken(self, plugged: list[FakeCapture]) -> None:
        plugged.append(FakeCapture(opened=False))
        with pytest.raises(SourceUnavailable, match="another program") as caught:
            Source(full()).open()
        assert caught.value.link is Link.TAKEN

    def test_refusing_camera_is_released(self, plugged: list[FakeCapture]) -> None:
        capture = FakeCapture({"GAIN": 0.0})
        plugged.append(capture)
        with pytest.raises(SourceUnavailable) as caught:
            Source(full()).open()
        assert (caught.value.link, caught.value.control) == (Link.REFUSED, "GAIN")
        assert capture.released

    @pytest.mark.parametrize(("grey_format", "fourcc"), [("grey", "GREY"), ("y16", "Y16 ")])
    def test_iris_camera_asks_for_grey(
        self, plugged: list[FakeCapture], grey_format: str, fourcc: str
    ) -> None:
        capture = FakeCapture()
        plugged.append(capture)
        settings = {"source": BY_ID, "grey_format": grey_format}
        Source(OpenCvIrisSettings.model_validate(settings)).open()
        assert capture.values["FOURCC"] == v4l.fourcc_code(fourcc)

    def test_missing_link_is_a_camera_unplugged(self, tmp_path: Path) -> None:
        with pytest.raises(SourceUnavailable, match="not plugged in"):
            v4l.look_at(str(tmp_path / "usb-Acme_Cam_1-video-index0"))

    def test_forbidden_device_names_the_group(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        device = tmp_path / "video"
        device.touch()
        monkeypatch.setattr("os.access", lambda *_: False)
        with pytest.raises(SourceUnavailable, match="group video"):
            v4l.look_at(str(device))


class TestDriver:
    """The same on the whole driver: what the operator is told."""

    async def test_refused_control_is_named_at_connect(self, plugged: list[FakeCapture]) -> None:
        plugged += [FakeCapture({"FOCUS": 0.0}) for _ in range(3)]
        with pytest.raises(ControlRefused, match="FOCUS: asked for 30, took 0") as caught:
            await OpenCvCamera("face", full()).connect()
        assert not caught.value.retryable

    async def test_camera_in_use_is_busy(self, plugged: list[FakeCapture]) -> None:
        plugged += [FakeCapture(opened=False) for _ in range(3)]
        with pytest.raises(DeviceBusy):
            await OpenCvCamera("face", full()).connect()

    async def test_facts_and_remarks_are_in_the_self_test(
        self, plugged: list[FakeCapture], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        still = pattern()

        def retrieve(capture: FakeCapture, _: object) -> tuple[bool, Raw]:
            image = still.copy()
            image[:8] = np.random.default_rng().integers(0, 255, image[:8].shape, np.uint8)
            return True, cv2.imencode(".jpg", image)[1].reshape(1, -1).astype(np.uint8)

        monkeypatch.setattr(FakeCapture, "grab", lambda _: True)
        monkeypatch.setattr(FakeCapture, "retrieve", retrieve)
        plugged.append(FakeCapture())
        settings = full(width=0, height=0, fps=0, exposure_100us=150)
        async with OpenCvCamera("face", settings) as device:
            assert device.info.serial == "SN0042"
            result = await device.self_test()
        assert result.facts["v4l_exposure"] == 150
        assert "15 ms" in str(result.facts["remark"])

    async def test_unplugged_camera_is_not_connected(self) -> None:
        device = OpenCvIrisCamera("iris", OpenCvIrisSettings(source=BY_ID))
        with pytest.raises(ConnectFailed, match="not plugged in"):
            await device.connect()


class TestGrey:
    def test_of_sixteen_bits_the_high_byte_is_kept(self) -> None:
        raw = np.array([[0x1234, 0xFF00], [0x00FF, 0x0100]], np.uint16)
        picture = grey_picture(raw)
        assert picture is not None
        assert picture.decode().tolist() == [[0x12, 0xFF], [0x00, 0x01]]

    @pytest.mark.parametrize("shape", [(1, 4000), (4, 4, 3)])
    def test_what_is_no_grey_picture_is_broken(self, shape: tuple[int, ...]) -> None:
        assert grey_picture(np.zeros(shape, np.uint8)) is None

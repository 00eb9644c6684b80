"""Settings, identity, environment and JPEG handling of the OpenCV camera; no stream is opened."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from drivers.camera.environment import ENVIRONMENT
from drivers.camera.inspection import sharpness
from drivers.camera.jpeg import decode_jpeg, is_whole_jpeg, jpeg_size
from drivers.camera.opencv import OpenCvCamera
from drivers.camera.settings import OpenCvIrisSettings, OpenCvSettings
from drivers.errors import ConnectFailed
from tests.protocol.camera_scenes import pattern

BY_ID = "/dev/v4l/by-id/usb-Acme_Portrait_Cam_SN0042-video-index0"


class TestSettings:
    @pytest.mark.parametrize(
        ("source", "message"),
        [
            ("0", "by-id"),
            ("/dev/video0", "by-id"),
            ("rtp://127.0.0.1/a", "source must be"),
            ("rtsp://", "source must be"),
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

    def test_network_stream_has_no_controls(self) -> None:
        with pytest.raises(ValidationError, match="set them in the camera: gain, zoom"):
            OpenCvSettings(source="http://127.0.0.1/a", serial="1", gain=3, controls={"zoom": 100})

    def test_rtsp_is_an_address(self) -> None:
        settings = OpenCvSettings(source="rtsp://127.0.0.1:8554/face", serial="1")
        assert settings.is_network

    @pytest.mark.parametrize("exposure", [100, 200, 300])
    def test_exposure_that_suits_the_lamps_is_not_remarked(self, exposure: int) -> None:
        assert not OpenCvSettings(source=BY_ID, exposure_100us=exposure).remarks

    @pytest.mark.parametrize("exposure", [0, 50, 150])
    def test_exposure_that_bands_is_remarked(self, exposure: int) -> None:
        (remark,) = OpenCvSettings(source=BY_ID, exposure_100us=exposure).remarks
        assert f"{exposure / 10:g} ms" in remark
        assert "multiple of 10 ms" in remark

    def test_odd_width_cannot_be_halved(self) -> None:
        with pytest.raises(ValidationError, match="even width"):
            OpenCvIrisSettings(source=BY_ID, width=641, height=480)
        single = {"source": BY_ID, "width": 641, "height": 480, "eyes": "one"}
        assert OpenCvIrisSettings.model_validate(single).width == 641

    def test_wrong_number_of_eyes_is_refused(self) -> None:
        with pytest.raises(ValidationError, match="eyes"):
            OpenCvIrisSettings.model_validate({"source": BY_ID, "eyes": "three"})

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
        assert answer.stdout.split() == [
            "fflags;nobuffer|fpsprobesize;0|rtsp_transport;tcp",
            "DEBUG",
        ]


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

    def test_size_stands_in_the_frame_header(self) -> None:
        import cv2

        _, encoded = cv2.imencode(".jpg", pattern(64, 48))
        assert jpeg_size(encoded.tobytes()) == (64, 48)

    @given(st.binary(max_size=300))
    def test_any_header_has_a_size_or_none(self, body: bytes) -> None:
        size = jpeg_size(b"\xff\xd8" + body)
        assert size is None or min(size) > 0

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

"""The OpenCV face camera against a simulated network camera, over HTTP and over RTSP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from drivers.camera.opencv import OpenCvCamera
from simulators.camera_faults import CameraFault
from simulators.stream_camera import StreamCamera
from tests.conformance.capture_contract import FaceCameraContract
from tests.protocol.camera_scenes import FAST, NumberedScene, face_driver


class StreamRig:
    """A network camera with a cable that can be pulled."""

    def __init__(self, camera: StreamCamera, source: str) -> None:
        self._camera = camera
        self._source = source

    def device(self, **changes: object) -> OpenCvCamera:
        return face_driver(self._camera, **({"source": self._source} | FAST | changes))

    def unplug(self) -> None:
        self._camera.faults.inject(CameraFault.UNPLUG)

    def plug(self) -> None:
        self._camera.faults.clear(CameraFault.UNPLUG)

    def hush(self) -> None:
        self._camera.faults.inject(CameraFault.STALLED)

    def speak(self) -> None:
        self._camera.faults.clear(CameraFault.STALLED)


class TestOpenCvCamera(FaceCameraContract):
    @pytest.fixture
    def rig(self) -> Iterator[StreamRig]:
        with StreamCamera(NumberedScene(), fps=60) as camera:
            yield StreamRig(camera, camera.url)


class TestOpenCvCameraOverRtsp(FaceCameraContract):
    @pytest.fixture
    def rig(self) -> Iterator[StreamRig]:
        with StreamCamera(NumberedScene(), fps=60, rtsp=True) as camera:
            yield StreamRig(camera, camera.rtsp_url)

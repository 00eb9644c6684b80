"""The OpenCV iris camera against a simulated grey stream of both eyes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from drivers.camera.iris import OpenCvIrisCamera
from simulators.camera_faults import CameraFault
from simulators.stream_camera import StreamCamera
from tests.conformance.capture_contract import IrisCameraContract
from tests.protocol.camera_scenes import FAST, NumberedEyes, NumberedScene, iris_driver


class GreyStreamRig:
    """A network iris camera with a cable that can be pulled."""

    def __init__(self, camera: StreamCamera) -> None:
        self._camera = camera

    def device(self, **changes: object) -> OpenCvIrisCamera:
        return iris_driver(self._camera, **(FAST | changes))

    def unplug(self) -> None:
        self._camera.faults.inject(CameraFault.UNPLUG)

    def plug(self) -> None:
        self._camera.faults.clear(CameraFault.UNPLUG)

    def hush(self) -> None:
        self._camera.faults.inject(CameraFault.STALLED)

    def speak(self) -> None:
        self._camera.faults.clear(CameraFault.STALLED)


class TestOpenCvIrisCamera(IrisCameraContract):
    @pytest.fixture
    def rig(self) -> Iterator[GreyStreamRig]:
        with StreamCamera(NumberedScene(), fps=60, eyes=NumberedEyes()) as camera:
            yield GreyStreamRig(camera)

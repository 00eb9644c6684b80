"""The OpenCV camera against a simulated network camera."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from drivers.camera.opencv import OpenCvCamera
from drivers.camera.settings import OpenCvSettings
from simulators.stream_camera import StreamCamera
from tests.conformance.contract import FaceCameraContract
from tests.protocol.camera_scenes import NumberedScene


class StreamRig:
    """A network camera with a cable that can be pulled."""

    def __init__(self, camera: StreamCamera) -> None:
        self._camera = camera

    def device(self, **changes: object) -> OpenCvCamera:
        values: dict[str, object] = {
            "source": self._camera.url,
            "serial": "SIM-7",
            # short, so that the suite is fast; the default values are tested elsewhere
            "open_timeout_s": 0.4,
            "read_timeout_s": 0.2,
        }
        return OpenCvCamera("face", OpenCvSettings.model_validate(values | changes))

    def unplug(self) -> None:
        self._camera.stop()

    def plug(self) -> None:
        self._camera.start()

    def hush(self) -> None:
        self._camera.set_faults(stalled=True)

    def speak(self) -> None:
        self._camera.set_faults(stalled=False)


class TestOpenCvCamera(FaceCameraContract):
    @pytest.fixture
    def rig(self) -> Iterator[StreamRig]:
        with StreamCamera(NumberedScene(), fps=60) as camera:
            yield StreamRig(camera)

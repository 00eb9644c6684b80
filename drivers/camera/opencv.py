"""The face camera at the desk, a network stream or a V4L2 device, through OpenCV."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import ClassVar

from drivers.api import Call, CaptureRequest, FaceCamera, FaceRequest
from drivers.camera.inspection import sharpness
from drivers.camera.pictures import Picture, Raw, jpeg_picture
from drivers.camera.settings import OpenCvSettings
from drivers.camera.streaming import LARGEST_BURST, StreamingCamera
from drivers.device import DeviceSettings
from drivers.errors import Unsupported
from drivers.recorder import Direction
from drivers.values import Capture, DeviceRecord, Sample


class OpenCvCamera(StreamingCamera, FaceCamera):
    """A colour camera that sends JPEG; its own bytes are kept beside every picture.

    An exception photo (`FaceRequest.missing_fingers`) is a picture like any other: face and palms
    are for the judge. The V4L2 path has not been run on hardware by the test suite.
    """

    Settings: ClassVar[type[DeviceSettings]] = OpenCvSettings
    driver = "opencv"
    _abilities = frozenset({"preview", "original-bytes"})

    @property
    def _unpack(self) -> Callable[[Raw], Picture | None]:
        return jpeg_picture

    def _do_start_preview(self, request: CaptureRequest, call: Call) -> None:
        if not isinstance(request, FaceRequest):
            raise Unsupported(self.name, f"cannot preview for {type(request).__name__}")
        self._running().preview(True)

    def _do_capture(self, request: FaceRequest, call: Call) -> Capture:
        if not 1 <= request.burst <= LARGEST_BURST:
            raise Unsupported(self.name, f"a burst of {request.burst} frames")
        started_at, started = self.clock.utc_now(), self.clock.monotonic()
        rated = [(sharpness(frame.image), frame) for frame in self._burst(request.burst, call)]
        score, frame = max(rated, key=lambda item: item[0].value)
        original = frame.original or b""
        self.recorder.payload(Direction.RECEIVED, "jpeg", original)
        record = DeviceRecord("JPEG", original, "JPEG", original)
        return Capture(
            samples=(Sample(None, frame.image, record=record, scores=(score,)),),
            device=self.info,
            started_at=started_at,
            captured_at=started_at + timedelta(seconds=frame.grabbed_at - started),
        )

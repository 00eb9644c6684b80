"""The near-infrared iris camera at the desk, a lossless grey stream or a V4L2 device."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import ClassVar, Final

import numpy as np

from drivers.api import Call, CaptureRequest, Eye, IrisCamera, IrisRequest
from drivers.camera.inspection import sharpness
from drivers.camera.pictures import Picture, Raw, grey_picture
from drivers.camera.settings import Eyes, OpenCvIrisSettings
from drivers.camera.streaming import StreamingCamera
from drivers.clock import Clock
from drivers.device import DeviceSettings
from drivers.errors import ConnectFailed, ProtocolError, Unsupported
from drivers.recorder import Direction
from drivers.values import Capture, DeviceRecord, Frame, Image, Sample, Score, read_only

BURST: Final = 8
"""Frames of which each eye takes its sharpest (own)."""

_PNG_LEVEL = 1  # the lowest: noise does not shrink, and the resident waits


class OpenCvIrisCamera(StreamingCamera, IrisCamera):
    """A grey camera whose pixels arrive as the sensor gave them.

    With `eyes = "both"` one picture shows both eyes, the resident's right eye in its left half; a
    sample is one half, cut and never scaled. With `eyes = "one"` a request names exactly one eye
    and the whole picture is the sample: the camera cannot tell whose eye it is, and neither can
    this driver. No resolution is claimed (`resolution_ppi` 0): it depends on the distance. The
    record of a sample is its pixels as PNG, without losses. The V4L2 path has not been run on
    hardware by the test suite.
    """

    Settings: ClassVar[type[DeviceSettings]] = OpenCvIrisSettings
    driver = "opencv-iris"
    _abilities = frozenset({"preview", "lossless"})

    def __init__(self, name: str, settings: DeviceSettings, *, clock: Clock | None = None) -> None:
        super().__init__(name, settings, clock=clock)
        if not isinstance(settings, OpenCvIrisSettings):
            raise TypeError(f"{name}: settings must be {OpenCvIrisSettings.__qualname__}")
        self._eyes = settings.eyes

    @property
    def _unpack(self) -> Callable[[Raw], Picture | None]:
        return grey_picture

    def _check_size(self, width: int, height: int) -> None:
        if self._eyes is Eyes.BOTH and width % 2:
            raise ConnectFailed(self.name, f"width of {width} px cannot be halved into two eyes")

    def _do_start_preview(self, request: CaptureRequest, call: Call) -> None:
        if not isinstance(request, IrisRequest):
            raise Unsupported(self.name, f"cannot preview for {type(request).__name__}")
        self._running().preview(True)

    def _do_capture(self, request: IrisRequest, call: Call) -> Capture:
        eyes = tuple(dict.fromkeys(request.eyes))
        if not eyes:
            raise Unsupported(self.name, "no eye was asked for")
        if self._eyes is Eyes.ONE and len(eyes) > 1:
            raise Unsupported(self.name, "shows one eye at a time: ask for one")
        started_at, started = self.clock.utc_now(), self.clock.monotonic()
        frames = self._burst(BURST, call)
        samples, grabbed_at = [], started
        for eye in eyes:
            score, frame, picture = self._sharpest(frames, eye)
            samples.append(self._sample(eye, picture, score))
            grabbed_at = max(grabbed_at, frame.grabbed_at)
        return Capture(
            samples=tuple(samples),
            device=self.info,
            started_at=started_at,
            captured_at=started_at + timedelta(seconds=grabbed_at - started),
        )

    def _sharpest(self, frames: list[Frame], eye: Eye) -> tuple[Score, Frame, Image]:
        halves = [(frame, self._half(frame.image, eye)) for frame in frames]
        rated = [(sharpness(picture), frame, picture) for frame, picture in halves]
        return max(rated, key=lambda item: item[0].value)

    def _half(self, image: Image, eye: Eye) -> Image:
        if self._eyes is Eyes.ONE:
            return image
        middle = image.shape[1] // 2
        return image[:, :middle] if eye is Eye.RIGHT else image[:, middle:]

    def _sample(self, eye: Eye, picture: Image, score: Score) -> Sample:
        import cv2

        pixels = read_only(np.ascontiguousarray(picture))
        done, png = cv2.imencode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, _PNG_LEVEL])
        if not done:
            raise ProtocolError(self.name, "the picture cannot be kept as PNG")
        data = png.tobytes()
        self.recorder.payload(Direction.RECEIVED, f"{eye.name.lower()} eye, png", data)
        record = DeviceRecord("PNG", data, "PNG", data)
        return Sample(eye, pixels, record=record, scores=(score,))

"""Open a camera through OpenCV; everything here runs on the grab thread."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from drivers.camera import probe, v4l
from drivers.camera.environment import prepare_environment
from drivers.camera.link import Link, SourceUnavailable
from drivers.camera.settings import CameraSettings, GreyFormat, OpenCvIrisSettings

if TYPE_CHECKING:
    import cv2

_FOURCC = {GreyFormat.GREY: "GREY", GreyFormat.Y16: "Y16 "}


@dataclass(frozen=True, slots=True)
class OpenSource:
    """An open capture that delivers what the camera sends, and what it said about itself."""

    capture: cv2.VideoCapture
    settle_frames: int = 0
    facts: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Source:
    """The camera that the settings name: a stream or a V4L2 device."""

    settings: CameraSettings

    def look(self) -> None:
        """Find out without OpenCV whether opening would wait in vain, or only say "not opened".

        OpenCV opens one network stream of a process at a time, so a dead camera that is tried again
        and again would hold up the other one. Costs a connection more for each opening.

        Raises:
            SourceUnavailable: it is absent, refuses, stays silent or may not be opened.
        """
        if self.settings.is_network:
            probe.wait_for_data(self.settings.source, self.settings.open_timeout_s)
        else:
            v4l.look_at(self.settings.source)

    def open(self) -> OpenSource:
        """Open the camera: a colour camera hands out its own JPEG, a grey one its pixels.

        Raises:
            SourceUnavailable: it ends the stream, stays silent, is in use or refuses a control.
        """
        prepare_environment()
        if self.settings.is_network:
            return _open_network(self.settings)
        return _open_v4l(self.settings)


def _open_network(settings: CameraSettings) -> OpenSource:
    import cv2

    is_grey = isinstance(settings, OpenCvIrisSettings)
    untouched = (cv2.CAP_PROP_CONVERT_RGB, 0) if is_grey else (cv2.CAP_PROP_FORMAT, -1)
    started = time.monotonic()
    capture = cv2.VideoCapture(
        settings.source,
        cv2.CAP_FFMPEG,
        [
            # without both, a silent server blocks for 30 s; a later set() is refused
            *(cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, round(settings.open_timeout_s * 1000)),
            *(cv2.CAP_PROP_READ_TIMEOUT_MSEC, round(settings.read_timeout_s * 1000)),
            *untouched,
        ],
    )
    if capture.isOpened():
        return OpenSource(capture)
    capture.release()
    if time.monotonic() - started < 0.9 * settings.open_timeout_s:
        raise SourceUnavailable("the stream cannot be opened")
    raise SourceUnavailable("the stream opens but sends no picture", Link.SILENT)


def _open_v4l(settings: CameraSettings) -> OpenSource:
    import cv2

    capture = cv2.VideoCapture(settings.source, cv2.CAP_V4L2)
    if not capture.isOpened():
        capture.release()
        raise SourceUnavailable("another program uses the camera", Link.TAKEN)
    try:
        facts = v4l.set_up(capture, settings, _fourcc(settings))
    except v4l.NotTaken as error:
        capture.release()
        raise SourceUnavailable(str(error), Link.REFUSED, error.control) from error
    return OpenSource(capture, v4l.V4L_SETTLE_FRAMES, facts)


def _fourcc(settings: CameraSettings) -> str:
    if isinstance(settings, OpenCvIrisSettings):
        return _FOURCC[settings.grey_format]
    return "MJPG"

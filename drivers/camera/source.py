"""Open a camera through OpenCV; everything here runs on the grab thread."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from drivers.camera.environment import prepare_environment
from drivers.camera.settings import OpenCvSettings

if TYPE_CHECKING:
    import cv2

PROBE_TIMEOUT_S: Final = 0.25
V4L_SETTLE_FRAMES: Final = 5
"""Frames thrown away after opening: buffers hold old light and the automatics settle (own)."""

V4L_MANUAL_EXPOSURE: Final = 1  # raw V4L2 menu: 1 manual, 3 aperture priority


class SourceUnavailable(Exception):
    """The camera could not be opened; `is_silent` when something accepts and then says nothing."""

    def __init__(self, reason: str, *, is_silent: bool = False) -> None:
        super().__init__(reason)
        self.is_silent = is_silent


@dataclass(frozen=True, slots=True)
class OpenSource:
    """An open capture that delivers undecoded JPEG, and what the camera said about itself."""

    capture: cv2.VideoCapture
    settle_frames: int = 0
    facts: dict[str, float] = field(default_factory=dict)


def open_source(settings: OpenCvSettings) -> OpenSource:
    """Open the camera that the settings name.

    Raises:
        SourceUnavailable: it is absent, refuses, is in use or stays silent.
    """
    prepare_environment()
    return _open_network(settings) if settings.is_network else _open_v4l(settings)


def _open_network(settings: OpenCvSettings) -> OpenSource:
    import cv2

    started = time.monotonic()
    capture = cv2.VideoCapture(
        settings.source,
        cv2.CAP_FFMPEG,
        [
            # without both, a silent server blocks for 30 s; a later set() is refused
            *(cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, round(settings.open_timeout_s * 1000)),
            *(cv2.CAP_PROP_READ_TIMEOUT_MSEC, round(settings.read_timeout_s * 1000)),
            *(cv2.CAP_PROP_FORMAT, -1),  # hand out the camera's own JPEG
        ],
    )
    if capture.isOpened():
        return OpenSource(capture)
    capture.release()
    if time.monotonic() - started < 0.9 * settings.open_timeout_s:
        raise SourceUnavailable("the stream cannot be opened")
    # a cut cable and a stalled server both end in the time-out; only the second accepts
    if _accepts_connections(settings.source):
        raise SourceUnavailable("the stream opens but sends no picture", is_silent=True)
    raise SourceUnavailable("the network address does not answer")


def _accepts_connections(url: str) -> bool:
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((parts.hostname or "", port), PROBE_TIMEOUT_S).close()
    except OSError:
        return False
    return True


def _open_v4l(settings: OpenCvSettings) -> OpenSource:
    """Set the properties in an order that cap_v4l.cpp keeps, then read back what was taken.

    Not exercised by the test suite, which has no V4L2 device.
    """
    import cv2

    if not Path(settings.source).exists():
        raise SourceUnavailable("the camera is not plugged in")
    capture = cv2.VideoCapture(settings.source, cv2.CAP_V4L2)
    if not capture.isOpened():
        capture.release()
        raise SourceUnavailable("the camera is in use, or access is not permitted")
    facts: dict[str, float] = {}
    for name, value in _v4l_properties(settings):
        code = getattr(cv2, f"CAP_PROP_{name}")
        capture.set(code, value)
        # drivers round silently to what they have
        facts[f"v4l_{name.lower()}"] = capture.get(code)
    return OpenSource(capture, V4L_SETTLE_FRAMES, facts)


def _v4l_properties(settings: OpenCvSettings) -> list[tuple[str, float]]:
    """List names and values in the order in which they must be set.

    The format comes first (raw 1080p on USB 2 has 5 fps), and a value after its automatic was
    turned off, because it is ignored before.
    """
    properties: list[tuple[str, float]] = [("FOURCC", float(_fourcc("MJPG")))]
    if settings.width:
        properties += [("FRAME_WIDTH", settings.width), ("FRAME_HEIGHT", settings.height)]
    if settings.fps:
        properties.append(("FPS", settings.fps))
    properties.append(("BUFFERSIZE", 1))
    if settings.exposure_100us is not None:
        properties.append(("AUTO_EXPOSURE", V4L_MANUAL_EXPOSURE))
    if settings.white_balance_k is not None:
        properties.append(("AUTO_WB", 0))
    if settings.focus is not None:
        properties.append(("AUTOFOCUS", 0))
    values = {
        "EXPOSURE": settings.exposure_100us,
        "GAIN": settings.gain,
        "WB_TEMPERATURE": settings.white_balance_k,
        "FOCUS": settings.focus,
    }
    properties += [(name, value) for name, value in values.items() if value is not None]
    properties.append(("CONVERT_RGB", 0))  # hand out the camera's own JPEG
    return properties


def _fourcc(code: str) -> int:
    return int.from_bytes(code.encode("ascii"), "little")

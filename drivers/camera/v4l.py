"""Set up a V4L2 camera in the one order that works, and read back what it really took.

The suite has no V4L2 device: order and reading back are tested with a recording of the calls, and
nothing here has been run on hardware. Facts of `cap_v4l.cpp` of OpenCV (opencv/opencv).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from drivers.camera.link import SourceUnavailable
from drivers.camera.settings import CameraSettings

V4L_SETTLE_FRAMES: Final = 5
"""Frames thrown away after opening: buffers hold old light and the automatics settle (own)."""

MANUAL_EXPOSURE: Final = 1
"""Raw V4L2 menu: 1 manual, 3 aperture priority."""

TAKEN_WITHIN: Final = 0.1
"""A value that a driver rounded to its own steps counts as taken within this share (own)."""

_AUTOMATIC_OF: Final = {
    "exposure_100us": ("AUTO_EXPOSURE", MANUAL_EXPOSURE),
    "white_balance_k": ("AUTO_WB", 0),
    "focus": ("AUTOFOCUS", 0),
}
_PROPERTY_OF: Final = {"exposure_100us": "EXPOSURE", "white_balance_k": "WB_TEMPERATURE"}


class Capture(Protocol):
    """What is used of `cv2.VideoCapture` here; the names are OpenCV's."""

    def isOpened(self) -> bool: ...  # noqa: N802  # OpenCV's name
    def set(self, propId: int, value: float) -> bool: ...  # noqa: N803  # OpenCV's name
    def get(self, propId: int) -> float: ...  # noqa: N803  # OpenCV's name
    def release(self) -> None: ...


class NotTaken(Exception):
    """The camera did not take a value; `control` is the name of the property."""

    def __init__(self, control: str, asked: float, taken: float) -> None:
        super().__init__(f"asked for {_worded(control, asked)}, took {_worded(control, taken)}")
        self.control = control


@dataclass(frozen=True, slots=True)
class Step:
    """One property to be set; one that is `required` must be read back as it was set."""

    name: str
    value: float
    required: bool = True


def look_at(link: str) -> None:
    """Find out before opening what OpenCV does not tell: it answers "not opened" to everything.

    Raises:
        SourceUnavailable: nothing is plugged in under this name, or this user may not read and
            write it.
    """
    if not Path(link).exists():
        raise SourceUnavailable("the camera is not plugged in")
    if not os.access(link, os.R_OK | os.W_OK):
        raise SourceUnavailable("access is not permitted: is this user in the group video?")


def set_up(capture: Capture, settings: CameraSettings, fourcc: str) -> dict[str, float]:
    """Set everything, and return what was read back, by fact name (`v4l_gain` ...).

    Raises:
        NotTaken: a required property has another value than was asked for.
    """
    import cv2

    facts: dict[str, float] = {}
    for step in steps(settings, fourcc):
        code = getattr(cv2, f"CAP_PROP_{step.name}")
        capture.set(code, step.value)
        taken = facts[f"v4l_{step.name.lower()}"] = capture.get(code)
        if step.required and not _is_taken(step, taken):
            raise NotTaken(step.name, step.value, taken)
    return facts


def steps(settings: CameraSettings, fourcc: str) -> Iterator[Step]:
    """Yield the properties in the order in which they must be set.

    The format comes first (raw 1080p on USB 2 has 5 fps, and a later change resets the size). Size
    and rate are rounded by drivers to what they have, and are judged by the pictures that come. A
    value comes after its automatic was turned off, because it is ignored before.
    """
    yield Step("FOURCC", float(fourcc_code(fourcc)))
    if settings.width:
        yield Step("FRAME_WIDTH", settings.width, required=False)
        yield Step("FRAME_HEIGHT", settings.height, required=False)
    if settings.fps:
        yield Step("FPS", settings.fps, required=False)
    yield Step("BUFFERSIZE", 1, required=False)
    asked = settings.asked_controls
    for name, (automatic, off) in _AUTOMATIC_OF.items():
        if name in asked:
            yield Step(automatic, off)
    for name, value in asked.items():
        yield Step(_PROPERTY_OF.get(name, name.upper()), value)
    yield Step("CONVERT_RGB", 0)  # hand out what the camera sends


def fourcc_code(code: str) -> int:
    """Return the number of a four-character code, e.g. "MJPG"."""
    return int.from_bytes(code.encode("ascii"), "little")


def _is_taken(step: Step, taken: float) -> bool:
    if step.name in ("FOURCC", "CONVERT_RGB") or step.name.startswith("AUTO"):
        return taken == step.value
    return abs(taken - step.value) <= max(1.0, TAKEN_WITHIN * step.value)


def _worded(control: str, value: float) -> str:
    if control != "FOURCC":
        return f"{value:g}"
    code = int(value).to_bytes(8, "little", signed=True)[:4]
    return code.decode("ascii", "replace").strip() if value > 0 else "none"

"""Small scenes for the simulated camera, with a truth that survives JPEG, and drivers for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

import cv2
import numpy as np

from drivers.camera.grabber import FrameGrabber
from drivers.camera.iris import OpenCvIrisCamera
from drivers.camera.opencv import OpenCvCamera
from drivers.camera.settings import OpenCvIrisSettings, OpenCvSettings
from drivers.camera.streaming import StreamingCamera
from drivers.values import Image
from simulators.stream_camera import StreamCamera

WIDTH: Final = 320
HEIGHT: Final = 240
EYE_WIDTH: Final = 160
EYE_HEIGHT: Final = 120
BITS: Final = 16
BLOCK_PX: Final = 16
EYE_BLOCK_PX: Final = 8


def pattern(width: int = WIDTH, height: int = HEIGHT) -> Image:
    """Return (height, width, 3) uint8 with detail everywhere."""
    grid = np.random.default_rng(5).integers(30, 220, (height // 4, width // 4, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def write_number(image: Image, number: int) -> Image:
    """Return a copy with `number` (16 bits, lowest first) as 16 x 16 px blocks in the top rows."""
    marked = image.copy()
    bits = (number >> np.arange(BITS) & 1).astype(np.uint8)
    row = np.repeat(bits * np.uint8(219) + np.uint8(16), BLOCK_PX)
    marked[:BLOCK_PX, : row.size] = row[None, :, None]
    return marked


def read_number(image: Image) -> int:
    """Return the number that `write_number` wrote."""
    row = image[4:12, : BITS * BLOCK_PX, 0].reshape(8, BITS, BLOCK_PX)[:, :, 4:12]
    return int(sum(1 << int(k) for k in np.flatnonzero(row.mean((0, 2)) > 127)))


class NumberedScene:
    """Every picture carries its index; `made_at` keeps when each was asked for (monotonic)."""

    def __init__(self, width: int = WIDTH, height: int = HEIGHT) -> None:
        self._still = pattern(width, height)
        self.made_at: dict[int, float] = {}

    def face_frame(self, index: int) -> Image:
        self.made_at[index] = time.monotonic()
        return write_number(self._still, index)


class SometimesSharpScene:
    """One picture in `every` is sharp, the others are out of focus."""

    def __init__(self, every: int) -> None:
        self.every = every
        self._sharp = pattern()
        self._blurred = np.asarray(cv2.GaussianBlur(self._sharp, (0, 0), 2.5), np.uint8)

    def face_frame(self, index: int) -> Image:
        is_sharp = index % self.every == 0
        return write_number(self._sharp if is_sharp else self._blurred, index)


class StillScene:
    """The same picture for ever, byte for byte."""

    def __init__(self, image: Image | None = None) -> None:
        self._image = pattern() if image is None else image

    def face_frame(self, index: int) -> Image:
        return self._image


class NumberedEyes:
    """Picture `index` of both eyes: (120, 320) uint8, each half with its own pattern and noise.

    Call it with an index as `StreamCamera(eyes=...)` does. With `sharp_right` and `sharp_left` one
    picture in so many is sharp in that half.
    """

    def __init__(self, *, sharp_right: int = 1, sharp_left: int = 1) -> None:
        both = pattern(2 * EYE_WIDTH, EYE_HEIGHT)[:, :, 0]
        self._sharp = np.ascontiguousarray(both)
        self._soft = np.asarray(cv2.GaussianBlur(both, (0, 0), 2.5), np.uint8)
        self._every = (sharp_right, sharp_left)

    def __call__(self, index: int) -> Image:
        picture = self._sharp.copy()
        for place, every in enumerate(self._every):
            half = slice(place * EYE_WIDTH, (place + 1) * EYE_WIDTH)
            if index % every:
                picture[:, half] = self._soft[:, half]
            bits = (index >> np.arange(BITS) & 1).astype(np.uint8)
            row = np.repeat(bits * np.uint8(219) + np.uint8(16), EYE_BLOCK_PX)
            picture[:EYE_BLOCK_PX, half.start : half.start + row.size] = row
        return picture


def read_eye_number(half: Image) -> int:
    """Return the index of the picture that one half belongs to."""
    row = half[2:6, : BITS * EYE_BLOCK_PX].reshape(4, BITS, EYE_BLOCK_PX)
    return int(sum(1 << int(k) for k in np.flatnonzero(row.mean((0, 2)) > 127)))


FAST: Final[dict[str, object]] = {"open_timeout_s": 0.4, "read_timeout_s": 0.2}
"""Short time-outs for suites with many cases; the default values are tested elsewhere."""


def face_driver(camera: StreamCamera, **changes: object) -> OpenCvCamera:
    """A closed driver for the colour stream of a simulated camera."""
    values: dict[str, object] = {"source": camera.url, "serial": "SIM-7", "model": "sim"}
    return OpenCvCamera("face", OpenCvSettings.model_validate(values | changes))


def iris_driver(camera: StreamCamera, **changes: object) -> OpenCvIrisCamera:
    """A closed driver for the grey stream of both eyes."""
    values: dict[str, object] = {"source": camera.iris_url, "serial": "SIM-8", "model": "sim"}
    return OpenCvIrisCamera("iris", OpenCvIrisSettings.model_validate(values | changes))


def grabber(device: StreamingCamera) -> FrameGrabber:
    """The grab thread of a connected camera."""
    running = device._grabber
    assert running is not None
    return running


async def until(condition: Callable[[], bool], timeout: float) -> float:
    """Wait for a condition and return the seconds it took."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < timeout, f"not within {timeout} s"
        await asyncio.sleep(0.01)
    return time.monotonic() - started

"""Small scenes for the simulated camera, with a truth that survives JPEG."""

from __future__ import annotations

import time
from typing import Final

import cv2
import numpy as np

from drivers.values import Image

WIDTH: Final = 320
HEIGHT: Final = 240
BITS: Final = 16
BLOCK_PX: Final = 16


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

    def face_frame(self, index: int) -> Image:
        return pattern()

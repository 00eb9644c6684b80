"""Which part of an iris is seen: without lids, lashes and reflections."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

GreyImage = NDArray[np.uint8]
Mask = NDArray[np.bool_]

_GLARE_FROM: Final = 230
_OUTLIER_SPREADS: Final = 3.2
_BESIDE: Final = 0.35  # of the iris radius: rows that lids hardly reach
_MIN_COLUMNS: Final = 0.12
_UPPER_MARGIN_PX, _LOWER_MARGIN_PX = 5, 3


@dataclass(frozen=True, slots=True)
class Circle:
    """Centre and radius in px."""

    x: float
    y: float
    r: float

    def distance(self, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """Distance of every pixel of an image of `shape` (height, width) from the centre."""
        dx = np.arange(shape[1], dtype=np.float32) - np.float32(self.x)
        dy = np.arange(shape[0], dtype=np.float32)[:, None] - np.float32(self.y)
        return np.asarray(np.sqrt(dx * dx + dy * dy), np.float32)


def beside(shape: tuple[int, ...], iris: Circle) -> Mask:
    """Rows about the middle of the iris, (height, 1) bool."""
    return np.asarray(np.abs(np.arange(shape[0])[:, None] - iris.y) < _BESIDE * iris.r)


def usable_iris(grey: GreyImage, pupil: Circle, iris: Circle) -> tuple[Mask, Mask]:
    """Give the usable pixels and all pixels of the iris, (height, width) bool each.

    Source: own; grey outliers against the side sectors, then a parabola for each lid. Without the
    lid step half-closed eyes would read as open. Unproven on real lids.
    """
    from_iris, from_pupil = iris.distance(grey.shape), pupil.distance(grey.shape)
    annulus = (from_iris < iris.r) & (from_pupil > pupil.r)
    rows = beside(grey.shape, iris)
    sample = grey[annulus & rows & (from_iris > 0.45 * (iris.r + pupil.r))]
    ring = grey[rows & (from_iris > 1.1 * iris.r) & (from_iris < 1.2 * iris.r)]
    if sample.size == 0:
        return np.zeros_like(annulus), annulus
    centre = float(np.median(sample))
    spread = 1.48 * float(np.median(np.abs(sample - centre))) + 4
    usable = annulus & (np.abs(grey - centre) < _OUTLIER_SPREADS * spread) & (grey < _GLARE_FROM)
    if ring.size == 0:
        return usable, annulus
    bright = cv2.GaussianBlur(grey, (0, 0), 3) > (centre + float(np.median(ring))) / 2
    x = (np.arange(grey.shape[1]) - iris.x) / iris.r
    y = np.arange(grey.shape[0])[:, None]
    for upper in (True, False):
        line = _lid_line(bright, pupil, iris, upper)
        if line is not None:
            edge = np.polyval(line, x)[None]
            usable &= y > edge + _UPPER_MARGIN_PX if upper else y < edge - _LOWER_MARGIN_PX
    return usable, annulus


def _lid_line(bright: Mask, pupil: Circle, iris: Circle, upper: bool) -> NDArray[np.float64] | None:
    """Parabola y of (x - iris.x) / iris.r along a lid that crosses the iris."""
    columns = np.arange(int(iris.x - 0.9 * iris.r), int(iris.x + 0.9 * iris.r))
    xs, ys = [], []
    for x in columns[(columns >= 0) & (columns < bright.shape[1])]:
        row = _first_bright_row(bright, pupil, iris, int(x), upper)
        if row is not None:
            xs.append((x - iris.x) / iris.r)
            ys.append(row)
    if len(xs) < max(6, _MIN_COLUMNS * columns.size):
        return None
    return _robust_parabola(np.array(xs), np.array(ys, float))


def _first_bright_row(bright: Mask, pupil: Circle, iris: Circle, x: int, upper: bool) -> int | None:
    """First bright row of a column on the way from the pupil to the limbus."""
    sign = -1 if upper else 1
    limbus = 0.97 * np.sqrt(iris.r**2 - (x - iris.x) ** 2)
    start = 0.2 * iris.r
    if abs(x - pupil.x) < pupil.r:
        edge = pupil.y + sign * np.sqrt(pupil.r**2 - (x - pupil.x) ** 2)
        start = max(start, float(sign * (edge - iris.y)) + 4)
    path = (iris.y + sign * np.arange(start, limbus)).astype(int)
    path = path[(path >= 0) & (path < bright.shape[0])]
    hits = np.flatnonzero(bright[path, x])
    # the last two pixels are the limbus itself
    if hits.size == 0 or path.size - hits[0] <= 2:
        return None
    return int(path[hits[0]])


def _robust_parabola(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    weight = np.ones_like(x)
    design = np.stack([x * x, x, np.ones_like(x)], 1)
    line: NDArray[np.float64] = np.zeros(3)
    for _ in range(6):
        solution = np.linalg.lstsq(design * weight[:, None], y * weight, rcond=None)
        line = solution[0].astype(np.float64)
        weight = 1 / (1 + ((y - design @ line) / 4) ** 2)
    return line

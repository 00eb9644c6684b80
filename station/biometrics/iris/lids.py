"""Which part of an iris is seen: without lids, lashes and reflections."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from station.biometrics.iris.circle import Circle

GreyImage = NDArray[np.uint8]
Mask = NDArray[np.bool_]

_GLARE_FROM: Final = 230
_OUTLIER_SPREADS: Final = 3.2
_BESIDE: Final = 0.35  # of the iris radius: rows that lids hardly reach
_MIN_COLUMNS: Final = 0.12
_INSIDE_LIMBUS: Final = 0.95  # the blurred limbus itself is bright
_MIN_BRIGHT: Final = 0.85
_AGREEING_PX, _MIN_AGREEING = 6.0, 0.6
_UPPER_MARGIN_PX, _LOWER_MARGIN_PX = 5, 3


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
    """Parabola y of (x - iris.x) / iris.r along a lid that crosses the iris, None without one."""
    columns = np.arange(int(iris.x - 0.9 * iris.r), int(iris.x + 0.9 * iris.r))
    xs, ys = [], []
    for x in columns[(columns >= 0) & (columns < bright.shape[1])]:
        row = _first_lid_row(bright, pupil, iris, int(x), upper)
        if row is not None:
            xs.append((x - iris.x) / iris.r)
            ys.append(row)
    if len(xs) < max(6, _MIN_COLUMNS * columns.size):
        return None
    line, agreeing = _robust_parabola(np.array(xs), np.array(ys, float))
    return line if agreeing >= _MIN_AGREEING else None


def _first_lid_row(bright: Mask, pupil: Circle, iris: Circle, x: int, upper: bool) -> int | None:
    """First row of a column, from the pupil outwards, beyond which nearly all is bright."""
    sign = -1 if upper else 1
    limbus = _INSIDE_LIMBUS * np.sqrt(iris.r**2 - (x - iris.x) ** 2)
    start = 0.2 * iris.r
    if abs(x - pupil.x) < pupil.r:
        edge = pupil.y + sign * np.sqrt(pupil.r**2 - (x - pupil.x) ** 2)
        start = max(start, float(sign * (edge - iris.y)) + 4)
    path = (iris.y + sign * np.arange(start, limbus)).astype(int)
    path = path[(path >= 0) & (path < bright.shape[0])]
    if path.size < 3:
        return None
    seen = bright[path, x]
    # a bright fleck of the iris is dark again further out, a lid is not; lashes are thin
    outwards = np.cumsum(seen[::-1])[::-1] / np.arange(seen.size, 0, -1)
    lid = np.flatnonzero(seen & (outwards >= _MIN_BRIGHT))
    if lid.size == 0 or seen.size - lid[0] < 3:
        return None
    return int(path[lid[0]])


def _robust_parabola(
    x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """Fit by reweighting; the share of points within `_AGREEING_PX` comes with the parabola."""
    weight = np.ones_like(x)
    design = np.stack([x * x, x, np.ones_like(x)], 1)
    line: NDArray[np.float64] = np.zeros(3)
    for _ in range(6):
        solution = np.linalg.lstsq(design * weight[:, None], y * weight, rcond=None)
        line = solution[0].astype(np.float64)
        weight = 1 / (1 + ((y - design @ line) / 4) ** 2)
    return line, float((np.abs(y - design @ line) < _AGREEING_PX).mean())

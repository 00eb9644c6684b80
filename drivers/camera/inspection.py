"""Look at pictures of one camera: sharpness, light, seams of torn pictures, bands of lamps.

These judge the camera, never the person before it. Each is a few hundred microseconds at 720p.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from drivers.values import Image, Score

SHARPNESS_MEASURE: Final = "sharpness: variance of Laplacian, centre"
SHARPNESS_SCALE: Final = (0.0, 1020.0**2)
"""The 4-neighbour Laplacian of 8-bit values lies within -1020 and 1020."""

DARKEST: Final = 4
BRIGHTEST: Final = 251
"""Grey levels up to which and from which a pixel is clipped: noise no longer shows in it (own)."""

WITHOUT_LIGHT: Final = 0.98
TOO_MUCH_LIGHT: Final = 0.5
"""Share of clipped pixels from which the self-test names a picture black or overexposed (own)."""

CLIPPED: Final = 0.999
"""From this share on a picture cannot show whether its sensor lives (own)."""

_SEAM_LEVELS = 2.5
_SEAM_RATIO = 1.5
_NEIGHBOURS = 4
_SIDE_ROWS = 24
_SIDE_RATIO = 2.0
_SIDE_LEVELS = 1.0
_EDGE_SHARE = 8
_LEAST_BURST = 3


def sharpness(image: Image) -> Score:
    """Measure the sharpness of the centre, where the face or the eye is.

    The variance of the 4-neighbour Laplacian of the grey values in the middle half of width and
    height, in squared grey levels. It compares frames of one scene under one light and is no
    quality of its own: noise and texture raise it.

    Args:
        image: (height, width, 3) uint8 blue-green-red or (height, width) grey, at least 6 x 6.

    Source: Pech-Pacheco et al. 2000, "Diatom autofocusing in brightfield microscopy", measure LAPV.
    """
    import cv2

    height, width = image.shape[:2]
    centre = image[height // 4 : height - height // 4, width // 4 : width - width // 4]
    _, deviation = cv2.meanStdDev(cv2.Laplacian(_grey(centre), cv2.CV_16S, ksize=1))
    return Score(SHARPNESS_MEASURE, float(deviation[0, 0]) ** 2, "rekam", SHARPNESS_SCALE)


@dataclass(frozen=True, slots=True)
class Light:
    """Mean grey value (0 to 255) and the shares (0 to 1) of pixels that are clipped."""

    mean: float
    black: float
    white: float

    @property
    def is_clipped(self) -> bool:
        """Whether hardly a pixel can show noise, so that equal pictures prove nothing."""
        return self.black + self.white >= CLIPPED

    @property
    def verdict(self) -> str:
        """One of "usable", "black" and "overexposed"."""
        if self.black >= WITHOUT_LIGHT:
            return "black"
        return "overexposed" if self.white >= TOO_MUCH_LIGHT else "usable"


def measure_light(image: Image) -> Light:
    """Measure how much light a picture has; (height, width[, 3]) uint8."""
    grey = _grey(image)
    pixels = grey.size
    return Light(
        mean=float(grey.mean()),
        black=np.count_nonzero(grey <= DARKEST) / pixels,
        white=np.count_nonzero(grey >= BRIGHTEST) / pixels,
    )


def torn(images: Sequence[Image]) -> list[bool]:
    """Say which pictures of one burst have a seam where two pictures were put together.

    A seam is a row with a larger step to the next row than in the other pictures and than a few
    rows above and below it, and with one of its sides unlike the other pictures. A trembling camera
    or a nodding head has only one of the two; a sheet of paper that is held up has both. Needs
    three pictures of one size; with fewer, none is called torn. A seam within a plain background
    cannot be seen, and does no harm.
    """
    if len(images) < _LEAST_BURST:
        return [False] * len(images)
    greys = [_grey(image) for image in images]
    steps = np.stack([_row_steps(grey) for grey in greys])
    usual = np.median(steps, axis=0)
    around = np.maximum(np.roll(steps, 3, axis=1), np.roll(steps, -3, axis=1))
    is_edge = (steps - usual > _SEAM_LEVELS) & (steps > _SEAM_RATIO * np.maximum(usual, around))
    return [
        any(_sides_differ(away, int(row)) for row in np.flatnonzero(edges))
        for edges, away in zip(is_edge, map(_strangeness(greys), range(len(greys))), strict=True)
    ]


def _strangeness(greys: Sequence[Image]) -> Callable[[int], NDArray[np.float32]]:
    """Give, for the number of a picture, how far each row is from the rows of its neighbours."""
    import cv2

    def of(place: int) -> NDArray[np.float32]:
        first = max(0, min(place - _NEIGHBOURS // 2, len(greys) - 1 - _NEIGHBOURS))
        others = [k for k in range(first, min(first + _NEIGHBOURS + 1, len(greys))) if k != place]
        rows = [
            cv2.reduce(cv2.absdiff(greys[place], greys[k]), 1, cv2.REDUCE_AVG, dtype=cv2.CV_32F)
            for k in others
        ]
        # the second most alike: some of the neighbours may be torn themselves, one at the same row
        return np.asarray(np.sort(np.stack(rows), axis=0)[1], np.float32).ravel()

    return of


def _sides_differ(away: NDArray[np.float32], row: int) -> bool:
    first = max(0, row + 1 - _SIDE_ROWS)
    above, below = away[first : row + 1], away[row + 1 : row + 1 + _SIDE_ROWS]
    if min(above.size, below.size) < _SIDE_ROWS // 2:
        return False
    low, high = sorted((float(np.median(above)), float(np.median(below))))
    return high > _SIDE_RATIO * low + _SIDE_LEVELS


def band_strength(images: Sequence[Image]) -> float:
    """Measure the bands that lamps draw: how far row brightness moves within a burst, in percent.

    The median over all rows and pictures, so a sine of amplitude 1 % gives 0.7. Looks at the outer
    eighths of the width, where nobody moves. Returns 0 for fewer than three pictures and for black
    ones.
    """
    if len(images) < _LEAST_BURST:
        return 0.0
    rows = np.stack([_edge_rows(image) for image in images])
    level = float(rows.mean())
    if level <= DARKEST:
        return 0.0
    # the automatic exposure moves whole pictures
    rows = rows - np.median(rows, axis=1, keepdims=True)
    moves = rows - rows.mean(axis=0)
    # the median over rows: something that moves at one height is no band
    return float(100 * np.sqrt(np.median(moves**2)) / level)


def _row_steps(grey: Image) -> NDArray[np.float32]:
    import cv2

    steps = cv2.reduce(cv2.absdiff(grey[1:], grey[:-1]), 1, cv2.REDUCE_AVG, dtype=cv2.CV_32F)
    return np.asarray(steps, np.float32).ravel()


def _edge_rows(image: Image) -> NDArray[np.float64]:
    grey = _grey(image)
    edge = max(1, grey.shape[1] // _EDGE_SHARE)
    rows: NDArray[np.float64] = np.hstack([grey[:, :edge], grey[:, -edge:]]).mean(axis=1)
    return rows


def _grey(image: Image) -> Image:
    import cv2

    if image.ndim == 2:
        return image
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)

"""Find pupil and iris in a near-infrared eye image, and which pixels of the iris can be used."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from station.biometrics.iris.circle import Circle
from station.biometrics.iris.lids import usable_iris
from station.biometrics.iris.polar import unroll

GreyImage = NDArray[np.uint8]
FloatImage = NDArray[np.float32]
Mask = NDArray[np.bool_]

MIN_IRIS_RADIUS_PX, MAX_IRIS_RADIUS_PX = 55, 220
GLARE_FROM: Final = 235

_ANGLES: Final = 256
_SIDE_SECTOR_DEG: Final = 60.0
_MIN_FILL: Final = 0.6
_MIN_PUPIL_AREA: Final = 150.0  # of the half-size image
_MAX_PUPIL_SHARE: Final = 0.12


@dataclass(frozen=True, slots=True, eq=False)
class IrisSegmentation:
    """Circles in px of the image; masks (height, width) bool.

    `annulus` is the iris without the pupil, `usable` its part free of lids, lashes and reflections.
    """

    pupil: Circle
    iris: Circle
    usable: Mask = field(repr=False)
    annulus: Mask = field(repr=False)


def segment_iris(grey: GreyImage) -> IrisSegmentation | None:
    """Segment (height, width) uint8; None when nothing round and dark has a ring around it.

    Source: own; round dark blob over a sweep of thresholds, then Daugman's integro-differential
    search, all around for the pupil and 60 degrees to each side for the iris, since lids cover the
    rest. The result still has to be believed: see `metrics`.
    """
    if min(grey.shape) < 2 * MIN_IRIS_RADIUS_PX:
        return None
    blurred = np.asarray(cv2.medianBlur(grey, 5), np.uint8)
    start = _find_pupil(blurred)
    if start is None:
        return None
    smooth = _without_glare(grey, blurred, start)
    degrees = np.arange(_ANGLES) * 360 / _ANGLES
    beside = np.abs((degrees + 90) % 180 - 90) < _SIDE_SECTOR_DEG
    low, high = max(6, int(0.7 * start.r)), int(1.35 * start.r) + 3
    pupil = _strongest_circle(smooth, start, (low, high), np.ones(_ANGLES, bool), 4, (2, 1))
    low = int(max(1.35 * pupil.r, MIN_IRIS_RADIUS_PX))
    high = int(min(5 * pupil.r, MAX_IRIS_RADIUS_PX))
    if high <= low:
        return None
    iris = _strongest_circle(smooth, pupil, (low, high), beside, 8, (4, 2, 1))
    usable, annulus = usable_iris(grey, pupil, iris)
    return IrisSegmentation(pupil, iris, usable, annulus)


def _find_pupil(blurred: GreyImage) -> Circle | None:
    """Best round dark blob over a sweep of thresholds, on the half-size image."""
    half = cv2.resize(blurred, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (15, 15))
    small = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (7, 7))
    smooth = cv2.morphologyEx(half, cv2.MORPH_OPEN, disc)
    darkest, best, winner = int(np.percentile(smooth, 0.5)), 0.0, None
    for level in range(darkest + 8, darkest + 70, 6):
        dark = cv2.morphologyEx((smooth < level).astype(np.uint8), cv2.MORPH_OPEN, small)
        for contour in cv2.findContours(dark, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]:
            area = cv2.contourArea(contour)
            if not _MIN_PUPIL_AREA <= area <= _MAX_PUPIL_SHARE * half.size:
                continue
            (x, y), radius = cv2.minEnclosingCircle(contour)
            fill = area / (np.pi * radius * radius)
            solidity = area / max(1.0, cv2.contourArea(cv2.convexHull(contour)))
            score = fill * solidity * min(1.0, area / 900)
            if fill > _MIN_FILL and score > best:
                best, winner = score, Circle(2 * x, 2 * y, 2 * float(np.sqrt(area / np.pi)))
    return winner


def _without_glare(grey: GreyImage, blurred: GreyImage, pupil: Circle) -> FloatImage:
    smooth = cv2.GaussianBlur(blurred, (0, 0), 1.5).astype(np.float32)
    glare = cv2.dilate((grey > GLARE_FROM).astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    inside = pupil.distance(grey.shape) < 0.7 * pupil.r
    if inside.any():
        smooth[glare] = np.median(grey[inside])
    return smooth


def _strongest_circle(
    image: FloatImage,
    start: Circle,
    radii: tuple[int, int],
    sectors: Mask,
    reach: int,
    steps: tuple[int, ...],
) -> Circle:
    """Circle over which the mean brightness along the rim grows fastest with the radius.

    The centre is searched on a shrinking grid: `reach` px around the start in the first step, one
    step around the best one afterwards.
    """
    low, high = radii
    best, found = -np.inf, start
    for i, step in enumerate(steps):
        span = reach if i == 0 else step
        middle = found
        offsets = np.arange(-span, span + 1, step)
        for dx, dy in ((x, y) for x in offsets for y in offsets):
            centre = (float(middle.x + dx), float(middle.y + dy))
            mean = unroll(image, *centre, high + 4, _ANGLES)[sectors].mean(0)
            slope = np.zeros_like(mean)
            slope[2:-2] = (mean[3:-1] + mean[4:] - mean[:-4] - mean[1:-3]) / 4
            slope = cv2.GaussianBlur(slope[None], (0, 0), 1.5)[0]
            radius = low + int(np.argmax(slope[low:high]))
            if slope[radius] > best:
                best, found = float(slope[radius]), Circle(*centre, float(radius))
    return found

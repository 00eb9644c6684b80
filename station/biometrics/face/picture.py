"""Sharpness and evenness of light inside a face, both independent of absolute brightness."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Points = NDArray[np.float64]

MAX_BLUR_PX: Final = 20.0

_EYE_CORNERS: Final = ((33, 133), (362, 263))
_EYE_REACH: Final = (0.6, 0.4)
"""Half width and height about the middle of an eye, in eye widths: lids and iris, no brow."""
_ZONES: Final = (151, 50, 280, 199)
"""Mesh points: forehead, cheek at image left, cheek at image right, chin."""
_ZONE_SIDE: Final = 0.3  # of the distance of the eyes
_CALMING_SIGMA_PX, _PROBE_SIGMA_PX = 1.0, 2.5


def blur_sigma_px(bgr: Image, mesh: Points) -> float:
    """Estimate the blur of the eyes as a Gaussian sigma in px, 0 to 20; the sharper eye counts.

    Source: own; an edge blurred by s has its gradient lowered by a known further blur p to
    s / sqrt(s * s + p * p), so the ratio of the strongest gradients gives s, whatever the contrast.
    """
    return min(_blur_of(_eye(bgr, mesh, corners)) for corners in _EYE_CORNERS)


def _eye(bgr: Image, mesh: Points, corners: tuple[int, int]) -> Image:
    outer, inner = mesh[corners[0], :2], mesh[corners[1], :2]
    middle, width = (outer + inner) / 2, float(np.linalg.norm(inner - outer))
    reach = np.array([_EYE_REACH[0] * width, _EYE_REACH[1] * width])
    return _cut(bgr, middle - reach, middle + reach)


def _blur_of(eye: Image) -> float:
    if min(eye.shape[:2]) < 8:
        return MAX_BLUR_PX
    grey = cv2.cvtColor(eye, cv2.COLOR_BGR2GRAY).astype(np.float32)
    # without this sensor noise would look like sharp edges
    calm = cv2.GaussianBlur(grey, (0, 0), _CALMING_SIGMA_PX).astype(np.float32)
    again = cv2.GaussianBlur(calm, (0, 0), _PROBE_SIGMA_PX).astype(np.float32)
    ratio = _strongest_gradient(calm) / max(_strongest_gradient(again), 1e-6)
    if ratio <= 1.0:
        return MAX_BLUR_PX
    whole = _PROBE_SIGMA_PX / np.sqrt(ratio * ratio - 1.0)
    return float(min(MAX_BLUR_PX, np.sqrt(max(0.0, whole**2 - _CALMING_SIGMA_PX**2))))


def zone_ratio(bgr: Image, mesh: Points, inter_eye_px: float) -> float:
    """Lowest over highest mean of forehead, cheeks and chin; the worst colour channel counts."""
    half = _ZONE_SIDE * inter_eye_px / 2
    zones = [_cut(bgr, mesh[i, :2] - half, mesh[i, :2] + half) for i in _ZONES]
    means = np.array([zone.mean((0, 1)) for zone in zones if zone.size])
    if len(means) < 2:
        return 0.0
    return float((means.min(0) / np.maximum(means.max(0), 1.0)).min())


def _strongest_gradient(grey: NDArray[np.float32]) -> float:
    gx, gy = cv2.Scharr(grey, cv2.CV_32F, 1, 0), cv2.Scharr(grey, cv2.CV_32F, 0, 1)
    return float(np.percentile(cv2.magnitude(gx, gy), 99))


def _cut(bgr: Image, low: Points, high: Points) -> Image:
    height, width = bgr.shape[:2]
    left, top = (max(0, int(value)) for value in low)
    right, bottom = min(width, int(high[0]) + 1), min(height, int(high[1]) + 1)
    return bgr[top : max(top, bottom), left : max(left, right)]

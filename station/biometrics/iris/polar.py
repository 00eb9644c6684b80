"""Unroll a picture around a point: rows are directions, columns are distances."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

FloatImage = NDArray[np.float32]


def unroll(image: FloatImage, x: float, y: float, reach: int, angles: int) -> FloatImage:
    """Give (angles, reach) float32: row i at i * 360 / angles degrees, column r at r px.

    Beyond the edge the image goes on unchanged, which gives no edges of its own. (`cv2.warpPolar`
    leaves memory of earlier calls there.)
    """
    dx, dy = _offsets(reach, angles)
    return cv2.remap(
        image,
        dx + np.float32(x),
        dy + np.float32(y),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    ).astype(np.float32)


@lru_cache(maxsize=64)
def _offsets(reach: int, angles: int) -> tuple[FloatImage, FloatImage]:
    angle = np.arange(angles, dtype=np.float32)[:, None] * np.float32(2 * np.pi / angles)
    radius = np.arange(reach, dtype=np.float32)[None]
    return np.cos(angle) * radius, np.sin(angle) * radius

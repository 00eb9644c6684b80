"""Where ridges are: a mask at an eighth of the resolution, used for slaps and single prints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

GreyImage = NDArray[np.uint8]
Mask = NDArray[np.uint8]

BLOCK_PX: Final = 8
PIXELS_PER_MM: Final = 500 / 25.4  # 500 ppi
BLOCKS_PER_MM: Final = PIXELS_PER_MM / BLOCK_PX
MIN_SPREAD: Final = 8.0
"""Least local standard deviation (grey levels) that can be a ridge pattern; working value."""

_OTSU_SHARE: Final = 0.7
_KERNEL: Final = np.ones((5, 5), np.uint8)


@dataclass(frozen=True, slots=True)
class Foreground:
    """Block statistics of one image.

    `mask`: (height // 8, width // 8) uint8, 1 where ridges are; `mean`: block means of the grey
    values, float32, same shape.
    """

    mask: Mask
    mean: NDArray[np.float32]


def find_foreground(image: GreyImage) -> Foreground:
    """Separate ridges from ground by the local standard deviation of grey.

    Args:
        image: (height, width) uint8, 500 ppi, either polarity, at least 8 px a side.

    Source: own method; Otsu's threshold times 0.7, at least 8 grey levels, closed and opened.
    """
    size = (image.shape[1] // BLOCK_PX, image.shape[0] // BLOCK_PX)
    whole = image[: size[1] * BLOCK_PX, : size[0] * BLOCK_PX]
    # 8.8 fixed point: a mean rounded to whole grey levels would look like a spread of its own
    mean = _block_mean(whole.astype(np.uint16) * 256, size) / np.float32(256)
    square = _block_mean(cv2.multiply(whole, whole, dtype=cv2.CV_16U), size)
    local, local_square = cv2.blur(mean, (3, 3)), cv2.blur(square, (3, 3))
    spread = np.sqrt(np.maximum(local_square - local * local, 0))
    scaled = np.clip(spread, 0, 255).astype(np.uint8)
    otsu, _ = cv2.threshold(scaled, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    rough = (spread > max(otsu * _OTSU_SHARE, MIN_SPREAD)).astype(np.uint8)
    closed = cv2.morphologyEx(rough, cv2.MORPH_CLOSE, _KERNEL)
    mask = cv2.morphologyEx(closed, cv2.MORPH_OPEN, _KERNEL)
    return Foreground(np.asarray(mask, np.uint8), mean)


def _block_mean(image: cv2.typing.MatLike, size: tuple[int, int]) -> NDArray[np.float32]:
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.float32)

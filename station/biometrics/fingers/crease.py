"""Where the first phalanx of an upright print ends."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from station.biometrics.fingers.foreground import PIXELS_PER_MM, GreyImage

CREASE_FROM_MM, CREASE_TO_MM = 18.0, 34.0
"""Distance of the distal crease from the tip."""
MIN_DIP: Final = 0.20
"""The crease has at least a fifth less ink than 3 mm above and below it."""
SHORTEST_MM, LONGEST_MM = 22.0, 32.0
LENGTH_PER_WIDTH: Final = 1.6

_FLANK_MM: Final = 3.0
_SMOOTHING_PX: Final = 10.0


def find_crease_px(image: GreyImage) -> int | None:
    """Find the row of the distal crease in the image; None without a dip.

    Args:
        image: (height, width) uint8 upright print, 500 ppi, dark ridges, tip near the upper edge.

    Source: own; dip of the smoothed mean ink of the middle half of the width. Limits are working
    values from three prints.
    """
    quarter = image.shape[1] // 4
    ink = 255.0 - image[:, quarter : image.shape[1] - quarter].mean(1)
    inked = np.flatnonzero(ink > 0.25 * np.percentile(ink, 95))
    if inked.size == 0:
        return None
    tip, end = int(inked[0]), int(inked[-1])
    smooth = cv2.GaussianBlur(ink[:, None], (0, 0), _SMOOTHING_PX)[:, 0].astype(np.float64)
    flank = round(_FLANK_MM * PIXELS_PER_MM)
    first = tip + round(CREASE_FROM_MM * PIXELS_PER_MM)
    # ink falls off at the lower edge of the print and would look like a dip
    last = min(tip + round(CREASE_TO_MM * PIXELS_PER_MM), end - flank - 1)
    if last <= first:
        return None
    rows = np.arange(first, last)
    flanks = np.minimum(smooth[rows - flank], smooth[rows + flank])
    dip = 1.0 - smooth[rows] / np.maximum(flanks, 1e-6)
    deepest = int(np.argmax(dip))
    return int(rows[deepest]) if dip[deepest] >= MIN_DIP else None


def distal_length_px(image: GreyImage, width_mm: float) -> int:
    """Number of rows to keep from the upper edge: down to the crease, else 1.6 times the width."""
    crease = find_crease_px(image)
    if crease is not None:
        return min(int(image.shape[0]), crease)
    length_mm = min(max(LENGTH_PER_WIDTH * width_mm, SHORTEST_MM), LONGEST_MM)
    return min(int(image.shape[0]), round(length_mm * PIXELS_PER_MM))

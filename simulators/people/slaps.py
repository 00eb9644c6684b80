"""Compose what lies on the platen of a slap scanner out of single finger pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from drivers.positions import Finger, Slap
from drivers.values import Image
from simulators.people.fingerprints import WHITE

PLATEN_WIDTH: Final = 1600
PLATEN_HEIGHT: Final = 1500
"""The platen is 3.2 x 3.0 inch at 500 ppi."""

_JITTER_PX = 6
_CONTACT_NOISE_LEVELS = 8  # grey levels under white that are sensor noise, not ink


@dataclass(frozen=True, slots=True)
class FingerPlace:
    """Where a finger lies: pixels at 500 ppi, splay in degrees anticlockwise.

    `contact` is the size of its contact area (see `Impression.contact`): ridges are never scaled,
    a smaller finger is a smaller contact at the same ridge period. The values keep at least 2 mm
    of clean platen between neighbours.
    """

    centre_x: int
    top_y: int
    splay_deg: float
    contact: float


_THUMB = FingerPlace(1100, 420, 10, 1.0)
_RIGHT_PLACES = {
    Finger.RIGHT_THUMB: _THUMB,
    Finger.RIGHT_INDEX: FingerPlace(215, 430, 5, 0.88),
    Finger.RIGHT_MIDDLE: FingerPlace(605, 300, 2, 0.90),
    Finger.RIGHT_RING: FingerPlace(1000, 350, -2, 0.88),
    Finger.RIGHT_LITTLE: FingerPlace(1380, 560, -6, 0.80),
}
_SINGLE = (PLATEN_WIDTH // 2, 470)
_LEFT_FROM_RIGHT = int(Finger.LEFT_THUMB) - int(Finger.RIGHT_THUMB)


def place_of(finger: Finger) -> FingerPlace:
    """Return where a finger lies in its slap; the left hand is the mirror image of the right."""
    if finger.is_right:
        return _RIGHT_PLACES[finger]
    right = _RIGHT_PLACES[Finger(finger - _LEFT_FROM_RIGHT)]
    return FingerPlace(PLATEN_WIDTH - right.centre_x, right.top_y, -right.splay_deg, right.contact)


def compose(images: Mapping[Finger, Image], target: Slap | Finger, seed: int) -> Image:
    """Lay upright single-finger pictures on a clean platen.

    Args:
        images: (height, width) uint8 each, 500 ppi, dark ridges on white.
        target: a slap spreads the fingers as a hand does, a finger lies alone in the middle.
        seed: the hand lies a little differently for each seed.

    Returns:
        (1500, 1600) uint8, without sensor noise.
    """
    rng = np.random.default_rng(seed)
    platen = np.full((PLATEN_HEIGHT, PLATEN_WIDTH), WHITE, np.uint8)
    for finger, image in images.items():
        place = place_of(finger)
        x, top = (place.centre_x, place.top_y) if isinstance(target, Slap) else _SINGLE
        splay = place.splay_deg if isinstance(target, Slap) else 0.0
        dx, dy = rng.uniform(-_JITTER_PX, _JITTER_PX, 2)
        centre = (x + float(dx), top + image.shape[0] / 2 + float(dy))
        _lay(platen, image, centre, splay)
    return platen


def _lay(platen: Image, image: Image, centre: tuple[float, float], angle_deg: float) -> None:
    """Darken the platen with one turned picture; overlaps keep the darker value."""
    height, width = image.shape
    reach = int(np.hypot(height, width) / 2) + 1
    left, top = (max(0, int(c) - reach) for c in centre)
    area = platen[top : int(centre[1]) + reach, left : int(centre[0]) + reach]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), angle_deg, 1.0)
    matrix[:, 2] += (centre[0] - left - width / 2, centre[1] - top - height / 2)
    ink = cv2.subtract(np.full_like(image, WHITE - _CONTACT_NOISE_LEVELS), image)
    layer = cv2.warpAffine(ink, matrix, (area.shape[1], area.shape[0]), flags=cv2.INTER_LINEAR)
    np.minimum(area, WHITE - layer.astype(np.uint8, copy=False), out=area)

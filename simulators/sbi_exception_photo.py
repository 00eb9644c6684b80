"""An exception photo: the resident's face between both palms, without the fingers that are missing.

The hands are drawn in the colour of the resident's own skin. They are evidence for the workflow and
no pictures of anybody's hands.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import cv2
import numpy as np

from drivers.positions import Finger
from drivers.sbi.protocol import Position
from drivers.values import Image

SIZE: Final = (600, 400)
"""Width and height in pixels: 60 x 40 mm at 254 pixels per inch."""

_FACE_WIDTH: Final = 240
_PALM: Final = (62, 78)
# base and tip as parts of the palm's half width (towards the thumb) and half height, and the width
_FINGERS: Final = {
    Finger.LEFT_THUMB: ((0.75, 0.15), (1.42, -0.35), 24),
    Finger.LEFT_INDEX: ((0.55, -0.7), (0.78, -1.75), 20),
    Finger.LEFT_MIDDLE: ((0.15, -0.8), (0.18, -2.0), 20),
    Finger.LEFT_RING: ((-0.25, -0.8), (-0.35, -1.85), 19),
    Finger.LEFT_LITTLE: ((-0.6, -0.6), (-0.88, -1.45), 16),
}


def exception_photo(face: Image, missing: Collection[Position]) -> Image:
    """Compose the photo.

    Args:
        face: (height, width, 3) uint8 blue-green-red, the head in its middle.
        missing: fingers are left out of the hands; eyes change nothing.

    Returns:
        (400, 600, 3) uint8.
    """
    width, height = SIZE
    source_height, source_width = face.shape[:2]
    cut = min(source_width, round(source_height * _FACE_WIDTH / height))
    left = (source_width - cut) // 2
    middle = face[:, left : left + cut]
    portrait = np.asarray(
        cv2.resize(middle, (_FACE_WIDTH, height), interpolation=cv2.INTER_AREA), np.uint8
    )
    backdrop = np.median(portrait[:20, :].reshape(-1, 3), axis=0)
    photo = np.empty((height, width, 3), np.uint8)
    photo[:] = backdrop.astype(np.uint8)
    side = (width - _FACE_WIDTH) // 2
    photo[:, side : side + _FACE_WIDTH] = portrait
    skin = _skin_of(portrait)
    # the codes of eyes and fingers are equal numbers
    absent = [position for position in missing if isinstance(position, Finger)]
    # who faces the camera has the right hand on the left side of the picture
    _draw_hand(photo, (side // 2, 280), skin, absent, is_right=True)
    _draw_hand(photo, (width - side // 2, 280), skin, absent, is_right=False)
    return photo


def _skin_of(portrait: Image) -> tuple[int, int, int]:
    """Return the median colour of the middle of the face."""
    height, width = portrait.shape[:2]
    middle = portrait[height * 2 // 5 : height * 3 // 5, width * 2 // 5 : width * 3 // 5]
    blue, green, red = np.median(middle.reshape(-1, 3), axis=0)
    return int(blue), int(green), int(red)


def _draw_hand(
    photo: Image,
    centre: tuple[int, int],
    skin: tuple[int, int, int],
    missing: Collection[Finger],
    *,
    is_right: bool,
) -> None:
    shade = tuple(int(part * 0.8) for part in skin)
    side = 1 if is_right else -1  # the thumbs of raised palms point to the face

    def at(part: tuple[float, float]) -> tuple[int, int]:
        return (
            round(centre[0] + side * part[0] * _PALM[0]),
            round(centre[1] + part[1] * _PALM[1]),
        )

    for finger, (base, tip, width) in _FINGERS.items():
        shown = _right_of(finger) if is_right else finger
        if shown not in missing:
            cv2.line(photo, at(base), at(tip), shade, width + 4, cv2.LINE_AA)
            cv2.line(photo, at(base), at(tip), skin, width, cv2.LINE_AA)
    cv2.ellipse(photo, centre, _PALM, 0, 0, 360, shade, 3, cv2.LINE_AA)
    cv2.ellipse(photo, centre, _PALM, 0, 0, 360, skin, cv2.FILLED, cv2.LINE_AA)


def _right_of(left: Finger) -> Finger:
    """Return the same finger of the right hand: its position code is smaller by five."""
    return Finger(left - 5)

"""Recognise an old picture that comes again: a live sensor has noise, so equal bytes are old."""

from __future__ import annotations

from collections import deque
from typing import Final

from drivers.camera.inspection import measure_light
from drivers.camera.pictures import Picture

REMEMBERED: Final = 64
"""Pictures that are remembered by length and checksum, over two seconds at 30 fps (own)."""


class Memory:
    """The marks of the last pictures of one camera; holds no pixels.

    A picture that is black or white everywhere shows no noise: it may be equal to the one before
    although the camera lives, and is never called old.
    """

    def __init__(self) -> None:
        self._marks: deque[tuple[int, int]] = deque(maxlen=REMEMBERED)
        self._judged: tuple[tuple[int, int], bool] | None = None

    def knows(self, picture: Picture) -> bool:
        """Say whether this picture came before, and remember it."""
        if picture.mark not in self._marks:
            self._marks.append(picture.mark)
            return False
        if self._judged is None or self._judged[0] != picture.mark:
            image = picture.decode()
            is_clipped = image is not None and measure_light(image).is_clipped
            self._judged = picture.mark, is_clipped
        return not self._judged[1]

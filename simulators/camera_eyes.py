"""The resident's eyes as one iris camera sees them, at camera speed.

An eye takes a quarter of a second to render, so a pair is rendered once, and again when something
changes at the desk; in between it moves a little and its noise is new in every picture.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Final, Protocol, runtime_checkable

import cv2
import numpy as np

from drivers.positions import Eye
from drivers.values import Image
from simulators.people.film import Grain
from simulators.people.seeds import derive

NOISE_LEVELS: Final = 1.5
_MOTION_PX = 3


@runtime_checkable
class EyeScene(Protocol):
    """Somebody with eyes, or an empty place."""

    def iris_image(self, eye: Eye) -> Image:
        """Capture one eye, (height, width) uint8."""
        ...

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` after every change; return the remover."""
        ...


class EyeFilm:
    """An endless film of both eyes, the right one in the left half; safe from any thread."""

    def __init__(self, scene: EyeScene) -> None:
        self._scene = scene
        self._lock = threading.Lock()
        self._still: Image | None = None
        self._grain: Grain | None = None
        self._unsubscribe = scene.subscribe(self._changed)

    def close(self) -> None:
        """Stop listening to the scene."""
        self._unsubscribe()

    def frame(self, index: int) -> Image:
        """Return picture `index` (0, 1, ...), (height, 2 * width) uint8."""
        with self._lock:
            if self._still is None:
                eyes = [self._scene.iris_image(eye) for eye in (Eye.RIGHT, Eye.LEFT)]
                self._still = np.hstack(eyes)
            if self._grain is None:
                self._grain = Grain(self._still.shape, NOISE_LEVELS, derive("film", "eyes"))
            still, grain = self._still, self._grain
        middle = still.shape[1] // 2
        halves = [_moved(half, index) for half in (still[:, :middle], still[:, middle:])]
        return grain.on(np.hstack(halves), index)

    def _changed(self) -> None:
        with self._lock:
            self._still = None


def _moved(image: Image, index: int) -> Image:
    """Shift by whole pixels, so that sharpness stays as it was rendered."""
    dx, dy = round(_MOTION_PX * math.sin(index / 9)), round(_MOTION_PX * math.sin(index / 13))
    move = np.array([[1, 0, dx], [0, 1, dy]], np.float32)
    size = (image.shape[1], image.shape[0])
    moved = cv2.warpAffine(image, move, size, None, cv2.INTER_NEAREST, cv2.BORDER_REPLICATE)
    return moved.astype(np.uint8, copy=False)

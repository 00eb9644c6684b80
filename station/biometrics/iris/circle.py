"""A circle in an image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Circle:
    """Centre and radius in px."""

    x: float
    y: float
    r: float

    def distance(self, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """Distance of every pixel of an image of `shape` (height, width) from the centre."""
        dx = np.arange(shape[1], dtype=np.float32) - np.float32(self.x)
        dy = np.arange(shape[0], dtype=np.float32)[:, None] - np.float32(self.y)
        return np.asarray(np.sqrt(dx * dx + dy * dy), np.float32)

"""Moving pictures at camera speed: a small bank of rendered pictures, cheap motion and noise."""

from __future__ import annotations

import math
import threading
from dataclasses import replace
from typing import Final

import cv2
import numpy as np

from drivers.values import Image
from simulators.people import faces
from simulators.people.seeds import derive

FRAMES_A_POSE: Final = 8

_POSES = ((0.0, 0.0), (0.8, 0.3), (-0.6, -0.4))  # yaw, pitch in degrees: nobody sits like a stone
_MOTION_PX = 1.5
_NOISE_MARGIN_PX = 64


class Grain:
    """Sensor noise at a few milliseconds a frame: two prepared fields at changing offsets."""

    def __init__(self, shape: tuple[int, ...], deviation: float, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self._shape = shape
        self._seed = seed
        size = (shape[0] + _NOISE_MARGIN_PX, shape[1] + _NOISE_MARGIN_PX, *shape[2:])
        # the difference of two positive fields, each with half of the variance
        level = deviation / math.sqrt(2 * (1 - 2 / math.pi))
        self._fields = [
            np.abs(np.round(rng.standard_normal(size, np.float32) * np.float32(level))).astype(
                np.uint8
            )
            for _ in range(2)
        ]

    def on(self, image: Image, index: int) -> Image:
        """Return a noisy copy of `image`; the same index gives the same noise."""
        at = np.random.default_rng(derive("grain", self._seed, index)).integers(
            _NOISE_MARGIN_PX, size=4
        )
        height, width = self._shape[:2]
        lighter = self._fields[0][at[0] : at[0] + height, at[1] : at[1] + width]
        darker = self._fields[1][at[2] : at[2] + height, at[3] : at[3] + width]
        return cv2.subtract(cv2.add(image, lighter), darker).astype(np.uint8, copy=False)


class FaceFilm:
    """An endless film of one shot of one face; thread-safe, deterministic by frame index."""

    def __init__(self, seed: int, shot: faces.Shot) -> None:
        self._seed = seed
        self._shot = shot
        self._lock = threading.Lock()
        self._bank: dict[int, Image] = {}
        width, height = shot.size
        self._grain = Grain((height, width, 3), shot.noise, derive("film", seed))

    def frame(self, index: int) -> Image:
        """Return frame `index` (0, 1, ...), (height, width, 3) uint8 blue-green-red."""
        pose = (index // FRAMES_A_POSE) % len(_POSES)
        with self._lock:
            if pose not in self._bank:
                self._bank[pose] = self._render(pose)
            still = self._bank[pose]
        dx, dy = _MOTION_PX * math.sin(index / 9), _MOTION_PX * math.sin(index / 13)
        move = np.array([[1, 0, dx], [0, 1, dy]], np.float32)
        width, height = self._shot.size
        moved = cv2.warpAffine(still, move, (width, height), borderMode=cv2.BORDER_REPLICATE)
        return self._grain.on(moved.astype(np.uint8, copy=False), index)

    def _render(self, pose: int) -> Image:
        yaw, pitch = _POSES[pose]
        shot = replace(
            self._shot, yaw=self._shot.yaw + yaw, pitch=self._shot.pitch + pitch, noise=0.0
        )
        return faces.render(self._seed, shot)[0]


class EmptyFilm:
    """An endless film of a plain backdrop, with nobody in front of it."""

    def __init__(self, size: tuple[int, int], colour: tuple[int, int, int]) -> None:
        width, height = size
        self._still = np.full((height, width, 3), colour, np.uint8)
        self._grain = Grain((height, width, 3), 1.5, derive("film", "empty"))

    def frame(self, index: int) -> Image:
        """Return frame `index` (0, 1, ...), (height, width, 3) uint8 blue-green-red."""
        return self._grain.on(self._still, index)

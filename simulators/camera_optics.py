"""What controls and faults do to a picture before it is sent."""

from __future__ import annotations

import math
from typing import Final

import cv2
import numpy as np

from drivers.values import Image
from simulators.camera_controls import CameraControls
from simulators.camera_faults import CameraFault
from simulators.injection import Injector

LAMPS_K: Final = 6500.0
BLUR_PER_FOCUS_PX: Final = 12.0
DEFOCUS_PX: Final = 4.0
FLICKER_SHARE: Final = 0.12
TORN_EVERY: Final = 2

_BAND_ROWS = 0.3
_BAND_DRIFT = 0.37
_DISPLACED_PX = (24, 96)
_SPOILED_BYTES = 24


class Optics:
    """Lens, sensor and lamps of one stream; used by one thread."""

    def __init__(self, faults: Injector[CameraFault]) -> None:
        self._faults = faults
        self._rng = np.random.default_rng(faults.random.getrandbits(32))

    def expose(self, image: Image, index: int, controls: CameraControls) -> Image:
        """Return picture `index` as the sensor gives it under these controls and faults.

        Pictures are (height, width, 3) uint8 blue-green-red, or (height, width) of an iris camera.
        """
        faults = self._faults
        image = self._focused(image, controls)
        image = self._lit(image, controls)
        if CameraFault.FLICKER in faults:
            image = _with_bands(image, index)
        if CameraFault.BLACK in faults:
            image = self._rng.integers(0, 3, image.shape, np.uint8)
        if CameraFault.OVEREXPOSED in faults:
            image = cv2.convertScaleAbs(image, alpha=3.0, beta=130.0).astype(np.uint8, copy=False)
        if CameraFault.WRONG_SIZE in faults:
            image = image[::2, ::2]
        if CameraFault.TEARING in faults and index % TORN_EVERY == 0:
            image = self._torn(image)
        return np.ascontiguousarray(image)

    def size_of(self, image: Image) -> tuple[int, int]:
        """Return (width, height) of what `expose` makes of a picture."""
        step = 2 if CameraFault.WRONG_SIZE in self._faults else 1
        seen = image[::step, ::step]
        return seen.shape[1], seen.shape[0]

    def damage(self, data: bytes, first: int = 0) -> bytes:
        """Return an encoded picture as a faulty line delivers it; `first` bytes are spared."""
        faults = self._faults
        if CameraFault.GARBLED in faults:
            return data[: len(data) // 2]
        if CameraFault.GARBAGE in faults:
            return self._rng.bytes(len(data))
        if CameraFault.SPOILED in faults:
            spoiled = bytearray(data)
            at = first + (len(data) - first) // 2
            count = min(_SPOILED_BYTES, len(data) - at - 2)
            # no 0xFF: it would begin a marker, which every decoder notices
            spoiled[at : at + count] = self._rng.integers(0, 255, count, np.uint8).tobytes()
            return bytes(spoiled)
        return data

    def _focused(self, image: Image, controls: CameraControls) -> Image:
        sigma = 0.0 if controls.auto_focus else BLUR_PER_FOCUS_PX * abs(controls.focus - 0.5)
        if CameraFault.DEFOCUS in self._faults:
            sigma = max(sigma, DEFOCUS_PX)
        if sigma <= 0:
            return image
        grain = self._rng.integers(0, 3, image.shape, np.uint8)  # noise is behind the lens
        blurred = cv2.GaussianBlur(image, (0, 0), sigma)
        return cv2.add(blurred, grain).astype(np.uint8, copy=False)

    def _lit(self, image: Image, controls: CameraControls) -> Image:
        factor = 1.0 if controls.auto_exposure else controls.exposure * controls.gain
        if image.ndim == 2:
            lamps = CameraControls()
            factor *= (controls.led + controls.ambient) / (lamps.led + lamps.ambient)
        gains = np.full(3, factor)
        if image.ndim == 3 and not controls.auto_white_balance:
            warmth = math.sqrt(controls.white_balance_k / LAMPS_K)
            gains *= (1 / warmth, 1.0, warmth)  # blue, green, red
        if np.all(gains == 1.0):
            return image
        scale = gains if image.ndim == 3 else gains[:1]
        noise = 0.0 if controls.auto_exposure else 1.5 * max(0.0, controls.gain - 1.0)
        grain = self._rng.normal(0.0, noise, image.shape) if noise else 0.0
        lit: Image = np.clip(image * scale + grain, 0, 255).astype(np.uint8)
        return lit

    def _torn(self, image: Image) -> Image:
        height = image.shape[0]
        row = self._faults.random.randrange(height // 4, height - height // 4)
        aside = self._faults.random.randint(*_DISPLACED_PX)
        torn = image.copy()
        torn[row:] = np.roll(image[row:], aside, axis=1)
        return torn


def _with_bands(image: Image, index: int) -> Image:
    rows = np.arange(image.shape[0], dtype=np.float32)
    phase = 2 * np.pi * (rows / (_BAND_ROWS * image.shape[0]) + _BAND_DRIFT * index)
    factor = 1 - FLICKER_SHARE * (1 + np.sin(phase)) / 2
    shaped = factor[:, None, None] if image.ndim == 3 else factor[:, None]
    banded: Image = (image * shaped).astype(np.uint8)
    return banded

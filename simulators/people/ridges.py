"""Grow the ridge pattern of a synthetic finger from white noise.

A bank of oriented band-pass filters is applied again and again, every pixel with its own angle and
period, until noise has become ridges. Source: Cappelli 2009, "SFinGe" (Handbook of Fingerprint
Recognition, chapter 6) for the idea; filter shape, numbers of passes and gains are working values.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from simulators.people.orientation import (
    HEIGHT,
    PERIOD_RANGE_PX,
    WIDTH,
    FloatImage,
    draw_pattern,
    place_singularities,
    ridge_angles,
    ridge_periods,
)

GENERATOR_VERSION: Final = 1
"""Goes up whenever a seed gives another finger than before: old caches are then not read."""

_BANK_PERIODS_PX = (PERIOD_RANGE_PX[0], 9.4, PERIOD_RANGE_PX[1])
_ORIENTATIONS = 16
_BANDWIDTH = 0.55  # deviation of the Gaussian envelope, in ridge periods
_HALF_SIZE_PASSES = 7
_FULL_SIZE_PASSES = 2
_LEVELS = 127.0


@dataclass(frozen=True, slots=True)
class Master:
    """One finger of one resident: what stays the same in every capture.

    `levels` is (560, 416) int8 at 500 ppi: +127 is the middle of a ridge, -127 of a valley; the
    finger points up.
    """

    pattern: str
    levels: NDArray[np.int8] = field(repr=False)

    @property
    def ridges(self) -> FloatImage:
        """The ridge map as float32, -1 to +1."""
        return self.levels.astype(np.float32) / np.float32(_LEVELS)


class _FilterBank:
    """Even-symmetric oriented band-pass filters of one image size, kept as spectra."""

    def __init__(self, height: int, width: int, periods_px: tuple[float, ...]) -> None:
        self.shape = (height, width)
        self.periods_px = np.asarray(periods_px, np.float32)
        fy = np.fft.fftfreq(height).astype(np.float32)[:, None]
        fx = np.fft.rfftfreq(width).astype(np.float32)[None]
        self.spectra: dict[tuple[int, int], FloatImage] = {}
        for p, period in enumerate(periods_px):
            decay = np.float32(-2 * np.pi**2 * (_BANDWIDTH * period) ** 2)
            for o in range(_ORIENTATIONS):
                normal = np.pi * o / _ORIENTATIONS + np.pi / 2
                u = np.float32(np.cos(normal) / period)
                v = np.float32(np.sin(normal) / period)
                gain = np.exp(decay * ((fx - u) ** 2 + (fy - v) ** 2))
                gain += np.exp(decay * ((fx + u) ** 2 + (fy + v) ** 2))
                gain[0, 0] = 0
                self.spectra[p, o] = gain


class _Mixture:
    """How much every pixel takes from every filter: a linear blend of the nearest neighbours."""

    def __init__(self, bank: _FilterBank, angle: FloatImage, period_px: FloatImage) -> None:
        self._bank = bank
        turn = (angle / np.pi * _ORIENTATIONS) % _ORIENTATIONS
        low = np.floor(turn).astype(np.intp)
        by_angle = np.zeros((_ORIENTATIONS, *bank.shape), np.float32)
        for index, share in ((low, 1 - (turn - low)), (low + 1, turn - low)):
            at = (index % _ORIENTATIONS)[None]
            share = share.astype(np.float32)[None]
            np.put_along_axis(by_angle, at, np.take_along_axis(by_angle, at, 0) + share, 0)
        scale = np.interp(period_px, bank.periods_px, np.arange(len(bank.periods_px)))
        self._weights: list[tuple[FloatImage, FloatImage]] = []
        for (p, o), spectrum in bank.spectra.items():
            weight = by_angle[o] * np.clip(1 - np.abs(scale - p), 0, 1).astype(np.float32)
            if weight.any():
                self._weights.append((spectrum, weight))

    def apply(self, image: FloatImage, gain: float) -> FloatImage:
        """Filter once and limit the contrast to -1..+1."""
        spectrum = np.fft.rfft2(image)
        result = np.zeros(self._bank.shape, np.float32)
        for filter_spectrum, weight in self._weights:
            result += weight * np.fft.irfft2(spectrum * filter_spectrum, s=self._bank.shape)
        limited: FloatImage = np.tanh(np.float32(gain) * result / (result.std() + np.float32(1e-6)))
        return limited


@functools.lru_cache(maxsize=2)
def _filter_bank(reduction: int) -> _FilterBank:
    """Banks serve every finger; building one costs as much as a pass."""
    periods = tuple(period / reduction for period in _BANK_PERIODS_PX)
    return _FilterBank(HEIGHT // reduction, WIDTH // reduction, periods)


def grow_master(seed: int, pattern: str | None = None) -> Master:
    """Grow one finger; the same seed and pattern give the same finger.

    Args:
        seed: any non-negative integer.
        pattern: a key of `CLASS_FREQUENCIES`; None draws one with these frequencies.

    Raises:
        ValueError: unknown pattern.
    """
    rng = np.random.default_rng(seed)
    pattern = pattern or draw_pattern(rng)
    points = place_singularities(pattern, rng)
    angle, period = ridge_angles(points, rng), ridge_periods(points, rng)
    small = (WIDTH // 2, HEIGHT // 2)
    # angles of lines wrap at half a turn: reduce the doubled angle's vector, not the angle
    sine, cosine = cv2.resize(np.sin(2 * angle), small), cv2.resize(np.cos(2 * angle), small)
    half_angle = (0.5 * np.arctan2(sine, cosine)).astype(np.float32)
    half_period = (cv2.resize(period, small) / 2).astype(np.float32)
    ridges = rng.standard_normal(small[::-1]).astype(np.float32)
    mixture = _Mixture(_filter_bank(2), half_angle, half_period)
    for _ in range(_HALF_SIZE_PASSES):
        ridges = mixture.apply(ridges, 2.2)
    grown = cv2.resize(ridges, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    ridges = grown.astype(np.float32, copy=False)
    mixture = _Mixture(_filter_bank(1), angle, period)
    for _ in range(_FULL_SIZE_PASSES):
        ridges = mixture.apply(ridges, 1.6)
    levels = np.round(ridges * _LEVELS).astype(np.int8)
    levels.flags.writeable = False
    return Master(pattern, levels)

"""Where the ridges of a synthetic finger run: pattern class, singular points, angles, periods.

Lengths are pixels at 500 ppi on a canvas of 416 x 560 (21.1 x 28.4 mm). The orientation is the
zero-pole model: half of the sum of the angles to the deltas minus the angles to the loops.
Source: Sherlock and Monro 1993, "A model for interpreting fingerprint topology"; the bent angles
follow Vizcaya and Gerhardt 1996. Distances and frequencies are working values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

FloatImage = NDArray[np.float32]
Point = tuple[float, float]

WIDTH: Final = 416
HEIGHT: Final = 560
PERIOD_RANGE_PX: Final = (7.6, 11.5)
CLASS_FREQUENCIES: Final = {
    "arch": 0.03,
    "tented arch": 0.03,
    "left loop": 0.32,
    "right loop": 0.32,
    "whorl": 0.25,
    "double loop": 0.05,
}

_ANGLE_KNOTS = 8
_BEND_RAD = 0.14


@dataclass(frozen=True, slots=True)
class Singularities:
    """Centres of loops (cores) and deltas, (x right, y down)."""

    loops: tuple[Point, ...] = ()
    deltas: tuple[Point, ...] = ()


def pixel_grid() -> tuple[FloatImage, FloatImage]:
    """Return the x and the y of every pixel, each (560, 416) float32."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    return x, y


def smooth_noise(rng: np.random.Generator, rows: int, columns: int) -> FloatImage:
    """Return (560, 416) float32 noise of deviation about 1, smooth between rows x columns knots."""
    knots = rng.standard_normal((rows, columns)).astype(np.float32)
    grown = cv2.resize(knots, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    return grown.astype(np.float32, copy=False)


def draw_pattern(rng: np.random.Generator) -> str:
    """Draw a pattern class with the frequencies of the population."""
    return str(rng.choice(list(CLASS_FREQUENCIES), p=list(CLASS_FREQUENCIES.values())))


def place_singularities(pattern: str, rng: np.random.Generator) -> Singularities:
    """Place the loops and deltas of one pattern class; ValueError for an unknown class."""
    x = WIDTH / 2 + rng.uniform(-14, 14)
    y = HEIGHT * 0.40 + rng.uniform(-18, 18)

    def about(value: float, span: float) -> float:
        return value + float(rng.uniform(-span, span))

    match pattern:
        case "arch":
            return Singularities()
        case "tented arch":
            return Singularities(((x, y + 30),), ((about(x, 6), about(y + 120, 15)),))
        case "left loop" | "right loop":
            side = -1 if pattern == "right loop" else 1
            return Singularities(((x, y),), ((x + side * about(105, 15), about(y + 165, 20)),))
        case "whorl":
            half = about(33, 11)
            loops = ((about(x, 5), y - half), (about(x, 5), y + half))
            left = (about(x - 130, 18), about(y + 180, 20))
            return Singularities(loops, (left, (about(x + 130, 18), about(y + 180, 20))))
        case "double loop":
            half = about(38, 8)
            loops = ((x - 26, y - half), (x + 26, y + half))
            left = (about(x - 140, 15), about(y + 160, 20))
            return Singularities(loops, (left, (about(x + 130, 15), about(y + 190, 20))))
        case _:
            raise ValueError(f"unknown pattern class {pattern!r}")


def ridge_angles(points: Singularities, rng: np.random.Generator) -> FloatImage:
    """Return the ridge angle of every pixel, (560, 416) float32 radians, x right and y down."""
    x, y = pixel_grid()
    if not points.loops:
        return _arch_angles(x, y, rng)
    total = np.zeros((HEIGHT, WIDTH), np.float32)
    for group, sign in ((points.loops, 1), (points.deltas, -1)):
        for px, py in group:
            knots = rng.uniform(-1, 1, _ANGLE_KNOTS).astype(np.float32)
            total += sign * _bent(np.arctan2(-(y - np.float32(py)), x - np.float32(px)), knots)
    return (-total / 2).astype(np.float32)


def ridge_periods(points: Singularities, rng: np.random.Generator) -> FloatImage:
    """Return the ridge period of every pixel in pixels: wider above the core, below the delta."""
    mean = rng.uniform(8.4, 9.8)
    _, y = pixel_grid()
    top = min((p[1] for p in points.loops), default=HEIGHT * 0.40)
    bottom = max((p[1] for p in points.deltas), default=HEIGHT * 0.72)
    period = mean + 0.9 * np.clip((y - bottom) / 60, 0, 1.2)
    period += 0.5 * np.clip((top - 40 - y) / 60, 0, 1.2)
    period += 0.35 * smooth_noise(rng, 6, 5)
    clipped: FloatImage = np.clip(period, *PERIOD_RANGE_PX).astype(np.float32)
    return clipped


def _arch_angles(x: FloatImage, y: FloatImage, rng: np.random.Generator) -> FloatImage:
    """Angles of a plain arch: a sinusoidal bump that fades out towards tip and crease."""
    strength = rng.uniform(0.9, 1.5)
    centre = HEIGHT * rng.uniform(0.52, 0.60)
    bump = 0.9 * strength * np.exp(-(((y - centre) / (HEIGHT * 0.24)) ** 2))
    base = 0.55 * np.clip(y / centre, 0, 1)
    base = base * np.exp(-np.clip(y - centre, 0, None) / (HEIGHT * 0.18))
    wave = np.sin((x - WIDTH / 2) / (WIDTH * 0.5) * np.pi / 1.15)
    angles: FloatImage = np.arctan((bump + base) * wave).astype(np.float32)
    return angles


def _bent(angle: FloatImage, knots: FloatImage) -> FloatImage:
    """Add a piecewise-linear periodic correction: it makes every field individual."""
    position = (angle + np.pi) / (2 * np.pi) * len(knots)
    lower = np.floor(position).astype(np.intp)
    part = (position - lower).astype(np.float32)
    left, right = knots[lower % len(knots)], knots[(lower + 1) % len(knots)]
    bent = angle + np.float32(_BEND_RAD) * ((1 - part) * left + part * right)
    return np.asarray(bent, np.float32)

"""One capture of a synthetic finger: contact, moisture, dirt, skin distortion and sensor noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from drivers.values import Image
from simulators.people.orientation import (
    CLASS_FREQUENCIES,
    HEIGHT,
    WIDTH,
    FloatImage,
    pixel_grid,
    smooth_noise,
)
from simulators.people.ridges import GENERATOR_VERSION, Master, grow_master

__all__ = [
    "CLASS_FREQUENCIES",
    "GENERATOR_VERSION",
    "HEIGHT",
    "RESOLUTION_PPI",
    "WHITE",
    "WIDTH",
    "Impression",
    "Master",
    "grow_master",
    "make_impression",
]

RESOLUTION_PPI: Final = 500.0
WHITE: Final = 250
"""Grey level of the clean platen."""

_INK = 25
_EDGE_SHARPNESS = 28
_PORE_DRAWS = 900
_RIDGE_GAIN = 4.2
_SHIFT_PX = 2.6


@dataclass(frozen=True, slots=True)
class Impression:
    """How one contact goes; the defaults are a healthy adult's finger on a clean platen.

    `contact` scales the area that touches (1 is 18 x 26 mm, 0.8 a light touch, 0.4 the tip only);
    `moisture` goes from -1 dry to +1 wet; `noise` from 1 (too clean to be true) over 1.5 (healthy),
    4 (manual worker) and 5 (worn) to 6 (unreadable); `distortion` multiplies the plastic skin
    distortion (4 to 10: a sliding finger); `blur_px` is a Gaussian sigma (dirty glass), `strength`
    the part of the contrast that is left (ageing lamp). None for rotation (degrees anticlockwise)
    or shift (pixels right, down) means a small random one.
    """

    rotation_deg: float | None = None
    shift_px: tuple[float, float] | None = None
    contact: float = 1.0
    moisture: float = 0.0
    noise: float = 1.5
    distortion: float = 1.0
    blur_px: float = 0.0
    strength: float = 1.0


HEALTHY: Final = Impression()


def make_impression(master: Master, seed: int, settings: Impression = HEALTHY) -> Image:
    """Capture a finger once; the same seed and settings give the same picture.

    Returns:
        (560, 416) uint8 at 500 ppi, dark ridges on `WHITE`, finger tip up.
    """
    rng = np.random.default_rng(seed)
    thickness = smooth_noise(rng, 9, 7)
    ink = _inked_ridges(master, rng, settings, thickness)
    ink = _add_scratches(ink, rng, settings.noise)
    darkness = (WHITE - _INK - 3.75 * thickness) * _moved(ink, rng, settings)
    picture = WHITE - np.float32(settings.strength) * darkness
    soft = cv2.GaussianBlur(picture, (0, 0), 0.75 + settings.blur_px)
    grain = rng.standard_normal((HEIGHT, WIDTH), np.float32)
    grainy = soft + grain * np.float32(1.8 * settings.noise)
    return np.clip(np.round(grainy), 0, 255).astype(np.uint8)


def _inked_ridges(
    master: Master, rng: np.random.Generator, settings: Impression, thickness: FloatImage
) -> FloatImage:
    """Ink 0..1 of the whole finger: ridges as thick as the moisture makes them, with pores."""
    ridges = _add_pores(master.ridges, rng)
    fine = cv2.GaussianBlur(rng.standard_normal((HEIGHT, WIDTH), np.float32), (0, 0), 1.3)
    fine = fine / fine.std()
    dry = 1 + 0.8 * max(0.0, -settings.moisture)
    roughness = settings.noise * (0.16 * thickness + 0.28 * dry * fine)
    threshold = roughness - 0.55 * settings.moisture
    ink = 1 / (1 + np.exp(-_RIDGE_GAIN * (ridges - threshold)))
    return np.asarray(ink, np.float32)


def _add_pores(ridges: FloatImage, rng: np.random.Generator) -> FloatImage:
    ys = rng.integers(4, HEIGHT - 4, _PORE_DRAWS)
    xs = rng.integers(4, WIDTH - 4, _PORE_DRAWS)
    on_ridge = ridges[ys, xs] > 0.8
    dots = np.zeros((HEIGHT, WIDTH), np.float32)
    dots[ys[on_ridge], xs[on_ridge]] = 4.4
    return (ridges - cv2.GaussianBlur(dots, (0, 0), 1.0)).astype(np.float32)


def _add_scratches(ink: FloatImage, rng: np.random.Generator, noise: float) -> FloatImage:
    for _ in range(rng.poisson(1.2 * noise)):
        middle = rng.uniform([60, 120], [WIDTH - 60, HEIGHT - 100])
        angle, length = rng.uniform(0, np.pi), rng.uniform(30, 110)
        half = np.array([np.cos(angle), np.sin(angle)]) * length / 2
        start, end = (middle - half).astype(int).tolist(), (middle + half).astype(int).tolist()
        line = np.zeros((HEIGHT, WIDTH), np.float32)
        cv2.line(line, tuple(start), tuple(end), (0.9,), 2, cv2.LINE_AA)
        ink = (ink * (1 - cv2.GaussianBlur(line, (0, 0), 0.8))).astype(np.float32)
    return ink


def _contact_area(rng: np.random.Generator, contact: float) -> FloatImage:
    """Superelliptic outline of a finger tip with an irregular soft edge, 0..1."""
    x, y = pixel_grid()
    cx, cy = WIDTH / 2 + rng.uniform(-6, 6), HEIGHT * 0.47
    half_width = WIDTH * 0.43 * contact * rng.uniform(0.97, 1.03)
    half_height = np.where(y < cy, HEIGHT * 0.44, HEIGHT * 0.50) * contact
    radius = np.abs((x - cx) / half_width) ** 2.3 + np.abs((y - cy) / half_height) ** 2.6
    edge = (radius - 1 + 0.05 * smooth_noise(rng, 14, 10)) * _EDGE_SHARPNESS
    area: FloatImage = (1 / (1 + np.exp(np.clip(edge, -60, 60)))).astype(np.float32)
    return area


def _moved(ink: FloatImage, rng: np.random.Generator, settings: Impression) -> FloatImage:
    """Cut the contact area out, turn, shift and distort it."""
    touching = ink * _contact_area(rng, settings.contact)
    rotation = rng.uniform(-8, 8) if settings.rotation_deg is None else settings.rotation_deg
    shift = rng.uniform(-10, 10, 2) if settings.shift_px is None else settings.shift_px
    knots = rng.standard_normal((4, 4, 2), np.float32) * np.float32(_SHIFT_PX * settings.distortion)
    skin = cv2.resize(knots, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    x, y = pixel_grid()
    dx, dy = x - WIDTH / 2 - shift[0], y - HEIGHT / 2 - shift[1]
    cos, sin = np.cos(np.deg2rad(rotation)), np.sin(np.deg2rad(rotation))
    map_x = (cos * dx - sin * dy + WIDTH / 2 + skin[..., 0]).astype(np.float32)
    map_y = (sin * dx + cos * dy + HEIGHT / 2 + skin[..., 1]).astype(np.float32)
    moved = cv2.remap(touching, map_x, map_y, cv2.INTER_LINEAR, borderValue=(0.0,))
    return moved.astype(np.float32, copy=False)

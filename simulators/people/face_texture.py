"""The painted skin of a synthetic head: skin, eyes, brows, mouth, hair or hijab, glasses."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from drivers.values import Image
from simulators.people.head import Floats, Subject, both_sides, bump, subject
from simulators.people.seeds import derive

SIDE_PX: Final = 1400
PX_PER_MM: Final = 5.0
TOP_MM: Final = 120.0

Outline = Sequence[tuple[float, float]]

_SUBPIXEL_BITS = 4
_EYE_HALF_MM = 15.5
_IRIS_MM = 5.9
_PUPIL_MM = 2.1
_FRAME_COLOUR = np.array([25.0, 25.0, 25.0], np.float32)


@dataclass(frozen=True, slots=True)
class Expression:
    """What the face does: openness 0 to 1 (eyes above 1: wide), gaze of both irises in mm."""

    eye_open: float = 1.0
    mouth_open: float = 0.0
    smile: float = 0.0
    gaze_mm: tuple[float, float] = (0.0, 0.0)
    glasses: bool = False


@dataclass(frozen=True, slots=True)
class _Canvas:
    """The texture under work: image (1400, 1400, 3), position of its pixels (mm), skin noise."""

    image: Image
    x: Floats
    y: Floats
    mottle: Floats

    def fill(self, outline: Outline, colour: Floats, softness: float = 0.0) -> None:
        """Fill a polygon given in mm; `softness` is a Gaussian sigma in pixels."""
        corners = _polygon(outline)
        margin = int(4 * softness) + 2
        left, top = np.maximum((corners.min(0) >> _SUBPIXEL_BITS) - margin, 0).tolist()
        right, bottom = ((corners.max(0) >> _SUBPIXEL_BITS) + margin + 1).tolist()
        area = self.image[top:bottom, left:right]
        mask = np.zeros(area.shape[:2], np.uint8)
        inside = corners - (np.array([left, top], np.int32) << _SUBPIXEL_BITS)
        cv2.fillPoly(mask, [inside], (255,), cv2.LINE_AA, _SUBPIXEL_BITS)
        soft = cv2.GaussianBlur(mask, (0, 0), softness) if softness else mask
        alpha = (soft / np.float32(255))[..., None]
        area[:] = (area * (1 - alpha) + colour * alpha).astype(np.uint8)

    def line(self, outline: Outline, colour: Floats, width_mm: float, closed: bool = False) -> None:
        rgb = tuple(int(v) for v in colour)
        width = int(width_mm * PX_PER_MM)
        points = [_polygon(outline)]
        cv2.polylines(self.image, points, closed, rgb, width, cv2.LINE_AA, _SUBPIXEL_BITS)


@functools.lru_cache(maxsize=4)
def paint(seed: int, expression: Expression) -> Image:
    """Paint the texture of one face, (1400, 1400, 3) uint8 red-green-blue, `PX_PER_MM`."""
    s = subject(seed)
    rng = np.random.default_rng(derive("skin", seed))
    pixel = np.arange(SIDE_PX, dtype=np.float32)
    x, y = np.meshgrid((pixel - SIDE_PX / 2) / PX_PER_MM, TOP_MM - pixel / PX_PER_MM)
    knots = rng.standard_normal((24, 24), np.float32)
    grown = cv2.resize(knots, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_CUBIC)
    mottle = grown.astype(np.float32, copy=False)
    pores = rng.standard_normal((SIDE_PX, SIDE_PX), np.float32)
    canvas = _Canvas(_skin(s, x, y, mottle, pores), x, y, mottle)
    angle = np.linspace(0, 2 * np.pi, 60)
    for side in (-1, 1):
        nostril = _pairs(side * 7 + 4.2 * np.cos(angle), -46.5 + 2 * np.sin(angle))
        canvas.fill(nostril, s.skin * 0.25, softness=4)
        _paint_eye(canvas, s, expression, side)
        _paint_brow(canvas, s, side)
    _paint_mouth(canvas, s, expression)
    if expression.glasses:
        _paint_glasses(canvas, s)
    return _cover(canvas, s)


def _pairs(x: Iterable[float], y: Iterable[float]) -> list[tuple[float, float]]:
    return [(float(a), float(b)) for a, b in zip(x, y, strict=True)]


def _polygon(outline: Outline) -> NDArray[np.int32]:
    """Millimetres to texture pixels in the fixed point of the OpenCV drawing functions."""
    points = np.asarray(outline)
    u = SIDE_PX / 2 + points[:, 0] * PX_PER_MM
    v = (TOP_MM - points[:, 1]) * PX_PER_MM
    return np.round(np.stack([u, v], -1) * (1 << _SUBPIXEL_BITS)).astype(np.int32)


def _skin(s: Subject, x: Floats, y: Floats, mottle: Floats, pores: Floats) -> Image:
    colour = np.ones((*x.shape, 3), np.float32) * s.skin
    colour *= (1 + 0.02 * mottle + 0.012 * pores)[..., None]
    flush = both_sides(lambda k: bump(x, y, k * 38, -35, 14, 12))
    colour += flush[..., None] * np.array([9, 0.9, 0.9], np.float32)
    socket = both_sides(lambda k: bump(x, y, k * s.half_eye_distance, 4, 17, 9))
    upper_lip = bump(x, y, 0, s.mouth_y + 18, 9, 2.5)
    under_lip = bump(x, y, 0, s.mouth_y - 14, 15, 3)
    wing = both_sides(lambda k: bump(x, y, k * (s.nose_width + 2), -40, 3, 5))
    fold = both_sides(lambda k: np.exp(-((x - k * (22 + (-42 - y) * 0.35)) ** 2) / 8))
    fold = fold * ((y < -38) & (y > s.mouth_y))
    shades = ((0.20, socket), (0.28, upper_lip), (0.16, under_lip), (0.18, wing), (0.10, fold))
    for share, where in shades:
        colour *= (1 - share * where)[..., None]
    return np.clip(colour, 0, 255).astype(np.uint8)


def _paint_eye(canvas: _Canvas, s: Subject, e: Expression, side: int) -> None:
    centre = side * s.half_eye_distance
    high, low = 5.6 * e.eye_open, 3.6 * min(1.0, e.eye_open)
    q = np.linspace(-1, 1, 30)
    upper = _pairs(centre + q * _EYE_HALF_MM, high * (1 - q * q) ** 0.6)
    lower = _pairs(centre + q[::-1] * _EYE_HALF_MM, -low * (1 - q[::-1] ** 2) ** 0.8)
    if e.eye_open > 0.05:
        column = int(SIDE_PX / 2 + centre * PX_PER_MM)
        cut = np.s_[450:750, column - 100 : column + 100]
        layer = _eyeball(canvas, s, e, centre, high, cut)
        mask = np.zeros(canvas.image.shape[:2], np.uint8)
        outline = [_polygon(upper + lower)]
        cv2.fillPoly(mask, outline, (255,), cv2.LINE_AA, _SUBPIXEL_BITS)
        alpha = cv2.GaussianBlur(mask[cut], (0, 0), 1.2)[..., None] / np.float32(255)
        area = canvas.image[cut]
        area[:] = (area * (1 - alpha) + layer * alpha).astype(np.uint8)
    canvas.line(upper, s.hair * 0.5, 1.6)
    canvas.line([(a, b + 3.6) for a, b in upper[3:-3]], s.skin * 0.62, 0.8)
    canvas.line(lower, s.skin * 0.6, 0.7)


def _eyeball(
    canvas: _Canvas, s: Subject, e: Expression, centre: float, high: float, cut: tuple[slice, slice]
) -> Floats:
    """Paint sclera, iris, pupil and glint in the window `cut`; the lids are cut out later."""
    x, y, mottle = canvas.x[cut], canvas.y[cut], canvas.mottle[cut]
    gx, gy = e.gaze_mm
    distance = np.hypot(x - centre - gx, y - 0.8 - gy)
    sclera = np.ones((*x.shape, 3), np.float32) * np.array([228, 222, 216], np.float32)
    sclera *= 0.75 + 0.25 * s.skin.mean() / 200
    edge = np.clip(np.abs(x - centre) / _EYE_HALF_MM, 0, 1)
    layer: Floats = np.asarray(sclera * (1 - 0.35 * edge**3)[..., None], np.float32)
    fibres = 1 + 0.25 * np.sin(np.arctan2(y, x - centre) * 23 + mottle * 3)
    iris = s.iris * (fibres * (1.15 - 0.5 * (distance / _IRIS_MM) ** 4))[..., None]
    glint = np.hypot(x - centre - gx + 1.6, y - 2.6 - gy)
    for colour, radius, away in (
        (np.clip(iris, 0, 255), _IRIS_MM, distance),
        (np.float32(8), _PUPIL_MM, distance),
        (np.float32(255), 0.8, glint),
    ):
        alpha = np.clip((radius - away) * 3, 0, 1)[..., None]
        layer = layer * (1 - alpha) + colour * alpha
    arc = high * np.sqrt(np.clip(1 - ((x - centre) / _EYE_HALF_MM) ** 2, 0, 1))
    shaded: Floats = layer * np.clip((arc - y) / 3, 0.45, 1)[..., None]
    return shaded


def _paint_brow(canvas: _Canvas, s: Subject, side: int) -> None:
    t = np.linspace(0, 1, 40)
    x = side * (s.half_eye_distance - 14 + t * 33)
    y = 15.5 + 5 * np.sin(t * np.pi * 0.62) - t * 2.0
    half = s.brow * (0.75 + 0.4 * np.sin(t * np.pi)) * (1 - 0.55 * t**3) / 2
    brow = _pairs(x, y + half) + _pairs(x, y - half)[::-1]
    canvas.fill(brow, s.hair * 0.9 + s.skin * 0.1, softness=5)


def _paint_mouth(canvas: _Canvas, s: Subject, e: Expression) -> None:
    u = np.linspace(-1, 1, 40)
    half, gap = s.mouth_half_width * (1 + 0.18 * e.smile), e.mouth_open * 12
    base = s.mouth_y + e.smile * 5 * u**2
    bow = 6.2 * (1 - np.abs(u) ** 1.7) * (1 - 0.22 * np.exp(-((u / 0.15) ** 2)))
    rise, drop = base + gap * 0.35 * (1 - u * u), base - gap * 0.65 * (1 - u * u)
    lower_lip = drop - 7.5 * (1 - u * u) ** 0.9
    lips = _pairs(u * half, rise + bow) + _pairs(u * half, lower_lip)[::-1]
    canvas.fill(lips, s.lip, 3)
    inner_up = _pairs(u * half * 0.97, rise + 0.5)
    inner_low = _pairs(u * half * 0.97, drop - 0.5)
    canvas.fill(inner_up + inner_low[::-1], np.array([45, 20, 20], np.float32), 2)
    if e.mouth_open > 0.3 or e.smile > 0.6:
        depth = min(5.0, gap * 0.4 + 2 * e.smile)
        teeth = [(a * 0.8, b - 0.2) for a, b in inner_up]
        teeth += [(a * 0.8, b - depth) for a, b in inner_up][::-1]
        canvas.fill(teeth, np.array([225, 220, 212], np.float32), 2)


def _paint_glasses(canvas: _Canvas, s: Subject) -> None:
    angle = np.linspace(0, 2 * np.pi, 60)
    cos, sin = np.cos(angle), np.sin(angle)
    x, y = 23 * np.sign(cos) * np.abs(cos) ** 0.6, 17 * np.sign(sin) * np.abs(sin) ** 0.6
    for side in (-1, 1):
        rim = _pairs(side * s.half_eye_distance + x, y - 2)
        canvas.line(rim, _FRAME_COLOUR, 2.2, closed=True)
    canvas.line([(-10, 0), (10, 0)], _FRAME_COLOUR, 2.2)


def _cover(canvas: _Canvas, s: Subject) -> Image:
    """Lay hair or a hijab over the painted skin."""
    x, y = canvas.x, canvas.y
    if s.hijab:
        cover = (y > s.hairline - 14 - 0.0045 * x**2) | (np.abs(x) > 78)
        cover |= y < -s.eye_to_chin - 2
    else:
        cover = (y > s.hairline - 0.0022 * x**2) | ((np.abs(x) > 84) & (y > -20))
    alpha = cv2.GaussianBlur(cover.astype(np.float32), (0, 0), 4)[..., None]
    strands = 1 + 0.12 * np.sin(x * 2.5 + canvas.mottle * 4) + 0.1 * canvas.mottle
    colour = np.clip((s.cloth if s.hijab else s.hair) * strands[..., None], 0, 255)
    mixed = canvas.image * (1 - alpha) + colour * alpha
    covered: Image = np.clip(mixed, 0, 255).astype(np.uint8)
    return covered

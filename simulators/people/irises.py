"""A near-infrared picture of a synthetic eye.

A polar texture (radial fibres, collarette, crypts) lies on the annulus by the rubber-sheet rule,
so that dilation, gaze and eye roll move it as in a real eye. Source: Daugman 2004, "How iris
recognition works" (rubber-sheet model); textures and grey levels are working values.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from drivers.values import Image
from simulators.people.seeds import derive

Floats = NDArray[np.float32]

WIDTH: Final = 640
HEIGHT: Final = 480

_ROWS, _COLUMNS = 96, 1024
_FIBRES = ((1.0, 14.0, 2.2), (0.8, 8.0, 4.0), (0.7, 5.0, 9.0), (0.5, 3.0, 3.0))
_LED_OFFSETS = ((-14, -6), (10, -6))
_LED_RADIUS_PX = 4.5
_TEXTURE_LEVELS = 19  # grey levels: over 6 bits of entropy in the iris, ISO/IEC 29794-6


@dataclass(frozen=True, slots=True)
class IrisView:
    """How one eye is looked at; the defaults are a good picture.

    Lengths in pixels, angles in degrees. `lid` is 1 where the lids nearly touch the iris and covers
    it below (0.4: a blink); `contrast` scales the texture, `brightness` all grey levels; `blur_px`
    is a Gaussian sigma, `noise` a deviation in grey levels. `unsteadiness` scales what changes by
    itself from capture to capture: place, dilation, gaze and roll.
    """

    iris_radius_px: float = 116.0
    pupil_radius_px: float = 46.0
    centre: tuple[float, float] = (WIDTH / 2, HEIGHT / 2)
    pupil_offset: tuple[float, float] = (2.0, -1.0)
    roll_deg: float = 0.0
    lid: float = 0.95
    lashes: int = 20
    contrast: float = 1.0
    brightness: float = 1.0
    blur_px: float = 0.8
    noise: float = 2.5
    unsteadiness: float = 1.0


@dataclass(frozen=True, slots=True)
class _Eye:
    """One capture's geometry after the unsteadiness of the eye."""

    cx: float
    cy: float
    px: float
    py: float
    iris: float
    pupil: float
    roll_rad: float
    lid: float

    def upper_lid(self, x: Floats) -> Floats:
        t = (x - self.cx) / (2.25 * self.iris)
        edge = self.cy - self.iris * (1.28 * self.lid * (1 - t**2) - 0.10 * t)
        return edge.astype(np.float32)

    def lower_lid(self, x: Floats) -> Floats:
        t = (x - self.cx) / (2.25 * self.iris)
        edge = self.cy + self.iris * (1.12 * self.lid * (1 - 1.05 * t**2) + 0.05 * t)
        return edge.astype(np.float32)


@functools.lru_cache(maxsize=16)
def polar_texture(seed: int) -> Floats:
    """Return one iris, (96, 1024) float32: pupil to limbus, around; mean 0, deviation 1."""
    rng = np.random.default_rng(derive("iris", seed))

    def periodic(radial: float, angular: float) -> Floats:
        tiled = np.tile(rng.standard_normal((_ROWS, _COLUMNS), np.float32), (1, 3))
        soft = cv2.GaussianBlur(tiled, (0, 0), sigmaX=angular, sigmaY=radial)
        soft = soft[:, _COLUMNS : 2 * _COLUMNS]
        layer: Floats = ((soft - soft.mean()) / soft.std()).astype(np.float32)
        return layer

    texture = np.zeros((_ROWS, _COLUMNS), np.float32)
    for gain, radial, angular in _FIBRES:
        texture += gain * periodic(radial, angular)
    rho = np.linspace(0, 1, _ROWS, dtype=np.float32)[:, None]
    collarette = 0.28 + 0.06 * periodic(40, 30)[:1]
    texture += 1.3 * np.exp(-(((rho - collarette) / 0.05) ** 2))
    for _ in range(rng.integers(8, 16)):
        at, column = rng.uniform(0.2, 0.75), rng.integers(_COLUMNS)
        across = (np.arange(_COLUMNS) - column + _COLUMNS / 2) % _COLUMNS - _COLUMNS / 2
        long, wide = rng.uniform(0.04, 0.09), rng.uniform(8, 22)
        crypt = np.exp(-(((rho - at) / long) ** 2) - ((across[None] / wide) ** 2))
        texture -= 2.2 * crypt.astype(np.float32)
    normal: Floats = ((texture - texture.mean()) / texture.std()).astype(np.float32)
    return normal


def render_iris(seed: int, view: IrisView, capture: int) -> Image:
    """Take one picture of the eye `seed`; equal arguments give the same picture.

    Returns:
        (480, 640) uint8, grey.
    """
    rng = np.random.default_rng(derive("iris", seed, "capture", capture))
    eye = _steady(view, rng)
    yy, xx = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    from_limbus = np.hypot(xx - eye.cx, yy - eye.cy)
    from_pupil = np.hypot(xx - eye.px, yy - eye.py)
    sclera = 178 - 0.00012 * (from_limbus - eye.iris) ** 2 + 4 * _smooth(rng, 24, 32)
    alpha = _step(eye.iris - from_limbus, 2.2)
    iris = _iris(seed, view, eye, xx, yy, from_pupil)
    picture = sclera * (1 - alpha) + iris * alpha
    alpha = _step(eye.pupil - from_pupil, 0.9)
    picture = picture * (1 - alpha) + 28 * alpha
    for sx, sy in _LED_OFFSETS:
        away = np.hypot(xx - eye.cx - sx, yy - eye.cy - sy)
        alpha = np.clip(_LED_RADIUS_PX - away, 0, 1)
        picture = picture * (1 - alpha) + 250 * alpha
    picture = _lids(picture, eye, xx, yy, rng)
    _draw_lashes(picture, eye, view.lashes, rng)
    if view.blur_px:
        picture = cv2.GaussianBlur(picture, (0, 0), view.blur_px).astype(np.float32, copy=False)
    grain = rng.standard_normal((HEIGHT, WIDTH), np.float32) * np.float32(view.noise)
    grey: Image = np.clip(picture * np.float32(view.brightness) + grain, 0, 255).astype(np.uint8)
    return grey


def _steady(view: IrisView, rng: np.random.Generator) -> _Eye:
    moves = rng.uniform(-1, 1, 6) * view.unsteadiness
    cx, cy = view.centre[0] + 8 * moves[0], view.centre[1] + 6 * moves[1]
    return _Eye(
        cx=cx,
        cy=cy,
        px=cx + view.pupil_offset[0] + moves[2],
        py=cy + view.pupil_offset[1] + moves[3],
        iris=view.iris_radius_px,
        pupil=view.pupil_radius_px + 3 * moves[4],
        roll_rad=float(np.deg2rad(view.roll_deg + 3 * moves[5])),
        lid=view.lid,
    )


def _step(distance: Floats, width: float) -> Floats:
    rise: Floats = 1 / (1 + np.exp(-np.clip(distance / width, -60, 60)))
    return rise


def _smooth(rng: np.random.Generator, rows: int, columns: int) -> Floats:
    knots = rng.standard_normal((rows, columns), np.float32)
    grown = cv2.resize(knots, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    return grown.astype(np.float32, copy=False)


def _iris(
    seed: int, view: IrisView, eye: _Eye, xx: Floats, yy: Floats, from_pupil: Floats
) -> Floats:
    """Lay the texture between pupil and limbus along the rays from the pupil's centre."""
    angle = np.arctan2(yy - eye.py, xx - eye.px)
    dx, dy = eye.cx - eye.px, eye.cy - eye.py
    along = np.cos(angle) * dx + np.sin(angle) * dy
    outer = along + np.sqrt(np.maximum(along**2 - (dx**2 + dy**2 - eye.iris**2), 0))
    rho = (from_pupil - eye.pupil) / (outer - eye.pupil)
    column = ((angle + eye.roll_rad) / (2 * np.pi)) % 1 * _COLUMNS
    row = np.clip(rho * (_ROWS - 1), 0, _ROWS - 1)
    texture = polar_texture(seed)
    wrapped = np.hstack([texture, texture[:, :1]])
    pattern = cv2.remap(
        wrapped, column.astype(np.float32), row.astype(np.float32), cv2.INTER_LINEAR
    )
    base = np.random.default_rng(derive("iris", seed, "pigment")).uniform(92, 125)
    grey = base + pattern * (_TEXTURE_LEVELS * view.contrast) - 72 * np.clip(rho - 0.85, 0, 1)
    laid: Floats = grey.astype(np.float32)
    return laid


def _lids(picture: Floats, eye: _Eye, xx: Floats, yy: Floats, rng: np.random.Generator) -> Floats:
    """Cover the eye with the skin of both lids, with the shadow of the upper one."""
    grain = rng.standard_normal((HEIGHT, WIDTH), np.float32)
    skin = 175 + 12 * _smooth(rng, 12, 16) + 4 * cv2.GaussianBlur(grain, (0, 0), 1.2)
    upper, lower = eye.upper_lid(xx), eye.lower_lid(xx)
    alpha = np.clip(_step(upper - yy, 1.2) + _step(yy - lower, 1.2), 0, 1)
    picture = picture * (1 - 0.35 * np.exp(-np.clip(yy - upper, 0, None) / 14))
    picture = picture * (1 - alpha) + skin * alpha
    edge = 1 - 0.55 * np.exp(-(((yy - upper) / 3.0) ** 2))
    covered: Floats = (picture * edge).astype(np.float32)
    return covered


def _draw_lashes(picture: Floats, eye: _Eye, count: int, rng: np.random.Generator) -> None:
    t = np.linspace(0, 1, 12, dtype=np.float32)
    for _ in range(count):
        root = eye.cx + rng.uniform(-1.9, 1.9) * eye.iris
        lean = (root - eye.cx) / (2.25 * eye.iris) * 0.9 + rng.normal(0, 0.12)
        length, droop = rng.uniform(0.25, 0.55) * eye.iris, rng.uniform(0, 0.45)
        x = root + lean * length * (t + 0.3 * t * t)
        lid = eye.upper_lid(np.full_like(t, root))
        y = lid + length * (droop * np.sin(2.4 * t) - 0.7 * t * t)
        points = np.round(np.stack([x, y], -1) * 16).astype(np.int32)
        cv2.polylines(picture, [points], False, (38.0,), 2, cv2.LINE_AA, 4)

"""The head of a synthetic resident: proportions, colours, and the surface as a mesh of points.

Axes of the head in millimetres: x to image right, y up, z to the camera, origin between the eyes.
Colours are red-green-blue, 0 to 255. Proportions are working values for adults.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulators.people.seeds import derive

Floats = NDArray[np.float32]

CROWN_MM: Final = 112.0

_SKIN_LIGHT = np.array([236.0, 196.0, 172.0])
_SKIN_DARK = np.array([120.0, 78.0, 56.0])
_HAIR = ((25.0, 20.0, 18.0), (60.0, 40.0, 28.0), (18.0, 18.0, 20.0))
_IRIS = ((60.0, 38.0, 24.0), (80.0, 55.0, 30.0), (45.0, 30.0, 22.0))
_LIP = np.array([170.0, 95.0, 90.0])
_HIJAB_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class Subject:
    """Everything that makes one face; lengths in millimetres."""

    half_eye_distance: float
    face_half_width: float
    jaw: float
    eye_to_chin: float
    nose_height: float
    nose_width: float
    mouth_half_width: float
    mouth_y: float
    brow: float
    hairline: float
    hijab: bool
    skin: Floats
    hair: Floats
    iris: Floats
    lip: Floats
    cloth: Floats


@functools.lru_cache(maxsize=64)
def subject(seed: int) -> Subject:
    """Draw the proportions and colours of one face."""
    rng = np.random.default_rng(derive("face", seed))
    tone = rng.uniform(0, 1)
    skin = _SKIN_LIGHT * (1 - tone) + _SKIN_DARK * tone
    return Subject(
        half_eye_distance=rng.uniform(31, 33.5),
        face_half_width=rng.uniform(70, 77),
        jaw=rng.uniform(0.70, 0.84),
        eye_to_chin=rng.uniform(112, 122),
        nose_height=rng.uniform(17, 23),
        nose_width=rng.uniform(14, 18),
        mouth_half_width=rng.uniform(24, 29),
        mouth_y=-rng.uniform(66, 71),
        brow=rng.uniform(4, 6.5),
        hairline=rng.uniform(50, 62),
        hijab=bool(rng.random() < _HIJAB_SHARE),
        skin=skin.astype(np.float32),
        hair=np.array(_HAIR[rng.integers(3)], np.float32),
        iris=np.array(_IRIS[rng.integers(3)], np.float32),
        lip=(_LIP * (0.55 + 0.45 * skin.mean() / 200)).astype(np.float32),
        cloth=rng.integers(20, 200, 3).astype(np.float32),
    )


def bump(x: Floats, y: Floats, cx: float, cy: float, sx: float, sy: float) -> Floats:
    """Return a Gaussian hill of height 1 at (cx, cy) with deviations (sx, sy)."""
    hill: Floats = np.exp(-((x - cx) ** 2 / (2 * sx * sx) + (y - cy) ** 2 / (2 * sy * sy)))
    return hill


def both_sides(function: Callable[[int], Floats]) -> Floats:
    """Add what `function` gives for the image-left (-1) and the image-right (+1) half."""
    return function(-1) + function(1)


@dataclass(frozen=True, slots=True)
class Mesh:
    """A surface of rows x columns points.

    `points` (mm) and `normals` (unit) are (rows, columns, 3) float32; `across_mm` (rows, columns)
    is the horizontal texture coordinate, unrolled around the back of the head.
    """

    points: Floats
    normals: Floats
    across_mm: Floats


@functools.lru_cache(maxsize=2)
def head_mesh(seed: int, rows: int) -> Mesh:
    """Build the head without neck; `rows` points from chin to crown."""
    s = subject(seed)
    u = np.linspace(-np.pi, np.pi, int(rows * 1.2))
    crown_rows = CROWN_MM - 16 * np.linspace(1, 0, rows // 8) ** 2
    v = np.concatenate([np.linspace(-s.eye_to_chin, 95.9, rows), crown_rows])
    angle, y = (axis.astype(np.float32) for axis in np.meshgrid(u, v))
    width, depth = _outline(s, y)
    cos, sin, power = np.cos(angle), np.sin(angle), 2.25
    roundness = (np.abs(cos) ** power + np.abs(sin) ** power) ** (-1 / power)
    x, z = width * sin * roundness, depth * cos * roundness
    z = z + _relief(s, x, y) * np.sqrt(np.clip(cos, 0, 1))
    back = np.sign(angle) * (width + (np.abs(angle) - np.pi / 2) * 60)
    across = np.clip(np.where(np.abs(angle) < np.pi / 2, x, back), -139, 139)
    points = np.stack([x, y, z], -1).astype(np.float32)
    normal = np.cross(np.gradient(points, axis=1), np.gradient(points, axis=0))
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True) + 1e-9
    if normal[rows // 2, normal.shape[1] // 2, 2] < 0:
        normal = -normal
    return Mesh(points, normal.astype(np.float32), across.astype(np.float32))


@functools.lru_cache(maxsize=2)
def neck_mesh(rows: int) -> Mesh:
    """Build the neck: it starts inside the head, so that no turn opens a seam at the chin."""
    u = np.linspace(-np.pi, np.pi, int(rows * 1.2))
    v = np.linspace(-190, -85, rows // 2)
    angle, y = (axis.astype(np.float32) for axis in np.meshgrid(u, v))
    points = np.stack([50 * np.sin(angle), y, 54 * np.cos(angle) - 14], -1)
    normal = np.stack([np.sin(angle), np.zeros_like(y), np.cos(angle)], -1)
    return Mesh(points.astype(np.float32), normal.astype(np.float32), np.zeros_like(y))


def _outline(s: Subject, y: Floats) -> tuple[Floats, Floats]:
    """Half width and depth of the head at every height."""
    up, down = np.clip(y / CROWN_MM, 0, 1), np.clip(-y / s.eye_to_chin, 0, 1)
    crown = s.face_half_width * 1.04 * np.sqrt(1 - up**2.3)
    cheek = s.face_half_width * (1.04 - (1.08 - s.jaw) * down**2.6)
    chin = np.clip((-y - s.eye_to_chin + 16) / 16, 0, 1)
    width = np.where(y > 0, crown, cheek) * np.sqrt(1 - 0.65 * chin**2)
    depth = np.where(y > 0, 92 * np.sqrt(1 - up**2.6), 92 - 14 * down**2)
    return width, depth * np.sqrt(1 - 0.55 * chin**2)


def _relief(s: Subject, x: Floats, y: Floats) -> Floats:
    """Height of nose, eyes, brows, cheeks, lips and chin over the smooth head, mm."""
    eye = s.half_eye_distance
    relief = s.nose_height * bump(x, y, 0, -41, 7, 10)
    relief = relief + s.nose_height * 0.55 * bump(x, y, 0, -18, 5.5, 17)
    paired = (
        (5, 11, -43, 5, 5),
        (-8.5, eye, 0, 13, 9),
        (4.5, eye, -0.5, 8.5, 6),
        (4, eye, 18, 18, 6),
        (5, 42, -28, 14, 12),
    )
    for height, cx, cy, sx, sy in paired:
        relief += height * (bump(x, y, -cx, cy, sx, sy) + bump(x, y, cx, cy, sx, sy))
    middle = (
        (4.5, s.mouth_y + 4, 15, 4),
        (4.5, s.mouth_y - 6, 13, 4),
        (-2.5, s.mouth_y - 16, 14, 4),
        (6, 9 - s.eye_to_chin, 14, 10),
    )
    for height, cy, sx, sy in middle:
        relief += height * bump(x, y, 0, cy, sx, sy)
    return relief

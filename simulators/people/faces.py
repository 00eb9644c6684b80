"""A photograph of a synthetic resident: pose, light, background and camera defects, with its truth.

These faces serve detection, geometry, exposure, background and the workflow. They are no benchmark
of face recognition.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from drivers.values import Image
from simulators.people import face_texture, head
from simulators.people.face_texture import Expression
from simulators.people.head import Floats, Subject

__all__ = [
    "BLUE_BACKGROUND",
    "ORANGE_BACKGROUND",
    "RED_BACKGROUND",
    "Expression",
    "Shot",
    "background_for",
    "prepare",
    "render",
]

Colour = tuple[int, int, int]

# blue-green-red; values seen in print, there is no official one. Orange is for foreign residents.
RED_BACKGROUND: Final[Colour] = (0x14, 0x15, 0xDB)
BLUE_BACKGROUND: Final[Colour] = (0xFF, 0x90, 0x00)
ORANGE_BACKGROUND: Final[Colour] = (0x00, 0x8C, 0xFF)
GREY_BACKGROUND: Final[Colour] = (200, 200, 200)

_CAMERA_DISTANCE_MM = 1100.0
_FACE_PLANE_MM = 90.0
_PIVOT_MM = np.array([0.0, -20.0, 0.0], np.float32)
_EYE_MM = (0.8, 84.0)
_NECK_END_MM = -172.0


@dataclass(frozen=True, slots=True)
class Shot:
    """One photograph.

    `size` is (width, height) and `centre` the place of the point between the eyes as a part of it;
    `eye_distance_px` is that of a frontal face. Angles in degrees: yaw > 0 turns the face to image
    right, pitch > 0 looks down, roll > 0 tilts the top of the head to image left. `light` points to
    the lamp in the axes of the head; `background` is blue-green-red, None leaves the choice to the
    scene (grey without one); `background_gradient` is the relative fall of brightness across;
    `blur_px` a Gaussian sigma, `noise` a deviation in grey levels.
    """

    size: tuple[int, int] = (1280, 720)
    eye_distance_px: float = 122.0
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    centre: tuple[float, float] = (0.5, 0.42)
    light: tuple[float, float, float] = (-0.25, 0.45, 1.0)
    ambient: float = 0.42
    exposure: float = 1.0
    background: Colour | None = None
    background_gradient: float = 0.0
    blur_px: float = 0.0
    noise: float = 1.5
    noise_seed: int = 0
    expression: Expression = field(default_factory=Expression)


def background_for(date_of_birth: date) -> Colour:
    """Return the background of a citizen's photograph: red for odd years of birth, else blue."""
    return RED_BACKGROUND if date_of_birth.year % 2 else BLUE_BACKGROUND


def prepare(seed: int) -> None:
    """Paint the neutral face in advance, so that the first picture comes as fast as the others."""
    face_texture.paint(seed, Expression())


def render(seed: int, shot: Shot) -> tuple[Image, NDArray[np.float64], NDArray[np.bool_]]:
    """Take one photograph; the same seed and shot give the same picture.

    Returns:
        The picture (height, width, 3) uint8 blue-green-red; the true eye centres (2, 2) in pixels,
        image left first; the true person mask (height, width) bool.
    """
    s = head.subject(seed)
    width, height = shot.size
    points, normals, colours, on_head = _surface(seed, s, shot)
    picture, body = _backdrop(s, shot)
    uv = _project(points, s, shot)
    seen = (normals[:, 2] > -0.05) & (uv >= 0).all(1) & (uv < [width - 1, height - 1]).all(1)
    seen &= on_head | (points[:, 1] >= _NECK_END_MM)
    order = np.flatnonzero(seen)
    order = order[np.argsort(points[order, 2], kind="stable")]
    x, y = uv[order].astype(np.intp).T
    picture[y, x] = colours[order]
    covered = np.zeros((height, width), np.uint8)
    covered[y, x] = 1
    closed = cv2.morphologyEx(covered, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    holes = (closed == 1) & (covered == 0)
    picture[holes] = cv2.medianBlur(np.clip(picture, 0, 255).astype(np.uint8), 3)[holes]
    soft = cv2.GaussianBlur(picture, (0, 0), 0.6 + shot.blur_px).astype(np.float32, copy=False)
    if shot.noise:
        grain = np.random.default_rng(shot.noise_seed).standard_normal(soft.shape, np.float32)
        soft = soft + grain * np.float32(shot.noise)
    rgb = np.clip(soft, 0, 255).astype(np.uint8)
    eyes = np.array([[k * s.half_eye_distance, *_EYE_MM] for k in (-1, 1)], np.float32)
    turned = ((eyes - _PIVOT_MM) @ _rotation(shot).T + _PIVOT_MM).astype(np.float32)
    bgr = np.ascontiguousarray(rgb[..., ::-1])
    return bgr, _project(turned, s, shot).astype(np.float64), (closed == 1) | body


def _rotation(shot: Shot) -> Floats:
    angles = np.deg2rad([shot.yaw, shot.pitch, shot.roll])
    (cy, cp, cr), (sy, sp, sr) = np.cos(angles), np.sin(angles)
    yaw = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    pitch = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    roll = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    turn: Floats = (roll @ pitch @ yaw).astype(np.float32)
    return turn


def _project(points: Floats, s: Subject, shot: Shot) -> Floats:
    """Pinhole projection of (n, 3) millimetres to (n, 2) pixels."""
    width, height = shot.size
    focal = shot.eye_distance_px / (2 * s.half_eye_distance)
    focal *= _CAMERA_DISTANCE_MM - _FACE_PLANE_MM
    scale = focal / (_CAMERA_DISTANCE_MM - points[:, 2])
    u = width * shot.centre[0] + points[:, 0] * scale
    v = height * shot.centre[1] - points[:, 1] * scale
    return np.stack([u, v], -1).astype(np.float32)


def _surface(seed: int, s: Subject, shot: Shot) -> tuple[Floats, Floats, Floats, NDArray[np.bool_]]:
    """Points (mm), normals and lit colours of head and neck, each (n, 3), and which are head."""
    rows = int(np.clip(shot.eye_distance_px / 65 * 378, 300, 1600))
    skull, neck = head.head_mesh(seed, rows), head.neck_mesh(rows)
    scale = np.float32(face_texture.PX_PER_MM)
    skin = cv2.remap(
        face_texture.paint(seed, shot.expression),
        face_texture.SIDE_PX / 2 + skull.across_mm * scale,
        (face_texture.TOP_MM - skull.points[..., 1]) * scale,
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    neck_colour = np.ones_like(neck.points) * (s.cloth if s.hijab else s.skin * 0.86)
    turn = _rotation(shot)
    turned = ((skull.points.reshape(-1, 3) - _PIVOT_MM) @ turn.T) + _PIVOT_MM
    points = np.vstack([turned, neck.points.reshape(-1, 3)])
    normals = np.vstack([skull.normals.reshape(-1, 3) @ turn.T, neck.normals.reshape(-1, 3)])
    colours = np.vstack([skin.reshape(-1, 3), neck_colour.reshape(-1, 3)]).astype(np.float32)
    on_head = np.arange(len(points)) < len(turned)
    glossy = np.zeros(len(points), np.float32)
    glossy[: len(turned)] = np.abs(skull.across_mm.ravel()) < 75
    return points, normals, _lit(colours, normals, glossy, shot), on_head


def _lit(colours: Floats, normals: Floats, glossy: Floats, shot: Shot) -> Floats:
    """Diffuse light, a little gloss, exposure."""
    light = np.array(shot.light, np.float32)
    light /= np.linalg.norm(light)
    half_way = light + np.array([0, 0, 1], np.float32)
    half_way /= np.linalg.norm(half_way)
    diffuse = shot.ambient + (1.12 - shot.ambient) * np.clip(normals @ light, 0, 1)
    gloss = 25.5 * np.clip(normals @ half_way, 0, 1) ** 28 * glossy
    lit = (colours * diffuse[:, None] + gloss[:, None]) * np.float32(shot.exposure)
    clipped: Floats = np.clip(lit, 0, 255).astype(np.float32)
    return clipped


def _backdrop(s: Subject, shot: Shot) -> tuple[Floats, NDArray[np.bool_]]:
    """Background with the shoulders in front of it (red-green-blue), and the shoulder mask."""
    width, height = shot.size
    rgb = (shot.background or GREY_BACKGROUND)[::-1]
    picture = np.ones((height, width, 3), np.float32) * np.array(rgb, np.float32)
    fall = shot.background_gradient * np.linspace(-0.5, 0.5, width, dtype=np.float32)
    picture = np.clip(picture * (1 + fall)[None, :, None], 0, 255)
    px_per_mm = shot.eye_distance_px / (2 * s.half_eye_distance)
    yy, xx = np.mgrid[0:height, 0:width].astype(np.float32)
    x = (xx - width * shot.centre[0]) / px_per_mm
    y = (height * shot.centre[1] - yy) / px_per_mm
    shoulder = -158 - 32 * np.clip((np.abs(x) - 55) / 90, 0, 9) ** 1.6
    body = (y < shoulder) & (np.abs(x) < 235)
    shade = (0.62 + 0.3 * np.exp(-(((x + 60) / 110) ** 2))) * shot.exposure
    picture[body] = (s.cloth * shade[..., None])[body]
    return picture.astype(np.float32), body

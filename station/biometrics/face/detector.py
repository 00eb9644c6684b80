"""Find faces: the BlazeFace short-range network (128 x 128 px, 896 anchors)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from station.biometrics.face.models import Model, load_network

Points = NDArray[np.float64]

INPUT_PX: Final = 128
MIN_SCORE: Final = 0.5
SAME_FACE_OVERLAP: Final = 0.3

_GRIDS: Final = ((16, 2), (8, 6))  # cells a side, anchors a cell


@dataclass(frozen=True, slots=True, eq=False)
class Detection:
    """One face; pixels of the image.

    `box` is x, y, width, height; `points` (6, 2): eye at image left, eye at image right, nose,
    mouth, two ears.
    """

    score: float
    box: Points
    points: Points

    @property
    def area(self) -> float:
        """Area of the box in px."""
        return float(self.box[2] * self.box[3])


class FaceDetector:
    """Finds faces from about 1/10 of the picture's longer side; not for use by several threads."""

    def __init__(self) -> None:
        self._net = load_network(Model.DETECTOR)
        self._anchors = np.concatenate([_anchors(cells, each) for cells, each in _GRIDS])

    def find(self, bgr: NDArray[np.uint8]) -> list[Detection]:
        """Find all faces of an (height, width, 3) uint8 BGR image, the most certain one first."""
        canvas, scale, corner = _letterbox(bgr)
        blob = cv2.dnn.blobFromImage(
            canvas, 1 / 127.5, (INPUT_PX, INPUT_PX), (127.5,) * 3, swapRB=True
        )
        self._net.setInput(blob)
        raw, logits = self._net.forward(["regressors", "classificators"])
        scores = 1 / (1 + np.exp(-np.clip(logits.reshape(-1).astype(np.float64), -60, 60)))
        keep = np.flatnonzero(scores > MIN_SCORE)
        values = raw.reshape(-1, 16)[keep].astype(np.float64) / INPUT_PX
        anchors = self._anchors[keep]
        sides = values[:, 2:4]
        boxes = np.concatenate([values[:, :2] + anchors - sides / 2, sides], 1)
        points = values[:, 4:].reshape(-1, 6, 2) + anchors[:, None]
        found = _merge(scores[keep], boxes * INPUT_PX, points * INPUT_PX)
        return [_to_image(one, scale, corner) for one in found]


def _anchors(cells: int, each: int) -> Points:
    y, x = np.mgrid[0:cells, 0:cells]
    centres = np.stack([(x + 0.5) / cells, (y + 0.5) / cells], -1).reshape(-1, 2)
    return np.repeat(centres, each, axis=0)


def _letterbox(bgr: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], float, Points]:
    height, width = bgr.shape[:2]
    scale = INPUT_PX / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    left, top = (INPUT_PX - size[0]) // 2, (INPUT_PX - size[1]) // 2
    canvas = np.zeros((INPUT_PX, INPUT_PX, 3), np.uint8)
    canvas[top : top + size[1], left : left + size[0]] = cv2.resize(
        bgr, size, interpolation=cv2.INTER_AREA
    )
    return canvas, scale, np.array([left, top], float)


def _merge(scores: Points, boxes: Points, points: Points) -> list[Detection]:
    """Merge overlapping boxes to their mean weighted by score."""
    found = []
    pending = np.argsort(-scores)
    while pending.size:
        same = _overlap(boxes[pending[0]], boxes[pending]) > SAME_FACE_OVERLAP
        group, pending = pending[same], pending[~same]
        weight = scores[group] / scores[group].sum()
        box, mean_points = weight @ boxes[group], np.tensordot(weight, points[group], 1)
        found.append(Detection(float(scores[group[0]]), box, mean_points))
    return found


def _overlap(one: Points, many: Points) -> Points:
    low = np.maximum(one[:2], many[:, :2])
    high = np.minimum(one[:2] + one[2:], many[:, :2] + many[:, 2:])
    common = np.clip(high - low, 0, None).prod(1)
    return np.asarray(common / (one[2:].prod() + many[:, 2:].prod(1) - common))


def _to_image(found: Detection, scale: float, corner: Points) -> Detection:
    box = np.concatenate([(found.box[:2] - corner) / scale, found.box[2:] / scale])
    return Detection(found.score, box, (found.points - corner) / scale)

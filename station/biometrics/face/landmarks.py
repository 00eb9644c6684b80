"""Landmarks of one face: the 468-point mesh, iris centres and lids, and what follows from them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from station.biometrics.face.detector import Detection, Points
from station.biometrics.face.models import Model, load_network

PITCH_BIAS_DEG: Final = 6.5
"""What the mesh adds to the pitch of synthetic heads; to be measured again on consenting people."""

# outer and inner eye corner of the mesh; image left is the subject's right eye
_EYE_CORNERS: Final = ((33, 133), (362, 263))
_CHEEKS, _FOREHEAD, _CHIN = (234, 454), 10, 152
_MESH_PX, _EYE_PX = 192, 64
_MESH_SIDE, _EYE_SIDE = 1.5, 2.3  # crop side over face box and over eye width


@dataclass(frozen=True, slots=True)
class Pose:
    """Degrees: yaw > 0 face to image right, pitch > 0 down, roll > 0 top of head to image left."""

    yaw: float
    pitch: float
    roll: float


@dataclass(frozen=True, slots=True, eq=False)
class EyeContour:
    """One eye in pixels of the image: `centre` of the iris, `lids` (16, 2), 0 and 8 the corners."""

    centre: Points
    lids: Points

    @property
    def openness(self) -> float:
        """Lid gap over eye width: about .36 open, .24 half, .14 closed."""
        lower, upper = self.lids[3:6], self.lids[11:14]
        gap = float(np.linalg.norm(upper - lower, axis=1).mean())
        return gap / max(float(np.linalg.norm(self.lids[0] - self.lids[8])), 1e-6)


class FaceMesh:
    """468 landmarks; not for use by several threads."""

    def __init__(self) -> None:
        self._net = load_network(Model.MESH)

    def find(self, bgr: NDArray[np.uint8], face: Detection) -> tuple[Points, float]:
        """Give (468, 3) x, y in pixels of the image and z in the same unit, and the presence.

        Smaller z is nearer; presence is 0 to 1.
        """
        centre = face.box[:2] + face.box[2:] / 2
        side = _MESH_SIDE * float(face.box[2:].max())
        matrix = _crop_matrix(face.points[0], face.points[1], centre, side, _MESH_PX)
        crop = cv2.warpAffine(bgr, matrix, (_MESH_PX, _MESH_PX))
        self._net.setInput(
            cv2.dnn.blobFromImage(crop, 1 / 255.0, (_MESH_PX, _MESH_PX), swapRB=True)
        )
        raw, logit = self._net.forward(["conv2d_21", "conv2d_31"])
        points = raw.reshape(468, 3).astype(np.float64)
        back = np.asarray(cv2.invertAffineTransform(matrix), np.float64)
        z = points[:, 2] * np.linalg.norm(back[:, 0])
        presence = 1 / (1 + math.exp(-max(-60.0, min(60.0, float(logit.reshape(-1)[0])))))
        return np.column_stack([_apply(back, points[:, :2]), z]), presence


class EyeMesh:
    """Iris centre and lid contour; not for use by several threads."""

    def __init__(self) -> None:
        self._net = load_network(Model.IRIS)

    def find(self, bgr: NDArray[np.uint8], mesh: Points, at_image_right: bool) -> EyeContour:
        """Find one eye from the mesh of its face."""
        outer, inner = _EYE_CORNERS[at_image_right]
        first, second = mesh[outer, :2], mesh[inner, :2]
        side = max(_EYE_SIDE * float(np.linalg.norm(second - first)), 1.0)
        matrix = _crop_matrix(first, second, (first + second) / 2, side, _EYE_PX)
        crop = cv2.warpAffine(bgr, matrix, (_EYE_PX, _EYE_PX))
        if at_image_right:  # the network knows one eye only: mirror the other
            crop = np.ascontiguousarray(crop[:, ::-1])
        self._net.setInput(_blob(crop))
        raw = self._net.forward(["output_eyes_contours_and_brows", "output_iris"])
        lids, iris = (one.reshape(-1, 3)[:, :2].astype(np.float64) for one in raw)
        if at_image_right:
            lids[:, 0], iris[:, 0] = _EYE_PX - lids[:, 0], _EYE_PX - iris[:, 0]
        back = np.asarray(cv2.invertAffineTransform(matrix), np.float64)
        return EyeContour(_apply(back, iris[:1])[0], _apply(back, lids[:16]))


def head_pose(mesh: Points) -> Pose:
    """Pose from the cheek and the forehead-chin lines of the mesh; no camera model is needed.

    On synthetic heads the standard error is 2 degrees on each axis.
    """
    x = mesh[_CHEEKS[1]] - mesh[_CHEEKS[0]]
    y = mesh[_CHIN] - mesh[_FOREHEAD]
    return Pose(
        yaw=math.degrees(math.atan2(x[2], math.hypot(x[0], x[1]))),
        pitch=math.degrees(math.atan2(y[2], math.hypot(y[0], y[1]))) - PITCH_BIAS_DEG,
        roll=-math.degrees(math.atan2(x[1], x[0])),
    )


def _blob(crop: cv2.typing.MatLike) -> cv2.typing.MatLike:
    return cv2.dnn.blobFromImage(crop, 1 / 255.0, (crop.shape[1], crop.shape[0]), swapRB=True)


def _crop_matrix(left: Points, right: Points, centre: Points, side: float, out: int) -> Points:
    """Image-to-crop transform of a square whose x axis is parallel to left -> right."""
    angle = math.atan2(right[1] - left[1], right[0] - left[0])
    ex = np.array([math.cos(angle), math.sin(angle)]) * side / 2
    ey = np.array([-ex[1], ex[0]])
    corners = np.array([centre - ex - ey, centre + ex - ey, centre + ex + ey], np.float32)
    target = np.array([[0, 0], [out, 0], [out, out]], np.float32)
    return np.asarray(cv2.getAffineTransform(corners, target), np.float64)


def _apply(matrix: Points, points: Points) -> Points:
    return np.asarray(points @ matrix[:, :2].T + matrix[:, 2])

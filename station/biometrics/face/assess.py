"""Judge a face picture: one face, large enough, straight, in the middle, eyes open, sharp."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from station.biometrics.face.models import ModelsMissing
from station.biometrics.findings import Finding, is_acceptable
from station.biometrics.measure import Measure

if TYPE_CHECKING:
    from station.biometrics.face.detector import Detection
    from station.biometrics.face.landmarks import EyeContour, Pose

Image = NDArray[np.uint8]
Point = tuple[float, float]

_ISO: Final = "ISO/IEC 19794-5:2011, full frontal"
_POSE: Final = "ISO/IEC 19794-5:2011 allows 5 deg; 3 deg more for the error of the measure"
_OWN: Final = "station, working value"
_ICAO_LIGHT: Final = "ICAO portrait guidance, zone means"
_SMALLEST_SIDE_PX: Final = 64


@dataclass(frozen=True, slots=True)
class FaceLimits:
    """Limits of a picture; the defaults follow SNI ISO/IEC 19794-5:2011.

    Pose is measured with a standard error of 2 degrees, so the norm's 5 degrees only warn and
    `max_pose_deg` refuses. `centre_x` and `eye_line` are shares of width and height from the left
    and upper edge. `max_blur_per_eye_distance` is the blur sigma over the distance of the eyes.
    """

    min_inter_eye_px: float = 90.0
    warn_pose_deg: float = 5.0
    max_pose_deg: float = 8.0
    centre_x: tuple[float, float] = (0.45, 0.55)
    eye_line: tuple[float, float] = (0.30, 0.50)
    min_eye_openness: float = 0.22
    max_blur_per_eye_distance: float = 0.025
    min_zone_ratio: float = 0.5
    second_face_share: float = 0.05


@dataclass(frozen=True, slots=True)
class FaceAssessment:
    """What is known about one picture; the geometry is None where no face was found.

    `box` is left, top, width, height in px; `eyes` are the iris centres, image left (the subject's
    right eye) first. Degrees: yaw > 0 face to image right, pitch > 0 looks down, roll > 0 top of
    the head to image left. `eye_openness` is lid gap over eye width of the less open eye.
    """

    faces: int
    box: tuple[float, float, float, float] | None
    eyes: tuple[Point, Point] | None
    inter_eye_px: float | None
    yaw: float | None
    pitch: float | None
    roll: float | None
    eye_openness: float | None
    measures: tuple[Measure, ...]
    findings: tuple[Finding, ...]

    @property
    def unchecked(self) -> bool:
        """Whether nothing was judged because the networks are missing."""
        return Finding.FACE_UNCHECKED in self.findings

    @property
    def acceptable(self) -> bool:
        """Whether the picture may be taken; an unchecked one is not, an operator must decide."""
        return is_acceptable(self.findings)


class FaceAssessor:
    """Judges pictures; make one for each thread, because a network serves one thread at a time.

    The networks are loaded at the first picture. Without them every picture is FACE_UNCHECKED and
    `missing` says why.
    """

    def __init__(self, limits: FaceLimits | None = None) -> None:
        self.limits = limits or FaceLimits()
        self.missing: ModelsMissing | None = None
        self._networks: _Networks | None = None

    def assess(self, bgr: Image) -> FaceAssessment:
        """Judge an (height, width, 3) uint8 picture in blue-green-red order.

        Raises:
            ValueError: any other array.
        """
        if bgr.ndim != 3 or bgr.shape[2] != 3 or bgr.dtype != np.uint8:
            raise ValueError(f"colour uint8 image expected, got {bgr.shape} {bgr.dtype}")
        networks = self._load()
        if networks is None:
            return _without_face(Finding.FACE_UNCHECKED)
        if min(bgr.shape[:2]) < _SMALLEST_SIDE_PX:
            return _without_face(Finding.FACE_NONE)
        seen = networks.look(bgr)
        if seen is None:
            return _without_face(Finding.FACE_NONE)
        return _judge(bgr, seen, self.limits)

    def _load(self) -> _Networks | None:
        if self._networks is None and self.missing is None:
            try:
                self._networks = _Networks()
            except ModelsMissing as error:
                self.missing = error
        return self._networks


def sharpness(bgr: Image) -> float:
    """Rank frames of one burst: mean squared Laplacian of the middle of the picture.

    Comparable only between frames of the same scene, never against a limit. About 1 ms at 720p.
    """
    import cv2

    height, width = bgr.shape[:2]
    middle = bgr[height // 5 : height - height // 5, width // 4 : width - width // 4]
    grey = cv2.cvtColor(middle, cv2.COLOR_BGR2GRAY)
    response = cv2.Laplacian(grey, cv2.CV_32F)
    return float(cv2.norm(response, cv2.NORM_L2SQR) / max(1, response.size))


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    detections: list[Detection]
    mesh: NDArray[np.float64]
    eyes: tuple[EyeContour, EyeContour]
    pose: Pose

    @property
    def inter_eye_px(self) -> float:
        return float(np.linalg.norm(self.eyes[1].centre - self.eyes[0].centre))

    @property
    def eye_openness(self) -> float:
        return min(eye.openness for eye in self.eyes)

    @property
    def largest(self) -> Detection:
        return max(self.detections, key=lambda found: found.area)


class _Networks:
    MIN_PRESENCE: Final = 0.5

    def __init__(self) -> None:
        from station.biometrics.face import detector, landmarks

        self._detector = detector.FaceDetector()
        self._mesh = landmarks.FaceMesh()
        self._eye = landmarks.EyeMesh()
        self._pose = landmarks.head_pose

    def look(self, bgr: Image) -> _Seen | None:
        found = self._detector.find(bgr)
        if not found:
            return None
        mesh, presence = self._mesh.find(bgr, max(found, key=lambda face: face.area))
        if presence < self.MIN_PRESENCE:
            return None
        eyes = (self._eye.find(bgr, mesh, False), self._eye.find(bgr, mesh, True))
        return _Seen(found, mesh, eyes, self._pose(mesh))


def _without_face(finding: Finding) -> FaceAssessment:
    return FaceAssessment(0, None, None, None, None, None, None, None, (), (finding,))


_GATE_OF: Final = {
    "face.count": Finding.FACE_SEVERAL,
    "face.inter-eye": Finding.FACE_TOO_SMALL,
    "face.centre-x": Finding.FACE_NOT_CENTRED,
    "face.eye-line": Finding.FACE_NOT_CENTRED,
    "face.yaw": Finding.FACE_POSE,
    "face.pitch": Finding.FACE_POSE,
    "face.roll": Finding.FACE_POSE,
    "face.eye-openness": Finding.FACE_EYES_CLOSED,
    "face.blur": Finding.FACE_BLURRED,
    "face.zone-ratio": Finding.FACE_UNEVEN_LIGHT,
}


def _judge(bgr: Image, seen: _Seen, limits: FaceLimits) -> FaceAssessment:
    largest = seen.largest
    faces = sum(found.area >= limits.second_face_share * largest.area for found in seen.detections)
    pose = {"yaw": seen.pose.yaw, "pitch": seen.pose.pitch, "roll": seen.pose.roll}
    measures = (
        Measure("face.count", faces, "", _ISO, 1, higher_is_better=False),
        *_position(bgr, seen, limits),
        *(_angle(axis, angle, limits) for axis, angle in pose.items()),
        *_appearance(bgr, seen, limits),
    )
    failed = {_GATE_OF[measure.name] for measure in measures if not measure.passes}
    if Finding.FACE_POSE not in failed and max(map(abs, pose.values())) > limits.warn_pose_deg:
        failed.add(Finding.FACE_POSE_DOUBTFUL)
    left, right = ((float(eye.centre[0]), float(eye.centre[1])) for eye in seen.eyes)
    x, y, width, height = (float(value) for value in largest.box)
    return FaceAssessment(
        faces=faces,
        box=(x, y, width, height),
        eyes=(left, right),
        inter_eye_px=seen.inter_eye_px,
        eye_openness=seen.eye_openness,
        measures=measures,
        findings=tuple(finding for finding in Finding if finding in failed),
        **pose,
    )


def _angle(axis: str, angle: float, limits: FaceLimits) -> Measure:
    name, limit = f"face.{axis}", limits.max_pose_deg
    return Measure(name, abs(angle), "deg", _POSE, limit, higher_is_better=False)


def _appearance(bgr: Image, seen: _Seen, limits: FaceLimits) -> list[Measure]:
    from station.biometrics.face.picture import blur_sigma_px, zone_ratio

    blur, distance = blur_sigma_px(bgr, seen.mesh), seen.inter_eye_px
    most = limits.max_blur_per_eye_distance * distance
    evenness = zone_ratio(bgr, seen.mesh, distance)
    return [
        Measure("face.eye-openness", seen.eye_openness, "", _OWN, limits.min_eye_openness),
        Measure("face.blur", blur, "px", _OWN, most, higher_is_better=False),
        Measure("face.zone-ratio", evenness, "", _ICAO_LIGHT, limits.min_zone_ratio),
    ]


def _position(bgr: Image, seen: _Seen, limits: FaceLimits) -> list[Measure]:
    height, width = bgr.shape[:2]
    middle = (seen.eyes[0].centre + seen.eyes[1].centre) / 2
    (left, right), (top, bottom) = limits.centre_x, limits.eye_line
    return [
        Measure("face.inter-eye", seen.inter_eye_px, "px", _ISO, limits.min_inter_eye_px),
        Measure("face.centre-x", float(middle[0]) / width, "", _ISO, left, upper_limit=right),
        Measure("face.eye-line", float(middle[1]) / height, "", _ISO, top, upper_limit=bottom),
    ]

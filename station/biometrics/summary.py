"""Assessments as plain values for `--json`: every number with name, unit, source and limit."""

from __future__ import annotations

import math
from typing import Any

from station.biometrics.face.assess import FaceAssessment
from station.biometrics.findings import Finding
from station.biometrics.fingers.quality import FingerAssessment
from station.biometrics.fingers.segmentation import SegmentedFinger, SlapSegmentation
from station.biometrics.iris.assess import IrisAssessment
from station.biometrics.iris.circle import Circle
from station.biometrics.measure import Measure

Assessment = FingerAssessment | SlapSegmentation | FaceAssessment | IrisAssessment


def as_json(assessment: Assessment) -> dict[str, Any]:
    """Give a dict of JSON types only; neither pixels nor templates are in it."""
    match assessment:
        case FingerAssessment():
            return _finger(assessment)
        case SlapSegmentation():
            return _slap(assessment)
        case FaceAssessment():
            return _face(assessment)
        case IrisAssessment():
            return _iris(assessment)


def _finger(finger: FingerAssessment) -> dict[str, Any]:
    return {
        "kind": "finger",
        "position": int(finger.position) if finger.position else None,
        "acceptable": finger.acceptable,
        "nfiq2": finger.nfiq2,
        "threshold": finger.threshold,
        "minutiae": finger.template.minutiae if finger.template else 0,
        "duration_ms": round(finger.duration_ms, 1),
        **_verdict(finger.findings, finger.measures),
    }


def _slap(slap: SlapSegmentation) -> dict[str, Any]:
    return {
        "kind": "slap",
        "slap": int(slap.slap),
        "count": slap.count,
        "expected": slap.expected,
        "hand_guess": slap.hand_guess,
        "fingers": [_segment(finger) for finger in slap.fingers],
        **_verdict(slap.findings, ()),
    }


def _segment(finger: SegmentedFinger) -> dict[str, Any]:
    return {
        "position": int(finger.position) if finger.position else None,
        "left": finger.left,
        "right": finger.right,
        "top": finger.top,
        "bottom": finger.bottom,
        "lean_deg": round(finger.lean_deg, 1),
    }


def _face(face: FaceAssessment) -> dict[str, Any]:
    return {
        "kind": "face",
        "acceptable": face.acceptable,
        "unchecked": face.unchecked,
        "faces": face.faces,
        "box": _rounded(face.box),
        "eyes": [_rounded(eye) for eye in face.eyes] if face.eyes else None,
        "inter_eye_px": _number(face.inter_eye_px),
        "yaw_deg": _number(face.yaw),
        "pitch_deg": _number(face.pitch),
        "roll_deg": _number(face.roll),
        "eye_openness": _number(face.eye_openness),
        **_verdict(face.findings, face.measures),
    }


def _iris(iris: IrisAssessment) -> dict[str, Any]:
    return {
        "kind": "iris",
        "eye": int(iris.eye) if iris.eye else None,
        "acceptable": iris.acceptable,
        "found": iris.found,
        "pupil": _circle(iris.pupil),
        "iris": _circle(iris.iris),
        **_verdict(iris.findings, iris.measures),
    }


def _verdict(findings: tuple[Finding, ...], measures: tuple[Measure, ...]) -> dict[str, Any]:
    return {
        "findings": [str(finding) for finding in findings],
        "warnings": [str(finding) for finding in findings if finding.is_warning],
        "measures": [_measure(measure) for measure in measures],
    }


def _measure(measure: Measure) -> dict[str, Any]:
    return {
        "name": measure.name,
        "value": _number(measure.value),
        "unit": measure.unit,
        "source": measure.source,
        "limit": _number(measure.limit),
        "upper_limit": _number(measure.upper_limit),
        "higher_is_better": measure.higher_is_better,
        "passes": measure.passes,
    }


def _circle(circle: Circle | None) -> dict[str, float | None] | None:
    if circle is None:
        return None
    return {"x": _number(circle.x), "y": _number(circle.y), "r": _number(circle.r)}


def _rounded(values: tuple[float, ...] | None) -> list[float | None] | None:
    return None if values is None else [_number(value) for value in values]


def _number(value: float | None) -> float | None:
    """Four decimals; JSON has no NaN or infinity."""
    if value is None or not math.isfinite(value):
        return None
    return round(float(value), 4)

"""Stable codes of what an assessment saw; recording turns them into guidance, screens into text."""

from __future__ import annotations

from enum import StrEnum


class Finding(StrEnum):
    """One thing that is wrong with a capture, or worth a warning; the value never changes."""

    IMAGE_UNREADABLE = "image.unreadable"

    FINGER_COUNT = "finger.count"
    FINGER_QUALITY = "finger.quality"
    FINGER_UNRATED = "finger.unrated"
    FINGER_EMPTY = "finger.empty"
    FINGER_LOW_CONTRAST = "finger.low-contrast"
    FINGER_POLARITY = "finger.polarity"
    FINGER_CLIPPED = "finger.clipped"
    FINGER_TOO_SMALL = "finger.too-small"
    FINGER_NO_RIDGES = "finger.no-ridges"
    FINGER_RIDGE_PERIOD = "finger.ridge-period"
    FINGER_NOISE = "finger.noise"
    FINGER_BLURRED = "finger.blurred"
    FINGER_SOFT = "finger.soft"

    SLAP_OTHER_HAND = "slap.other-hand"
    SLAP_ROTATED = "slap.rotated"
    SLAP_OFF_EDGE = "slap.off-edge"
    SLAP_TOUCHING = "slap.touching"

    FACE_UNCHECKED = "face.unchecked"
    FACE_NONE = "face.none"
    FACE_SEVERAL = "face.several"
    FACE_TOO_SMALL = "face.too-small"
    FACE_NOT_CENTRED = "face.not-centred"
    FACE_POSE = "face.pose"
    FACE_POSE_DOUBTFUL = "face.pose-doubtful"
    FACE_EYES_CLOSED = "face.eyes-closed"
    FACE_BLURRED = "face.blurred"
    FACE_UNEVEN_LIGHT = "face.uneven-light"

    IRIS_NOT_FOUND = "iris.not-found"
    IRIS_TOO_SMALL = "iris.too-small"
    IRIS_OFF_EDGE = "iris.off-edge"
    IRIS_BLURRED = "iris.blurred"
    IRIS_OCCLUDED = "iris.occluded"
    IRIS_PUPIL = "iris.pupil"
    IRIS_LOW_CONTRAST = "iris.low-contrast"

    @property
    def is_warning(self) -> bool:
        """Whether the capture may be accepted in spite of this finding."""
        return self in _WARNINGS


_WARNINGS = frozenset(
    {
        Finding.FINGER_SOFT,
        Finding.SLAP_OTHER_HAND,
        Finding.FACE_POSE_DOUBTFUL,
        Finding.FACE_UNEVEN_LIGHT,
        Finding.IRIS_LOW_CONTRAST,
    }
)


def is_acceptable(findings: tuple[Finding, ...]) -> bool:
    """Whether nothing among `findings` refuses the capture; warnings do not."""
    return all(finding.is_warning for finding in findings)

"""Words of the interface that no version changes: places, names of fingers and eyes, targets.

Used by the drivers and by the simulated service.
Source: MOSIP Secure Biometric Interface 0.9.5 and 1.0, and the behaviour of its reference service.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from drivers.positions import Eye, Finger, Slap

HOST: Final = "127.0.0.1"
PORTS: Final = range(4501, 4601)
PURPOSE: Final = "Registration"
ENVIRONMENTS: Final = ("Staging", "Developer", "Pre-Production", "Production")
ANY_TYPE: Final = "Biometric Device"


class BioType(StrEnum):
    """The modalities of the interface."""

    FINGER = "Finger"
    IRIS = "Iris"
    FACE = "Face"


class Status(StrEnum):
    """What a device says of itself; also the key of the error that goes with it."""

    READY = "Ready"
    BUSY = "Busy"
    NOT_READY = "Not Ready"
    NOT_REGISTERED = "Not Registered"


STATUS_ERRORS: Final = {
    Status.READY: "0",
    Status.BUSY: "111",
    Status.NOT_READY: "110",
    Status.NOT_REGISTERED: "100",
}

FINGER_NAMES: Final[Mapping[Finger, str]] = {
    Finger.RIGHT_THUMB: "Right Thumb",
    Finger.RIGHT_INDEX: "Right IndexFinger",
    Finger.RIGHT_MIDDLE: "Right MiddleFinger",
    Finger.RIGHT_RING: "Right RingFinger",
    Finger.RIGHT_LITTLE: "Right LittleFinger",
    Finger.LEFT_THUMB: "Left Thumb",
    Finger.LEFT_INDEX: "Left IndexFinger",
    Finger.LEFT_MIDDLE: "Left MiddleFinger",
    Finger.LEFT_RING: "Left RingFinger",
    Finger.LEFT_LITTLE: "Left LittleFinger",
}
EYE_NAMES: Final[Mapping[Eye, str]] = {Eye.RIGHT: "Right", Eye.LEFT: "Left"}

SLAP_SUB_IDS: Final = {Slap.LEFT_FOUR: "1", Slap.RIGHT_FOUR: "2", Slap.THUMBS: "3"}
# the interface answers thumbs left first, unlike `Slap.fingers`
SLAP_ORDER: Final = {
    Slap.LEFT_FOUR: Slap.LEFT_FOUR.fingers,
    Slap.RIGHT_FOUR: Slap.RIGHT_FOUR.fingers,
    Slap.THUMBS: (Finger.LEFT_THUMB, Finger.RIGHT_THUMB),
}
FACE_SUB_ID: Final = "0"
EYE_SUB_IDS: Final = {(Eye.LEFT,): "1", (Eye.RIGHT,): "2", (Eye.LEFT, Eye.RIGHT): "3"}

Position = Finger | Eye


def name_of(position: Position) -> str:
    """Return the `bioSubType` of a finger or an eye."""
    return FINGER_NAMES[position] if isinstance(position, Finger) else EYE_NAMES[position]


@dataclass(frozen=True, slots=True)
class Target:
    """What one RCAPTURE asks for.

    `expected` holds the positions in the order of the answer, without exceptions; a face is one
    item without a position. `exceptions` of a face make it an exception photo.
    """

    bio_type: BioType
    sub_id: str
    expected: tuple[Position | None, ...]
    exceptions: tuple[Position, ...] = ()


def slap_target(slap: Slap, missing: frozenset[Finger] = frozenset()) -> Target:
    """Translate a slap; `missing` may name fingers of other slaps too.

    Raises:
        ValueError: every finger of the slap is missing; the interface cannot ask for nothing.
    """
    full = SLAP_ORDER[slap]
    expected = tuple(finger for finger in full if finger not in missing)
    if not expected:
        raise ValueError("no finger of this slap is left to capture")
    excepted = tuple(finger for finger in full if finger in missing)
    return Target(BioType.FINGER, SLAP_SUB_IDS[slap], expected, excepted)


def finger_target(finger: Finger) -> Target:
    """Translate one finger into its slap with all other fingers excepted."""
    slap = next(slap for slap, fingers in SLAP_ORDER.items() if finger in fingers)
    return slap_target(slap, frozenset(SLAP_ORDER[slap]) - {finger})


def iris_target(eyes: tuple[Eye, ...]) -> Target:
    """Translate one or both eyes, in whatever order they are named.

    Raises:
        ValueError: no eye, or one eye twice.
    """
    wanted = tuple(sorted(eyes, reverse=True))
    if wanted not in EYE_SUB_IDS:
        raise ValueError(f"{len(eyes)} eyes cannot be captured together")
    return Target(BioType.IRIS, EYE_SUB_IDS[wanted], wanted)


def face_target(
    fingers: frozenset[Finger] = frozenset(), eyes: frozenset[Eye] = frozenset()
) -> Target:
    """Translate a portrait, or an exception photo that shows what is missing."""
    exceptions: tuple[Position, ...] = (*sorted(fingers), *sorted(eyes, reverse=True))
    return Target(BioType.FACE, FACE_SUB_ID, (None,), exceptions)


def utc_text(moment: datetime) -> str:
    """Write a timezone-aware moment as the interface does: UTC, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

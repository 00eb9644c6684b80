"""Words of SBI 0.9.5: verbs, names of fingers and eyes, capture targets, error codes, requests.

The wire's only vocabulary, used by the drivers and by the simulated service.
Source: MOSIP Secure Biometric Interface 0.9.5, and the behaviour of its reference service.
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
SPEC_VERSION: Final = "0.9.5"
PURPOSE: Final = "Registration"
ENVIRONMENTS: Final = ("Staging", "Developer", "Pre-Production", "Production")
ANY_TYPE: Final = "Biometric Device"
SUCCESS: Final = "0"

DISCOVER: Final = ("MOSIPDISC", "/device")
INFO: Final = ("MOSIPDINFO", "/info")
RCAPTURE: Final = ("RCAPTURE", "/capture")
STREAM: Final = ("STREAM", "/stream")


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
EYE_SUB_IDS: Final = {(Eye.LEFT,): "1", (Eye.RIGHT,): "2", (Eye.LEFT, Eye.RIGHT): "3"}

Position = Finger | Eye


def name_of(position: Position) -> str:
    """Return the `bioSubType` of a finger or an eye."""
    return FINGER_NAMES[position] if isinstance(position, Finger) else EYE_NAMES[position]


@dataclass(frozen=True, slots=True)
class Target:
    """What one RCAPTURE asks for: `expected` in the order of the answer, without exceptions."""

    bio_type: BioType
    sub_id: str
    expected: tuple[Position, ...]
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


def utc_text(moment: datetime) -> str:
    """Write a timezone-aware moment as the interface does: UTC, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def capture_request(
    target: Target,
    *,
    device_id: str,
    environment: str,
    transaction_id: str,
    previous_hash: str,
    wanted_score: int,
    timeout_ms: int,
    at: datetime,
) -> dict[str, object]:
    """Build the body of RCAPTURE; every scalar is a string, and no key may be added."""
    bio = {
        "type": target.bio_type.value,
        "count": str(len(target.expected)),
        "bioSubType": [],
        "exception": [name_of(position) for position in target.exceptions],
        "requestedScore": str(wanted_score),
        "deviceId": device_id,
        "deviceSubId": target.sub_id,
        "previousHash": previous_hash,
    }
    return {
        "env": environment,
        "purpose": PURPOSE,
        "specVersion": SPEC_VERSION,
        "timeout": str(timeout_ms),
        "captureTime": utc_text(at),
        "transactionId": transaction_id,
        "bio": [bio],
        "customOpts": None,
    }


ERROR_TEXTS: Final[Mapping[str, str]] = {
    "0": "Success",
    "100": "Device not registered",
    "101": "Unable to detect a biometric object",
    "102": "Technical error during extraction",
    "103": "Device tamper detected",
    "104": "Unable to connect to management server",
    "105": "Image orientation error",
    "106": "Device not found",
    "107": "Device public key expired",
    "108": "Domain public key missing",
    "109": "Requested number of biometric (Finger/IRIS) not supported",
    "110": "Device is not ready",
    "111": "Device is busy",
    "112": "Invalid Transaction ID",
    "113": "Biometric count mismatch",
    "114": "Biometric type mismatch",
    "115": "Env values mismatch",
    "116": "Biometric count value mismatch",
    "117": "Biometric exception value mismatch",
    "118": "Biometric exception does not fit the target",
    "119": "Biometric sub type value mismatch",
    "120": "Biometric type does not fit the device",
    "121": "Purpose values mismatch",
    "122": "Biometric sub type or exception does not fit the type",
    "123": "No Description available.",
    "202": "No device connected",
    "500": "Invalid URL",
    "501": "Invalid type value in discovery",
    "502": "Biometric type values mismatch",
    "503": "No devices connected",
    "504": "Invalid status value",
    "505": "Invalid score value",
    "506": "Invalid delay value",
    "507": "Invalid method value",
    "551": "Profile not set",
    "601": "Live stream not available for this device",
    "604": "Device ID is missing",
    "605": "Device is not connected or not registered",
    "606": "Live stream not allowed for this purpose",
    "607": "Device is not ready or busy",
    "608": "No image for the live stream",
    "609": "Live stream timeout",
    "610": "Live stream: unknown error",
    "700": "Live stream was stopped before the capture ended",
    "701": "Capture timeout",
    "702": "Device ID or sub ID differs from the live stream",
    "703": "RCapture process already in progress, try after sometime",
    "704": "Device ID is missing",
    "705": "Device is not connected or not registered",
    "706": "Capture not allowed for this purpose",
    "707": "No data for this sub type",
    "708": "No data for this sub type",
    "709": "Registration capture not available for this device",
    "710": "Capture: unknown error",
    "999": "Unknown error",
}

BUSY_CODES: Final = frozenset({"111", "607", "702", "703"})
"""702 too: the device has not noticed yet that the live picture of another target was closed."""

TIMEOUT_CODES: Final = frozenset({"609", "701"})
GONE_CODES: Final = frozenset({"106", "202", "503", "605", "705"})
"""The service runs, but the device behind it has been taken away."""

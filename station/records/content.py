"""What the recording hands over to be sealed: values only, masked when printed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Literal

from uuid6 import uuid7

from drivers.positions import Eye, Finger, Slap
from drivers.values import NO_ATTESTATION, Attestation, Kind

Codec = Literal["JP2", "PNG", "WSQ", "JPEG", "RAW"]
"""Compression of an image; "JP2" is lossless JPEG 2000, "RAW" one byte a pixel."""


def new_record_id() -> str:
    """Make a record id: UUID version 7, sortable by time, without any server."""
    return str(uuid7())


@dataclass(frozen=True, slots=True)
class CapturingDevice:
    """A device that took part, named by the serial number that captures refer to."""

    kind: Kind
    model: str
    serial: str
    firmware: str = ""
    calibration_id: str = ""


class Missing(StrEnum):
    """Why a finger or an eye could not be recorded."""

    AMPUTATED = "amputated"
    BANDAGED = "bandaged"
    DAMAGED = "damaged"
    NOT_CAPTURED = "not-captured"
    """Nothing is claimed about the person: the device was missing, or nobody decided."""


@dataclass(frozen=True, slots=True)
class CaptureException:
    """A finger or eye left out on purpose; `approved_by` is the second person's code."""

    position: Finger | Eye
    reason: Missing
    approved_by: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """An operator's choice against the usual course, e.g. the best of poor attempts accepted.

    `step` and `reason` are codes, `operator` and `second_person` staff codes.
    """

    step: str
    reason: str
    operator: str
    second_person: str
    decided_at: datetime


@dataclass(frozen=True, slots=True)
class Segment:
    """One finger inside a slap image: box in pixels, NFIQ 2 score 0 to 100 or None."""

    finger: Finger
    left: int
    top: int
    right: int
    bottom: int
    nfiq2: int | None = None


@dataclass(frozen=True, slots=True)
class FingerImage:
    """One finger or slap, exactly as the device delivered it.

    `image_bytes` is the compressed image, `device_record` the device's own ISO record unchanged;
    scores run from 0 to 100. `verification` marks the extra finger taken to prove that the ten
    fingers belong to the person at the desk.
    """

    position: Finger | Slap
    image_bytes: bytes = field(repr=False)
    codec: Codec
    width: int
    height: int
    resolution_ppi: int
    nfiq2: int | None = None
    device_score: int | None = None
    device_record: bytes | None = field(default=None, repr=False)
    verification: bool = False
    attempts: int = 1
    device_serial: str = ""
    captured_at: datetime | None = None
    segments: tuple[Segment, ...] = ()
    attestation: Attestation = field(default=NO_ATTESTATION, repr=False)

    @property
    def label(self) -> str:
        """Its name inside the record, e.g. `right_index` or `right_index-verification`."""
        return self.position.name.lower() + ("-verification" if self.verification else "")


@dataclass(frozen=True, slots=True)
class IrisImage:
    """One iris, exactly as the device delivered it; scores run from 0 to 100."""

    eye: Eye
    image_bytes: bytes = field(repr=False)
    codec: Codec
    width: int
    height: int
    device_score: int | None = None
    device_record: bytes | None = field(default=None, repr=False)
    attempts: int = 1
    device_serial: str = ""
    captured_at: datetime | None = None
    attestation: Attestation = field(default=NO_ATTESTATION, repr=False)

    @property
    def label(self) -> str:
        """Its name inside the record, e.g. `right_iris`."""
        return f"{self.eye.name.lower()}_iris"


@dataclass(frozen=True, slots=True)
class FaceImage:
    """The portrait; `image_bytes` is the original that the camera compressed.

    `device_score` (0 to 100) is the camera's own, None for a camera that rates nothing.
    """

    image_bytes: bytes = field(repr=False)
    codec: Codec
    width: int
    height: int
    device_score: int | None = None
    device_record: bytes | None = field(default=None, repr=False)
    attempts: int = 1
    device_serial: str = ""
    captured_at: datetime | None = None
    attestation: Attestation = field(default=NO_ATTESTATION, repr=False)

    @property
    def label(self) -> str:
        """Its name inside the record."""
        return "face"


BiometricImage = FingerImage | IrisImage | FaceImage


@dataclass(frozen=True, slots=True)
class Document:
    """A scanned paper or the signature; `name` is a plain file name such as `signature.png`."""

    name: str
    media_type: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class RecordContent:
    """Everything about one recording, ready to be sealed.

    `record_id` is a UUID; `station` and `operator` are ASCII codes, no names; `biodata` maps field
    names to text; `legal_basis` and `supersedes` (an earlier record id) go into the manifest.
    `configuration_sha256` is lower-case hexadecimal. Made by a simulated desk when `simulated`.
    """

    record_id: str
    station: str
    operator: str
    created_at: datetime
    simulated: bool
    software_version: str
    configuration_sha256: str
    biodata: Mapping[str, str] = field(repr=False)
    fingers: tuple[FingerImage, ...] = field(default=(), repr=False)
    irises: tuple[IrisImage, ...] = field(default=(), repr=False)
    face: FaceImage | None = field(default=None, repr=False)
    exceptions: tuple[CaptureException, ...] = field(default=(), repr=False)
    devices: tuple[CapturingDevice, ...] = ()
    decisions: tuple[Decision, ...] = field(default=(), repr=False)
    documents: tuple[Document, ...] = field(default=(), repr=False)
    legal_basis: str = ""
    supersedes: str = ""

    def __post_init__(self) -> None:
        if self.created_at.tzinfo is None:
            raise ValueError("created_at must be timezone-aware")

    @property
    def images(self) -> tuple[BiometricImage, ...]:
        """All images in the order of the record: face, fingers, irises."""
        face = () if self.face is None else (self.face,)
        return (*face, *self.fingers, *self.irises)


def utc_text(moment: datetime) -> str:
    """Write a timezone-aware time as `2026-11-23T09:20:00Z`, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

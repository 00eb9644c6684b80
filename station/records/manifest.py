"""`manifest.json`: what a record consists of, who made it, and from which devices it comes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from drivers.positions import Eye
from station.records.canonical import canonical
from station.records.content import BiometricImage, FingerImage, RecordContent, utc_text
from station.records.errors import StructureInvalid
from station.records.parts import Part, device_part_path

SCHEMA: Final = "ktp-record/1"

_Sha256 = Field(pattern=r"^[0-9a-f]{64}$")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


class PartEntry(_Strict):
    """One file of the bundle."""

    path: str
    sha256: str = _Sha256
    size: int = Field(ge=0)
    media_type: str


class CaptureEntry(_Strict):
    """One image: `part` is the device's own record in the bundle, "" when there was none."""

    label: str
    part: str
    device_serial: str
    attempts: int = Field(ge=1)
    nfiq2: int | None
    device_score: int | None


class DeviceEntry(_Strict):
    """One device that took part."""

    kind: str
    model: str
    serial: str
    firmware: str
    calibration_id: str


class ExceptionEntry(_Strict):
    """One finger or eye left out on purpose."""

    position: str
    reason: str
    approved_by: str


class DecisionEntry(_Strict):
    """One choice against the usual course."""

    step: str
    reason: str
    operator: str
    second_person: str
    decided_at: str


class SoftwareEntry(_Strict):
    """What program made the record, with which configuration."""

    version: str
    configuration_sha256: str


class AuditHead(_Strict):
    """State of the audit log just before sealing: number of leaves and Merkle root."""

    size: int = Field(ge=0)
    root: str = _Sha256


class Manifest(_Strict):
    """The whole manifest; every text in it is a code, none names the resident."""

    schema_name: Literal["ktp-record/1"] = Field(alias="schema")
    id: str
    station: str
    sequence: int = Field(ge=0)
    created_at: str
    simulated: bool
    legal_basis: str
    supersedes: str
    custody: str
    parts: list[PartEntry]
    captures: list[CaptureEntry]
    devices: list[DeviceEntry]
    exceptions: list[ExceptionEntry]
    decisions: list[DecisionEntry]
    operators: list[str]
    software: SoftwareEntry
    audit: AuditHead

    def encoded(self) -> bytes:
        """The canonical JSON (RFC 8785) that is hashed and signed."""
        return canonical(self.model_dump(mode="json", by_alias=True))


def build_manifest(
    content: RecordContent,
    parts: Sequence[Part],
    *,
    custody: str,
    sequence: int,
    audit: AuditHead,
) -> Manifest:
    """Describe `content` as it lies in `parts`; `sequence` counts the records of this station."""
    operators = {content.operator}
    for decision in content.decisions:
        operators |= {decision.operator, decision.second_person}
    operators |= {exception.approved_by for exception in content.exceptions}
    return Manifest(
        schema=SCHEMA,
        id=content.record_id,
        station=content.station,
        sequence=sequence,
        created_at=utc_text(content.created_at),
        simulated=content.simulated,
        legal_basis=content.legal_basis,
        supersedes=content.supersedes,
        custody=custody,
        parts=[_part(part) for part in parts],
        captures=[_capture(image) for image in content.images],
        devices=_devices(content),
        exceptions=_exceptions(content),
        decisions=_decisions(content),
        operators=sorted(operators - {""}),
        software=SoftwareEntry(
            version=content.software_version,
            configuration_sha256=content.configuration_sha256,
        ),
        audit=audit,
    )


def parse_manifest(data: bytes) -> Manifest:
    """Read a manifest.

    Raises:
        StructureInvalid: not of schema ktp-record/1, or not in its canonical spelling.
    """
    try:
        manifest = Manifest.model_validate_json(data)
        spelling = manifest.encoded()
    except (ValidationError, ValueError, RecursionError) as error:
        raise StructureInvalid(f"manifest of {len(data)} bytes is malformed") from error
    if spelling != data:
        raise StructureInvalid("manifest is not in canonical form")
    return manifest


def _part(part: Part) -> PartEntry:
    return PartEntry(
        path=part.path, sha256=part.sha256, size=len(part.data), media_type=part.media_type
    )


def _capture(image: BiometricImage) -> CaptureEntry:
    return CaptureEntry(
        label=image.label,
        part=device_part_path(image) or "",
        device_serial=image.device_serial,
        attempts=image.attempts,
        nfiq2=image.nfiq2 if isinstance(image, FingerImage) else None,
        device_score=image.device_score,
    )


def _devices(content: RecordContent) -> list[DeviceEntry]:
    return [
        DeviceEntry(
            kind=device.kind.value,
            model=device.model,
            serial=device.serial,
            firmware=device.firmware,
            calibration_id=device.calibration_id,
        )
        for device in content.devices
    ]


def _exceptions(content: RecordContent) -> list[ExceptionEntry]:
    return [
        ExceptionEntry(
            position=exception.position.name.lower()
            + ("_eye" if isinstance(exception.position, Eye) else ""),
            reason=exception.reason.value,
            approved_by=exception.approved_by,
        )
        for exception in content.exceptions
    ]


def _decisions(content: RecordContent) -> list[DecisionEntry]:
    return [
        DecisionEntry(
            step=decision.step,
            reason=decision.reason,
            operator=decision.operator,
            second_person=decision.second_person,
            decided_at=utc_text(decision.decided_at),
        )
        for decision in content.decisions
    ]

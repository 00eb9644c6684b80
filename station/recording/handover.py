"""From a finished session to the content of its record. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime

from drivers.positions import Eye, Finger, Slap
from drivers.values import NO_ATTESTATION, Attestation, Kind
from station.domain.plan import SLAP_OF, Step
from station.recording.attempt import AcceptedStep, KeptSample
from station.recording.judging import NFIQ2_FAILED
from station.recording.progress import Progress
from station.records.content import (
    CaptureException,
    CapturingDevice,
    Codec,
    Decision,
    Document,
    FaceImage,
    FingerImage,
    IrisImage,
    Missing,
    RecordContent,
)

LEGAL_BASIS = "UU 27/2022 art. 20(2)e; UU 24/2013"
"""Why the data may be taken: a legal duty, not consent."""

_CODECS: dict[str, Codec] = {
    "JP2": "JP2",
    "PNG": "PNG",
    "WSQ": "WSQ",
    "JPEG": "JPEG",
    "RAW": "RAW",
}


@dataclass(frozen=True, slots=True)
class StationIdentity:
    """Who records: codes without personal data, and what software with which settings."""

    station: str
    operator: str
    simulated: bool
    software_version: str
    configuration_sha256: str


def record_content(
    progress: Progress, identity: StationIdentity, created_at: datetime
) -> RecordContent:
    """Gather everything that goes into the sealed record of `progress`, which is complete."""
    if progress.biodata is None or progress.current is not None:
        raise ValueError("the session is not complete")
    fingers: list[FingerImage] = []
    irises: list[IrisImage] = []
    face: FaceImage | None = None
    for step in progress.done:
        for sample, attestation in zip(step.samples, _attestations(step), strict=True):
            if step.step is Step.PORTRAIT:
                face = _face(step, sample, attestation)
            elif step.step is Step.IRISES:
                irises.append(_iris(step, sample, attestation))
            else:
                fingers.append(_finger(step, sample, attestation))
    return RecordContent(
        record_id=progress.session_id,
        station=identity.station,
        operator=progress.operator,
        created_at=created_at,
        simulated=identity.simulated,
        software_version=identity.software_version,
        configuration_sha256=identity.configuration_sha256,
        biodata=dict(progress.biodata.values),
        fingers=tuple(sorted(fingers, key=lambda f: (f.verification, int(f.position)))),
        irises=tuple(sorted(irises, key=lambda i: int(i.eye))),
        face=face,
        exceptions=_exceptions(progress),
        devices=_devices(progress),
        decisions=_decisions(progress),
        documents=(_assessments(progress),),
        legal_basis=LEGAL_BASIS,
    )


def _attestations(step: AcceptedStep) -> list[Attestation]:
    """One attestation a sample: its own token and link of the hash chain."""
    proof = step.attestation
    if not proof.get("level") or proof["level"] == "none":
        return [NO_ATTESTATION] * len(step.samples)
    rows = proof["samples"]
    return [
        Attestation(
            level=row["level"],
            signer_sha256=row["signer_sha256"],
            transaction_id=row["transaction_id"],
            tokens=(row["token"],),
            payloads=(row["payload"],),
            hashes=(row["hash"],),
            previous_hashes=(row["previous_hash"],),
        )
        for row in rows
    ]


def _captured_at(step: AcceptedStep) -> datetime:
    return _moment(step.captured_at)


def _moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def _finger(step: AcceptedStep, sample: KeptSample, attestation: Attestation) -> FingerImage:
    verification = step.step is Step.VERIFICATION
    rated = not verification and sample.score != NFIQ2_FAILED
    return FingerImage(
        position=_finger_position(sample.position),
        image_bytes=sample.image_bytes,
        codec=_CODECS[sample.codec],
        width=sample.width,
        height=sample.height,
        resolution_ppi=round(sample.resolution_ppi),
        nfiq2=sample.score if rated else None,
        device_score=sample.device_score,
        device_record=sample.record or None,
        verification=verification,
        attempts=step.attempts,
        device_serial=step.device.get("serial", ""),
        captured_at=_captured_at(step),
        attestation=attestation,
    )


def _finger_position(code: int) -> Finger | Slap:
    return Slap(code) if code in set(Slap) else Finger(code)


def _iris(step: AcceptedStep, sample: KeptSample, attestation: Attestation) -> IrisImage:
    return IrisImage(
        eye=Eye(sample.position),
        image_bytes=sample.image_bytes,
        codec=_CODECS[sample.codec],
        width=sample.width,
        height=sample.height,
        device_score=sample.device_score,
        device_record=sample.record or None,
        attempts=step.attempts,
        device_serial=step.device.get("serial", ""),
        captured_at=_captured_at(step),
        attestation=attestation,
    )


def _face(step: AcceptedStep, sample: KeptSample, attestation: Attestation) -> FaceImage:
    return FaceImage(
        image_bytes=sample.image_bytes,
        codec=_CODECS[sample.codec],
        width=sample.width,
        height=sample.height,
        device_score=sample.device_score,
        attempts=step.attempts,
        device_serial=step.device.get("serial", ""),
        captured_at=_captured_at(step),
        attestation=attestation,
    )


def _exceptions(progress: Progress) -> tuple[CaptureException, ...]:
    """What an excepted step leaves out: each of its fingers or eyes, by name."""
    left_out: list[CaptureException] = []
    for step in progress.done:
        if step.decision != "excepted":
            continue
        parts: tuple[Finger | Eye, ...] = ()
        if step.step in SLAP_OF:
            parts = SLAP_OF[step.step].fingers
        elif step.step is Step.IRISES:
            parts = tuple(Eye)
        left_out += [CaptureException(part, Missing(step.reason)) for part in parts]
    return tuple(left_out)


def _devices(progress: Progress) -> tuple[CapturingDevice, ...]:
    seen: dict[str, CapturingDevice] = {}
    for step in progress.done:
        if step.device:
            seen[step.device["serial"]] = CapturingDevice(
                kind=Kind(step.device["kind"]),
                model=step.device["model"],
                serial=step.device["serial"],
                firmware=step.device["firmware"],
            )
    return tuple(seen.values())


def _decisions(progress: Progress) -> tuple[Decision, ...]:
    """Every choice against the usual course: the best of poor attempts, exceptions, reopenings."""
    taken = [
        (done.step, f"{done.decision}: {done.reason}", done.captured_at)
        for done in progress.done
        if done.decision != "accepted"
    ]
    taken += [(r.step, f"reopened: {r.reason}", r.at) for r in progress.reopened]
    return tuple(
        Decision(
            step=step.value,
            reason=reason,
            operator=progress.operator,
            second_person="",
            decided_at=_moment(at),
        )
        for step, reason, at in taken
    )


def _assessments(progress: Progress) -> Document:
    """What our own measures said of everything kept, with names, limits and sources."""
    steps = [
        {
            "step": done.step.value,
            "decision": done.decision,
            "reason": done.reason,
            "attempts": done.attempts,
            "captured_at": done.captured_at,
            "device": dict(done.device),
            "samples": [
                {
                    "position": sample.position,
                    "attempt": sample.attempt,
                    "device_score": sample.device_score,
                    "sha256": sample.sha256,
                    "assessment": assessment,
                }
                for sample, assessment in zip(done.samples, done.details, strict=True)
            ],
        }
        for done in progress.done
    ]
    text = json.dumps({"card": progress.card, "steps": steps}, indent=1, sort_keys=True)
    return Document("assessments.json", "application/json", text.encode())

"""What an attempt, its judgement and an accepted step are; and how a step is put into the journal.

Everything here is values. Pixels, records and signatures never appear in a `repr`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from drivers.values import Capture, Sample
from station.domain.plan import Step

if TYPE_CHECKING:
    from station.biometrics.fingers.matching import FingerTemplate

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Bar:
    """One quality value for the screen: `label` is a stable key, `top` the end of its scale."""

    label: str
    value: float
    limit: float
    top: float
    passed: bool


@dataclass(frozen=True, slots=True)
class Judgement:
    """What our own measures say of one capture.

    `acceptable` needs no decision; `usable` may be kept as the best of all attempts, with a
    reason. `rank` compares attempts of the same step, the greater the better. `scores` holds our
    own score per sample, in the order of the samples, and `templates` the minutiae of fingers.
    """

    acceptable: bool
    usable: bool
    rank: tuple[float, ...]
    bars: tuple[Bar, ...] = ()
    findings: tuple[str, ...] = ()
    scores: tuple[int, ...] = ()
    details: tuple[Json, ...] = field(default=(), repr=False)
    templates: tuple[FingerTemplate | None, ...] = field(default=(), repr=False)
    duration_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Attempt:
    """One capture of a step, numbered from 1, with its judgement."""

    number: int
    capture: Capture
    judgement: Judgement


@dataclass(frozen=True, slots=True)
class KeptSample:
    """One sample as it goes into the record.

    `image_bytes` is compressed as the device sent it, or lossless PNG made here when the device
    sent bare pixels. `record` is the device's own interchange record, empty when it made none.
    """

    position: int
    image_bytes: bytes = field(repr=False)
    codec: str
    width: int
    height: int
    resolution_ppi: float
    score: int
    device_score: int | None
    attempt: int
    record_format: str = ""
    record: bytes = field(default=b"", repr=False)

    @property
    def sha256(self) -> str:
        """Hash of what the device delivered: its record, or the image where it made none."""
        return hashlib.sha256(self.record or self.image_bytes).hexdigest()


@dataclass(frozen=True, slots=True)
class AcceptedStep:
    """A finished step: its samples, who made them, and what was decided.

    `decision` is "accepted", "best-of-attempts" or "excepted"; `reason` is empty for the first.
    """

    step: Step
    samples: tuple[KeptSample, ...]
    attempts: int
    decision: str = "accepted"
    reason: str = ""
    device: Mapping[str, str] = field(default_factory=dict)
    attestation: Json = field(default_factory=dict, repr=False)
    captured_at: str = ""
    details: tuple[Json, ...] = field(default=(), repr=False)

    def to_entry(self) -> tuple[Json, list[bytes]]:
        """Return the journal event and its blobs, one a sample."""
        samples: list[Json] = []
        blobs: list[bytes] = []
        for sample in self.samples:
            whole = sample.record or sample.image_bytes
            start = whole.find(sample.image_bytes)
            if start < 0:
                raise ValueError("the image is no part of its own record")
            samples.append(
                {
                    "position": sample.position,
                    "codec": sample.codec,
                    "width": sample.width,
                    "height": sample.height,
                    "resolution_ppi": sample.resolution_ppi,
                    "score": sample.score,
                    "device_score": sample.device_score,
                    "attempt": sample.attempt,
                    "record_format": sample.record_format,
                    "image_start": start,
                    "image_length": len(sample.image_bytes),
                    "sha256": sample.sha256,
                }
            )
            blobs.append(whole)
        event = {
            "event": "step-done",
            "step": self.step.value,
            "attempts": self.attempts,
            "decision": self.decision,
            "reason": self.reason,
            "device": dict(self.device),
            "attestation": self.attestation,
            "captured_at": self.captured_at,
            "details": list(self.details),
            "samples": samples,
        }
        return event, blobs

    @classmethod
    def from_entry(cls, event: Json, blobs: Sequence[bytes]) -> AcceptedStep:
        """Rebuild a step from its journal entry; raises `KeyError` or `ValueError` on nonsense."""
        samples = []
        for item, whole in zip(event["samples"], blobs, strict=True):
            start, length = item["image_start"], item["image_length"]
            samples.append(
                KeptSample(
                    position=item["position"],
                    image_bytes=whole[start : start + length],
                    codec=item["codec"],
                    width=item["width"],
                    height=item["height"],
                    resolution_ppi=item["resolution_ppi"],
                    score=item["score"],
                    device_score=item["device_score"],
                    attempt=item["attempt"],
                    record_format=item["record_format"],
                    record=whole if item["record_format"] else b"",
                )
            )
        return cls(
            step=Step(event["step"]),
            samples=tuple(samples),
            attempts=event["attempts"],
            decision=event["decision"],
            reason=event["reason"],
            device=event["device"],
            attestation=event["attestation"],
            captured_at=event["captured_at"],
            details=tuple(event["details"]),
        )


def sample_score(sample: Sample) -> int | None:
    """The device's own score, rounded, or None where the device gives none."""
    return round(sample.scores[0].value) if sample.scores else None


def iso_time(moment: datetime) -> str:
    """UTC with seconds, as it stands in journal and record."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")

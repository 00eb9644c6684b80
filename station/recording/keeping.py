"""From the attempts of a step to what is kept of it: the best finger of all attempts, proven.

A finger of another attempt replaces the one of the chosen slap only when it scores higher and a
comparison confirms that it is the same finger; a swapped hand must not slip in through this door.
"""

from __future__ import annotations

from collections.abc import Sequence

from drivers.values import Capture, Sample
from station.biometrics.fingers.matching import SAME_FROM, FingerTemplate
from station.domain.plan import SLAP_OF, Step
from station.recording.attempt import (
    AcceptedStep,
    Attempt,
    Json,
    KeptSample,
    iso_time,
    sample_score,
)
from station.recording.judging import NFIQ2_FAILED, Judge


async def keep(
    step: Step,
    chosen: Attempt,
    attempts: Sequence[Attempt],
    judge: Judge,
    *,
    decision: str = "accepted",
    reason: str = "",
) -> AcceptedStep:
    """Build the accepted step from `chosen` and, finger by finger, from better attempts."""
    picked = [(chosen, index, sample) for index, sample in enumerate(chosen.capture.samples)]
    if step in SLAP_OF:
        picked = [await _best_finger(pick, attempts, judge) for pick in picked]
    samples = tuple(_kept(attempt, index, sample) for attempt, index, sample in picked)
    capture = chosen.capture
    return AcceptedStep(
        step=step,
        samples=samples,
        attempts=len(attempts),
        decision=decision,
        reason=reason,
        device=_device(capture),
        attestation=_attestation([(attempt.capture, index) for attempt, index, _ in picked]),
        captured_at=iso_time(capture.captured_at),
        details=tuple(_details(attempt, index) for attempt, index, _ in picked),
    )


def excepted(step: Step, reason: str, attempts: int, at: str) -> AcceptedStep:
    """A step that ends without a sample, for a reason."""
    return AcceptedStep(step, (), attempts, "excepted", reason, captured_at=at)


Pick = tuple[Attempt, int, Sample]


async def _best_finger(pick: Pick, attempts: Sequence[Attempt], judge: Judge) -> Pick:
    best = pick
    for attempt in attempts:
        if attempt is pick[0]:
            continue
        for index, sample in enumerate(attempt.capture.samples):
            candidate = (attempt, index, sample)
            if sample.position != pick[2].position or _score(candidate) <= _score(best):
                continue
            one, other = _template(candidate), _template(pick)
            if (
                one is not None
                and other is not None
                and (await judge.match(one, other) >= SAME_FROM)
            ):
                best = candidate
    return best


def _details(attempt: Attempt, index: int) -> Json:
    """What was measured of one sample, and in which attempt."""
    details = attempt.judgement.details
    return {"attempt": attempt.number} | (details[index] if index < len(details) else {})


def _template(pick: Pick) -> FingerTemplate | None:
    attempt, index, _ = pick
    templates = attempt.judgement.templates
    return templates[index] if index < len(templates) else None


def _score(pick: Pick) -> int:
    attempt, index, _ = pick
    scores = attempt.judgement.scores
    score = scores[index] if index < len(scores) else NFIQ2_FAILED
    return -1 if score == NFIQ2_FAILED else score


def _kept(attempt: Attempt, index: int, sample: Sample) -> KeptSample:
    height, width = sample.image.shape[:2]
    scores = attempt.judgement.scores
    if sample.record is not None:
        image_bytes, codec = sample.record.image_bytes, sample.record.codec
        record_format, record = sample.record.format, sample.record.data
    else:
        from station.biometrics.codecs import encode_png

        image_bytes, codec, record_format, record = encode_png(sample.image), "PNG", "", b""
    if record == image_bytes:
        record_format, record = "", b""  # a bare picture is no interchange record
    return KeptSample(
        position=int(sample.position or 0),
        image_bytes=image_bytes,
        codec=codec,
        width=width,
        height=height,
        resolution_ppi=sample.resolution_ppi,
        score=scores[index] if index < len(scores) else NFIQ2_FAILED,
        device_score=sample_score(sample),
        attempt=attempt.number,
        record_format=record_format,
        record=record,
    )


def _device(capture: Capture) -> dict[str, str]:
    info = capture.device
    return {
        "kind": info.kind.value,
        "model": info.model,
        "serial": info.serial,
        "firmware": info.firmware,
        "driver": info.driver,
    }


def _nth(texts: Sequence[str], index: int) -> str:
    return texts[index] if index < len(texts) else ""


def _attestation(sources: Sequence[tuple[Capture, int]]) -> Json:
    """The proof of each sample; a finger taken from another attempt brings its own."""
    rows = []
    for capture, index in sources:
        proof = capture.attestation
        rows.append(
            {
                "level": proof.level,
                "signer_sha256": proof.signer_sha256,
                "transaction_id": proof.transaction_id,
                "token": _nth(proof.tokens, index),
                "payload": _nth(proof.payloads, index),
                "hash": _nth(proof.hashes, index),
                "previous_hash": _nth(proof.previous_hashes, index),
            }
        )
    return {"level": rows[0]["level"] if rows else "none", "samples": rows}

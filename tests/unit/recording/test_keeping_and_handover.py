"""What is kept of several attempts, and what the record then says."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import numpy as np
import pytest

from drivers.positions import Eye, Finger, Slap
from drivers.values import Attestation, Capture, DeviceInfo, DeviceRecord, Kind, Sample, read_only
from station.biometrics.fingers.matching import FingerTemplate
from station.domain.biodata import Biodata
from station.domain.plan import CAPTURE_STEPS, SLAP_OF, Step
from station.recording import progress
from station.recording.attempt import Attempt, Judgement
from station.recording.handover import StationIdentity, record_content
from station.recording.keeping import excepted, keep
from station.recording.progress import Progress

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
SCANNER = DeviceInfo(Kind.FINGERPRINT, "sbi-scanner", "M", "S-1", "1.0")


class Matcher:
    """Says whether two fingers are the same; what it was asked is kept."""

    def __init__(self, score: int) -> None:
        self.score = score

    async def match(self, one: object, other: object) -> int:
        return self.score


def attempt(number: int, scores: dict[Finger, int]) -> Attempt:
    samples = []
    for finger in scores:
        image = read_only(np.full((4, 6), number * 10 + finger, np.uint8))
        data = b"FIR" + image.tobytes()
        record = DeviceRecord("ISO/IEC 19794-4:2011", data, "RAW", image.tobytes())
        samples.append(Sample(finger, image, 500.0, record))
    count = len(samples)
    proof = Attestation(
        "L0",
        "ab" * 32,
        f"transaction-{number}",
        tokens=tuple(f"token-{number}-{index}" for index in range(count)),
        payloads=tuple(f"payload-{number}-{index}" for index in range(count)),
        hashes=tuple(f"{number}{index}" for index in range(count)),
        previous_hashes=tuple(f"p{number}{index}" for index in range(count)),
    )
    judgement = Judgement(
        False,
        True,
        tuple(map(float, scores.values())),
        scores=tuple(scores.values()),
        details=tuple({"nfiq2": score} for score in scores.values()),
        templates=tuple(FingerTemplate(finger, 1, 50, None) for finger in scores),
    )
    return Attempt(number, Capture(tuple(samples), SCANNER, NOW, NOW, proof), judgement)


THUMBS = (Finger.RIGHT_THUMB, Finger.LEFT_THUMB)


async def test_the_best_finger_of_all_attempts_brings_its_own_proof() -> None:
    first = attempt(1, {Finger.RIGHT_THUMB: 50, Finger.LEFT_THUMB: 10})
    second = attempt(2, {Finger.RIGHT_THUMB: 30, Finger.LEFT_THUMB: 45})
    kept = await keep(Step.THUMBS, first, (first, second), Matcher(200))  # type: ignore[arg-type]
    assert [(sample.attempt, sample.score) for sample in kept.samples] == [(1, 50), (2, 45)]
    rows = kept.attestation["samples"]
    assert [row["transaction_id"] for row in rows] == ["transaction-1", "transaction-2"]
    assert [row["token"] for row in rows] == ["token-1-0", "token-2-1"]
    assert [row["previous_hash"] for row in rows] == ["p10", "p21"]
    assert [detail["nfiq2"] for detail in kept.details] == [50, 45]


async def test_a_finger_that_is_not_proven_the_same_is_not_mixed_in() -> None:
    first = attempt(1, {Finger.RIGHT_THUMB: 50, Finger.LEFT_THUMB: 10})
    second = attempt(2, {Finger.RIGHT_THUMB: 30, Finger.LEFT_THUMB: 45})
    kept = await keep(Step.THUMBS, first, (first, second), Matcher(79))  # type: ignore[arg-type]
    assert [sample.attempt for sample in kept.samples] == [1, 1]


async def test_a_step_survives_the_journal_unchanged() -> None:
    first = attempt(1, {Finger.RIGHT_THUMB: 50, Finger.LEFT_THUMB: 10})
    kept = await keep(Step.THUMBS, first, (first,), Matcher(0))  # type: ignore[arg-type]
    event, blobs = kept.to_entry()
    again = type(kept).from_entry(json.loads(json.dumps(event)), blobs)
    assert again == kept
    assert blobs[0] == kept.samples[0].record


def identified() -> Progress:
    start = progress.opened("0190a3b0-7c1e-7e2a-9d0e-000000000000", CAPTURE_STEPS, "OP", "now")
    known = progress.apply(Progress("0190a3b0-7c1e-7e2a-9d0e-000000000000"), start)
    biodata = Biodata.of("typed", {"nik": "3171011708450001"})
    return progress.apply(known, progress.identified(biodata, {}))


def all_excepted(reason: str) -> Progress:
    known = identified()
    for step in CAPTURE_STEPS:
        event, blobs = excepted(step, reason, 0, "2026-11-23T02:00:00Z").to_entry()
        known = progress.apply(known, event, blobs)
    return known


IDENTITY = StationIdentity("S", "OP", True, "0", "0" * 64)


def test_exceptions_name_each_finger_and_eye_with_the_reason_that_was_given() -> None:
    content = record_content(all_excepted("not-captured"), IDENTITY, NOW)
    positions = [entry.position for entry in content.exceptions]
    fingers = {finger for slap in Slap for finger in slap.fingers}
    assert len(content.exceptions) == len(fingers) + len(Eye)
    assert {p for p in positions if isinstance(p, Finger)} == fingers
    assert {entry.reason.value for entry in content.exceptions} == {"not-captured"}
    assert len(content.decisions) == len(CAPTURE_STEPS)


def test_our_measures_and_decisions_are_in_the_record() -> None:
    content = record_content(all_excepted("bandaged"), IDENTITY, NOW)
    (document,) = content.documents
    steps = json.loads(document.data)["steps"]
    assert [step["step"] for step in steps] == [step.value for step in CAPTURE_STEPS]
    assert b"3171011708450001" not in document.data


@pytest.mark.parametrize("step", list(SLAP_OF))
def test_reopening_a_slap_drops_the_verification_that_had_proven_it(step: Step) -> None:
    known = all_excepted("damaged")
    event = progress.reopened(step, "quality", "2026-11-23T02:00:00Z")
    known = progress.apply(known, event)
    assert {done.step for done in known.done} == set(CAPTURE_STEPS) - {step, Step.VERIFICATION}
    assert known.current is step
    assert known.reopened[0].reason == "quality"


def test_reopening_the_portrait_keeps_the_verification() -> None:
    event = progress.reopened(Step.PORTRAIT, "quality", "2026-11-23T02:00:00Z")
    known = progress.apply(all_excepted("damaged"), event)
    assert known.of(Step.VERIFICATION) is not None


def test_a_record_tells_that_a_step_was_taken_back() -> None:
    event = progress.reopened(Step.PORTRAIT, "quality", "2026-11-23T02:00:00Z")
    known = progress.apply(all_excepted("damaged"), event)
    again, blobs = excepted(Step.PORTRAIT, "damaged", 0, "2026-11-23T02:00:00Z").to_entry()
    content = record_content(progress.apply(known, again, blobs), IDENTITY, NOW)
    assert "reopened: quality" in {decision.reason for decision in content.decisions}

"""What is kept and what is never kept: poor fingers, strangers, exceptions, second thoughts."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest

from simulators.lab import Lab
from station import config as configuration
from station.compose import build_station
from station.domain.plan import Step
from station.recording.capture import CaptureState
from station.recording.policy import Option
from station.recording.session import SessionState
from station.recording.station import RecordingStation
from tests.recording.opening import opened, shown, up_to_first_slap


@pytest.mark.parametrize("step", [Step.THUMBS, Step.IRISES])
async def test_a_record_with_an_exception_is_sealed_and_says_so(
    station: RecordingStation, lab: Lab, step: Step
) -> None:
    await station.start()
    assert await station.identify_from_card()
    while shown(station).session is SessionState.CAPTURING:
        if shown(station).step is step:
            await station.except_step("bandaged")
        else:
            await station.capture()
    assert await station.seal()
    sealed = shown(station).record
    assert sealed is not None
    bundle = opened(Path(sealed.path), lab.folder / "pki")
    assert {entry.reason for entry in bundle.manifest.exceptions} == {"bandaged"}
    assert len(bundle.manifest.exceptions) == 2


async def test_a_stranger_s_finger_is_never_accepted_as_verification(
    station: RecordingStation, lab: Lab
) -> None:
    await station.start()
    assert await station.identify_from_card()
    while shown(station).step is not Step.VERIFICATION:
        await station.capture()
    lab.seat(2)
    try:
        for _ in range(3):
            await station.capture()
            assert "finger.mismatch" in shown(station).findings
        assert shown(station).capture is CaptureState.DECIDE
        assert Option.USE_BEST not in shown(station).options
    finally:
        lab.seat(1)


async def test_reopening_a_slap_asks_for_the_verification_again(
    station: RecordingStation, lab: Lab
) -> None:
    await station.start()
    assert await station.identify_from_card()
    while shown(station).session is SessionState.CAPTURING:
        await station.capture()
    await station.reopen(Step.RIGHT_FOUR, "quality")
    lab.seat(2)
    try:
        await station.capture()
        assert shown(station).step is Step.VERIFICATION
        lab.seat(1)
        await station.capture()
        assert "finger.mismatch" in shown(station).findings
        assert shown(station).session is SessionState.CAPTURING
    finally:
        lab.seat(1)


async def test_reopening_the_last_step_brings_no_dropped_picture_back(
    station: RecordingStation,
) -> None:
    await station.start()
    assert await station.identify_from_card()
    while shown(station).session is SessionState.CAPTURING:
        await station.capture()
    for step in (Step.VERIFICATION, Step.PORTRAIT, Step.PORTRAIT):
        await station.reopen(step, "quality")
        assert shown(station).step is step
        assert shown(station).attempt == 0
        assert shown(station).bars == ()
        await station.capture()
        assert shown(station).session is SessionState.REVIEW


async def test_the_other_index_is_offered_only_when_it_was_captured(
    station: RecordingStation, lab: Lab
) -> None:
    await station.start()
    assert await station.identify_from_card()
    while shown(station).step is not Step.VERIFICATION:
        if shown(station).step is Step.LEFT_FOUR:
            await station.except_step("bandaged")
        else:
            await station.capture()
    lab.seat(2)
    try:
        for _ in range(3):
            await station.capture()
        assert shown(station).capture is CaptureState.DECIDE
        assert Option.OTHER_INDEX not in shown(station).options
        assert Option.EXCEPT in shown(station).options
    finally:
        lab.seat(1)


async def test_cancel_during_a_capture_never_reaches_the_next_resident(
    station: RecordingStation, lab: Lab
) -> None:
    await up_to_first_slap(station)
    capturing = asyncio.create_task(station.capture())
    await asyncio.sleep(0)
    await station.cancel("resident-left")
    await capturing
    assert shown(station).session is SessionState.CANCELLED
    assert shown(station).biodata == ()
    assert not list(station.done)
    await up_to_first_slap(station)
    assert [step.step for step in station.done] == [Step.PORTRAIT]


@pytest.fixture
def no_fingers(tmp_path: Path) -> Path:
    """Pictures that are no fingers: blank, noise, and a photograph-like gradient."""
    folder = tmp_path / "no-fingers"
    folder.mkdir()
    noise = np.random.default_rng(5).integers(0, 256, (560, 416), np.uint8)
    ramp = np.tile(np.linspace(40, 220, 416, dtype=np.uint8), (560, 1))
    pictures = {"a-noise": noise, "b-blank": np.full((560, 416), 250, np.uint8), "c-photo": ramp}
    for name, picture in pictures.items():
        cv2.imwrite(str(folder / f"{name}.png"), picture)
    return folder


async def test_pictures_that_are_no_fingers_are_never_kept(
    no_fingers: Path, tmp_path: Path
) -> None:
    with Lab(tmp_path / "lab", 7, no_fingers, pcsc=False) as lab:
        lab.seat(1)
        loaded = configuration.load(lab.config)
        limits = loaded.limits.model_copy(update={"max_attempts": 1})
        station = build_station(dataclasses.replace(loaded, limits=limits))
        try:
            await station.open()
            await up_to_first_slap(station)
            await station.capture()
            assert shown(station).capture is CaptureState.DECIDE
            assert "finger.no-ridges" in shown(station).findings
            assert Option.USE_BEST not in shown(station).options
            assert Option.EXCEPT in shown(station).options
            await station.decide(Option.EXCEPT, "damaged")
            assert station.done[-1].samples == ()
        finally:
            await station.close()


async def test_worn_fingers_are_tried_again_and_the_best_is_kept(
    station: RecordingStation, lab: Lab
) -> None:
    await up_to_first_slap(station)
    lab.scene.worn(5.0)
    ranks = []
    try:
        for attempt in (1, 2, 3):
            await station.capture()
            assert shown(station).attempt == attempt
            assert "finger.quality" in shown(station).findings
            ranks.append(shown(station).bars[0].value)
        assert shown(station).capture is CaptureState.DECIDE
        await station.decide(Option.USE_BEST, "worn")
    finally:
        lab.seat(1)
    kept = station.done[-1]
    assert kept.decision == "best-of-attempts"
    assert kept.reason == "worn"
    assert kept.samples[0].score == max(ranks)

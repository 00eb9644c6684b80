"""Devices that lie, vanish or show no finger, and a disk that refuses: nothing is lost."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest

from simulators.faults import Fault
from simulators.lab import Lab
from station import config as configuration
from station.compose import build_station
from station.config import StationConfig
from station.domain.plan import Step
from station.errors import StationError
from station.recording.capture import CaptureState
from station.recording.policy import Option
from station.recording.session import SessionState
from station.recording.station import RecordingStation
from station.recording.view import StationView
from station.records.errors import DiskFull, StorageFailed
from station.records.journal import Journal
from tests.recording.opening import opened, problem_code, shown


async def up_to_first_slap(station: RecordingStation) -> None:
    await station.start()
    assert await station.identify_from_card()
    await station.capture()
    assert shown(station).step is Step.RIGHT_FOUR


@pytest.mark.parametrize(
    ("fault", "check"),
    [
        (Fault.TAMPERED, "signature"),
        (Fault.WRONG_HASH, "hash-chain"),
        (Fault.MISSING_FINGER, "positions"),
        (Fault.FOREIGN_TRANSACTION, "transaction"),
        (Fault.STALE_TIME, "timestamp"),
    ],
)
async def test_a_lying_scanner_adds_nothing_to_the_record(
    station: RecordingStation, lab: Lab, fault: Fault, check: str
) -> None:
    await up_to_first_slap(station)
    lab.sbi.faults.add(fault)
    try:
        await station.capture()
    finally:
        lab.sbi.faults.discard(fault)
    problem = shown(station).problem
    assert problem is not None
    assert problem.code == "DEV-203"
    assert problem.detail.startswith(check)
    assert shown(station).attempt == 0
    assert [step.step for step in station.done] == [Step.PORTRAIT]
    await station.capture()
    assert shown(station).step is Step.LEFT_FOUR


async def test_a_lost_device_suspends_and_the_same_step_goes_on(
    station: RecordingStation, lab: Lab
) -> None:
    await up_to_first_slap(station)
    lab.sbi.stop()
    try:
        await station.capture()
        assert shown(station).session is SessionState.SUSPENDED
        assert not await station.reconnect()
        assert problem_code(station) == "DEV-102"
    finally:
        lab.sbi.start()
    assert await station.reconnect()
    assert shown(station).session is SessionState.CAPTURING
    assert shown(station).step is Step.RIGHT_FOUR
    await station.capture()
    assert [step.step for step in station.done] == [Step.PORTRAIT, Step.RIGHT_FOUR]


async def test_a_device_that_is_not_there_is_shown_and_does_not_stop_the_desk(
    config: StationConfig, lab: Lab
) -> None:
    lab.module.stop()
    desk = build_station(config)
    try:
        await desk.open()
        absent = {device.role: device.problem for device in shown(desk).devices}
        assert absent.pop("verifier") is not None
        assert absent == dict.fromkeys(absent)
        await up_to_first_slap(desk)
    finally:
        await desk.close()
        lab.module.start()


async def test_a_full_disk_leaves_the_capture_unsaved_and_visible(
    station: RecordingStation, monkeypatch: pytest.MonkeyPatch
) -> None:
    await up_to_first_slap(station)
    with monkeypatch.context() as patched:
        patched.setattr(Journal, "append", _refuse)
        await station.capture()
        view = shown(station)
        assert view.unsaved
        assert view.capture is CaptureState.ACCEPTED
        assert view.step is Step.RIGHT_FOUR
        assert view.problem is not None
        assert view.problem.code == "ST-101"
        await station.save_again()
        assert shown(station).unsaved
    await station.save_again()
    assert not shown(station).unsaved
    assert shown(station).problem is None
    assert shown(station).step is Step.LEFT_FOUR


async def test_a_full_disk_at_the_seal_keeps_the_session(
    station: RecordingStation, monkeypatch: pytest.MonkeyPatch
) -> None:
    await station.start()
    assert await station.identify_from_card()
    while shown(station).session is SessionState.CAPTURING:
        await station.capture()
    with monkeypatch.context() as patched:
        patched.setattr("station.records.store.RecordStore.commit", _refuse)
        assert not await station.seal()
        assert shown(station).session is SessionState.REVIEW
        assert problem_code(station) == "ST-101"
    assert await station.seal()
    assert shown(station).session is SessionState.SEALED


def _break(*_: object) -> None:
    raise StorageFailed("injected")


def _refuse(*_: object) -> None:
    raise DiskFull("injected")


async def test_a_medium_that_did_not_answer_halts_the_desk_and_a_restart_goes_on(
    station: RecordingStation, config: StationConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    await up_to_first_slap(station)
    session_id = shown(station).session_id
    with monkeypatch.context() as patched:
        patched.setattr(Journal, "append", _break)
        await station.capture()
    assert shown(station).session is SessionState.HALTED
    assert problem_code(station) == "ST-102"
    await station.close()
    again = build_station(config)
    try:
        await again.open()
        await again.resume(session_id)
        assert shown(again).step is Step.RIGHT_FOUR
    finally:
        await again.close()


async def test_waiting_for_a_hand_can_be_interrupted(station: RecordingStation, lab: Lab) -> None:
    await up_to_first_slap(station)
    lab.sbi.faults.add(Fault.HANG)
    try:
        waiting_for_a_hand = asyncio.Event()

        def look(view: StationView) -> None:
            busy = any(
                device.role == "scanner" and device.state == "busy" for device in view.devices
            )
            if busy and view.capture is CaptureState.ACQUIRE:
                waiting_for_a_hand.set()

        station.subscribe(look)
        capturing = asyncio.create_task(station.capture())
        await waiting_for_a_hand.wait()
    finally:
        lab.sbi.faults.discard(Fault.HANG)
    station.interrupt()
    await asyncio.wait_for(capturing, 10.0)
    assert problem_code(station) == "DEV-401"
    assert shown(station).attempt == 0
    assert shown(station).step is Step.RIGHT_FOUR


async def test_a_step_whose_device_never_comes_can_be_excepted(
    config: StationConfig, lab: Lab
) -> None:
    lab.module.stop()
    desk = build_station(config)
    try:
        await desk.open()
        await desk.start()
        assert await desk.identify_from_card()
        while shown(desk).step is not Step.VERIFICATION:
            await desk.capture()
        assert shown(desk).capture is CaptureState.PREPARE
        await desk.except_step("damaged")
        assert shown(desk).session is SessionState.REVIEW
        assert await desk.seal()
    finally:
        await desk.close()
        lab.module.start()


async def test_devices_can_be_connected_again_between_residents(
    config: StationConfig, lab: Lab
) -> None:
    lab.module.stop()
    desk = build_station(config)
    try:
        await desk.open()
        assert any(device.problem for device in shown(desk).devices)
        lab.module.start()
        await desk.connect_devices()
        assert not any(device.problem for device in shown(desk).devices)
    finally:
        await desk.close()
        lab.module.start()


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


async def test_a_refused_audit_row_does_not_append_a_step_twice(
    station: RecordingStation, config: StationConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    await up_to_first_slap(station)
    with monkeypatch.context() as patched:
        patched.setattr("station.records.store.RecordStore.append_event", _refuse)
        await station.capture()
        assert shown(station).unsaved
        await station.save_again()
    await station.save_again()
    assert not shown(station).unsaved
    await station.cancel("training")
    rows = [event for event, _ in audit_of(config, station)]
    assert rows.count("recording.step-done") == 2


def audit_of(config: StationConfig, station: RecordingStation) -> list[tuple[str, object]]:
    """Every audit row of the store that `station` has open."""
    store = station._vault._store
    assert store is not None
    return [(event, detail) for event, detail in store.audit_of("")]


async def test_a_session_that_cannot_be_opened_leaves_nothing(
    station: RecordingStation, config: StationConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(Journal, "append", _refuse)
        await station.start()
    assert shown(station).session is SessionState.IDLE
    assert problem_code(station) == "ST-101"
    assert not list((config.station.data / "journal").iterdir())
    await station.start()
    assert shown(station).session is SessionState.IDENTIFY


async def test_a_cancel_that_cannot_be_audited_destroys_nothing(
    station: RecordingStation, config: StationConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    await up_to_first_slap(station)
    with monkeypatch.context() as patched:
        patched.setattr("station.records.store.RecordStore.append_event", _refuse)
        await station.cancel("training")
    assert problem_code(station) == "ST-101"
    assert not shown(station).unsaved
    assert shown(station).session is SessionState.CAPTURING
    await station.capture()
    assert shown(station).step is Step.LEFT_FOUR


async def test_an_accepted_step_that_vanished_from_the_journal_is_told(
    config: StationConfig,
) -> None:
    first = build_station(config)
    await first.open()
    await up_to_first_slap(first)
    session_id = shown(first).session_id
    await first.close()
    (journal,) = (config.station.data / "journal").iterdir()
    damaged = bytearray(journal.read_bytes())
    damaged[-20] ^= 1
    journal.write_bytes(bytes(damaged))

    second = build_station(config)
    try:
        await second.open()
        await second.resume(session_id)
        assert shown(second).session is SessionState.IDLE
        assert problem_code(second) == "ST-212"
        assert journal.read_bytes() == bytes(damaged)
    finally:
        await second.close()


async def test_a_damaged_record_keeps_its_journal_and_is_told(config: StationConfig) -> None:
    desk = build_station(config)
    await desk.open()
    await desk.start()
    assert await desk.identify_from_card()
    while shown(desk).session is SessionState.CAPTURING:
        await desk.capture()
    (journal,) = (config.station.data / "journal").iterdir()
    saved = journal.read_bytes()
    assert await desk.seal()
    record = shown(desk).record
    assert record is not None
    await desk.close()
    journal.write_bytes(saved)  # as if the power had gone before it was wiped
    spoil(Path(record.path))

    again = build_station(config)
    try:
        await again.open()
        assert problem_code(again) == "SEC-101"
        assert shown(again).unfinished == (record.record_id,)
        assert journal.exists()
    finally:
        await again.close()


def spoil(path: Path) -> None:
    """Change the last byte of a file."""
    path.write_bytes(path.read_bytes()[:-1] + b"?")


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


async def test_a_restarted_station_resumes_at_the_same_step(config: StationConfig) -> None:
    first = build_station(config)
    await first.open()
    await up_to_first_slap(first)
    await first.capture()
    kept = [(step.step, [s.sha256 for s in step.samples]) for step in first.done]
    session_id = first.view.session_id
    await first.close()

    second = build_station(config)
    try:
        await second.open()
        assert shown(second).unfinished == (session_id,)
        await second.resume(session_id)
        assert shown(second).step is Step.LEFT_FOUR
        assert [(s.step, [x.sha256 for x in s.samples]) for s in second.done] == kept
        sealed_later, _ = await record_rest(second)
        assert sealed_later.stem == session_id
    finally:
        await second.close()


async def record_rest(station: RecordingStation) -> tuple[Path, list[str]]:
    """Finish the open session by hand."""
    while shown(station).session is SessionState.CAPTURING:
        await station.capture()
    assert await station.seal()
    sealed = shown(station).record
    assert sealed is not None
    return Path(sealed.path), [step.step.value for step in station.done]


async def test_a_second_station_on_the_same_data_is_refused(
    station: RecordingStation, config: StationConfig
) -> None:
    other = build_station(config)
    try:
        with pytest.raises(StationError, match="ST-301"):
            await other.open()
    finally:
        await other.close()


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

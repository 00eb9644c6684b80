"""A disk that refuses, a power cut, a damaged file: what was called accepted stays, or is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from station.compose import build_station
from station.config import StationConfig
from station.domain.plan import Step
from station.errors import StationError
from station.recording.capture import CaptureState
from station.recording.session import SessionState
from station.recording.station import RecordingStation
from station.records.errors import DiskFull, StorageFailed
from station.records.journal import Journal
from tests.recording.opening import audit_of, problem_code, shown, up_to_first_slap


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
    rows = [event for event, _ in audit_of(station)]
    assert rows.count("recording.step-done") == 2


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


async def test_a_refused_cancel_keeps_what_is_to_be_saved(
    station: RecordingStation, monkeypatch: pytest.MonkeyPatch
) -> None:
    await up_to_first_slap(station)
    with monkeypatch.context() as patched:
        patched.setattr(Journal, "append", _refuse)
        patched.setattr("station.records.store.RecordStore.append_event", _refuse)
        await station.capture()
        await station.cancel("training")
        assert shown(station).unsaved
    await station.save_again()
    assert shown(station).step is Step.LEFT_FOUR


async def test_a_cancelled_session_never_comes_back(
    config: StationConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = build_station(config)
    await first.open()
    await up_to_first_slap(first)
    with monkeypatch.context() as patched:
        patched.setattr(Journal, "wipe", _break)
        await first.cancel("resident-left")
    assert shown(first).session is SessionState.CANCELLED
    assert problem_code(first) == "ST-102"
    await first.close()
    assert list((config.station.data / "journal").iterdir())

    second = build_station(config)
    try:
        await second.open()
        assert shown(second).unfinished == ()
        assert not list((config.station.data / "journal").iterdir())
    finally:
        await second.close()


async def test_an_unreadable_session_does_not_block_the_others(config: StationConfig) -> None:
    sessions = []
    for _ in range(2):
        desk = build_station(config)
        await desk.open()
        await up_to_first_slap(desk)
        sessions.append(shown(desk).session_id)
        await desk.close()
    bad = next((config.station.data / "journal").glob(f"{sessions[0]}.*"))
    bad.write_bytes(b"RKJ1 broken")
    again = build_station(config)
    try:
        await again.open()
        assert shown(again).unfinished == tuple(sessions)
        await again.resume(sessions[0])
        assert problem_code(again) == "ST-201"
        assert shown(again).unfinished == (sessions[1], sessions[0])
        await again.resume(sessions[1])
        assert shown(again).step is Step.RIGHT_FOUR
    finally:
        await again.close()


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

"""After any kill the right person sits at the simulated desk."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from station.commands import residents
from station.commands.residents import NoteDamaged, OtherWorld, Residents
from station.commands.simulated_desk import SimulationFailed, World
from station.config import StationConfig
from station.records.errors import StoreOwned
from station.records.rows import RecordMeta
from station.records.store import RecordStore

SESSION = "0190a3b0-7c1e-7e2a-9d0e-0000000000a1"


class Desk:
    """A simulated desk that only notes who was asked to sit down."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, config: StationConfig) -> None:
        self.world = World(7)
        self.seated: list[int] = []
        self.config = config
        self.data = config.station.data
        self.note = self.data / residents.NOTE_NAME
        monkeypatch.setattr(residents, "seat", lambda _control, number: self.seated.append(number))
        monkeypatch.setattr(residents, "world_of", lambda _control: self.world)

    def leave_journal(self, session: str = SESSION) -> None:
        (self.data / "journal").mkdir(parents=True, exist_ok=True)
        (self.data / "journal" / f"{session}.0").write_bytes(b"frames")

    def seal(self) -> None:
        with RecordStore(self.data / "records", station=self.config.station.id) as store:
            store.commit(b"sealed", b"signature", RecordMeta(SESSION, "DEMO", ("f1",)))


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch, configured: Callable[[], StationConfig]) -> Desk:
    return Desk(monkeypatch, configured())


def test_one_after_another_and_on_at_the_next_start(desk: Desk) -> None:
    who = Residents(desk.config)
    for _ in range(2):
        who.take()
        who.opened(SESSION)
        who.done()
    Residents(desk.config).take()
    assert desk.seated == [1, 2, 3]


def test_note_is_private_and_there_before_anybody_sits(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def seat(_control: str, number: int) -> None:
        assert json.loads(desk.note.read_text())["resident"] == number
        desk.seated.append(number)

    monkeypatch.setattr(residents, "seat", seat)
    Residents(desk.config).take()
    assert desk.seated == [1]
    assert stat.S_IMODE(desk.note.stat().st_mode) == 0o600
    assert stat.S_IMODE(desk.data.stat().st_mode) == 0o700


def test_killed_recording_goes_on_with_the_same_person(desk: Desk) -> None:
    who = Residents(desk.config)
    who.take()
    who.opened(SESSION)
    desk.leave_journal()
    Residents(desk.config).take()
    assert desk.seated == [1, 1]


@pytest.mark.parametrize("journal_left", [False, True])
def test_kill_between_sealing_and_noting_records_nobody_twice(
    desk: Desk, journal_left: bool
) -> None:
    who = Residents(desk.config)
    who.take()
    who.opened(SESSION)
    desk.seal()
    if journal_left:
        desk.leave_journal()
    after = Residents(desk.config)
    after.take()
    assert desk.seated == [1, 2]
    assert after.number == 2


def test_file_of_a_record_that_was_never_committed_proves_nothing(desk: Desk) -> None:
    who = Residents(desk.config)
    who.take()
    who.opened(SESSION)
    desk.leave_journal()
    with RecordStore(desk.data / "records", station=desk.config.station.id):
        pass
    orphan = desk.data / "records" / "objects" / SESSION[-2:] / f"{SESSION}.cms"
    orphan.write_bytes(b"half of a commit")
    Residents(desk.config).take()
    assert desk.seated == [1, 1]


def test_store_of_another_process_is_told_and_nobody_sits_down(desk: Desk) -> None:
    who = Residents(desk.config)
    who.take()
    who.opened(SESSION)
    desk.seal()
    station = desk.config.station.id
    with RecordStore(desk.data / "records", station=station), pytest.raises(StoreOwned):
        Residents(desk.config).take()
    assert desk.seated == [1]


@pytest.mark.parametrize("other", [World(8), World(7, "/pictures")])
def test_other_world_is_refused_while_a_recording_is_open(desk: Desk, other: World) -> None:
    Residents(desk.config).take()
    desk.leave_journal()
    before = desk.note.read_bytes()
    desk.world = other
    with pytest.raises(OtherWorld, match=r"go on with --seed 7$"):
        Residents(desk.config).take()
    assert desk.note.read_bytes() == before
    assert desk.seated == [1]


def test_other_world_begins_with_its_first_resident(desk: Desk) -> None:
    who = Residents(desk.config)
    who.take()
    who.done()
    desk.world = World(8)
    Residents(desk.config).take()
    assert desk.seated == [1, 1]
    assert json.loads(desk.note.read_text())["seed"] == 8


def test_finger_pictures_are_named_in_the_refusal(desk: Desk) -> None:
    desk.world = World(7, "/pictures")
    Residents(desk.config).take()
    desk.leave_journal()
    desk.world = World(7)
    with pytest.raises(OtherWorld, match="--seed 7 --fingers /pictures"):
        Residents(desk.config).take()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    content=st.binary(max_size=60)
    | st.sampled_from(
        [
            b"3",
            b"[]",
            b'{"seed": 7}',
            b'{"seed": 7, "fingers": "", "resident": 0}',
            b'{"seed": 7, "fingers": "", "resident": true}',
            b'{"seed": 7, "fingers": "", "resident": 1, "session": "../*"}',
        ]
    )
)
def test_garbled_note_is_never_taken_for_the_first_resident(desk: Desk, content: bytes) -> None:
    desk.data.mkdir(exist_ok=True)
    desk.note.write_bytes(content)
    with pytest.raises(NoteDamaged, match="resident-in-progress"):
        Residents(desk.config).take()
    assert desk.seated == []
    assert desk.note.read_bytes() == content


def test_note_that_cannot_be_written_is_told(configured: Callable[..., StationConfig]) -> None:
    config = configured(Path("/proc/nope"))
    with pytest.MonkeyPatch.context() as monkeypatch:
        desk = Desk(monkeypatch, config)
        with pytest.raises(SimulationFailed, match="No such file"):
            Residents(config).take()
    assert desk.seated == []

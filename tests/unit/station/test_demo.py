"""What the demonstration tells: for people and for programs, with what to do."""

from __future__ import annotations

import io
import json
from types import SimpleNamespace
from typing import Any, cast

import pytest

from station.commands.demo import Printer, SeatedResidents, Witness
from station.commands.residents import Residents
from station.domain.plan import Step
from station.recording.session import SessionState
from station.recording.station import RecordingStation
from station.recording.view import StationView, StepView


def told(event: str, facts: dict[str, Any], *, as_json: bool) -> str:
    out = io.StringIO()
    Printer(out, as_json)(event, facts)
    return out.getvalue()


@pytest.mark.parametrize("event", ["problem", "failed", "gave-up"])
def test_trouble_comes_with_sentence_and_action(event: str) -> None:
    facts = {"code": "DEV-103", "detail": "unplugged"}
    plain = told(event, facts, as_json=False)
    assert plain == (
        f"{event} [DEV-103] The device was disconnected (unplugged)\n"
        "  Plug it in again, then try again\n"
    )
    line = json.loads(told(event, facts, as_json=True))
    assert line == {"event": event, **facts} | {
        "message": "The device was disconnected",
        "action": "Plug it in again, then try again",
    }


def test_other_events_are_one_line() -> None:
    facts = {"residents": 3, "exceptions": 0, "best-of-attempts": 2}
    assert told("finished", facts, as_json=False) == (
        "finished residents 3  exceptions 0  best-of-attempts 2\n"
    )
    assert json.loads(told("finished", facts, as_json=True)) == {"event": "finished", **facts}


class Notes:
    """Residents that only remember what they were told."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def take(self) -> None:
        self.calls.append("take")

    def done(self) -> None:
        self.calls.append("done")

    def opened(self, session: str) -> None:
        self.calls.append(f"opened {session}")


def test_decisions_of_resumed_recordings_count_too() -> None:
    station, notes, heard = SimpleNamespace(view=StationView()), Notes(), list[str]()
    witness = Witness(
        lambda event, _facts: heard.append(event),
        cast(Residents, notes),
        cast(RecordingStation, station),
    )
    before = StepView(Step.RIGHT_FOUR, "excepted")
    for now in ("best", "done"):
        station.view = StationView(steps=(before, StepView(Step.LEFT_FOUR, "current")))
        witness("resumed", {"session": "s1"})
        station.view = StationView(steps=(before, StepView(Step.LEFT_FOUR, now)))
        witness("accepted", {})
        station.view = StationView()
        witness("sealed", {})
    assert witness.decisions == {"exceptions": 2, "best-of-attempts": 1}
    assert notes.calls == ["opened s1", "opened s1"]
    assert heard == ["resumed", "accepted", "sealed"] * 2


async def test_finished_recording_is_not_noted_for_the_next_resident(
    monkeypatch: pytest.MonkeyPatch, configured: Any
) -> None:
    notes = Notes()
    monkeypatch.setattr("station.commands.demo.Residents", lambda _config: notes)
    seated = SeatedResidents(configured())
    seated.seen(StationView(session=SessionState.CAPTURING, session_id="s1"))
    await seated.next()
    seated.seen(StationView(session=SessionState.SEALED, session_id="s1"))
    assert notes.calls == ["take", "opened s1", "done", "take"]

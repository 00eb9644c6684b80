"""An effect is run once, whatever fails around it."""

from __future__ import annotations

import pytest

from station.errors import IllegalTransition
from station.recording.progress import Entry
from station.recording.session import TRANSITIONS, Effect, SessionEvent, SessionState
from station.recording.transitions import Transitions
from station.records.errors import DiskFull


class Runner:
    """Runs effects by noting them; `refuse` fails the next time it comes."""

    def __init__(self) -> None:
        self.done: list[Effect] = []
        self.refuse: Effect | None = None

    async def run(self, effect: Effect, event: SessionEvent, entry: Entry) -> None:
        if effect is self.refuse:
            self.refuse = None
            raise DiskFull("injected")
        self.done.append(effect)


@pytest.mark.parametrize(("state", "event"), sorted(TRANSITIONS))
async def test_after_any_failure_going_on_runs_each_effect_once(
    state: SessionState, event: SessionEvent
) -> None:
    following, effects = TRANSITIONS[state, event]
    for refused in effects:
        runner = Runner()
        transitions = Transitions(runner.run)
        transitions.state = state
        runner.refuse = refused
        with pytest.raises(DiskFull):
            await transitions.fire(event, Entry({}))
        assert transitions.pending is not None
        stuck = [transitions.is_stuck]
        done = effects[: effects.index(refused)]
        assert transitions.pending.appended == (Effect.APPEND in done)
        await transitions.go_on()
        assert tuple(runner.done) == effects
        assert transitions.state is following
        assert [*stuck, transitions.is_stuck] == [True, False]
        assert transitions.pending is None


async def test_what_the_table_does_not_allow_touches_nothing() -> None:
    runner = Runner()
    transitions = Transitions(runner.run)
    with pytest.raises(IllegalTransition):
        await transitions.fire(SessionEvent.SEALED, Entry({}))
    assert runner.done == []
    assert transitions.pending is None
    assert transitions.state is SessionState.IDLE


async def test_a_dropped_transition_leaves_the_state() -> None:
    runner = Runner()
    transitions = Transitions(runner.run)
    runner.refuse = Effect.OPEN_JOURNAL
    with pytest.raises(DiskFull):
        await transitions.fire(SessionEvent.OPENED, Entry({}))
    transitions.drop()
    await transitions.go_on()
    assert transitions.state is SessionState.IDLE
    assert runner.done == []

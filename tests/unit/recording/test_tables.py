"""The tables as data: every promise about them is checked over all their rows."""

from __future__ import annotations

import pytest

from station.errors import IllegalTransition
from station.recording import capture, session
from station.recording.capture import CaptureEvent, CaptureState
from station.recording.session import Effect, SessionEvent, SessionState


def reachable() -> set[SessionState]:
    seen = {SessionState.IDLE}
    while True:
        found = {
            following for (state, _), (following, _) in session.TRANSITIONS.items() if state in seen
        }
        if found <= seen:
            return seen
        seen |= found


def test_every_session_state_is_reachable() -> None:
    assert reachable() == set(SessionState)


def test_from_every_state_but_halted_the_desk_becomes_free_again() -> None:
    free = {SessionState.IDLE}
    while True:
        more = {s for (s, _), (following, _) in session.TRANSITIONS.items() if following in free}
        if more <= free:
            break
        free |= more
    assert set(SessionState) - free == {SessionState.HALTED}


def test_what_was_captured_is_durable_before_the_next_step_is_prepared() -> None:
    for (_, event), (_, effects) in session.TRANSITIONS.items():
        if event in (SessionEvent.STEP_DONE, SessionEvent.LAST_STEP_DONE, SessionEvent.IDENTIFIED):
            assert effects[0] is Effect.APPEND


def test_the_journal_is_wiped_only_after_the_seal_or_on_cancel() -> None:
    for (_, event), (_, effects) in session.TRANSITIONS.items():
        if Effect.WIPE_JOURNAL in effects:
            assert event in (SessionEvent.SEALED, SessionEvent.CANCELLED)
            if event is SessionEvent.SEALED:
                assert effects.index(Effect.SEAL) < effects.index(Effect.WIPE_JOURNAL)


def test_only_the_review_leads_to_the_seal() -> None:
    assert [state for (state, event) in session.TRANSITIONS if event is SessionEvent.SEALED] == [
        SessionState.REVIEW
    ]


def test_a_halted_session_has_no_way_on() -> None:
    for event in SessionEvent:
        with pytest.raises(IllegalTransition):
            session.step(SessionState.HALTED, event)


def test_no_attempt_is_used_up_when_nothing_was_captured() -> None:
    assert capture.step(CaptureState.ACQUIRE, CaptureEvent.NOT_CAPTURED) is CaptureState.POSITION


def test_acceptance_needs_an_assessment_or_a_decision() -> None:
    into = {
        (state, event)
        for (state, event), following in capture.TRANSITIONS.items()
        if following is CaptureState.ACCEPTED
    }
    assert into == {
        (CaptureState.ASSESS, CaptureEvent.GOOD),
        (CaptureState.DECIDE, CaptureEvent.USE_BEST),
    }


def test_what_the_table_does_not_know_is_refused() -> None:
    with pytest.raises(IllegalTransition):
        capture.step(CaptureState.PREPARE, CaptureEvent.GOOD)

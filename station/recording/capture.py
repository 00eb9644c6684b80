"""The capture table: one step of the plan from an empty platen to accepted.

It is the same table for a face, a slap, two irises and a single finger.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from station.errors import IllegalTransition


class CaptureState(StrEnum):
    """Where the capture of one step stands."""

    PREPARE = "prepare"
    POSITION = "position"
    ACQUIRE = "acquire"
    ASSESS = "assess"
    DECIDE = "decide"
    """The attempts are used up: the operator chooses, with a reason."""
    ACCEPTED = "accepted"
    EXCEPTED = "excepted"


class CaptureEvent(StrEnum):
    """What can happen to a capture."""

    PREPARED = "prepared"
    TRIGGERED = "triggered"
    CAPTURED = "captured"
    NOT_CAPTURED = "not-captured"
    """Nobody came, the device refused or lied: no attempt is used up."""
    NOT_JUDGED = "not-judged"
    """Our own judgement failed: no attempt is used up."""
    DEVICE_LOST = "device-lost"
    GOOD = "good"
    POOR = "poor"
    EXHAUSTED = "exhausted"
    USE_BEST = "use-best"
    REPEAT = "repeat"
    EXCEPT = "except"


_ = CaptureState
_E = CaptureEvent

TRANSITIONS: Final[Mapping[tuple[CaptureState, CaptureEvent], CaptureState]] = {
    (_.PREPARE, _E.PREPARED): _.POSITION,
    (_.PREPARE, _E.DEVICE_LOST): _.PREPARE,
    (_.PREPARE, _E.EXCEPT): _.EXCEPTED,
    (_.POSITION, _E.TRIGGERED): _.ACQUIRE,
    (_.POSITION, _E.EXCEPT): _.EXCEPTED,
    (_.POSITION, _E.DEVICE_LOST): _.PREPARE,
    (_.ACQUIRE, _E.CAPTURED): _.ASSESS,
    (_.ACQUIRE, _E.NOT_CAPTURED): _.POSITION,
    (_.ACQUIRE, _E.DEVICE_LOST): _.PREPARE,
    (_.ASSESS, _E.NOT_JUDGED): _.POSITION,
    (_.ASSESS, _E.GOOD): _.ACCEPTED,
    (_.ASSESS, _E.POOR): _.POSITION,
    (_.ASSESS, _E.EXHAUSTED): _.DECIDE,
    (_.DECIDE, _E.USE_BEST): _.ACCEPTED,
    (_.DECIDE, _E.REPEAT): _.POSITION,
    (_.DECIDE, _E.EXCEPT): _.EXCEPTED,
    (_.DECIDE, _E.DEVICE_LOST): _.DECIDE,
}
"""(state, event) to next state."""


def step(state: CaptureState, event: CaptureEvent) -> CaptureState:
    """Look a transition up.

    Raises:
        IllegalTransition: the table has none; the caller has a bug.
    """
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise IllegalTransition(f"capture {state} does not know {event}") from None

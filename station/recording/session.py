"""The session table: which state follows which event, and what has to be done on the way.

The table is data and does nothing. `station.recording.station` looks a transition up, runs its
effects in order, and only then lets the new state be seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from station.errors import IllegalTransition


class SessionState(StrEnum):
    """Where the recording of one resident stands."""

    IDLE = "idle"
    IDENTIFY = "identify"
    CAPTURING = "capturing"
    REVIEW = "review"
    SEALED = "sealed"
    SUSPENDED = "suspended"
    """A device is lost; everything is kept and the same step goes on when it is back."""
    CANCELLED = "cancelled"
    """Ended before the seal; the biometrics are wiped and the reason is in the audit log."""
    HALTED = "halted"
    """A promise about data could not be kept; nothing goes on, nothing is deleted."""


class SessionEvent(StrEnum):
    """What can happen to a session."""

    OPENED = "opened"
    IDENTIFIED = "identified"
    STEP_DONE = "step-done"
    LAST_STEP_DONE = "last-step-done"
    STEP_REOPENED = "step-reopened"
    SEALED = "sealed"
    DEVICE_LOST = "device-lost"
    DEVICE_BACK = "device-back"
    CANCELLED = "cancelled"
    FAULT = "fault"
    CLOSED = "closed"


class Effect(StrEnum):
    """What the loop does on a transition, in the order listed."""

    OPEN_JOURNAL = "open-journal"
    APPEND = "append"
    """Make the event durable; only after that may anybody be told."""
    AUDIT = "audit"
    PREPARE_STEP = "prepare-step"
    STOP_PREVIEW = "stop-preview"
    SEAL = "seal"
    WIPE_JOURNAL = "wipe-journal"
    FORGET = "forget"
    """Drop the resident's data from memory."""


Transition = tuple[SessionState, tuple[Effect, ...]]

_ = SessionState
_E = SessionEvent
_DO = Effect

TRANSITIONS: Final[Mapping[tuple[SessionState, SessionEvent], Transition]] = {
    (_.IDLE, _E.OPENED): (_.IDENTIFY, (_DO.OPEN_JOURNAL, _DO.APPEND, _DO.AUDIT)),
    (_.IDENTIFY, _E.IDENTIFIED): (_.CAPTURING, (_DO.APPEND, _DO.AUDIT, _DO.PREPARE_STEP)),
    (_.CAPTURING, _E.STEP_DONE): (_.CAPTURING, (_DO.APPEND, _DO.AUDIT, _DO.PREPARE_STEP)),
    (_.CAPTURING, _E.LAST_STEP_DONE): (_.REVIEW, (_DO.APPEND, _DO.AUDIT, _DO.STOP_PREVIEW)),
    (_.CAPTURING, _E.DEVICE_LOST): (_.SUSPENDED, (_DO.AUDIT,)),
    # the device does not come back: its step is excepted and the others go on
    (_.SUSPENDED, _E.STEP_DONE): (_.CAPTURING, (_DO.APPEND, _DO.AUDIT, _DO.PREPARE_STEP)),
    (_.SUSPENDED, _E.LAST_STEP_DONE): (_.REVIEW, (_DO.APPEND, _DO.AUDIT, _DO.STOP_PREVIEW)),
    (_.SUSPENDED, _E.DEVICE_BACK): (_.CAPTURING, (_DO.AUDIT, _DO.PREPARE_STEP)),
    (_.REVIEW, _E.STEP_REOPENED): (
        _.CAPTURING,
        (_DO.APPEND, _DO.AUDIT, _DO.PREPARE_STEP),
    ),
    (_.REVIEW, _E.SEALED): (_.SEALED, (_DO.SEAL, _DO.WIPE_JOURNAL, _DO.FORGET)),
    (_.SEALED, _E.CLOSED): (_.IDLE, ()),
    (_.CANCELLED, _E.CLOSED): (_.IDLE, ()),
    **{
        (state, _E.CANCELLED): (
            _.CANCELLED,
            # audited before anything is destroyed: a crash in between leaves the session, not a gap
            (_DO.STOP_PREVIEW, _DO.AUDIT, _DO.WIPE_JOURNAL, _DO.FORGET),
        )
        for state in (_.IDENTIFY, _.CAPTURING, _.SUSPENDED, _.REVIEW)
    },
    **{
        (state, _E.FAULT): (_.HALTED, (_DO.STOP_PREVIEW,))
        for state in SessionState
        if state is not _.HALTED
    },
}
"""(state, event) to (next state, effects). HALTED has no way out but a restart of the program."""


def step(state: SessionState, event: SessionEvent) -> Transition:
    """Look a transition up.

    Raises:
        IllegalTransition: the table has none; the caller has a bug.
    """
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise IllegalTransition(f"session {state} does not know {event}") from None

"""One session rebuilt from its journal: the same fold runs live and after a crash. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from station.domain.biodata import Biodata
from station.domain.plan import CAPTURE_STEPS, SLAP_OF, Step
from station.errors import SessionUnreadable
from station.recording.attempt import AcceptedStep, Json
from station.recording.session import SessionState


@dataclass(frozen=True, slots=True)
class Reopening:
    """A finished step that was taken back at the review; `at` is UTC as text."""

    step: Step
    reason: str
    at: str


@dataclass(frozen=True, slots=True)
class Progress:
    """What is durably known of one session."""

    session_id: str
    plan: tuple[Step, ...] = CAPTURE_STEPS
    operator: str = ""
    opened_at: str = ""
    biodata: Biodata | None = None
    card: Json = field(default_factory=dict, repr=False)
    done: tuple[AcceptedStep, ...] = ()
    reopened: tuple[Reopening, ...] = ()

    @property
    def current(self) -> Step | None:
        """The first step that is not done; None when all are or nobody is identified."""
        if self.biodata is None:
            return None
        finished = {step.step for step in self.done}
        return next((step for step in self.plan if step not in finished), None)

    @property
    def state(self) -> SessionState:
        """The state that this much progress means."""
        if self.biodata is None:
            return SessionState.IDENTIFY
        return SessionState.REVIEW if self.current is None else SessionState.CAPTURING

    def of(self, step: Step) -> AcceptedStep | None:
        """The finished step, if it is finished."""
        return next((done for done in self.done if done.step is step), None)


@dataclass(frozen=True, slots=True)
class Entry:
    """What a session event carries: its journal event with samples, and its line in the audit log.

    `audit` holds codes and hashes only.
    """

    event: Json
    blobs: Sequence[bytes] = field(default=(), repr=False)
    audit: Json | None = None


def opened(session_id: str, plan: Sequence[Step], operator: str, at: str) -> Json:
    """The first event of every journal."""
    return {
        "event": "opened",
        "session": session_id,
        "plan": [step.value for step in plan],
        "operator": operator,
        "at": at,
    }


def identified(biodata: Biodata, card: Json) -> Json:
    """The event that binds the session to a resident."""
    return {
        "event": "identified",
        "source": biodata.source,
        "values": dict(biodata.values),
        "card": card,
    }


def reopened(step: Step, reason: str, at: str) -> Json:
    """The event that takes a finished step back for another capture."""
    return {"event": "step-reopened", "step": step.value, "reason": reason, "at": at}


def apply(progress: Progress, event: Json, blobs: Sequence[bytes] = ()) -> Progress:
    """Fold one journal entry into the progress.

    Raises:
        ValueError: the event is none of ours; the journal is from a newer version.
    """
    match event["event"]:
        case "opened":
            return replace(
                progress,
                plan=tuple(Step(step) for step in event["plan"]),
                operator=event["operator"],
                opened_at=event["at"],
            )
        case "identified":
            biodata = Biodata.of(event["source"], event["values"])
            return replace(progress, biodata=biodata, card=event["card"])
        case "step-done":
            accepted = AcceptedStep.from_entry(event, blobs)
            others = tuple(done for done in progress.done if done.step is not accepted.step)
            return replace(progress, done=(*others, accepted))
        case "step-reopened":
            return _reopen(progress, event)
        case other:
            raise ValueError(f"unknown journal event {other!r}")


def _reopen(progress: Progress, event: Json) -> Progress:
    """Drop the step, and with a slap also the verification: it proved the finger just dropped."""
    step = Step(event["step"])
    dropped = {step, Step.VERIFICATION} if step in SLAP_OF else {step}
    return replace(
        progress,
        done=tuple(done for done in progress.done if done.step not in dropped),
        reopened=(*progress.reopened, Reopening(step, event["reason"], event["at"])),
    )


def replay(session_id: str, entries: Iterable[tuple[Json, Sequence[bytes]]]) -> Progress:
    """Rebuild a session from all its entries.

    Raises:
        SessionUnreadable: the journal does not begin as ours do, or is of another version.
    """
    progress = Progress(session_id)
    try:
        for event, blobs in entries:
            progress = apply(progress, event, blobs)
    except (ValueError, KeyError, TypeError) as error:
        raise SessionUnreadable(f"{session_id}: {type(error).__name__}") from error
    if not progress.opened_at:
        raise SessionUnreadable(f"{session_id}: it was never opened")
    return progress

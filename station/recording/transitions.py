"""Runs the session table: one transition at a time, effect by effect, and never an effect twice.

When an effect fails, what was done stays done and what is left is remembered: `go_on` continues at
the effect that failed, so that a step can neither be appended twice nor be forgotten in the audit.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from station.recording import session
from station.recording.progress import Entry
from station.recording.session import Effect, SessionEvent, SessionState

Run = Callable[[Effect, SessionEvent, Entry], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Pending:
    """A transition under way: what it leads to, and the effects that are still to be run."""

    event: SessionEvent
    entry: Entry
    following: SessionState
    effects: tuple[Effect, ...]
    appended: bool = False
    """Whether the journal holds the event already; then the transition cannot be forgotten."""


class Transitions:
    """The state of one session at a time, and the transition that a failure interrupted."""

    def __init__(self, run: Run) -> None:
        self.state = SessionState.IDLE
        self.pending: Pending | None = None
        self._running = False
        self._run = run

    @property
    def is_stuck(self) -> bool:
        """Whether a transition stands still because one of its effects failed."""
        return self.pending is not None and not self._running

    async def fire(self, event: SessionEvent, entry: Entry) -> None:
        """Look a transition up and run its effects; raises what an effect raises.

        Raises:
            IllegalTransition: the table does not allow it; nothing was touched.
        """
        following, effects = session.step(self.state, event)
        self.pending = Pending(event, entry, following, effects)
        await self.go_on()

    async def go_on(self) -> None:
        """Run what is left of the pending transition, the effect that failed first."""
        self._running = True
        try:
            while self.pending is not None:
                await self._run_next(self.pending)
        finally:
            self._running = False

    async def _run_next(self, pending: Pending) -> None:
        if not pending.effects:
            self.state, self.pending = pending.following, None
            return
        effect, *left = pending.effects
        if effect is Effect.PREPARE_STEP:
            # everything before it is durable: the new state may be seen while a device starts
            self.state = pending.following
        await self._run(effect, pending.event, pending.entry)
        if self.pending is pending:
            appended = pending.appended or effect is Effect.APPEND
            self.pending = replace(pending, effects=tuple(left), appended=appended)

    def drop(self) -> None:
        """Forget the pending transition; the state stays as it was."""
        self.pending = None

"""A recording without a screen: an operator who always does the next sensible thing.

It drives the same `RecordingStation` as the screens. What it decides is what a program may decide:
the best of three attempts, another finger to verify, an exception with its reason; and it gives up,
saying why, rather than turn in circles.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from drivers.clock import Clock, RealClock
from station.domain.plan import Step
from station.errors import ChoicesExhausted, NoReference, SessionUnreadable
from station.recording.capture import CaptureState
from station.recording.policy import Option
from station.recording.session import SessionState
from station.recording.station import RecordingStation
from station.recording.view import Problem, RecordView
from station.records.content import Missing

Report = Callable[[str, dict[str, Any]], None]
"""Called with the name of an event and its facts, after the event is durable."""

Pause = Callable[[float], Awaitable[None]]

CHOICES = (Option.USE_BEST, Option.OTHER_INDEX, Option.REPEAT, Option.EXCEPT)
"""What is chosen when the attempts are used up, each at most once a step."""
MAX_FAILURES = 5
"""Captures in a row that the device refused, before the run gives up."""


class GaveUp(Exception):
    """The recording cannot go on without a person; the session stays in its journal."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(f"{problem.code} {problem.detail}".strip())
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Outcome:
    """One recorded resident."""

    record: RecordView
    seconds: float
    resumed: bool


class HeadlessOperator:
    """Records one resident after another."""

    def __init__(
        self,
        station: RecordingStation,
        report: Report,
        pause: Pause,
        clock: Clock | None = None,
    ) -> None:
        self._station = station
        self._report = report
        self._pause = pause
        self._clock = clock or RealClock()
        self._reported = 0
        self._failures = 0
        self._chosen: set[tuple[Step | None, Option]] = set()

    async def record(self) -> Outcome:
        """Record the resident at the desk; an unfinished session goes on first.

        Raises:
            GaveUp: something needs a person.
        """
        station, started = self._station, self._clock.monotonic()
        unfinished = station.view.unfinished
        self._reported, self._failures = 0, 0
        self._chosen.clear()
        resumed = bool(unfinished) and await self._resume(unfinished[0])
        if not resumed:
            await station.start()
            self._stop_if_stuck(SessionState.IDLE)
            self._report("started", {"session": station.view.session_id})
        while station.view.session is not SessionState.SEALED:
            await self._next()
            self._report_accepted()
        record = station.view.record
        if record is None:
            raise GaveUp(Problem("ST-303"))
        seconds = round(self._clock.monotonic() - started, 2)
        facts = {"record": record.record_id, "size": record.size, "sha256": record.sha256}
        self._report("sealed", facts | {"path": record.path, "seconds": seconds})
        return Outcome(record, seconds, resumed)

    async def _resume(self, session_id: str) -> bool:
        """Go on with a session; False when there is nothing in it to go on with."""
        await self._station.resume(session_id)
        problem = self._station.view.problem
        if problem is not None and problem.code == SessionUnreadable.code:
            self._report("problem", {"code": problem.code, "detail": problem.detail})
            return False
        self._stop_if_stuck(SessionState.IDLE)
        self._reported = len(self._station.done)
        kept = [step.step.value for step in self._station.done]
        self._report("resumed", {"session": session_id, "kept": kept})
        return True

    async def _next(self) -> None:
        station = self._station
        match station.view.session:
            case SessionState.IDENTIFY:
                if not await station.identify_from_card():
                    await self._failed()
                else:
                    self._report("identified", {"nik": station.view.nik})
            case SessionState.CAPTURING:
                await self._capture()
            case SessionState.SUSPENDED:
                if not await station.reconnect():
                    await self._failed()
            case SessionState.REVIEW:
                if not await station.seal():
                    await self._failed()
            case state:
                raise GaveUp(station.view.problem or Problem("WF-001", state.value))

    async def _capture(self) -> None:
        station = self._station
        if station.view.unsaved:
            await station.save_again()
            if station.view.unsaved:
                await self._failed()
            return
        if station.view.capture is CaptureState.DECIDE:
            await self._decide()
            return
        before = station.view.attempt
        await station.capture()
        view = station.view
        if view.problem is not None and view.problem.code == NoReference.code:
            await station.except_step(Missing.NOT_CAPTURED.value)
        elif view.problem is not None:
            await self._failed()
        elif view.attempt > before and view.step is not None:
            self._report("retry", {"step": view.step.value, "findings": list(view.findings)})

    async def _decide(self) -> None:
        """Choose the first option that was not chosen for this step before."""
        view = self._station.view
        fresh = [o for o in CHOICES if o in view.options and (view.step, o) not in self._chosen]
        if not fresh:
            raise GaveUp(Problem(ChoicesExhausted.code, view.step.value if view.step else ""))
        self._chosen.add((view.step, fresh[0]))
        reason = Missing.NOT_CAPTURED.value if fresh[0] is Option.EXCEPT else "unattended"
        await self._station.decide(fresh[0], reason)

    async def _failed(self) -> None:
        self._failures += 1
        problem = self._station.view.problem or Problem("WF-001")
        self._report("problem", {"code": problem.code, "detail": problem.detail})
        if self._failures >= MAX_FAILURES:
            raise GaveUp(problem)
        await self._pause(min(0.2 * 2**self._failures, 2.0))

    def _stop_if_stuck(self, state: SessionState) -> None:
        view = self._station.view
        if view.session is state:
            raise GaveUp(view.problem or Problem("WF-001", state.value))

    def _report_accepted(self) -> None:
        done = self._station.done
        for step in done[self._reported :]:
            self._failures = 0
            self._report(
                "accepted",
                {
                    "step": step.step.value,
                    "decision": step.decision,
                    "attempts": step.attempts,
                    "scores": [sample.score for sample in step.samples],
                    "samples": [sample.sha256 for sample in step.samples],
                },
            )
        self._reported = len(done)

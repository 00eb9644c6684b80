"""What every command of a station stands on: one session, its journal and audit, and the view.

`RecordingStation` adds the commands. Here a transition is run, a failure is shown and not lost, and
the listeners are told.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from functools import update_wrapper
from typing import Any, Concatenate, ParamSpec, TypeVar

from drivers.api import Frame
from drivers.clock import Clock, RealClock
from station.domain.nik import check_nik
from station.domain.plan import CAPTURE_STEPS, Step
from station.errors import IllegalTransition, StationError, StoreError
from station.recording import progress
from station.recording.attempt import AcceptedStep, Json
from station.recording.attempts import Attempts
from station.recording.capture import CaptureState
from station.recording.desk import DeskDevices, DeskLine
from station.recording.handover import StationIdentity, record_content
from station.recording.judging import Judge
from station.recording.policy import Option, Policy
from station.recording.progress import Entry, Progress
from station.recording.session import Effect, SessionEvent, SessionState
from station.recording.step_work import StepWork
from station.recording.transitions import Transitions
from station.recording.vault import Vault
from station.recording.view import Problem, RecordView, StationView, StepView, step_views
from station.records.errors import AuditBroken, StorageFailed, StoreDamaged

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S", bound="SessionKeeper")
log = logging.getLogger(__name__)

FINISHED = (SessionState.SEALED, SessionState.CANCELLED)
STEP_ENDS = (SessionEvent.STEP_DONE, SessionEvent.LAST_STEP_DONE)
UNKNOWN_DISK = (StorageFailed, StoreDamaged, AuditBroken)
"""After these nobody knows what is on the medium: the desk halts, a restart finds out."""


def command(
    work: Callable[Concatenate[S, P], Coroutine[Any, Any, R]],
) -> Callable[Concatenate[S, P], Coroutine[Any, Any, R]]:
    """Let commands wait for each other: two at once would mix two residents."""

    async def alone(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
        async with self.commands:
            self._interrupted = False
            return await work(self, *args, **kwargs)

    return update_wrapper(alone, work)


class SessionKeeper(ABC):
    """One session at a time, and everything that is true of it."""

    _interrupted = False
    """Somebody asked the command under way to stop waiting for its device."""

    def __init__(
        self,
        devices: DeskDevices,
        judge: Judge,
        vault: Vault,
        identity: StationIdentity,
        *,
        plan: tuple[Step, ...] = CAPTURE_STEPS,
        limits: Policy | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.commands = asyncio.Lock()
        self._line = DeskLine(devices, self._changed)
        self._judge = judge
        self._vault = vault
        self._identity = identity
        self._plan = plan
        self._limits = limits or Policy()
        self._clock: Clock = clock or RealClock()
        self._listeners: list[Callable[[StationView], None]] = []
        self._session = Transitions(self._run)
        self._capture: CaptureState | None = None
        self._progress: Progress | None = None
        self._attempts = Attempts(self._limits)
        self._work = StepWork(devices, judge, self._limits)
        self._problem: Problem | None = None
        self._unfinished: tuple[str, ...] = ()
        self._steps_shown: tuple[StepView, ...] = ()
        self._record: RecordView | None = None
        self._total = 0

    # ---------------------------------------------------------------- what others see

    @property
    def view(self) -> StationView:
        """The present state as one immutable picture."""
        known, state = self._progress, self._session.state
        judged = self._attempts.last.judgement if self._attempts.last else None
        biodata = known.biodata if known else None
        checked = check_nik(biodata.nik).nik if biodata else None
        step = known.current if known and state is not SessionState.IDENTIFY else None
        deciding = self._capture is CaptureState.DECIDE and step is not None
        return StationView(
            session=state,
            capture=self._capture,
            step=Step.IDENTIFY if state is SessionState.IDENTIFY else step,
            session_id=known.session_id if known else "",
            nik=checked.masked if checked else "",
            biodata=tuple(biodata.values.items()) if biodata else (),
            steps=step_views(known) if known else self._steps_shown,
            attempt=self._attempts.in_round,
            max_attempts=self._limits.max_attempts,
            bars=judged.bars if judged else (),
            findings=judged.findings if judged else (),
            options=self._options(step) if deciding and step else (),
            verify_with=self._work.verify_with,
            unsaved=self._session.is_stuck,
            problem=self._problem,
            devices=self._line.view(),
            unfinished=self._unfinished,
            record=self._record,
            records_total=self._total,
            simulated=self._identity.simulated,
        )

    @property
    def done(self) -> tuple[AcceptedStep, ...]:
        """The steps that are durable, in the order in which they were finished."""
        return self._progress.done if self._progress else ()

    def subscribe(self, listener: Callable[[StationView], None]) -> Callable[[], None]:
        """Call `listener` with a new view after every change; return the unsubscriber."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    def preview(self) -> Frame | None:
        """The newest live picture of the step's device; None when there is none."""
        step = self._progress.current if self._progress else None
        if step is None or self._session.state is not SessionState.CAPTURING:
            return None
        return self._line.devices.of(step).latest()

    # ---------------------------------------------------------------- transitions and effects

    async def _guarded(self, event: SessionEvent, entry: Entry | None) -> bool:
        """Fire an event, or go on with the pending one; what fails is shown and not lost."""
        self._problem = None
        try:
            if entry is None:
                await self._session.go_on()
            else:
                await self._session.fire(event, entry)
        except UNKNOWN_DISK as error:
            await self._halt(error)
            return False
        except StationError as error:
            pending = self._session.pending
            to_be_saved = pending is not None and (pending.appended or event in STEP_ENDS)
            if not (to_be_saved and isinstance(error, StoreError)):
                self._session.drop()
            self._report(error)
            return False
        self._changed()
        return True

    async def _halt(self, error: StationError) -> None:
        """Nobody knows what the medium holds: nothing goes on and nothing is deleted."""
        self._session.drop()
        await self._session.fire(SessionEvent.FAULT, Entry({}))
        self._report(error)

    async def _run(self, effect: Effect, event: SessionEvent, entry: Entry) -> None:
        match effect:
            case Effect.OPEN_JOURNAL:
                self._record = None
                await self._vault.begin(self._known().session_id)
            case Effect.APPEND:
                await self._vault.append(entry.event, entry.blobs)
                self._progress = progress.apply(self._known(), entry.event, entry.blobs)
                if entry.event["event"] in ("step-done", "step-reopened"):
                    self._attempts.clear()  # what was dropped must not come back as an attempt
            case Effect.AUDIT:
                await self._vault.audit(f"recording.{event.value}", entry.audit or {})
            case Effect.PREPARE_STEP:
                await self._prepare_step()
            case Effect.STOP_PREVIEW:
                await self._work.stop_previews()
            case Effect.SEAL:
                await self._seal()
            case Effect.WIPE_JOURNAL:
                await self._wipe()
            case Effect.FORGET:
                self._forget()

    async def _seal(self) -> None:
        content = record_content(self._known(), self._identity, self._clock.utc_now())
        sealed = await self._vault.seal(content)
        row = sealed.row
        self._record = RecordView(row.record_id, row.size, row.sha256, str(sealed.path))
        self._total += 1

    async def _wipe(self) -> None:
        """Sealed or cancelled, and audited so; a journal that stays now goes at the next start."""
        try:
            await self._vault.wipe()
        except StoreError as error:
            log.error("the journal could not be removed: %s", error.code)
            self._problem = Problem(error.code, error.detail)

    def _forget(self) -> None:
        """Drop the resident's data from memory; how far each step came is no personal data."""
        if self._progress is not None:
            self._steps_shown = step_views(self._progress)
        self._progress, self._capture = None, None
        self._attempts.clear()

    async def _leave_finished(self) -> None:
        if self._session.state in FINISHED:
            self._steps_shown = ()
            await self._session.fire(SessionEvent.CLOSED, Entry({}))

    async def _abandon(self) -> None:
        """Take a session back that could not be opened; an empty journal must not stay."""
        self._session.drop()
        self._progress = None
        await self._wipe()
        self._changed()

    async def _audited(self, event: str, detail: Json) -> bool:
        try:
            await self._vault.audit(event, detail)
        except UNKNOWN_DISK as error:
            await self._halt(error)
            return False
        except StoreError as error:
            self._report(error)
            return False
        return True

    def _options(self, step: Step) -> tuple[Option, ...]:
        may_switch = self._progress is not None and self._work.has_other_index(self._progress)
        return self._attempts.options(step, may_switch=may_switch)

    def _known(self) -> Progress:
        if self._progress is None:
            raise IllegalTransition("no session is open")
        return self._progress

    def _current_step(self) -> Step:
        step = self._known().current
        if step is None:
            raise IllegalTransition("no step is open")
        return step

    def _need(self, state: SessionState) -> None:
        if self._session.state is not state:
            raise IllegalTransition(f"session {self._session.state}, needed {state}")

    def _refuse(self, problem: Problem) -> bool:
        self._problem = problem
        self._changed()
        return False

    def _report(self, error: StationError) -> None:
        log.error("%s: %s: %s", error.code, type(error).__name__, error.detail)
        self._refuse(Problem(error.code, error.detail))

    def _changed(self) -> None:
        view = self.view
        for listener in tuple(self._listeners):
            try:
                listener(view)
            except Exception:  # the border to a screen: its bug must not break a capture
                log.exception("a listener of the station failed")

    @abstractmethod
    async def _prepare_step(self) -> bool:
        """Bring the device of the current step up and start its live picture."""

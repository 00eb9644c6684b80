"""The one loop that drives devices: commands in, table transitions, effects, a view out.

A screen, the headless run and a test use the same object. Every command is a coroutine that returns
when it is finished; whatever went wrong is in `view.problem`, with its code. Nothing is called
accepted before the journal has it on the medium.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TypeVar

from drivers.api import Finger, Frame, State
from drivers.clock import Clock, RealClock
from drivers.device import Device
from drivers.errors import Cancelled, DeviceError
from drivers.values import Capture
from station.domain.biodata import Biodata
from station.domain.nik import check_nik
from station.domain.plan import CAPTURE_STEPS, Step
from station.errors import IllegalTransition, StationError, StoreError
from station.recording import capture as capturing
from station.recording import keeping, policy, progress, session
from station.recording.attempt import AcceptedStep, Attempt, Json, iso_time
from station.recording.capture import CaptureEvent, CaptureState
from station.recording.desk import DeskDevices, DeskLine
from station.recording.handover import StationIdentity, record_content
from station.recording.identity import read_card
from station.recording.judging import Judge
from station.recording.policy import Option, Policy, Verdict
from station.recording.progress import Entry, Progress
from station.recording.session import Effect, SessionEvent, SessionState
from station.recording.step_work import StepWork
from station.recording.vault import Vault
from station.recording.view import Problem, RecordView, StationView, step_views
from station.records.content import new_record_id
from station.records.errors import AuditBroken, StorageFailed, StoreDamaged

T = TypeVar("T")
log = logging.getLogger(__name__)


FINISHED = (SessionState.SEALED, SessionState.CANCELLED)
UNKNOWN_DISK = (StorageFailed, StoreDamaged, AuditBroken)
"""After these nobody knows what is on the medium: the desk halts, a restart finds out."""


class RecordingStation:
    """One desk. `open` first; then `start`, `identify_*`, `capture` ... `seal`; `close` last."""

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
        self._line = DeskLine(devices, self._changed)
        self._judge = judge
        self._vault = vault
        self._identity = identity
        self._plan = plan
        self._limits = limits or Policy()
        self._clock: Clock = clock or RealClock()
        self._listeners: list[Callable[[StationView], None]] = []
        self._state = SessionState.IDLE
        self._capture: CaptureState | None = None
        self._progress: Progress | None = None
        self._attempts: list[Attempt] = []
        self._work = StepWork(devices, judge, self._limits)
        self._acquiring: asyncio.Future[Capture] | None = None
        self._waiting: tuple[SessionEvent, Entry] | None = None
        self._problem: Problem | None = None
        self._unfinished: tuple[str, ...] = ()
        self._record: RecordView | None = None
        self._total = 0

    # ---------------------------------------------------------------- what others see

    @property
    def view(self) -> StationView:
        """The present state as one immutable picture."""
        known = self._progress
        attempt = self._attempts[-1] if self._attempts else None
        biodata = known.biodata if known else None
        checked = check_nik(biodata.nik).nik if biodata else None
        step = known.current if known and self._state is not SessionState.IDENTIFY else None
        deciding = self._capture is CaptureState.DECIDE and step is not None
        return StationView(
            session=self._state,
            capture=self._capture,
            step=Step.IDENTIFY if self._state is SessionState.IDENTIFY else step,
            session_id=known.session_id if known else "",
            nik=checked.masked if checked else "",
            biodata=tuple(biodata.values.items()) if biodata else (),
            steps=step_views(known) if known else (),
            attempt=len(self._attempts),
            max_attempts=self._limits.max_attempts,
            bars=attempt.judgement.bars if attempt else (),
            findings=attempt.judgement.findings if attempt else (),
            options=policy.options(step, self._attempts) if deciding and step else (),
            verify_with=self._work.verify_with,
            unsaved=self._waiting is not None,
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
        if step is None or self._state is not SessionState.CAPTURING:
            return None
        return self._line.devices.of(step).latest()

    # ---------------------------------------------------------------- commands

    async def open(self) -> None:
        """Take the store, look for unfinished sessions, bring up devices and models.

        Raises:
            StationError: store or keys cannot be used; the desk must not record.
        """
        await self._vault.open()
        self._total = await self._vault.count()
        self._unfinished = await self._vault.unfinished()
        await self._line.connect_all()
        await self._judge.warm_up()
        self._changed()

    async def connect_devices(self) -> None:
        """Try every device again that is not connected."""
        await self._line.connect_all()
        self._changed()

    async def close(self) -> None:
        """Release devices, threads and store; an open session stays in its journal."""
        await self._line.close()
        self._judge.close()
        await self._vault.close()

    async def start(self) -> None:
        """Open the session of the next resident."""
        if self._state in FINISHED:
            await self._fire(SessionEvent.CLOSED)
        session_id = new_record_id()
        event = progress.opened(
            session_id, self._plan, self._identity.operator, iso_time(self._clock.utc_now())
        )
        self._progress = Progress(session_id)
        entry = Entry(event, audit={"session": session_id})
        if not await self._guarded(SessionEvent.OPENED, entry):
            self._progress, self._waiting = None, None
            self._changed()

    async def resume(self, session_id: str) -> None:
        """Go on with a session that a crash or a power cut left behind, at the same step."""
        if self._state in FINISHED:
            await self._fire(SessionEvent.CLOSED)
        if self._state is not SessionState.IDLE:
            raise IllegalTransition(f"session {self._state} cannot resume another")
        try:
            entries = await self._vault.resume(session_id)
            self._progress = progress.replay(session_id, entries)
        except (StationError, ValueError, KeyError) as error:
            await self._report(error)
            return
        self._unfinished = tuple(s for s in self._unfinished if s != session_id)
        self._state = self._progress.state
        await self._vault.audit("recording.resumed", {"session": session_id})
        if self._state is SessionState.CAPTURING:
            await self._prepare_step()
        self._changed()

    async def identify_from_card(self) -> bool:
        """Read NIK and biodata from the card on the reader; True when the session is bound."""
        self._need(SessionState.IDENTIFY)
        reader = self._line.devices.card
        if reader is None:
            return self._refuse(Problem("CARD-101"))
        try:
            await self._line.ensure(reader)
            reading = await read_card(reader)
        except DeviceError as error:
            return self._refuse(Problem(error.code, error.detail))
        if reading.biodata is None:
            return self._refuse(Problem("CARD-102", reading.reason))
        return await self._identify(reading.biodata, reading.facts)

    async def identify_typed(self, nik: str, full_name: str = "") -> bool:
        """Take a typed NIK; True when the session is bound to it."""
        self._need(SessionState.IDENTIFY)
        return await self._identify(Biodata.of("typed", {"nik": nik, "full_name": full_name}), {})

    async def capture(self) -> None:
        """Capture the current step once and judge it."""
        self._need(SessionState.CAPTURING)
        step = self._current_step()
        if self._capture is CaptureState.PREPARE and not await self._prepare_step():
            return
        self._advance(CaptureEvent.TRIGGERED)
        try:
            taken = await self._acquire(step)
        except DeviceError as error:
            await self._device_failed(error, self._line.devices.of(step))
            return
        self._advance(CaptureEvent.CAPTURED)
        taken, judgement = await self._work.assess(step, taken, self._known())
        self._attempts.append(Attempt(len(self._attempts) + 1, taken, judgement))
        await self._conclude(step)

    def interrupt(self) -> None:
        """Stop the capture that is waiting for a hand or an eye; no attempt is used up."""
        if self._acquiring is not None:
            self._acquiring.cancel()

    async def decide(self, option: Option, reason: str) -> None:
        """Choose one of `view.options` after the attempts were used up."""
        step = self._current_step()
        if option not in policy.options(step, self._attempts):
            raise IllegalTransition(f"{option} is not offered for {step}")
        if option is Option.EXCEPT:
            await self.except_step(reason)
        elif option is Option.USE_BEST:
            chosen = policy.best(self._attempts)
            if chosen is None:
                raise IllegalTransition("no attempt can be used")
            self._advance(CaptureEvent.USE_BEST)
            await self._finish(
                await keeping.keep(
                    step,
                    chosen,
                    self._attempts,
                    self._judge,
                    decision="best-of-attempts",
                    reason=reason,
                )
            )
        else:
            self._attempts.clear()
            if option is Option.OTHER_INDEX:
                self._work.use_other_index()
            self._advance(CaptureEvent.REPEAT)
            await self._start_preview(step)

    async def except_step(self, reason: str) -> None:
        """End the current step without a sample; not offered for the portrait."""
        step = self._current_step()
        if step is Step.PORTRAIT:
            raise IllegalTransition("the portrait has no exception")
        self._advance(CaptureEvent.EXCEPT)
        at = iso_time(self._clock.utc_now())
        await self._finish(keeping.excepted(step, reason, len(self._attempts), at))

    async def reopen(self, step: Step, reason: str) -> None:
        """Take a finished step back at the review; what was captured for it is dropped."""
        event = progress.reopened(step, reason)
        await self._guarded(SessionEvent.STEP_REOPENED, Entry(event))

    async def save_again(self) -> None:
        """Try once more to make an accepted step durable after the disk refused it."""
        if self._waiting is not None:
            await self._guarded(*self._waiting)

    async def reconnect(self) -> bool:
        """Bring the lost device of a suspended session back; True when the step goes on."""
        self._need(SessionState.SUSPENDED)
        device = self._line.devices.of(self._current_step())
        try:
            await self._line.ensure(device)
        except DeviceError as error:
            return self._refuse(Problem(error.code, error.detail))
        return await self._guarded(
            SessionEvent.DEVICE_BACK, Entry({}, audit={"device": device.name})
        )

    async def seal(self) -> bool:
        """Seal and store the record; True when it is on the medium."""
        self._need(SessionState.REVIEW)
        return await self._guarded(SessionEvent.SEALED)

    async def cancel(self, reason: str) -> None:
        """End the session and destroy what was captured; the reason goes into the audit log."""
        known = self._progress
        detail = {"session": known.session_id if known else "", "reason": reason}
        await self._guarded(SessionEvent.CANCELLED, Entry({}, audit=detail))

    # ---------------------------------------------------------------- transitions and effects

    async def _guarded(self, event: SessionEvent, entry: Entry | None = None) -> bool:
        """Fire an event; a store that refuses leaves the state as it was and says so."""
        try:
            await self._fire(event, entry)
        except UNKNOWN_DISK as error:
            await self._fire(SessionEvent.FAULT)
            await self._report(error)
            return False
        except StoreError as error:
            if event in (SessionEvent.STEP_DONE, SessionEvent.LAST_STEP_DONE) and entry:
                self._waiting = (event, entry)
            await self._report(error)
            return False
        except StationError as error:
            await self._report(error)
            return False
        self._waiting, self._problem = None, None
        self._changed()
        return True

    async def _fire(self, event: SessionEvent, entry: Entry | None = None) -> None:
        following, effects = session.step(self._state, event)
        for effect in effects:
            if effect is Effect.PREPARE_STEP:
                self._state = following  # what was appended is durable: the state may be seen
            await self._run(effect, event, entry or Entry({}))
        self._state = following

    async def _run(self, effect: Effect, event: SessionEvent, entry: Entry) -> None:
        match effect:
            case Effect.OPEN_JOURNAL:
                await self._vault.begin(self._known().session_id)
            case Effect.APPEND:
                await self._vault.append(entry.event, entry.blobs)
                self._progress = progress.apply(self._known(), entry.event, entry.blobs)
            case Effect.AUDIT:
                await self._vault.audit(f"recording.{event.value}", entry.audit or {})
            case Effect.PREPARE_STEP:
                await self._prepare_step()
            case Effect.STOP_PREVIEW:
                await self._work.stop_previews()
            case Effect.SEAL:
                await self._seal()
            case Effect.WIPE_JOURNAL:
                await self._vault.wipe()
            case Effect.FORGET:
                self._progress, self._capture, self._record = None, None, None
                self._attempts.clear()

    async def _seal(self) -> None:
        content = record_content(self._known(), self._identity, self._clock.utc_now())
        sealed = await self._vault.seal(content)
        row = sealed.row
        self._record = RecordView(row.record_id, row.size, row.sha256, str(sealed.path))
        self._total = await self._vault.count()

    async def _prepare_step(self) -> bool:
        """Bring the device of the current step up and start its live picture."""
        step = self._current_step()
        self._attempts.clear()
        self._capture = CaptureState.PREPARE
        self._work.verify_with = Finger.RIGHT_INDEX
        device = self._line.devices.of(step)
        await self._work.stop_previews(except_for=device)
        try:
            await self._line.ensure(device)
        except DeviceError as error:
            self._refuse(Problem(error.code, error.detail))
            return False
        self._advance(CaptureEvent.PREPARED)
        await self._start_preview(step)
        return True

    async def _start_preview(self, step: Step) -> None:
        try:
            await self._work.start_preview(step)
        except DeviceError as error:
            self._problem = Problem(error.code, error.detail)

    # ---------------------------------------------------------------- one capture

    async def _acquire(self, step: Step) -> Capture:
        """Capture once, as a task of its own that `interrupt` can end at any moment."""
        acquiring = self._acquiring = asyncio.ensure_future(self._work.acquire(step))
        try:
            return await acquiring
        except asyncio.CancelledError:
            if not acquiring.cancelled():
                raise  # not the capture was cancelled, but whoever waits for it
            raise Cancelled(self._line.devices.of(step).name) from None
        finally:
            self._acquiring = None

    async def _conclude(self, step: Step) -> None:
        match policy.judge(self._attempts, self._limits):
            case Verdict.ACCEPT:
                self._advance(CaptureEvent.GOOD)
                chosen = self._attempts[-1]
                await self._finish(await keeping.keep(step, chosen, self._attempts, self._judge))
            case Verdict.RETRY:
                self._problem = None
                self._advance(CaptureEvent.POOR)
                await self._start_preview(step)
                self._changed()
            case Verdict.DECIDE:
                self._problem = None
                self._advance(CaptureEvent.EXHAUSTED)
                self._changed()

    async def _finish(self, accepted: AcceptedStep) -> None:
        event, blobs = accepted.to_entry()
        after = progress.apply(self._known(), event, blobs)
        last = after.current is None
        detail = {
            "session": after.session_id,
            "step": accepted.step.value,
            "decision": accepted.decision,
            "reason": accepted.reason,
            "attempts": accepted.attempts,
            "samples": [sample.sha256 for sample in accepted.samples],
        }
        fired = SessionEvent.LAST_STEP_DONE if last else SessionEvent.STEP_DONE
        await self._guarded(fired, Entry(event, blobs, detail))

    async def _device_failed(self, error: DeviceError, device: Device) -> None:
        lost = device.state in (State.LOST, State.CLOSED)
        self._advance(CaptureEvent.DEVICE_LOST if lost else CaptureEvent.NOT_CAPTURED)
        if lost:
            await self._guarded(
                SessionEvent.DEVICE_LOST,
                Entry({}, audit={"device": device.name, "code": error.code}),
            )
        else:
            detail = {"device": device.name, "code": error.code, "detail": error.detail}
            await self._vault.audit("capture.failed", detail)
            await self._start_preview(self._current_step())
        self._problem = Problem(error.code, error.detail)
        self._changed()

    # ---------------------------------------------------------------- small things

    async def _identify(self, biodata: Biodata, card: Json) -> bool:
        checked = check_nik(biodata.nik)
        if checked.nik is None:
            return self._refuse(Problem(checked.findings[0].value))
        values = dict(biodata.values) | {"nik": checked.nik.digits}
        event = progress.identified(Biodata.of(biodata.source, values), card)
        detail = {
            "session": self._known().session_id,
            "source": biodata.source,
            "findings": [finding.value for finding in checked.findings],
        }
        return await self._guarded(SessionEvent.IDENTIFIED, Entry(event, audit=detail))

    def _advance(self, event: CaptureEvent) -> None:
        if self._capture is None:
            raise IllegalTransition(f"no capture for {event}")
        self._capture = capturing.step(self._capture, event)
        self._changed()

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
        if self._state is not state:
            raise IllegalTransition(f"session {self._state}, needed {state}")

    def _refuse(self, problem: Problem) -> bool:
        self._problem = problem
        self._changed()
        return False

    async def _report(self, error: Exception) -> None:
        code = error.code if isinstance(error, StationError) else "ST-201"
        detail = error.detail if isinstance(error, StationError) else type(error).__name__
        log.error("%s: %s", code, type(error).__name__)
        self._refuse(Problem(code, detail))

    def _changed(self) -> None:
        view = self.view
        for listener in tuple(self._listeners):
            listener(view)

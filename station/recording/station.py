"""The one loop that drives devices: commands in, table transitions, effects, a view out.

A screen, the headless run and a test use the same object. Commands run one at a time and return
when they are finished; whatever went wrong is in `view.problem`, with its code. Nothing is called
accepted before the journal has it on the medium.
"""

from __future__ import annotations

import asyncio
import logging
import re

from drivers.errors import DeviceError
from station.domain.biodata import Biodata
from station.domain.nik import check_nik
from station.domain.plan import Step
from station.errors import (
    IllegalTransition,
    JudgeFailed,
    NoReference,
    SessionUnreadable,
    StationError,
)
from station.recording import keeping, policy, progress, session
from station.recording.attempt import AcceptedStep, Json, iso_time
from station.recording.capture import CaptureEvent, CaptureState
from station.recording.device_care import DeviceCare
from station.recording.identity import TEST_CARD, read_card
from station.recording.keeper import command
from station.recording.policy import Option, Verdict
from station.recording.progress import Entry, Progress
from station.recording.session import SessionEvent, SessionState
from station.recording.view import Problem
from station.records.content import Missing, new_record_id
from station.records.errors import RecordDamaged

log = logging.getLogger(__name__)

CLOSE_PATIENCE = 1.5
"""Seconds that a command under way gets to end when the desk closes."""
REASON = re.compile(r"[a-z][a-z-]{0,39}")
"""A reason is a code: free text could carry personal data into the audit log."""


class RecordingStation(DeviceCare):
    """One desk. `open` first; then `start`, `identify_*`, `capture` ... `seal`; `close` last."""

    # ---------------------------------------------------------------- life of the desk

    async def open(self) -> None:
        """Take the store, look for unfinished sessions, bring up devices and models.

        Raises:
            StationError: store or keys cannot be used; the desk must not record.
        """
        health = await self._vault.open()
        self._total, self._unfinished = health.records, health.unfinished
        await asyncio.gather(self._line.open(), self._judge.warm_up())
        self._follow_devices()
        if health.damaged:
            self._problem = Problem(RecordDamaged.code, ", ".join(health.damaged[:3]))
        self._changed()

    async def close(self) -> None:
        """Release devices, threads and store; an open session stays in its journal."""
        self.interrupt()
        try:
            await asyncio.wait_for(self.commands.acquire(), CLOSE_PATIENCE)
        except TimeoutError:
            log.error("a command did not end in %s s", CLOSE_PATIENCE)
            await self._stop_following()
        else:
            await self._stop_following()  # now, when it is in the middle of nothing
            self.commands.release()
        for part in (self._line.close, self._judge.close, self._vault.close):
            try:
                await part()
            except (DeviceError, StationError) as error:
                log.error("closing failed: %s", error.code)

    # ---------------------------------------------------------------- commands

    @command
    async def start(self) -> None:
        """Open the session of the next resident."""
        await self._leave_finished()
        session.step(self._session.state, SessionEvent.OPENED)  # refuses before anything is touched
        self._progress = Progress(new_record_id())
        session_id = self._progress.session_id
        now = iso_time(self._clock.utc_now())
        event = progress.opened(session_id, self._plan, self._identity.operator, now)
        entry = Entry(event, audit={"session": session_id})
        if not await self._guarded(SessionEvent.OPENED, entry):
            await self._abandon()

    @command
    async def resume(self, session_id: str) -> None:
        """Go on with a session that a crash or a power cut left behind, at the same step."""
        await self._leave_finished()
        if self._session.state is not SessionState.IDLE:
            raise IllegalTransition(f"session {self._session.state} cannot resume another")
        self._problem = None
        try:
            known = progress.replay(session_id, await self._vault.resume(session_id))
            await self._vault.audit("recording.resumed", {"session": session_id})
        except StationError as error:
            await self._vault.let_go()
            others = tuple(s for s in self._unfinished if s != session_id)
            gone = isinstance(error, SessionUnreadable)
            self._unfinished = others if gone else (*others, session_id)  # the next one first
            self._report(error)
            return
        self._unfinished = tuple(s for s in self._unfinished if s != session_id)
        self._progress, self._session.state = known, known.state
        if self._session.state is SessionState.CAPTURING:
            await self._prepare_step()
        self._changed()

    @command
    async def identify_from_card(self) -> bool:
        """Read NIK and biodata from the card on the reader; True when the session is bound."""
        self._need(SessionState.IDENTIFY)
        self._problem = None
        reader = self._line.devices.card
        if reader is None:
            return self._refuse(Problem("CARD-101"))
        try:
            await self._line.ensure(reader)
            reading = await read_card(reader)
        except DeviceError as error:
            return self._refuse(Problem.of(error))
        if reading.is_test_card and not self._identity.simulated:
            return self._refuse(Problem(TEST_CARD))
        if reading.biodata is None:
            return self._refuse(Problem(reading.code, reading.reason))
        identified = await self._identify(reading.biodata, reading.facts)
        if identified and reading.code and self._problem is None:
            self._refuse(Problem(reading.code))  # a warning: the session goes on
        return identified

    @command
    async def identify_typed(self, nik: str, full_name: str = "") -> bool:
        """Take a typed NIK; True when the session is bound to it."""
        self._need(SessionState.IDENTIFY)
        return await self._identify(Biodata.of("typed", {"nik": nik, "full_name": full_name}), {})

    @command
    async def capture(self) -> None:
        """Capture the current step once and judge it."""
        self._need(SessionState.CAPTURING)
        step = self._current_step()
        self._problem = None
        if self._capture is CaptureState.PREPARE and not await self._prepare_step():
            return
        if not self._work.can_verify(step, self._known()):
            self._refuse(Problem(NoReference.code))
            return
        if not await self._has_its_device():
            return
        self._advance(CaptureEvent.TRIGGERED)
        device = self._line.devices.of(step)
        try:
            taken = await self._interruptible(self._work.acquire(step), device)
        except DeviceError as error:
            await self._device_failed(error, device)
            return
        except asyncio.CancelledError:  # whoever asked for the capture is gone; the step goes on
            self._advance(CaptureEvent.NOT_CAPTURED)
            raise
        self._advance(CaptureEvent.CAPTURED)
        before = self._attempts.count
        try:
            taken, judgement = await self._work.assess(step, taken, self._known())
            self._attempts.add(taken, judgement)
            await self._conclude(step)
        except JudgeFailed as error:
            self._attempts.take_back(before)
            self._report(error)
        finally:
            if self._capture is CaptureState.ASSESS:  # whatever went wrong: the step can go on
                self._advance(CaptureEvent.NOT_JUDGED)
                await self._start_preview()

    @command
    async def decide(self, option: Option, reason: str = "") -> None:
        """Choose one of `view.options` after the attempts were used up."""
        step = self._current_step()
        if self._capture is not CaptureState.DECIDE or option not in self._options(step):
            raise IllegalTransition(f"{option} is not offered for {step}")
        if option is Option.EXCEPT:
            await self._except_step(step, reason)
        elif option is Option.USE_BEST:
            await self._use_best(step, reason)
        else:
            if option is Option.OTHER_INDEX:
                self._work.use_other_index()
            self._attempts.next_round(same_finger=option is Option.REPEAT)
            self._advance(CaptureEvent.REPEAT)
            await self._start_preview()

    @command
    async def except_step(self, reason: str) -> None:
        """End the current step without a sample; `reason` is a code of `Missing`."""
        await self._except_step(self._current_step(), reason)

    @command
    async def reopen(self, step: Step, reason: str) -> None:
        """Take a finished step back at the review; what was captured for it is dropped.

        A slap takes the verification with it: that proved a finger which is gone now.
        """
        self._need(SessionState.REVIEW)
        if self._known().of(step) is None:
            raise IllegalTransition(f"{step} is not finished")
        at = iso_time(self._clock.utc_now())
        event = progress.reopened(step, _code(reason), at)
        detail = {"session": self._known().session_id, "step": step.value, "reason": reason}
        await self._guarded(SessionEvent.STEP_REOPENED, Entry(event, audit=detail))

    @command
    async def save_again(self) -> None:
        """Go on with what the disk refused, at the very effect that it refused."""
        pending = self._session.pending
        if pending is not None:
            await self._guarded(pending.event, None)

    @command
    async def seal(self) -> bool:
        """Seal and store the record; True when it is on the medium."""
        self._need(SessionState.REVIEW)
        return await self._guarded(SessionEvent.SEALED, Entry({}))

    async def cancel(self, reason: str) -> None:
        """End the session and destroy what was captured; the reason goes into the audit log."""
        code = _code(reason)
        self.interrupt()
        async with self.commands:
            known = self._progress
            detail = {"session": known.session_id if known else "", "reason": code}
            unsaved = self._session.pending
            cancelled = await self._guarded(SessionEvent.CANCELLED, Entry({}, audit=detail))
            if not cancelled and self._session.state is not SessionState.HALTED:
                self._session.pending = unsaved  # what was to be saved is still to be saved
                self._changed()

    # ---------------------------------------------------------------- one step

    async def _conclude(self, step: Step) -> None:
        match policy.judge(self._attempts.round, self._limits):
            case Verdict.ACCEPT:
                chosen = self._attempts.round[-1]
                accepted = await keeping.keep(step, chosen, self._attempts.all, self._judge)
                self._advance(CaptureEvent.GOOD)
                await self._finish(self._attempts.counted(accepted))
            case Verdict.RETRY:
                self._advance(CaptureEvent.POOR)
                await self._start_preview()
                self._changed()
            case Verdict.DECIDE:
                self._advance(CaptureEvent.EXHAUSTED)

    async def _use_best(self, step: Step, reason: str) -> None:
        chosen, code = policy.best(self._attempts.all), _code(reason)
        if chosen is None:
            raise IllegalTransition("no attempt can be used")
        try:
            accepted = await keeping.keep(
                step,
                chosen,
                self._attempts.all,
                self._judge,
                decision="best-of-attempts",
                reason=code,
            )
        except JudgeFailed as error:
            self._report(error)
            return
        self._advance(CaptureEvent.USE_BEST)
        await self._finish(self._attempts.counted(accepted))

    async def _except_step(self, step: Step, reason: str) -> None:
        if self._session.state not in (SessionState.CAPTURING, SessionState.SUSPENDED):
            raise IllegalTransition(f"session {self._session.state} has no step to except")
        if step is Step.PORTRAIT:
            raise IllegalTransition("the portrait has no exception")
        if reason not in set(Missing):
            raise IllegalTransition("an exception needs one of the codes of `Missing`")
        self._advance(CaptureEvent.EXCEPT)
        at = iso_time(self._clock.utc_now())
        await self._finish(keeping.excepted(step, reason, self._attempts.count, at))

    async def _finish(self, accepted: AcceptedStep) -> None:
        event, blobs = accepted.to_entry()
        after = progress.apply(self._known(), event, blobs)
        detail = {
            "session": after.session_id,
            "step": accepted.step.value,
            "decision": accepted.decision,
            "reason": accepted.reason,
            "attempts": accepted.attempts,
            "samples": [sample.sha256 for sample in accepted.samples],
        }
        last = after.current is None
        fired = SessionEvent.LAST_STEP_DONE if last else SessionEvent.STEP_DONE
        await self._guarded(fired, Entry(event, blobs, detail))

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


def _code(reason: str) -> str:
    if not REASON.fullmatch(reason):
        raise IllegalTransition("a reason is a code of small letters")
    return reason

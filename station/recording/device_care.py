"""Devices come and go while a resident sits there: the session waits for them and loses nothing.

A device that is lost suspends the session at its step; when the supervisor has it back, the same
step goes on by itself. One key resets the device of the step and touches nothing else.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

from drivers.device import Device
from drivers.errors import Cancelled, DeviceError, Disconnected, OtherDevice, Untrusted
from drivers.values import State
from station.errors import IllegalTransition, StationError
from station.recording import capture as capturing
from station.recording.attempt import Json
from station.recording.capture import CaptureEvent, CaptureState
from station.recording.keeper import SessionKeeper, command
from station.recording.progress import Entry
from station.recording.session import SessionEvent, SessionState
from station.recording.view import Problem

R = TypeVar("R")
log = logging.getLogger(__name__)

GONE = (State.LOST, State.CLOSED)


class DeviceCare(SessionKeeper):
    """Brings the device of a step up, and follows what the supervisor reports."""

    _following: asyncio.Task[None] | None = None
    _waiting: asyncio.Task[Any] | None = None

    @command
    async def connect_devices(self) -> None:
        """Try every device again that is not connected; accept those that replaced another."""
        self._problem = None
        await self._line.connect_all()
        for device in self._line.devices.by_role().values():
            if not await self._accept(device):
                return
        self._changed()

    @command
    async def reconnect(self) -> bool:
        """Bring the device of the step back, and accept one that answers in its place.

        True when the step goes on, also when it went on by itself in the meantime.
        """
        if self._session.state is not SessionState.CAPTURING:
            self._need(SessionState.SUSPENDED)
        device = self._line.devices.of(self._current_step())
        try:
            await self._interruptible(self._line.ensure(device), device)
        except OtherDevice:
            if not await self._accept(device):
                return False
        except DeviceError as error:
            return self._refuse(Problem.of(error))
        if self._session.state is SessionState.SUSPENDED:
            return await self._device_back(device)
        return await self._take_up_step()

    async def reset_device(self) -> bool:
        """Close the device of the current step and connect it anew; True when the step goes on.

        A capture that is waiting ends without using up an attempt. Nothing that was captured, and
        nothing of the session, is touched.
        """
        self.interrupt()
        async with self.commands:
            self._interrupted = False
            if self._session.state not in (SessionState.CAPTURING, SessionState.SUSPENDED):
                raise IllegalTransition(f"session {self._session.state} uses no device")
            device = self._line.devices.of(self._current_step())
            if not await self._audited("device.reset", {"device": device.name}):
                return False
            self._problem = None
            try:
                await self._interruptible(self._line.reset(device), device)
            except Cancelled as error:
                return self._refuse(Problem.of(error))
            except DeviceError as error:
                await self._device_gone(error, device)
                return False
            if self._session.state is SessionState.SUSPENDED:
                return await self._device_back(device)
            return await self._take_up_step()

    def interrupt(self) -> None:
        """End the waiting of the command under way, for a hand, an eye or a device.

        No attempt is used up.
        """
        self._interrupted = True
        if self._waiting is not None:
            self._waiting.cancel()

    async def _interruptible(self, work: Coroutine[Any, Any, R], device: Device) -> R:
        """Wait for `work` as a task of its own, which `interrupt` can end at any moment.

        Raises:
            Cancelled: it was interrupted, or had been before it began.
        """
        if self._interrupted:
            work.close()
            raise Cancelled(device.name)
        waiting: asyncio.Task[R] = asyncio.create_task(work)
        self._waiting = waiting
        try:
            return await waiting
        except asyncio.CancelledError:
            if not self._interrupted:
                raise  # somebody gave up waiting for the command, not for the device
            raise Cancelled(device.name) from None
        finally:
            self._waiting = None

    # ---------------------------------------------------------------- what the supervisor reports

    def _follow_devices(self) -> None:
        """Begin to act on devices that come and go by themselves."""
        self._following = asyncio.create_task(self._follow(), name="device-care")

    async def _stop_following(self) -> None:
        following, self._following = self._following, None
        if following is not None:
            following.cancel()
            await asyncio.wait({following})

    async def _follow(self) -> None:
        while True:
            device = await self._line.next_change()
            async with self.commands:
                self._interrupted = False
                try:
                    await self._device_changed(device)
                except DeviceError as error:
                    self._refuse(Problem.of(error))
                except StationError as error:
                    self._report(error)
                except Exception:  # the border of the task: the next event must still be followed
                    log.exception("following %s failed", device.name)

    async def _device_changed(self, device: Device) -> None:
        """Act when the device of the open step is gone or is back; others only show it."""
        is_well = device.state not in GONE and self._line.problem_of(device) is None
        if is_well and self._problem is not None and self._problem.device == device.name:
            self._problem = None
            self._changed()
        step = self._progress.current if self._progress else None
        state = self._session.state
        if step is None or state not in (SessionState.CAPTURING, SessionState.SUSPENDED):
            return
        if self._line.devices.of(step) is not device:
            return
        if device.state in GONE:
            if state is SessionState.CAPTURING and self._capture is CaptureState.POSITION:
                gone = self._line.problem_of(device) or Problem(
                    Disconnected.code, device=device.name
                )
                await self._suspend(device, gone, {"code": gone.code})
        elif (problem := self._line.problem_of(device)) is not None:
            self._refuse(problem)
        elif state is SessionState.SUSPENDED:
            await self._device_back(device)
        else:
            await self._take_up_step()

    async def _take_up_step(self) -> bool:
        """Go on at the present step with a device that has just been connected."""
        self._problem = None
        if self._capture is CaptureState.PREPARE:
            return await self._prepare_step()
        if self._capture is CaptureState.POSITION:
            await self._start_preview()
        self._changed()
        return True

    async def _accept(self, device: Device) -> bool:
        """Take the device that answers for the right one, in the audit log first."""
        replaced = self._line.replacement_of(device)
        if replaced is None:
            return True
        detail: Json = {"device": device.name, "before": replaced.before, "now": replaced.now}
        if not await self._audited("device.accepted", detail):
            return False
        self._line.accept(device)
        return True

    async def _device_back(self, device: Device) -> bool:
        return await self._guarded(
            SessionEvent.DEVICE_BACK, Entry({}, audit={"device": device.name})
        )

    # ---------------------------------------------------------------- the device of one step

    async def _prepare_step(self) -> bool:
        """Bring the device of the current step up and start its live picture."""
        step = self._current_step()
        if self._attempts.belong_to(step):
            self._work.choose_finger(self._known())
        self._capture = CaptureState.PREPARE
        device = self._line.devices.of(step)
        await self._work.stop_previews(except_for=device)
        try:
            await self._interruptible(self._line.ensure(device), device)
        except DeviceError as error:
            return self._refuse(Problem.of(error))
        self._advance(CaptureEvent.PREPARED)
        await self._start_preview()
        return True

    async def _has_its_device(self) -> bool:
        """Make sure that the right device answers before anything of it is used."""
        device = self._line.devices.of(self._current_step())
        try:
            await self._interruptible(self._line.ensure(device), device)
        except Cancelled as error:
            return self._refuse(Problem.of(error))
        except DeviceError as error:
            await self._device_gone(error, device)
            return False
        return True

    async def _start_preview(self) -> None:
        try:
            await self._work.start_preview(self._current_step())
        except DeviceError as error:
            self._problem = Problem.of(error)

    async def _device_failed(self, error: DeviceError, device: Device) -> None:
        """A lost device suspends the session; any other failure costs no attempt."""
        log.warning("%s: %s: %s", device.name, error.code, error.detail)
        if device.state in GONE:
            await self._device_gone(error, device)
            return
        self._advance(CaptureEvent.NOT_CAPTURED)
        saved = await self._audited("capture.failed", _facts(error, device))
        await self._start_preview()
        if saved:  # otherwise the disk's problem is the more urgent one
            self._refuse(Problem.of(error))

    async def _device_gone(self, error: DeviceError, device: Device) -> None:
        await self._suspend(device, Problem.of(error), _facts(error, device))

    async def _suspend(self, device: Device, problem: Problem, facts: Json) -> None:
        if self._session.state is SessionState.SUSPENDED or self._capture is CaptureState.DECIDE:
            self._refuse(problem)
            return
        self._advance(CaptureEvent.DEVICE_LOST)
        detail: Json = {"device": device.name} | facts
        if await self._guarded(SessionEvent.DEVICE_LOST, Entry({}, audit=detail)):
            self._refuse(problem)

    def _advance(self, event: CaptureEvent) -> None:
        if self._capture is None:
            raise IllegalTransition(f"no capture for {event}")
        self._capture = capturing.step(self._capture, event)
        self._changed()


def _facts(error: DeviceError, device: Device) -> Json:
    facts: Json = {"device": device.name, "code": error.code}
    if isinstance(error, Untrusted):
        facts["check"] = error.check
    return facts

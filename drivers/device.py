"""The life of a device: connect, run one verb at a time, cancel, close, and a state that is true.

Public verbs are coroutines and are written once, here and in `drivers.api`: state check, deadline,
cancellation, state events, error mapping. Drivers fill the `_do_*` hooks, which are plain blocking
code on the device's own thread and poll `Call.check` at least every 250 ms, also after a blocking
primitive and before touching an attribute: an abandoned call that wakes up late must find out that
it is over.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar, Self, TypeVar

from pydantic import BaseModel, ConfigDict

from drivers.clock import Clock, RealClock
from drivers.errors import (
    Cancelled,
    ConnectFailed,
    DeviceBusy,
    DeviceError,
    DeviceHung,
    DeviceTimeout,
    DriverFault,
    NotConnected,
)
from drivers.health import Health, HealthRecord
from drivers.recorder import FlightRecorder
from drivers.values import DeviceInfo, Kind, SelfTest, State
from drivers.worker import DeviceThread

T = TypeVar("T")
log = logging.getLogger(__name__)

FAILED_CHECKS_BEFORE_LOST = 2
"""A device that is silent once may have been busy with itself; twice in a row it hangs."""

StateListener = Callable[["Device", State], None]


class DeviceSettings(BaseModel):
    """What the configuration says of one device; a driver adds its own fields.

    `expect_serial` makes the station refuse another device than the one it was set up with.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    expect_serial: str = ""


@dataclass(slots=True)
class Call:
    """Deadline and cancellation of one operation, handed down through every layer of a driver."""

    device: str
    clock: Clock
    deadline: float
    cancelled: threading.Event = field(default_factory=threading.Event)

    @property
    def remaining(self) -> float:
        """Seconds left; use it as the timeout of the next blocking primitive."""
        return max(0.0, self.deadline - self.clock.monotonic())

    def check(self) -> None:
        """Raise `Cancelled` or `DeviceTimeout` when the operation should end now."""
        if self.cancelled.is_set():
            raise Cancelled(self.device)
        if self.remaining <= 0:
            raise DeviceTimeout(self.device)

    def sleep(self, seconds: float) -> None:
        """Wait, but no longer than the deadline or the cancellation allow."""
        self.clock.wait(self.cancelled, min(seconds, self.remaining))
        self.check()


class Device(ABC):
    """One physical device. Constructing it opens nothing and starts nothing."""

    kind: ClassVar[Kind]
    Settings: ClassVar[type[DeviceSettings]] = DeviceSettings
    grace: float = 1.0
    """Seconds a driver may overrun its deadline or a cancellation before it is abandoned."""

    def __init__(self, name: str, settings: DeviceSettings, *, clock: Clock | None = None) -> None:
        if not isinstance(settings, self.Settings):
            raise TypeError(f"{name}: settings must be {self.Settings.__qualname__}")
        self.name = name
        self.clock: Clock = clock or RealClock()
        self.recorder = FlightRecorder(self.clock)
        self._expect_serial = settings.expect_serial
        self._state = State.CLOSED
        self._info: DeviceInfo | None = None
        self._listeners: list[StateListener] = []
        self._call: Call | None = None
        self._checking: Call | None = None
        self._failed_checks = 0
        self._health = HealthRecord(self.clock)
        self._thread: DeviceThread | None = None
        self._connecting = asyncio.Lock()
        self._closing = asyncio.Lock()

    @property
    def state(self) -> State:
        """The current state."""
        return self._state

    @property
    def info(self) -> DeviceInfo:
        """Identity of the connected hardware; raises `NotConnected` when there is none."""
        if self._info is None:
            raise NotConnected(self.name)
        return self._info

    @property
    def health(self) -> Health:
        """What has been counted since the program started."""
        return self._health.now

    def subscribe(self, listener: StateListener) -> Callable[[], None]:
        """Call `listener` on the event loop at each change of state; return the unsubscriber."""
        self._listeners.append(listener)

        def unsubscribe() -> None:
            with contextlib.suppress(ValueError):
                self._listeners.remove(listener)

        return unsubscribe

    async def connect(self, timeout: float = 10.0) -> DeviceInfo:
        """Open the hardware and return its identity.

        Idempotent; concurrent calls share one attempt. A LOST device is closed first, so that
        nothing of the half-known connection is reused.
        """
        async with self._connecting:
            if self._state is State.LOST:
                await self.close()
            async with self._closing:  # a running close must not take a new connection with it
                pass
            if self._state is State.CLOSED:
                thread = self._thread = DeviceThread(self.name)
                await self._run(
                    lambda call: self._connect_and_check(call, thread),
                    timeout,
                    during=State.CONNECTING,
                    failed=State.CLOSED,
                )
            return self.info

    async def close(self, timeout: float = 2.0) -> None:
        """Cancel what runs and release the hardware; idempotent, returns even if it hangs.

        Whoever stops waiting for it does not stop it: a device is never left half closed.
        """
        self.cancel()
        await self._closing.acquire()  # a second close returns when the first one has closed
        thread, self._thread = self._thread, None
        if thread is None:
            self._closing.release()
            return
        await asyncio.shield(asyncio.create_task(self._release(thread, timeout)))

    async def _release(self, thread: DeviceThread, timeout: float) -> None:
        job = asyncio.wrap_future(thread.submit(self._do_close))
        job.add_done_callback(_log_failure)
        try:
            await asyncio.wait({job}, timeout=timeout)
        finally:
            job.cancel()  # an abandoned thread must not close the next connection when it wakes up
            thread.stop()
            self._info = None
            self._announce(State.CLOSED)
            self._closing.release()

    async def self_test(self, timeout: float = 30.0) -> SelfTest:
        """Let the device check itself; what it cannot check is not claimed."""
        return await self._verb(self._do_self_test, timeout)

    async def check(self, timeout: float = 1.0) -> None:
        """Look whether an idle device is still there; it becomes LOST when it is not.

        Costs milliseconds and never makes the device BUSY: a verb that comes meanwhile ends the
        look and waits its turn. A device that is not READY is left alone.

        Raises:
            DeviceError: what was found; a device that only failed to answer becomes LOST at the
                second failure in a row.
        """
        thread = self._thread
        if self._state is not State.READY or thread is None or self._checking is not None:
            return
        call = self._checking = Call(self.name, self.clock, self.clock.monotonic() + timeout)
        job = asyncio.wrap_future(thread.submit(lambda: self._do_check(call)))
        job.add_done_callback(_ignore_result)
        try:
            await asyncio.wait({job}, timeout=timeout + self.grace)
            if not job.done():
                raise DeviceHung(self.name, f"no return {self.grace:g} s after the deadline")
            job.result()
            self._failed_checks = 0
        except Cancelled:
            return  # a verb came, or the device is being closed: they will find out
        except DeviceError as error:
            self._check_failed(error, thread)
            raise
        except Exception as error:  # the border of the thread: what a driver failed to translate
            fault = DriverFault(self.name, type(error).__name__)
            self._check_failed(fault, thread)
            raise fault from error
        finally:
            call.cancelled.set()
            self._checking = None

    async def reset(self, timeout: float = 10.0) -> DeviceInfo:
        """Close whatever runs and connect anew: the one key of an operator before a hung device."""
        await self.close()
        return await self.connect(timeout)

    def cancel(self) -> None:
        """Ask the running verb to end with `Cancelled`; safe from any thread."""
        for call in (self._call, self._checking):
            if call is not None:
                call.cancelled.set()

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _connect_and_check(self, call: Call, thread: DeviceThread) -> DeviceInfo:
        info = self._do_connect(call)
        try:
            call.check()
            if self._expect_serial and info.serial != self._expect_serial:
                raise ConnectFailed(self.name, "another device than the one that was set up")
        except DeviceError:
            if self._thread is thread:  # otherwise what is open now belongs to the next connection
                self._do_close()
            raise
        self._info = info  # before READY is announced: a listener may ask who answered
        return info

    async def _verb(self, work: Callable[[Call], T], timeout: float) -> T:
        """Run one blocking operation of a connected device."""
        if self._state in (State.BUSY, State.CONNECTING):
            raise DeviceBusy(self.name)
        if self._state is not State.READY:
            raise NotConnected(self.name, self._state)
        return await self._run(work, timeout, during=State.BUSY, failed=State.READY)

    async def _run(
        self, work: Callable[[Call], T], timeout: float, *, during: State, failed: State
    ) -> T:
        """Run `work` on the device thread and leave a state that is true.

        READY after success; `failed` after an error that leaves the hardware known; LOST when the
        driver hung, faulted or reported the hardware gone.
        """
        thread = self._thread
        if thread is None:
            raise NotConnected(self.name, self._state)
        if self._checking is not None:
            self._checking.cancelled.set()
        call = self._call = Call(self.name, self.clock, self.clock.monotonic() + timeout)
        self._announce(during)
        job = asyncio.wrap_future(thread.submit(lambda: work(call)))
        after = State.LOST
        try:
            try:
                await asyncio.wait({job}, timeout=timeout + self.grace)
            except asyncio.CancelledError:
                call.cancelled.set()
                await asyncio.wait({job}, timeout=self.grace)
                if job.done() and job.exception() is None:
                    after = State.READY  # it had succeeded: what it opened is open
                elif job.done() and _leaves_known(job.exception()):
                    after = failed
                raise
            if not job.done():
                call.cancelled.set()
                raise DeviceHung(self.name, f"no return {self.grace:g} s after the deadline")
            result = job.result()
            after = State.READY
            self._count(during, "")
            return result
        except DeviceError as error:
            after = failed if error.device_usable else State.LOST
            self._count(during, error.code)
            raise
        except Exception as error:  # the border of the thread: what a driver failed to translate
            self._count(during, DriverFault.code)
            raise DriverFault(self.name, type(error).__name__) from error
        finally:
            job.add_done_callback(_ignore_result)
            if self._thread is thread:  # otherwise close() has taken over
                self._call = None
                if after is State.CLOSED:
                    thread.stop()
                    self._thread = None
                self._announce(after)

    def _check_failed(self, error: DeviceError, thread: DeviceThread) -> None:
        self._health.check_failed(error.code)
        self.recorder.note(f"check: {error.code}")
        self._failed_checks += 1
        gone = not error.device_usable or self._failed_checks >= FAILED_CHECKS_BEFORE_LOST
        if gone and self._state is State.READY and self._thread is thread:
            self._announce(State.LOST)

    def _count(self, during: State, code: str) -> None:
        if during is State.BUSY:
            self._health.verb_ended(code)
        elif code:
            self._health.connect_failed(code)

    def _announce(self, state: State) -> None:
        if state is self._state:
            return
        self._health.moved(self._state, state)
        self._state = state
        self._failed_checks = 0
        self.recorder.note(f"state {state}")
        for listener in tuple(self._listeners):
            try:
                listener(self, state)
            except Exception:  # the border to whoever listens: its bug must not stop a device
                log.exception("state listener of %s failed", self.name)

    @abstractmethod
    def _do_connect(self, call: Call) -> DeviceInfo:
        """Open the hardware and identify it; translate what the OS raises into `ConnectFailed`."""

    @abstractmethod
    def _do_close(self) -> None:
        """Release the hardware; must succeed after a failed connect and after an unplug."""

    @abstractmethod
    def _do_check(self, call: Call) -> None:
        """Raise what is wrong with the idle device; a driver says how it can be seen.

        Must end early when `call` is cancelled, and leave the device as it was.
        """

    @abstractmethod
    def _do_self_test(self, call: Call) -> SelfTest:
        """Check the hardware as far as it can be checked without a resident."""


def _leaves_known(error: BaseException | None) -> bool:
    return error is None or (isinstance(error, DeviceError) and error.device_usable)


def _ignore_result(job: asyncio.Future[T]) -> None:
    """Retrieve the exception of an abandoned job so that asyncio does not report it as lost."""
    if not job.cancelled():
        job.exception()


def _log_failure(job: asyncio.Future[None]) -> None:
    if not job.cancelled() and (error := job.exception()) is not None:
        log.warning("closing failed: %s", type(error).__name__)

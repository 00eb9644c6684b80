"""One device under supervision: connect it, look after it, connect it again."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

from drivers.device import Device
from drivers.errors import (
    Cancelled,
    ConnectFailed,
    DeviceError,
    DeviceHung,
    DeviceTimeout,
    Disconnected,
    OtherDevice,
)
from drivers.health import Outages
from drivers.loop_clock import LoopClock
from drivers.supervision import ABSENCE_TOLD_AFTER_S, Event, EventListener, Happening, Status
from drivers.values import DeviceInfo, State

CHECK_EVERY_S = 0.5
"""Between two looks at an idle device: with the look itself, an unplug is noticed within 1 s."""
CHECK_AGAIN_S = 0.25
"""After a look that failed without settling the matter."""
CHECK_TIMEOUT_S = 1.0
CANCEL_AGAIN_S = 0.1
FIRST_DELAY_S = 0.25
LONGEST_DELAY_S = 1.0
JITTER = (0.8, 1.2)
"""Devices behind one hub that went away together do not all come back at the same moment."""
FIRST_CONNECT_TIMEOUT_S = 10.0
SHORTEST_CONNECT_TIMEOUT_S = 2.0
CONNECT_PATIENCE = 3.0
"""An attempt may last this many times as long as the slowest one that succeeded: a device that
swallowed the request while it froze is asked again soon after it is well."""

_DOWN = (State.CLOSED, State.LOST)
_USABLE = (State.READY, State.BUSY)
_ABSENCES = (ConnectFailed, DeviceTimeout, DeviceHung)
"""With `Disconnected` and its kinds: nobody is there, or nobody answers."""

Outcome = DeviceInfo | DeviceError


class Watchdog:
    """Keeps one device connected; everything here happens on the event loop.

    A verb is never disturbed: only an idle device is looked at, the look ends when a verb comes,
    and only a device that is closed or lost is connected.
    """

    def __init__(
        self,
        role: str,
        device: Device,
        tell: EventListener,
        clock: LoopClock,
        chance: random.Random,
    ) -> None:
        self.role = role
        self.device = device
        self._tell = tell
        self._clock = clock
        self._chance = chance
        self._wake = asyncio.Event()
        self._outages = Outages(clock)
        health = device.health
        self._told_connections, self._told_losses = health.connections, health.losses
        self._tasks: set[asyncio.Task[Outcome]] = set()
        self._running: asyncio.Task[Outcome] | None = None
        self._resetting: asyncio.Task[Outcome] | None = None
        self._is_looking = False
        self._identity: DeviceInfo | None = None
        self._is_other = False
        self._problem = ("", "")
        self._reasons: set[str] = set()
        self._was_lost = False
        self._attempt = self._attempts = 0
        self._next_at = self._look_at = clock.monotonic()
        self._slowest_connect_s = 0.0

    async def run(self) -> None:
        """Look after the device until cancelled; it is left as it is then."""
        remove = self.device.subscribe(self._state_changed)
        self._count_outage(self.device.state)
        if self.device.state in _USABLE:
            self._welcome()
        try:
            while True:
                await self._next()
        finally:
            remove()

    async def end_attempts(self) -> None:
        """Cancel every attempt to connect and wait for its end."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def status(self) -> Status:
        """How the device stands now."""
        state = self.device.state
        is_waiting = state in _DOWN and self._running is None
        code, detail = ("", "") if state in _USABLE else self._problem
        return Status(
            state=state,
            health=self.device.health,
            code=code,
            detail=detail,
            next_attempt_s=max(0.0, self._next_at - self._now()) if is_waiting else None,
            is_other_device=self._is_other,
            attempts=self._attempts,
            downtime_s=self._outages.total_s,
            longest_outage_s=self._outages.longest_s,
        )

    def accept(self) -> None:
        """Take who answers now for the right device."""
        if self.device.state in _USABLE:
            self._identity, self._is_other = self.device.info, False
            self._outages.end()

    async def ensure(self, timeout: float) -> DeviceInfo:
        """Connect now, or wait for the attempt that runs; return who answers.

        Raises:
            DeviceError: why it cannot be connected; `DeviceTimeout` when that is not known in time.
        """
        if self.device.state in _USABLE:
            return self.device.info
        running = self._running or self._start(lambda: self.device.connect(timeout))
        await asyncio.wait({running}, timeout=timeout)
        return self._result(running)

    async def reset(self, timeout: float) -> DeviceInfo:
        """End whatever the device is doing and connect it anew; return who answers.

        Raises:
            DeviceError: why it cannot be connected.
        """
        if self._resetting is None:
            self._tell(Event(self._clock.utc_now(), self.role, Happening.RESET))
            before = self._running
            self._resetting = self._start(lambda: self._anew(before, timeout))
            self._resetting.add_done_callback(self._reset_done)
        running = self._resetting
        await asyncio.wait({running})
        return self._result(running)

    async def _anew(self, before: asyncio.Task[Outcome] | None, timeout: float) -> DeviceInfo:
        while before is not None and not before.done():
            self.device.cancel()  # again: it may be between closing and connecting
            await asyncio.wait({before}, timeout=CANCEL_AGAIN_S)
        return await self.device.reset(timeout)

    def _reset_done(self, _task: asyncio.Task[Outcome]) -> None:
        self._resetting = None

    def _result(self, running: asyncio.Task[Outcome]) -> DeviceInfo:
        if not running.done():
            raise DeviceTimeout(self.device.name, "still connecting")
        if running.cancelled():
            raise Cancelled(self.device.name, "the supervision ends")
        outcome = running.result()
        if isinstance(outcome, DeviceError):
            raise outcome
        return outcome

    async def _next(self) -> None:
        """Wait for what is due next and do it; return earlier when something has changed."""
        self._wake.clear()
        due = self._due()
        if due is None:
            await self._wake.wait()
        elif (left := due - self._now()) > 0:
            await self._clock.pause(self._wake, left)
        elif self.device.state is State.READY:
            await self._look()
        else:
            timeout = self._connect_timeout()
            await asyncio.wait({self._start(lambda: self.device.connect(timeout))})

    def _due(self) -> float | None:
        """When the next look or attempt is due, in monotonic seconds; None: not before a change."""
        if self._running is not None:
            return None
        if self.device.state is State.READY:
            return self._look_at
        return self._next_at if self.device.state in _DOWN else None

    async def _look(self) -> None:
        self._is_looking = True
        self._look_at = self._now() + CHECK_EVERY_S
        found: DeviceError | None = None
        try:
            await self.device.check(CHECK_TIMEOUT_S)
        except DeviceError as error:
            found = error
            self._look_at = self._now() + CHECK_AGAIN_S
        finally:
            self._is_looking = False
        self._follow(found)

    def _start(self, connect: Callable[[], Awaitable[DeviceInfo]]) -> asyncio.Task[Outcome]:
        self._attempt += 1
        self._attempts += 1
        task = asyncio.create_task(self._try(connect), name=f"connect-{self.role}")
        self._running = task
        self._tasks.add(task)
        task.add_done_callback(self._attempt_done)
        return task

    async def _try(self, connect: Callable[[], Awaitable[DeviceInfo]]) -> Outcome:
        started = self._now()
        try:
            info = await connect()
        except Cancelled as error:
            return error
        except DeviceError as error:
            self._refused(error)
            return error
        self._slowest_connect_s = max(self._slowest_connect_s, self._now() - started)
        return info

    def _attempt_done(self, task: asyncio.Task[Outcome]) -> None:
        self._tasks.discard(task)
        if self._running is task:
            self._running = None
            self._follow(None)
        self._wake.set()

    def _connect_timeout(self) -> float:
        if not self._slowest_connect_s:
            return FIRST_CONNECT_TIMEOUT_S
        return max(SHORTEST_CONNECT_TIMEOUT_S, CONNECT_PATIENCE * self._slowest_connect_s)

    def _refused(self, error: DeviceError) -> None:
        delay = min(LONGEST_DELAY_S, FIRST_DELAY_S * 2 ** min(self._attempt - 1, 10))
        self._next_at = self._now() + delay * self._chance.uniform(*JITTER)
        self._problem = code, detail = _told_code(error), error.detail
        if code not in self._reasons and not self._is_known_to_be_away(error):
            self._reasons.add(code)
            self._say(Happening.REFUSED, code, detail)

    def _is_known_to_be_away(self, error: DeviceError) -> bool:
        """Whether a refusal only repeats what the loss has just said (see `Happening.REFUSED`)."""
        is_absence = isinstance(error, Disconnected) or type(error) in _ABSENCES
        return is_absence and self._was_lost and self._outages.newest_s < ABSENCE_TOLD_AFTER_S

    def _state_changed(self, _device: Device, state: State) -> None:
        self._count_outage(state)
        if state is State.READY:
            self._look_at = self._now() + CHECK_EVERY_S
        if not self._is_looking and self._running is None:
            self._follow(None)
        self._wake.set()

    def _count_outage(self, state: State) -> None:
        if state not in _USABLE:
            self._outages.begin()
        elif self._identity is None or _is_same(self.device.info, self._identity):
            self._outages.end()

    def _follow(self, found: DeviceError | None) -> None:
        """Tell what the device's counters say beyond what has been told; `found` is the cause."""
        health = self.device.health
        if health.losses > self._told_losses:
            self._told_losses = health.losses
            code, detail = (_told_code(found), found.detail) if found else (health.last_code, "")
            is_silent = isinstance(found, DeviceTimeout) or code == DeviceHung.code
            self._attempt, self._next_at = 0, self._now()
            self._problem, self._reasons, self._was_lost = (code, detail), {code}, True
            self._say(Happening.HUNG if is_silent else Happening.LOST, code, detail)
        if health.connections > self._told_connections and self.device.state in _USABLE:
            self._welcome()

    def _welcome(self) -> None:
        info = self.device.info
        known, self._told_connections = self._identity, self.device.health.connections
        if known is None:
            self._identity, what = info, Happening.CONNECTED
        else:
            self._is_other = not _is_same(info, known)
            what = Happening.OTHER_DEVICE if self._is_other else Happening.BACK
        code = OtherDevice.code if what is Happening.OTHER_DEVICE else ""
        self._say(what, code, f"{info.model} {info.serial}", device=info)
        self._attempt, self._problem, self._reasons, self._was_lost = 0, ("", ""), set(), False

    def _say(
        self, what: Happening, code: str = "", detail: str = "", device: DeviceInfo | None = None
    ) -> None:
        self._tell(
            Event(
                at=self._clock.utc_now(),
                role=self.role,
                what=what,
                code=code,
                detail=detail,
                attempt=self._attempt,
                outage_s=self._outages.newest_s,
                device=device,
            )
        )

    def _now(self) -> float:
        return self._clock.monotonic()


def _is_same(one: DeviceInfo, other: DeviceInfo) -> bool:
    return (one.model, one.serial) == (other.model, other.serial)


def _told_code(error: DeviceError) -> str:
    """The code to be shown: a plain time-out speaks of a resident, and here nobody was asked."""
    return DeviceHung.code if type(error) is DeviceTimeout else error.code

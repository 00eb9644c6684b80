"""A device that does what the test says, and a clock that the test turns."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

from drivers.device import Call, Device, DeviceSettings
from drivers.errors import Cancelled, ConnectFailed, DeviceError
from drivers.values import DeviceInfo, Kind, SelfTest, State

START = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


class TurnedClock:
    """Stands still until the test turns it; `pause` ends when its time has come."""

    def __init__(self) -> None:
        self._now = 0.0
        self._number = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def monotonic(self) -> float:
        return self._now

    def utc_now(self) -> datetime:
        return START + timedelta(seconds=self._now)

    def wait(self, event: threading.Event, seconds: float) -> bool:
        raise AssertionError("nothing here waits on a thread")

    async def pause(self, event: asyncio.Event, seconds: float) -> bool:
        until: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now + seconds, next(self._number), until))
        woken = asyncio.create_task(event.wait())
        ends: set[asyncio.Future[Any]] = {until, woken}
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            woken.cancel()
            until.cancel()
        return event.is_set()

    async def turn(self, seconds: float) -> None:
        """Let `seconds` pass, one waker after the other."""
        end = self._now + seconds
        await settle()
        while self._sleepers and self._sleepers[0][0] <= end:
            due, _, until = heapq.heappop(self._sleepers)
            self._now = max(self._now, due)
            if not until.done():
                until.set_result(None)
            await settle()
        self._now = end
        await settle()


async def settle() -> None:
    """Let everything run that can run without time passing."""
    for _ in range(30):
        await asyncio.sleep(0)


class ScriptedDevice(Device):
    """Hardware by attributes, without a thread; the states and counters are those of `Device`.

    `refusal` is what an attempt to connect ends with, `finding` what a look finds. With `gate`
    closed, an attempt waits until it is opened or cancelled.
    """

    kind = Kind.FINGERPRINT

    def __init__(self, clock: TurnedClock, serial: str = "S1") -> None:
        super().__init__("scripted", DeviceSettings(), clock=clock)
        self.serial = serial
        self.model = "model"
        self.refusal: DeviceError | None = None
        self.finding: DeviceError | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.attempts: list[float] = []
        self.timeouts: list[float] = []
        self.looks: list[float] = []
        self.cancelled = asyncio.Event()

    def pull_out(self) -> None:
        """Take the hardware away; nobody knows yet."""
        self.finding = self.refusal = ConnectFailed(self.name, "no such port")

    def plug_in(self) -> None:
        """Bring it back."""
        self.finding = self.refusal = None

    def lose(self, code: str) -> None:
        """Fail in the middle of a verb."""
        self._health.verb_ended(code)
        self._announce(State.LOST)

    def be(self, state: State) -> None:
        """Change state as a verb would."""
        self._announce(state)

    async def connect(self, timeout: float = 10.0) -> DeviceInfo:
        if self.state in (State.READY, State.BUSY):
            return self.info
        self.attempts.append(self.clock.monotonic())
        self.timeouts.append(timeout)
        self.cancelled.clear()
        self._announce(State.CONNECTING)
        try:
            await self._pass_gate()
        except DeviceError as error:
            self._health.connect_failed(error.code)
            self._announce(State.CLOSED)
            raise
        except asyncio.CancelledError:
            self._announce(State.CLOSED)
            raise
        self._info = DeviceInfo(self.kind, "scripted", self.model, self.serial, "1")
        self._announce(State.READY)
        return self._info

    async def _pass_gate(self) -> None:
        ways = {asyncio.create_task(e.wait()) for e in (self.gate, self.cancelled)}
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
        if self.cancelled.is_set():
            raise Cancelled(self.name)
        if self.refusal is not None:
            raise self.refusal

    async def close(self, timeout: float = 2.0) -> None:
        self.cancel()
        await asyncio.sleep(0)
        self._info = None
        self._announce(State.CLOSED)

    async def check(self, timeout: float = 1.0) -> None:
        if self.state is not State.READY:
            return
        self.looks.append(self.clock.monotonic())
        if self.finding is None:
            self._failed_checks = 0
            return
        self._health.check_failed(self.finding.code)
        self._failed_checks += 1
        if not self.finding.device_usable or self._failed_checks > 1:
            self._announce(State.LOST)
        raise self.finding

    def cancel(self) -> None:
        self.cancelled.set()

    def _do_connect(self, call: Call) -> DeviceInfo:
        raise AssertionError("overridden above")

    def _do_close(self) -> None:
        raise AssertionError("overridden above")

    def _do_check(self, call: Call) -> None:
        raise AssertionError("overridden above")

    def _do_self_test(self, call: Call) -> SelfTest:
        raise AssertionError("nobody asks for it")

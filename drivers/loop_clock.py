"""Time for code on the event loop: the same clock as for drivers, and a pause that can be ended."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Protocol

from drivers.clock import Clock, RealClock


class LoopClock(Clock, Protocol):
    """A clock that a coroutine can wait on; times are seconds."""

    async def pause(self, event: asyncio.Event, seconds: float) -> bool:
        """Let `seconds` pass or return early when `event` is set; return whether it is set."""
        ...


class RealLoopClock(RealClock):
    """The clock of the machine."""

    async def pause(self, event: asyncio.Event, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(event.wait(), seconds)
        return event.is_set()

"""The supervisor of a desk's devices: every one connected, looked after and connected again."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Mapping
from random import Random
from types import MappingProxyType

from drivers.device import Device
from drivers.loop_clock import LoopClock, RealLoopClock
from drivers.supervision import Event, EventListener, Happening, Status
from drivers.values import DeviceInfo
from drivers.watchdog import Watchdog

__all__ = ["Event", "EventListener", "EventQueue", "Happening", "Status", "Supervisor"]

log = logging.getLogger(__name__)

QUEUE_LENGTH = 256
ENSURE_TIMEOUT_S = 10.0
RESET_TIMEOUT_S = 10.0


class Supervisor:
    """Keeps the devices of a desk connected while it runs; used on the event loop only.

    It never disturbs whoever uses a device: a busy device is left alone, and a look at an idle one
    ends when a verb comes. Devices are not closed by `stop`: they belong to who made them.

    Args:
        devices: role to device.
        clock: time; virtual in tests.
        random: scatters the attempts to connect.
    """

    def __init__(
        self,
        devices: Mapping[str, Device],
        *,
        clock: LoopClock | None = None,
        random: Random | None = None,
    ) -> None:
        clock = clock or RealLoopClock()
        chance = random or Random()  # noqa: S311  # scatter, not a secret
        self._listeners: list[EventListener] = []
        self._dogs = {
            role: Watchdog(role, device, self._tell, clock, chance)
            for role, device in devices.items()
        }
        self._tasks: dict[str, asyncio.Task[None]] = {}

    @property
    def devices(self) -> Mapping[str, Device]:
        """Role to device."""
        return MappingProxyType({role: dog.device for role, dog in self._dogs.items()})

    def start(self) -> None:
        """Begin to look after every device; idempotent, needs a running event loop."""
        for role, dog in self._dogs.items():
            if role not in self._tasks:
                task = asyncio.create_task(dog.run(), name=f"supervise-{role}")
                task.add_done_callback(_log_failure)
                self._tasks[role] = task

    async def stop(self) -> None:
        """End all tasks and attempts to connect, and wait for that; idempotent."""
        tasks, self._tasks = tuple(self._tasks.values()), {}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await asyncio.gather(*(dog.end_attempts() for dog in self._dogs.values()))

    def subscribe(self, listener: EventListener) -> Callable[[], None]:
        """Call `listener` on the event loop with every event; return the unsubscriber.

        A listener returns at once; one that needs time takes an `EventQueue`.
        """
        self._listeners.append(listener)

        def unsubscribe() -> None:
            with contextlib.suppress(ValueError):
                self._listeners.remove(listener)

        return unsubscribe

    def status(self) -> Mapping[str, Status]:
        """Role to how its device stands now."""
        return {role: dog.status() for role, dog in self._dogs.items()}

    async def ensure(self, role: str, timeout: float = ENSURE_TIMEOUT_S) -> DeviceInfo:
        """Connect the device of `role` now, sharing an attempt that runs; return who answers.

        Raises:
            DeviceError: why it cannot be connected.
            KeyError: there is no such role.
        """
        return await self._dogs[role].ensure(timeout)

    async def reset(self, role: str, timeout: float = RESET_TIMEOUT_S) -> DeviceInfo:
        """End whatever the device of `role` does and connect it anew; return who answers.

        This touches the device and nothing else: what was captured stays captured. A reset that
        is asked for again while it runs is one reset.

        Raises:
            DeviceError: why it cannot be connected.
            KeyError: there is no such role.
        """
        return await self._dogs[role].reset(timeout)

    def accept(self, role: str) -> None:
        """Take the device that answers as `role` now for the right one (see `OTHER_DEVICE`)."""
        self._dogs[role].accept()

    def _tell(self, event: Event) -> None:
        log.info("%s: %s %s %s", event.role, event.what, event.code, event.detail)
        for listener in tuple(self._listeners):
            try:
                listener(event)
            except Exception:  # the border to whoever listens: its bug must not stop a device
                log.exception("a listener of the supervisor failed")


class EventQueue:
    """Keeps events for a reader that takes its time; use it as a listener.

    The oldest event gives way when the reader is too slow; `dropped` counts those.
    """

    def __init__(self, length: int = QUEUE_LENGTH) -> None:
        self._events: deque[Event] = deque(maxlen=length)
        self._filled = asyncio.Event()
        self.dropped = 0

    def __call__(self, event: Event) -> None:
        """Keep an event; never waits."""
        self.dropped += int(len(self._events) == self._events.maxlen)
        self._events.append(event)
        self._filled.set()

    async def get(self) -> Event:
        """Wait for the oldest event that is kept, and take it."""
        while not self._events:
            self._filled.clear()
            await self._filled.wait()
        return self._events.popleft()


def _log_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("%s ended", task.get_name(), exc_info=error)

"""One stream of a simulated camera: pictures at a pace, encoded once for everybody who watches."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from drivers.values import Image
from simulators.camera_controls import CameraControls
from simulators.camera_faults import CameraFault
from simulators.camera_optics import Optics
from simulators.injection import Injector

log = logging.getLogger(__name__)

LATE_S: Final = 0.3
DROPPED_SHARE: Final = 0.6
STALE_EVERY: Final = 3
STALE_AGE: Final = 20

_RECENT = 32
_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Part:
    """One picture on its way: its number, (width, height) in pixels and encoded bytes."""

    number: int
    size: tuple[int, int]
    data: bytes


class Feed:
    """A thread that makes pictures while anybody watches.

    Args:
        shoot: gives picture `index` (0, 1, ...) of what stands before the lens.
        encode: makes bytes of it.
        controls: gives the controls of this moment.
        spared: bytes at the beginning of an encoded picture that a bad line leaves alone.
    """

    def __init__(
        self,
        name: str,
        shoot: Callable[[int], Image],
        encode: Callable[[Image], bytes],
        controls: Callable[[], CameraControls],
        faults: Injector[CameraFault],
        fps: float,
        *,
        spared: int = 0,
    ) -> None:
        self._name = name
        self._shoot = shoot
        self._encode = encode
        self._controls = controls
        self._faults = faults
        self._optics = Optics(faults)
        self._period = 1.0 / fps
        self._spared = spared
        self._changed = threading.Condition()
        self._stop = threading.Event()
        self._viewers = 0
        self._newest = Part(0, (0, 0), b"")
        self._recent: deque[bytes] = deque(maxlen=_RECENT)

    @property
    def number(self) -> int:
        """Number of the newest picture; how many were sent since the camera was made."""
        return self._newest.number

    @property
    def viewers(self) -> int:
        """How many streams are being sent."""
        return self._viewers

    def recent(self) -> tuple[bytes, ...]:
        """Return the last 32 pictures as they were sent, oldest first."""
        with self._changed:
            return tuple(self._recent)

    def size(self) -> tuple[int, int]:
        """Return (width, height) of the pictures that come now."""
        return self._optics.size_of(self._shoot(self.number))

    def start(self) -> threading.Thread:
        """Start the thread and return it."""
        self._stop.clear()
        thread = threading.Thread(target=self._produce, name=f"camera-{self._name}")
        thread.start()
        return thread

    def stop(self) -> None:
        """End the thread and every stream; does not wait."""
        with self._changed:
            self._stop.set()
            self._changed.notify_all()

    def next_part(self, number: int) -> Part | None:
        """Wait for a picture newer than `number`; None ends the stream.

        Called by the thread of each viewer.
        """
        with self._changed:
            while not (self._stop.is_set() or CameraFault.CLOSING in self._faults):
                if CameraFault.STALLED not in self._faults and self._newest.number > number:
                    return self._newest
                self._changed.wait(_POLL_S)
        return None

    def watch(self, change: int) -> None:
        """Count a viewer in (1) or out (-1); without one nothing is encoded."""
        with self._changed:
            self._viewers += change
            self._changed.notify_all()

    def nudge(self) -> None:
        """Let everybody who waits look at the faults again."""
        with self._changed:
            self._changed.notify_all()

    def _produce(self) -> None:
        index, due = self.number, time.monotonic()
        waiting: deque[tuple[float, tuple[int, int], bytes]] = deque()
        while not self._stop.is_set():
            with self._changed:
                if self._viewers == 0:
                    waiting.clear()
                self._changed.wait_for(lambda: self._viewers > 0 or self._stop.is_set())
            if self._stop.is_set():
                return
            taken_at = time.monotonic()
            delay = LATE_S if CameraFault.LATE in self._faults else 0.0
            try:
                waiting.append((taken_at + delay, *self._picture(index)))
            except Exception:  # the border of the thread: one bad picture must not end the stream
                log.exception("the scene gave no picture %d", index)
            index += 1
            ready: tuple[tuple[int, int], bytes] | None = None
            while waiting and waiting[0][0] <= time.monotonic():
                ready = waiting.popleft()[1:]
            if ready is not None and not self._is_dropped():
                self._show(*ready)
            # a late picture moves the following ones: a camera does not burst to catch up
            due = max(due + self._period, time.monotonic())
            self._stop.wait(max(0.0, due - time.monotonic()))

    def _picture(self, index: int) -> tuple[tuple[int, int], bytes]:
        faults, newest, recent = self._faults, self._newest, self.recent()
        again = CameraFault.FROZEN in faults or (CameraFault.DUPLICATED in faults and index % 2)
        if again and newest.data:
            return newest.size, newest.data
        if CameraFault.STALE in faults and index % STALE_EVERY == 0 and len(recent) >= STALE_AGE:
            return newest.size, recent[-STALE_AGE]
        image = self._optics.expose(self._shoot(index), index, self._controls())
        data = self._optics.damage(self._encode(image), self._spared)
        return (image.shape[1], image.shape[0]), data

    def _is_dropped(self) -> bool:
        dice = self._faults.random
        return CameraFault.DROPPED in self._faults and dice.random() < DROPPED_SHARE

    def _show(self, size: tuple[int, int], data: bytes) -> None:
        with self._changed:
            self._newest = Part(self._newest.number + 1, size, data)
            self._recent.append(data)
            self._changed.notify_all()

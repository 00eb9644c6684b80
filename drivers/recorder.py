"""The flight recorder: the last wire messages of one device, without anybody's biometrics.

A message is kept as text when the driver says that it is harmless (a status, a command); everything
else is kept as its length and the first 16 hexadecimal digits of its SHA-256.
"""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from dataclasses import dataclass
from enum import StrEnum

from drivers.clock import Clock

CAPACITY = 256


class Direction(StrEnum):
    """Which way a message went."""

    SENT = ">"
    RECEIVED = "<"
    NOTE = "-"


@dataclass(frozen=True, slots=True)
class Entry:
    """One message on the wire; `at` is the monotonic clock in seconds."""

    at: float
    direction: Direction
    text: str

    def __str__(self) -> str:
        return f"{self.at:12.3f} {self.direction} {self.text}"


class FlightRecorder:
    """A ring of the last messages; every method is safe from any thread."""

    def __init__(self, clock: Clock, capacity: int = CAPACITY) -> None:
        self._clock = clock
        self._entries: deque[Entry] = deque(maxlen=capacity)
        self._lock = threading.Lock()

    def note(self, text: str, direction: Direction = Direction.NOTE) -> None:
        """Keep a harmless text: a verb, a status, a code, a size."""
        with self._lock:
            self._entries.append(Entry(self._clock.monotonic(), direction, text))

    def payload(self, direction: Direction, label: str, data: bytes) -> None:
        """Keep that `data` went over the wire, as length and hash only."""
        digest = hashlib.sha256(data).hexdigest()[:16]
        self.note(f"{label} {len(data)} bytes sha256:{digest}", direction)

    def dump(self) -> tuple[Entry, ...]:
        """Return what is kept, oldest first."""
        with self._lock:
            return tuple(self._entries)

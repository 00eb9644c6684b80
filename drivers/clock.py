"""Time as a dependency: real in production, virtual in tests."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """What a driver may ask about time, in seconds."""

    def monotonic(self) -> float:
        """Return seconds since an arbitrary origin; never goes back."""
        ...

    def utc_now(self) -> datetime:
        """Return the wall clock, timezone-aware."""
        ...

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Let `seconds` pass or return early when `event` is set; return whether it is set."""
        ...


class RealClock:
    """The clock of the machine."""

    def monotonic(self) -> float:
        return time.monotonic()

    def utc_now(self) -> datetime:
        return datetime.now(UTC)

    def wait(self, event: threading.Event, seconds: float) -> bool:
        return event.wait(seconds)


class FastClock:
    """Virtual time: waiting returns at once and moves the hands; 30 s of silence cost nothing."""

    def __init__(self, start: datetime = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)) -> None:
        self._start = start
        self._now = 0.0

    def monotonic(self) -> float:
        return self._now

    def utc_now(self) -> datetime:
        return self._start + timedelta(seconds=self._now)

    def wait(self, event: threading.Event, seconds: float) -> bool:
        if not event.is_set():
            self._now += seconds
        return event.is_set()

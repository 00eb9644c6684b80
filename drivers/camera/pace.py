"""What came over a camera's line: counters, the measured rate, and the pictures that did not come.

A stream's own statement of its rate is always 25, whatever the truth.
"""

from __future__ import annotations

import statistics
from collections import deque
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

WINDOW: Final = 31
_LEAST_INTERVALS = 8
_MISSED_AFTER = 1.6
"""An interval this many times as long as usual has left out at least one picture (own)."""


@dataclass(slots=True)
class StreamCounters:
    """What came over the line since the camera was connected.

    `frames` were whole and new; `repeated` had come before, byte for byte; `garbled` were no whole
    picture; `missing` did not come when they were due; `reopened` counts openings after the first.
    """

    frames: int = 0
    repeated: int = 0
    garbled: int = 0
    missing: int = 0
    reopened: int = 0


class Pace:
    """The rate of the pictures of one opening, from their arrivals."""

    def __init__(self) -> None:
        self._arrivals: deque[float] = deque(maxlen=WINDOW)

    @property
    def fps(self) -> float:
        """Frames per second over the last 31 arrivals; 0 before the second one."""
        stamps = tuple(self._arrivals)
        span = stamps[-1] - stamps[0] if len(stamps) > 1 else 0.0
        return (len(stamps) - 1) / span if span > 0 else 0.0

    def arrived(self, at: float) -> int:
        """Note an arrival (monotonic seconds) and return how many before it did not come."""
        missing = 0
        if len(self._arrivals) > _LEAST_INTERVALS:
            usual = statistics.median(b - a for a, b in pairwise(self._arrivals))
            gap = at - self._arrivals[-1]
            if usual > 0 and gap > _MISSED_AFTER * usual:
                missing = round(gap / usual) - 1
        self._arrivals.append(at)
        return missing

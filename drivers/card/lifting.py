"""After a broken exchange a card counts only when the reader was empty for a while before it.

pcscd looks at its readers every 0.4 s. After a broken exchange it may take a card that comes within
that time for the one before, or never announce it at all. A card that comes later is safe.
"""

from __future__ import annotations

import threading
from typing import Final

from drivers.clock import Clock

EMPTY_S: Final = 0.5
"""One whole look of pcscd (0.4 s) and a bit."""


class LiftWatch:
    """Whether the card must be lifted before the next session; safe from any thread."""

    def __init__(self, clock: Clock, empty_s: float = EMPTY_S) -> None:
        self._clock = clock
        self._empty_s = empty_s
        self._lock = threading.Lock()
        self._is_due = False
        self._absent_since: float | None = None

    @property
    def is_due(self) -> bool:
        """Whether the reader still has to be empty for a moment."""
        return self._is_due

    def demand(self) -> None:
        """Trust no card from now on until the reader was empty long enough."""
        with self._lock:
            self._is_due = True

    def saw(self, present: bool) -> None:
        """Take note of a look at the reader."""
        with self._lock:
            now = self._clock.monotonic()
            if not present:
                if self._absent_since is None:
                    self._absent_since = now
            elif self._absent_since is not None:
                if now - self._absent_since >= self._empty_s:
                    self._is_due = False
                self._absent_since = None

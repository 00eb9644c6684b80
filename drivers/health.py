"""How a device has been doing: counters that a technician reads before opening the casing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from drivers.clock import Clock
from drivers.values import State

_USABLE = frozenset({State.READY, State.BUSY})


@dataclass(frozen=True, slots=True)
class Health:
    """Counters of one device since the program started.

    `connections` succeeded, `refusals` are attempts to connect that failed, `losses` are
    connections that ended by themselves; `verbs` and `failures` count operations, `ready_s` the
    seconds during which the device could be used. `last_code` and `last_failed_at` (UTC) belong to
    the newest error of any kind.
    """

    connections: int = 0
    refusals: int = 0
    losses: int = 0
    verbs: int = 0
    failures: int = 0
    ready_s: float = 0.0
    last_code: str = ""
    last_failed_at: datetime | None = None


class HealthRecord:
    """Keeps a `Health` up to date; used on the event loop only."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._health = Health()
        self._usable_since: float | None = None

    @property
    def now(self) -> Health:
        """The counters, with the present connection's time in them."""
        since = self._usable_since
        running = 0.0 if since is None else self._clock.monotonic() - since
        return replace(self._health, ready_s=self._health.ready_s + running)

    def moved(self, before: State, after: State) -> None:
        """Count a change of state."""
        if after in _USABLE and before not in _USABLE:
            self._usable_since = self._clock.monotonic()
            self._add(connections=1)
        elif before in _USABLE and after not in _USABLE:
            self._health, self._usable_since = self.now, None
            self._add(losses=int(after is State.LOST))

    def connect_failed(self, code: str) -> None:
        """Count an attempt to connect that failed."""
        self._add(refusals=1)
        self._remember(code)

    def verb_ended(self, code: str = "") -> None:
        """Count an operation; `code` is its error, empty after success."""
        self._add(verbs=1, failures=int(bool(code)))
        if code:
            self._remember(code)

    def check_failed(self, code: str) -> None:
        """Remember what a look at the idle device found."""
        self._remember(code)

    def _add(self, **counts: int) -> None:
        sums = {name: getattr(self._health, name) + count for name, count in counts.items()}
        self._health = replace(self._health, **sums)

    def _remember(self, code: str) -> None:
        self._health = replace(self._health, last_code=code, last_failed_at=self._clock.utc_now())


class Outages:
    """How long a device could not be used; seconds, the present outage included."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since: float | None = None
        self._ended_s = self._longest_s = self._newest_s = 0.0

    def begin(self) -> None:
        """Start an outage, unless one goes on already."""
        if self._since is None:
            self._since = self._clock.monotonic()

    def end(self) -> None:
        """End the outage, if there is one."""
        if self._since is not None:
            self._newest_s = self.newest_s
            self._since = None
            self._ended_s += self._newest_s
            self._longest_s = max(self._longest_s, self._newest_s)

    @property
    def newest_s(self) -> float:
        """Length of the present outage, otherwise of the last one."""
        return self._newest_s if self._since is None else self._clock.monotonic() - self._since

    @property
    def total_s(self) -> float:
        """Length of all outages together."""
        return self._ended_s + (0.0 if self._since is None else self.newest_s)

    @property
    def longest_s(self) -> float:
        """Length of the longest outage."""
        return max(self._longest_s, self.newest_s)

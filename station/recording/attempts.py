"""The attempts of one step: all of them, and those of the present round."""

from __future__ import annotations

from dataclasses import replace

from drivers.values import Capture
from station.domain.plan import Step
from station.recording import policy
from station.recording.attempt import AcceptedStep, Attempt, Judgement
from station.recording.policy import Option, Policy


class Attempts:
    """Nothing of an earlier round is thrown away: the best of all counts, and so does the number.

    A lost device or another round changes nothing here; another step begins anew. Another finger
    begins anew too, but what was tried before it stays counted.
    """

    def __init__(self, limits: Policy) -> None:
        self._limits = limits
        self._step: Step | None = None
        self._all: list[Attempt] = []
        self._round_start = 0
        self._rounds = 1
        self._before = 0

    @property
    def all(self) -> tuple[Attempt, ...]:
        """Every attempt of the step, of every round."""
        return tuple(self._all)

    @property
    def round(self) -> tuple[Attempt, ...]:
        """The attempts of the present round."""
        return tuple(self._all[self._round_start :])

    @property
    def last(self) -> Attempt | None:
        """The newest attempt of the present round."""
        return self._all[-1] if self.round else None

    @property
    def in_round(self) -> int:
        """How many attempts of the round are used up."""
        return len(self.round)

    @property
    def count(self) -> int:
        """How many captures the resident was asked for at this step, all told."""
        return self._before + len(self._all)

    def belong_to(self, step: Step) -> bool:
        """Begin anew when `step` is another one than before; True when it is."""
        if step is self._step:
            return False
        self.clear()
        self._step = step
        return True

    def add(self, capture: Capture, judgement: Judgement) -> None:
        """Count one more attempt."""
        self._all.append(Attempt(len(self._all) + 1, capture, judgement))

    def next_round(self, *, same_finger: bool) -> None:
        """Give the resident another round; another finger leaves the old attempts out."""
        self._rounds += 1
        if not same_finger:
            self._before += len(self._all)
            self._all.clear()
        self._round_start = len(self._all)

    def take_back(self, count: int) -> None:
        """Forget what came after the first `count` attempts: it could not be judged to the end."""
        del self._all[max(0, count - self._before) :]

    def options(self, step: Step, *, may_switch: bool = True) -> tuple[Option, ...]:
        """What may be chosen when the round is used up."""
        again = self._rounds < self._limits.max_rounds
        return policy.options(step, self._all, may_repeat=again, may_switch=may_switch)

    def counted(self, accepted: AcceptedStep) -> AcceptedStep:
        """The accepted step with the number of all captures that it took."""
        return replace(accepted, attempts=self.count)

    def clear(self) -> None:
        """Forget everything: the captures are a person's."""
        self._step = None
        self._all.clear()
        self._round_start, self._rounds, self._before = 0, 1, 0

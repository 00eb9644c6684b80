"""Accept, retry or decide; and which attempt counts in the end. Pure.

Source: the three-attempt rule and the order of comparison follow BSI TR-03121-3 volume 6 (index
first, then middle, ring, little; right thumb, then left); "the best, never the last" is ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from station.domain.plan import Step
from station.recording.attempt import Attempt


class Verdict(StrEnum):
    """What follows from an attempt."""

    ACCEPT = "accept"
    RETRY = "retry"
    DECIDE = "decide"


class Option(StrEnum):
    """What the operator may choose when the attempts are used up."""

    USE_BEST = "use-best"
    REPEAT = "repeat"
    OTHER_INDEX = "other-index"
    EXCEPT = "except"


@dataclass(frozen=True, slots=True)
class Policy:
    """Limits of one site; defaults are the reference's working values."""

    max_attempts: int = 3
    max_rounds: int = 2
    """How often the attempts of a step may be used up before a decision is due (TR-03121-3)."""
    capture_timeout: float = 15.0
    """Seconds to wait for a hand, a face or an eye before the operator is asked."""


def judge(attempts: Sequence[Attempt], policy: Policy) -> Verdict:
    """Say what follows from the last of `attempts` (not empty)."""
    if attempts[-1].judgement.acceptable:
        return Verdict.ACCEPT
    return Verdict.DECIDE if len(attempts) >= policy.max_attempts else Verdict.RETRY


def best(attempts: Sequence[Attempt]) -> Attempt | None:
    """The usable attempt with the greatest rank; on a tie the later one; None when none is."""
    usable = [attempt for attempt in attempts if attempt.judgement.usable]
    return max(usable, key=lambda a: (a.judgement.rank, a.number), default=None)


def options(
    step: Step,
    attempts: Sequence[Attempt],
    *,
    may_repeat: bool = True,
    may_switch: bool = True,
) -> tuple[Option, ...]:
    """What may be chosen now; there is always at least one way on.

    The portrait has no exception, so it may always be repeated. `may_switch` says that the other
    index finger was captured too.
    """
    offered: list[Option] = []
    if best(attempts) is not None:
        offered.append(Option.USE_BEST)
    if may_repeat or step is Step.PORTRAIT:
        offered.append(Option.REPEAT)
    if step is Step.VERIFICATION and may_switch:
        offered.append(Option.OTHER_INDEX)
    if step is not Step.PORTRAIT:
        offered.append(Option.EXCEPT)
    return tuple(offered)

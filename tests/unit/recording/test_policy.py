from __future__ import annotations

from datetime import UTC, datetime

import pytest

from drivers.values import Capture, DeviceInfo, Kind
from station.domain.plan import Step
from station.recording.attempt import Attempt, Judgement
from station.recording.policy import Option, Policy, Verdict, best, judge, options

NOW = datetime(2026, 11, 23, tzinfo=UTC)
CAPTURE = Capture((), DeviceInfo(Kind.FINGERPRINT, "d", "m", "s", "f"), NOW, NOW)


def attempts(*rows: tuple[bool, bool, tuple[float, ...]]) -> list[Attempt]:
    return [
        Attempt(number, CAPTURE, Judgement(acceptable, usable, rank))
        for number, (acceptable, usable, rank) in enumerate(rows, 1)
    ]


def test_good_is_accepted_at_once() -> None:
    assert judge(attempts((True, True, (70,))), Policy()) is Verdict.ACCEPT


@pytest.mark.parametrize(("count", "verdict"), [(1, "retry"), (2, "retry"), (3, "decide")])
def test_three_poor_attempts_end_in_a_decision(count: int, verdict: str) -> None:
    assert judge(attempts(*[(False, True, (10.0,))] * count), Policy()).value == verdict


def test_the_best_attempt_is_kept_and_not_the_last() -> None:
    tried = attempts((False, True, (35, 9)), (False, True, (20, 90)), (False, True, (34, 50)))
    chosen = best(tried)
    assert chosen is not None
    assert chosen.number == 1


def test_the_first_finger_of_the_ranking_decides_before_all_others() -> None:
    tried = attempts((False, True, (30, 99, 99, 99)), (False, True, (31, 1, 1, 1)))
    chosen = best(tried)
    assert chosen is not None
    assert chosen.number == 2


def test_on_a_tie_the_later_attempt_counts() -> None:
    chosen = best(attempts((False, True, (30,)), (False, True, (30,))))
    assert chosen is not None
    assert chosen.number == 2


def test_an_unusable_attempt_never_wins() -> None:
    tried = attempts((False, False, (99,)), (False, True, (1,)))
    chosen = best(tried)
    assert chosen is not None
    assert chosen.number == 2
    assert best(attempts((False, False, (99,)))) is None


@pytest.mark.parametrize(
    "step", [s for s in Step if s not in (Step.IDENTIFY, Step.REVIEW, Step.SEAL)]
)
def test_there_is_always_a_way_on(step: Step) -> None:
    offered = options(step, attempts(*[(False, False, ())] * 3))
    assert Option.REPEAT in offered
    assert Option.USE_BEST not in offered
    assert (Option.EXCEPT in offered) == (step is not Step.PORTRAIT)

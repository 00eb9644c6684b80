from __future__ import annotations

from datetime import UTC, datetime

from drivers.values import Capture, DeviceInfo, Kind
from station.domain.plan import Step
from station.recording.attempt import AcceptedStep, Judgement
from station.recording.attempts import Attempts
from station.recording.policy import Option, Policy, best

NOW = datetime(2026, 11, 23, tzinfo=UTC)
CAPTURE = Capture((), DeviceInfo(Kind.FINGERPRINT, "d", "m", "s", "f"), NOW, NOW)


def tried(*ranks: float) -> Attempts:
    attempts = Attempts(Policy())
    attempts.belong_to(Step.RIGHT_FOUR)
    for rank in ranks:
        attempts.add(CAPTURE, Judgement(False, True, (rank,)))
    return attempts


def test_a_worse_second_round_does_not_replace_the_better_first() -> None:
    attempts = tried(40, 50, 45)
    attempts.next_round(same_finger=True)
    for rank in (10, 20, 15):
        attempts.add(CAPTURE, Judgement(False, True, (rank,)))
    chosen = best(attempts.all)
    assert chosen is not None
    assert chosen.number == 2
    assert attempts.in_round == 3
    assert attempts.count == 6
    assert attempts.counted(AcceptedStep(Step.RIGHT_FOUR, (), 0)).attempts == 6


def test_rounds_are_capped_and_the_portrait_is_not() -> None:
    attempts = tried(40)
    assert Option.REPEAT in attempts.options(Step.RIGHT_FOUR)
    attempts.next_round(same_finger=True)
    assert Option.REPEAT not in attempts.options(Step.RIGHT_FOUR)
    assert Option.EXCEPT in attempts.options(Step.RIGHT_FOUR)
    assert Option.REPEAT in attempts.options(Step.PORTRAIT)


def test_a_device_that_comes_back_finds_the_attempts_of_the_same_step() -> None:
    attempts = tried(40, 50)
    assert not attempts.belong_to(Step.RIGHT_FOUR)
    assert attempts.in_round == 2
    assert attempts.belong_to(Step.LEFT_FOUR)
    assert attempts.count == 0


def test_another_finger_is_not_compared_with_the_first_but_counted() -> None:
    attempts = tried(40, 50)
    attempts.next_round(same_finger=False)
    assert attempts.all == ()
    assert attempts.last is None
    assert attempts.count == 2

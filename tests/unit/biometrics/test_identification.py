from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from drivers.positions import Finger
from station.biometrics.fingers.identification import CLEAR_LEAD, Identification, identify
from station.biometrics.fingers.matching import SAME_FROM, FingerTemplate
from station.biometrics.fingers.quality import FingerAssessor

Image = NDArray[np.uint8]


def template(name: str) -> FingerTemplate:
    return FingerTemplate(None, 40, 60, name)


def scores(**values: int) -> Callable[[FingerTemplate, FingerTemplate], int]:
    return lambda probe, candidate: values[candidate.native]


def candidates(*names: str) -> dict[str, FingerTemplate]:
    return {name: template(name) for name in names}


def test_nobody_to_compare_with_is_nobody() -> None:
    assert identify(template("probe"), {}) is None


def test_the_best_leads_and_the_next_is_told() -> None:
    found = identify(template("probe"), candidates("a", "b", "c"), score=scores(a=20, b=150, c=31))
    assert found == Identification("b", 150, 31, SAME_FROM)
    assert found.is_found


@pytest.mark.parametrize(
    ("best", "runner_up", "is_found"),
    [
        (SAME_FROM, 0, True),
        (SAME_FROM - 1, 0, False),
        (SAME_FROM, SAME_FROM - CLEAR_LEAD, True),
        (SAME_FROM, SAME_FROM - CLEAR_LEAD + 1, False),
        (300, 290, False),
    ],
)
def test_the_best_must_reach_the_threshold_and_lead_clearly(
    best: int, runner_up: int, is_found: bool
) -> None:
    found = identify(template("probe"), candidates("a", "b"), score=scores(a=runner_up, b=best))
    assert found is not None
    assert found.is_found is is_found


def test_a_single_candidate_has_no_runner_up() -> None:
    found = identify(template("probe"), candidates("a"), score=scores(a=90), threshold=100)
    assert found == Identification("a", 90, 0, 100)
    assert not found.is_found


@given(st.lists(st.integers(0, 400), min_size=1, max_size=8))
def test_best_and_runner_up_are_the_two_greatest(values: list[int]) -> None:
    named = {f"c{number}": value for number, value in enumerate(values)}
    found = identify(template("probe"), candidates(*named), score=scores(**named))
    assert found is not None
    assert [found.score, found.runner_up] == sorted([*values, 0], reverse=True)[:2]
    assert named[found.who] == found.score
    assert found.who == max(named, key=lambda name: named[name])  # the first of equal ones


def test_a_module_picture_is_found_among_enrolled_prints(
    assessor_threads: FingerAssessor, impression: Callable[..., Image]
) -> None:
    def assessed(image: Image, finger: Finger) -> FingerTemplate:
        made = assessor_threads.assess(image, finger).template
        assert made is not None
        return made

    fingers = (Finger.RIGHT_INDEX, Finger.RIGHT_MIDDLE, Finger.RIGHT_RING, Finger.RIGHT_LITTLE)
    enrolled = {finger: assessed(impression(finger=finger, seed=1), finger) for finger in fingers}
    picture = impression(finger=Finger.RIGHT_MIDDLE, seed=3)[110:398, 80:336] // 17 * 17
    probe = assessed(np.ascontiguousarray(picture), Finger.RIGHT_MIDDLE)
    found = identify(probe, enrolled)
    assert found is not None
    assert found.who is Finger.RIGHT_MIDDLE
    assert found.is_found
    others = {finger: made for finger, made in enrolled.items() if finger is not found.who}
    stranger = identify(probe, others)
    assert stranger is not None
    assert not stranger.is_found

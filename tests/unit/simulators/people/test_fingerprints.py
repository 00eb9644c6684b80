from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from drivers.positions import Finger
from simulators.people.fingerprints import Impression, grow_master, make_impression
from simulators.people.orientation import CLASS_FREQUENCIES, place_singularities
from simulators.people.person import Person

Extract = Callable[[NDArray[np.uint8]], Any]


@pytest.fixture(scope="module")
def fingers() -> list[Finger]:
    return [Finger.RIGHT_INDEX, Finger.RIGHT_MIDDLE, Finger.RIGHT_RING]


def test_growing_is_deterministic_and_individual() -> None:
    one, again, other = grow_master(5, "whorl"), grow_master(5, "whorl"), grow_master(6, "whorl")
    assert one.pattern == "whorl"
    assert one.levels.shape == (560, 416)
    assert np.array_equal(one.levels, again.levels)
    assert np.abs(one.ridges - other.ridges).mean() > 0.3


@pytest.mark.parametrize("pattern", CLASS_FREQUENCIES)
def test_every_class_has_its_number_of_singular_points(pattern: str) -> None:
    expected = {"arch": 0, "tented arch": 1, "left loop": 1, "right loop": 1}
    points = place_singularities(pattern, np.random.default_rng(3))
    assert len(points.loops) == len(points.deltas) == expected.get(pattern, 2)


def test_unknown_class_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown pattern class 'spiral'"):
        grow_master(1, "spiral")


def test_impressions_repeat_by_seed_and_differ_between_captures(resident: Person) -> None:
    master = resident.finger(Finger.RIGHT_INDEX)
    one, again, other = (make_impression(master, seed) for seed in (5, 5, 6))
    assert one.shape == (560, 416)
    assert one.dtype == np.uint8
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


def test_knobs_change_what_they_say(resident: Person) -> None:
    master = resident.finger(Finger.RIGHT_INDEX)

    def ink(settings: Impression) -> float:
        return float((255 - make_impression(master, 5, settings)).mean())

    normal = ink(Impression())
    assert ink(Impression(contact=0.5)) < 0.5 * normal
    assert ink(Impression(moisture=1)) > 1.1 * normal > 1.2 * ink(Impression(moisture=-1))
    assert ink(Impression(strength=0.3)) < 0.5 * normal


def test_rotation_turns_the_print_anticlockwise(resident: Person) -> None:
    master = resident.finger(Finger.RIGHT_INDEX)
    flat = Impression(rotation_deg=0, shift_px=(0, 0), distortion=0, contact=0.6)
    upright = make_impression(master, 5, flat)
    turned = make_impression(master, 5, replace(flat, rotation_deg=90))
    # a turn about pixel 208 of 416 and one about the middle differ by one pixel
    square = np.roll(np.rot90(upright[72:488]), 1, axis=0)[100:300, 100:300]
    assert np.corrcoef(square.ravel(), turned[172:372, 100:300].ravel())[0, 1] > 0.95


def test_fingers_match_themselves_and_nobody_else(
    extract: Extract, resident: Person, fingers: list[Finger]
) -> None:
    masters = [resident.finger(finger) for finger in fingers]
    first = [extract(make_impression(master, 1)) for master in masters]
    second = [extract(make_impression(master, 2)) for master in masters]
    for i, a in enumerate(first):
        for k, b in enumerate(second):
            score = a.compare(b)
            assert score >= 150 if i == k else score < 50, (i, k, score)


def test_unreadable_skin_fails_quality(extract: Extract, resident: Person) -> None:
    master = resident.finger(Finger.RIGHT_INDEX)
    poor = extract(make_impression(master, 1, Impression(noise=6.0)))
    assert poor.quality().score <= 20

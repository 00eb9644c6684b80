from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from drivers.positions import Finger, Slap
from station.biometrics.codecs import read_image
from station.biometrics.findings import Finding
from station.biometrics.fingers.crease import distal_length_px, find_crease_px
from station.biometrics.fingers.segmentation import SlapSegmentation, segment

Image = NDArray[np.uint8]
RIGHT = Slap.RIGHT_FOUR.fingers


def labels(seen: SlapSegmentation) -> list[Finger | None]:
    return [finger.position for finger in seen.fingers]


@pytest.mark.parametrize("turn_deg", [-40.0, -20.0, 0.0, 20.0, 40.0])
def test_a_right_hand_is_cut_labelled_and_turned_upright(
    lay: Callable[..., Image], turn_deg: float
) -> None:
    seen = segment(lay(turn_deg=turn_deg), Slap.RIGHT_FOUR)
    assert labels(seen) == list(RIGHT)
    assert seen.hand_guess == "right"
    assert seen.findings in ((), (Finding.SLAP_OFF_EDGE,))
    assert abs(np.median([finger.lean_deg for finger in seen.fingers]) + turn_deg) < 6
    for finger in seen.fingers:
        assert finger.image.shape[0] > 1.15 * finger.image.shape[1]


def test_a_left_hand_is_labelled_from_the_little_finger(lay: Callable[..., Image]) -> None:
    seen = segment(np.ascontiguousarray(lay()[:, ::-1]), Slap.LEFT_FOUR)
    assert labels(seen) == [10, 9, 8, 7]
    assert (seen.hand_guess, seen.findings) == ("left", ())


def test_the_other_hand_is_a_warning_only(lay: Callable[..., Image]) -> None:
    seen = segment(lay(), Slap.LEFT_FOUR)
    assert seen.findings == (Finding.SLAP_OTHER_HAND,)
    assert Finding.SLAP_OTHER_HAND.is_warning


def test_boxes_lie_on_the_prints_and_do_not_overlap(lay: Callable[..., Image]) -> None:
    slap = lay()
    seen = segment(slap, Slap.RIGHT_FOUR)
    for one, following in zip(seen.fingers, seen.fingers[1:], strict=False):
        assert one.right < following.left
    for finger in seen.fingers:
        inside = slap[finger.top : finger.bottom + 1, finger.left : finger.right + 1]
        assert inside.mean() < 210
    outside = slap.copy()
    for finger in seen.fingers:
        outside[finger.top - 8 : finger.bottom + 9, finger.left - 8 : finger.right + 9] = 250
    assert outside.mean() > 248


def test_a_declared_missing_finger_leaves_the_others_named(lay: Callable[..., Image]) -> None:
    three = tuple(finger for finger in RIGHT if finger != Finger.RIGHT_MIDDLE)
    seen = segment(lay(three), Slap.RIGHT_FOUR, frozenset({Finger.RIGHT_MIDDLE}))
    assert labels(seen) == list(three)
    assert (seen.expected, seen.count, seen.hand_guess, seen.findings) == (3, 3, None, ())


def test_an_undeclared_missing_finger_names_nobody(lay: Callable[..., Image]) -> None:
    seen = segment(lay(RIGHT[1:]), Slap.RIGHT_FOUR)
    assert labels(seen) == [None] * 3
    assert seen.findings == (Finding.FINGER_COUNT,)


def test_a_finger_declared_missing_but_present_names_nobody(lay: Callable[..., Image]) -> None:
    seen = segment(lay(), Slap.RIGHT_FOUR, frozenset({Finger.RIGHT_LITTLE}))
    assert labels(seen) == [None] * 4
    assert seen.findings == (Finding.FINGER_COUNT,)


def test_thumbs_are_left_then_right(impression: Callable[..., Image]) -> None:
    platen = np.full((1500, 1600), 250, np.uint8)
    platen[400:960, 240:656] = impression()
    platen[420:980, 940:1356] = impression(finger=Finger.RIGHT_MIDDLE)
    seen = segment(platen, Slap.THUMBS)
    assert labels(seen) == [Finger.LEFT_THUMB, Finger.RIGHT_THUMB]
    assert (seen.hand_guess, seen.findings) == (None, ())


def test_a_finger_over_the_edge_is_told(lay: Callable[..., Image]) -> None:
    seen = segment(np.ascontiguousarray(lay()[500:]), Slap.RIGHT_FOUR)
    assert Finding.SLAP_OFF_EDGE in seen.findings


def _beside(prints: list[Image], centres: list[int]) -> Image:
    platen = np.full((1500, 1600), 250, np.uint8)
    for one, centre, top in zip(prints, centres, (480, 330, 380, 600), strict=True):
        left = centre - one.shape[1] // 2
        area = platen[top : top + one.shape[0], left : left + one.shape[1]]
        np.minimum(area, one, out=area)
    return platen


def _every(distance_px: int) -> list[int]:
    return [round(800 + (index - 1.5) * distance_px) for index in range(4)]


@pytest.fixture(scope="module")
def narrow_prints(lay: Callable[..., Image]) -> list[Image]:
    return [finger.image for finger in segment(lay(), Slap.RIGHT_FOUR).fingers]


def test_lightly_touching_fingers_are_divided(narrow_prints: list[Image]) -> None:
    widest = max(one.shape[1] for one in narrow_prints)
    seen = segment(_beside(narrow_prints, _every(widest - 6)), Slap.RIGHT_FOUR)
    assert labels(seen) == list(RIGHT)


def test_overlapping_fingers_are_never_passed_as_fewer(narrow_prints: list[Image]) -> None:
    seen = segment(_beside(narrow_prints, _every(200)), Slap.RIGHT_FOUR)
    assert labels(seen) == [None] * seen.count
    assert {Finding.FINGER_COUNT, Finding.SLAP_TOUCHING} <= set(seen.findings)


def test_two_fingers_in_one_are_not_taken_for_a_finger(narrow_prints: list[Image]) -> None:
    close = _beside(narrow_prints, [300, 490, 950, 1350])
    seen = segment(close, Slap.RIGHT_FOUR, frozenset({Finger.RIGHT_LITTLE}))
    assert labels(seen) == [None] * seen.count
    assert {Finding.FINGER_COUNT, Finding.SLAP_TOUCHING} & set(seen.findings)


def test_a_lower_phalanx_is_not_a_finger(
    lay: Callable[..., Image], narrow_prints: list[Image]
) -> None:
    slap = lay()
    first = segment(slap, Slap.RIGHT_FOUR).fingers[0]
    phalanx = narrow_prints[0][:220]
    top = first.bottom + 60
    area = slap[top : top + 220, first.left : first.left + phalanx.shape[1]]
    np.minimum(area, phalanx, out=area)
    seen = segment(slap, Slap.RIGHT_FOUR)
    assert labels(seen) == list(RIGHT)
    assert seen.fingers[0].bottom < top


def test_a_slap_of_1000_ppi_gives_500_ppi_prints_and_boxes_of_the_original(
    lay: Callable[..., Image],
) -> None:
    plain = lay()
    fine = cv2.resize(plain, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC).astype(np.uint8)
    one, two = segment(plain, Slap.RIGHT_FOUR), segment(fine, Slap.RIGHT_FOUR, resolution_ppi=1000)
    assert labels(two) == list(RIGHT)
    for a, b in zip(one.fingers, two.fingers, strict=True):
        assert abs(2 * a.left - b.left) <= 32
        assert abs(2 * a.bottom - b.bottom) <= 32
        assert np.abs(np.subtract(a.image.shape, b.image.shape)).max() <= 24


@pytest.mark.parametrize(
    "image",
    [
        np.full((1500, 1600), 250, np.uint8),
        np.zeros((1500, 1600), np.uint8),
        np.random.default_rng(1).integers(0, 256, (1500, 1600)).astype(np.uint8),
        np.zeros((3, 5), np.uint8),
        np.zeros((64, 2000), np.uint8),
    ],
    ids=["blank", "black", "noise", "tiny", "strip"],
)
def test_an_image_without_fingers_has_none(image: Image) -> None:
    seen = segment(image, Slap.RIGHT_FOUR)
    assert (seen.count, seen.hand_guess, seen.findings) == (0, None, (Finding.FINGER_COUNT,))


def test_a_photograph_is_not_a_slap(photograph: Image) -> None:
    grey = cv2.cvtColor(photograph, cv2.COLOR_BGR2GRAY).astype(np.uint8)
    seen = segment(grey, Slap.RIGHT_FOUR)
    assert Finding.FINGER_COUNT in seen.findings
    assert labels(seen) == [None] * seen.count


@pytest.mark.parametrize("resolution_ppi", [0.0, 96.0, 2000.0, float("nan")])
def test_an_unknown_resolution_is_an_error(resolution_ppi: float) -> None:
    with pytest.raises(ValueError, match="ppi"):
        segment(np.zeros((100, 100), np.uint8), Slap.THUMBS, resolution_ppi=resolution_ppi)


def test_colour_is_an_error() -> None:
    with pytest.raises(ValueError, match="grey"):
        segment(np.zeros((100, 100, 3), np.uint8), Slap.THUMBS)


def test_the_print_ends_at_the_crease(impression: Callable[..., Image]) -> None:
    upper = impression()
    long_print = np.full((900, 416), 250, np.uint8)
    long_print[20:470] = upper[30:480]
    long_print[490:860] = upper[100:470]
    crease = find_crease_px(long_print)
    assert crease is not None
    assert abs(crease - 480) < 14
    assert distal_length_px(long_print, 18.0) == crease


def test_without_a_crease_the_width_decides(impression: Callable[..., Image]) -> None:
    upper = impression()
    assert find_crease_px(upper) is None
    endless = np.vstack([upper[60:460], upper[60:460]])
    assert distal_length_px(endless, 12.0) in range(430, 500)


def test_the_crease_of_a_rolled_thumb(shared_prints: Path) -> None:
    crease = find_crease_px(read_image(shared_prints / "nbis_valid1.9_type4.wsq"))
    assert crease is not None
    assert abs(crease - 705) < 15

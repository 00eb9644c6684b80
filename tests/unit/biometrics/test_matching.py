from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from drivers.positions import Finger
from station.biometrics.fingers.matching import (
    MIN_MODULE_MINUTIAE,
    FingerTemplate,
    InvalidTemplate,
    MatchVerdict,
    compare,
    from_iso,
    verdict,
)
from station.biometrics.fingers.quality import FingerAssessor

Image = NDArray[np.uint8]


@pytest.fixture(scope="module")
def take(
    assessor_threads: FingerAssessor, impression: Callable[..., Image]
) -> Callable[..., FingerTemplate]:
    def template(finger: Finger, seed: int, module: bool = False) -> FingerTemplate:
        image = impression(finger=finger, seed=seed)
        if module:
            image = np.ascontiguousarray(image[110:398, 80:336] // 17 * 17)
        found = assessor_threads.assess(image, finger).template
        assert found is not None
        return found

    return template


def test_the_same_finger_matches_and_others_do_not(take: Callable[..., FingerTemplate]) -> None:
    index, again = take(Finger.RIGHT_INDEX, 1), take(Finger.RIGHT_INDEX, 2)
    ring = take(Finger.RIGHT_RING, 1)
    assert verdict(compare(index, again)) is MatchVerdict.SAME
    assert verdict(compare(index, ring)) is MatchVerdict.DIFFERENT
    assert compare(index, again) == compare(again, index)


def test_a_four_bit_module_capture_matches_the_enrolled_print(
    take: Callable[..., FingerTemplate],
) -> None:
    module = take(Finger.RIGHT_INDEX, 3, module=True)
    assert module.minutiae > MIN_MODULE_MINUTIAE / 2
    assert verdict(compare(module, take(Finger.RIGHT_INDEX, 1))) is MatchVerdict.SAME
    assert verdict(compare(module, take(Finger.RIGHT_MIDDLE, 1))) is MatchVerdict.DIFFERENT


@pytest.mark.parametrize(
    ("score", "meaning"),
    [
        (0, MatchVerdict.DIFFERENT),
        (49, MatchVerdict.DIFFERENT),
        (50, MatchVerdict.SUSPECT),
        (79, MatchVerdict.SUSPECT),
        (80, MatchVerdict.SAME),
        (500, MatchVerdict.SAME),
    ],
)
def test_bands(score: int, meaning: MatchVerdict) -> None:
    assert verdict(score) is meaning


def test_several_threads_give_the_same_scores(take: Callable[..., FingerTemplate]) -> None:
    prints = [take(finger, seed) for finger in (2, 4) for seed in (1, 2)]
    pairs = [(a, b) for a in prints for b in prints]
    alone = [compare(a, b) for a, b in pairs]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda pair: compare(*pair), pairs)) == alone


def test_a_template_survives_a_restart(take: Callable[..., FingerTemplate]) -> None:
    index, again = take(Finger.RIGHT_INDEX, 1), take(Finger.RIGHT_INDEX, 2)
    record = index.to_iso()
    restored = from_iso(record)
    assert (restored.position, restored.minutiae) == (index.position, index.minutiae)
    assert restored.quality == index.quality
    assert restored.to_iso() == record
    assert compare(restored, again) == compare(index, again)


def test_the_record_is_laid_out_as_the_standard_says(
    take: Callable[..., FingerTemplate],
) -> None:
    index = take(Finger.RIGHT_INDEX, 1)
    record = index.to_iso()
    assert record[:8] == b"FMR\x00 20\x00"
    assert int.from_bytes(record[8:12], "big") == len(record) == 30 + 6 * index.minutiae
    assert int.from_bytes(record[14:16], "big") == 416
    assert int.from_bytes(record[16:18], "big") == 560
    assert record[18:22] == bytes([0, 197, 0, 197])
    assert record[22:28] == bytes([1, 0, Finger.RIGHT_INDEX, 0, index.quality, index.minutiae])
    first = int.from_bytes(record[28:30], "big")
    assert first >> 14 in (1, 2)
    assert first & 0x3FFF < 416
    assert record[-2:] == b"\x00\x00"


def test_a_template_prints_nothing_of_the_finger(take: Callable[..., FingerTemplate]) -> None:
    template = take(Finger.RIGHT_INDEX, 1)
    assert repr(template) == f"FingerTemplate(minutiae={template.minutiae}, ...)"


@given(st.binary(max_size=120))
@settings(max_examples=100, deadline=None)
def test_garbage_is_an_invalid_template(data: bytes) -> None:
    for record in (data, b"FMR\x00 20\x00" + data):
        with pytest.raises(InvalidTemplate):
            from_iso(record)


def test_a_damaged_record_is_refused_or_read(take: Callable[..., FingerTemplate]) -> None:
    record = take(Finger.RIGHT_INDEX, 1).to_iso()
    for cut in range(0, len(record), 7):
        with pytest.raises(InvalidTemplate):
            from_iso(record[:cut])
    for at in range(30):
        damaged = bytearray(record)
        damaged[at] ^= 0xFF
        try:
            template = from_iso(bytes(damaged))
        except InvalidTemplate:
            continue
        assert compare(template, template) >= 0

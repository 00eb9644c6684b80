"""Timing of a live picture against sequences of known rate, jitter and age."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibration.measures.frame_timing import measure_frame_timing


def test_regular_frames_have_their_rate_and_no_jitter() -> None:
    grabbed = 100.0 + np.arange(51) * 0.04
    timing = measure_frame_timing(grabbed, grabbed + 0.007)
    assert timing.rate_fps == pytest.approx(25.0)
    assert timing.jitter_ms == pytest.approx(0.0, abs=1e-6)
    assert timing.longest_interval_ms == pytest.approx(40.0)
    assert timing.age_median_ms == pytest.approx(7.0)
    assert (timing.frames, timing.missed) == (51, 0)


def test_jitter_is_the_deviation_of_the_intervals() -> None:
    grabbed = np.cumsum([0.0] + [0.030, 0.050] * 30)
    timing = measure_frame_timing(grabbed, grabbed)
    assert timing.rate_fps == pytest.approx(25.0)
    assert timing.jitter_ms == pytest.approx(10.0)
    assert timing.longest_interval_ms == pytest.approx(50.0)


def test_slow_reader_still_measures_the_rate_of_the_camera() -> None:
    numbers = np.arange(0, 60, 3)
    grabbed = numbers / 30
    timing = measure_frame_timing(grabbed, grabbed + 0.01, numbers)
    assert timing.rate_fps == pytest.approx(30.0)
    assert (timing.frames, timing.missed) == (20, 38)


def test_frame_read_twice_counts_once_for_the_rate_and_twice_for_the_age() -> None:
    timing = measure_frame_timing([0.0, 0.0, 0.1], [0.01, 0.05, 0.11], [7, 7, 8])
    assert timing.frames == 2
    assert timing.rate_fps == pytest.approx(10.0)
    assert timing.age_max_ms == pytest.approx(50.0)


def test_percentiles_of_the_age_are_known() -> None:
    grabbed = np.arange(101) * 1.0
    timing = measure_frame_timing(grabbed, grabbed + np.arange(101) / 1000)
    assert timing.age_median_ms == pytest.approx(50.0)
    assert timing.age_p95_ms == pytest.approx(95.0)
    assert timing.age_max_ms == pytest.approx(100.0)


@given(
    st.lists(st.floats(0.001, 1.0), min_size=1, max_size=50),
    st.integers(1, 5),
)
def test_numbers_agree_with_each_other(intervals: list[float], step: int) -> None:
    grabbed = np.cumsum([0.0, *intervals])
    timing = measure_frame_timing(grabbed, grabbed, np.arange(grabbed.size) * step)
    assert timing.frames + timing.missed == len(intervals) * step + 1
    assert 1e3 / timing.rate_fps <= timing.longest_interval_ms * (1 + 1e-9)


@pytest.mark.parametrize(
    ("grabbed", "read", "numbers"),
    [
        ([0.0, 1.0], [0.0], None),
        ([0.0, 1.0], [0.0, 1.0], [1]),
        ([0.0], [0.0], None),
        ([], [], None),
        ([0.0, 1.0], [0.0, 0.9], None),
        ([0.0, 1.0], [0.0, 1.0], [2, 1]),
        ([0.0, 1.0], [0.0, 1.0], [1, 1]),
        ([1.0, 0.5], [1.0, 1.0], [1, 2]),
        ([0.0, float("nan")], [0.0, 1.0], None),
        ([[0.0, 1.0]], [[0.0, 1.0]], None),
    ],
)
def test_impossible_stamps_are_refused(
    grabbed: list[float], read: list[float], numbers: list[int] | None
) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        measure_frame_timing(grabbed, read, numbers)

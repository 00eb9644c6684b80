"""How regularly a camera delivers and how old its frames are when they are read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, slots=True)
class FrameTiming:
    """Rate, regularity and age of the frames of one run.

    Attributes:
        frames: number of different frames that were read.
        missed: frames that the camera delivered and the reader did not read.
        rate_fps: frames per second delivered by the camera, from its own numbers and stamps.
        jitter_ms: standard deviation of the interval between consecutive frames.
        longest_interval_ms: the longest interval between frames read one after the other, divided
            by the frames delivered within it.
        age_median_ms, age_p95_ms, age_max_ms: from arrival to reading, over all readings.
    """

    frames: int
    missed: int
    rate_fps: float
    jitter_ms: float
    longest_interval_ms: float
    age_median_ms: float
    age_p95_ms: float
    age_max_ms: float


def measure_frame_timing(
    grabbed_at_s: ArrayLike, read_at_s: ArrayLike, sequence: ArrayLike | None = None
) -> FrameTiming:
    """Measure the timing of a live picture from what a reader noted at each reading.

    A frame that was read twice counts once for the rate and twice for the age. Where the reader
    skipped k - 1 frames, the interval counts as one interval of a k-th of the time, which hides
    jitter inside it: measure jitter with a reader that is faster than the camera.

    Args:
        grabbed_at_s: (n,) seconds, monotonic clock, arrival of the frame that was read.
        read_at_s: (n,) seconds, the same clock, moment of the reading; not before the arrival.
        sequence: (n,) integers, number of the frame; None when every frame was read exactly once.

    Returns:
        The timing; percentiles are interpolated linearly (Hyndman and Fan 1996, type 7).

    Raises:
        ValueError: the arrays differ in length, hold fewer than two different frames, values that
            are not finite, or times or numbers that go back.
    """
    grabbed = _stamps(grabbed_at_s, "grabbed_at_s")
    read = _stamps(read_at_s, "read_at_s")
    numbers = np.arange(grabbed.size) if sequence is None else np.asarray(sequence, np.int64)
    if not grabbed.shape == read.shape == numbers.shape:
        raise ValueError(f"{grabbed.size} arrivals, {read.size} readings, {numbers.size} numbers")
    ages_ms = (read - grabbed) * 1e3
    if np.any(ages_ms < 0):
        raise ValueError("a frame was read before it arrived")
    steps = np.diff(numbers)
    if np.any(steps < 0):
        raise ValueError("frame numbers go back")
    is_new = steps > 0
    if not np.any(is_new):
        raise ValueError("fewer than two different frames")
    steps, spans_s = steps[is_new], np.diff(grabbed)[is_new]
    if np.any(spans_s <= 0):
        raise ValueError("a later frame arrived earlier")
    intervals_ms = spans_s / steps * 1e3
    return FrameTiming(
        frames=int(steps.size) + 1,
        missed=int((steps - 1).sum()),
        rate_fps=float(steps.sum() / spans_s.sum()),
        jitter_ms=float(intervals_ms.std()),
        longest_interval_ms=float(intervals_ms.max()),
        age_median_ms=float(np.median(ages_ms)),
        age_p95_ms=float(np.percentile(ages_ms, 95)),
        age_max_ms=float(ages_ms.max()),
    )


def _stamps(values: ArrayLike, name: str) -> NDArray[np.float64]:
    stamps = np.asarray(values, np.float64)
    if stamps.ndim != 1 or not np.all(np.isfinite(stamps)):
        raise ValueError(f"{name} must be one row of finite numbers")
    return stamps

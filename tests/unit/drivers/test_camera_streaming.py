"""What a camera driver makes of the frames of its grab thread; only waiting moves the clock."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from drivers.camera.errors import PictureStopped
from drivers.camera.freshness import Memory
from drivers.camera.grabber import STALLED_AFTER_S, FrameGrabber
from drivers.camera.link import Link
from drivers.camera.opencv import OpenCvCamera
from drivers.camera.pace import StreamCounters
from drivers.camera.pictures import Raw, grey_picture
from drivers.camera.settings import OpenCvSettings
from drivers.camera.source import Source
from drivers.camera.streaming import OLDEST_FRAME_S, OPENING_PATIENCE_S
from drivers.device import Call
from drivers.recorder import FlightRecorder
from drivers.values import Frame

SIZE = (64, 48)
SETTINGS = OpenCvSettings(source="http://127.0.0.1:1/face.mjpg", serial="S1")


class WaitedClock:
    """Time that passes only where somebody waits, and at once."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    def utc_now(self) -> datetime:
        return datetime(2026, 11, 23, tzinfo=UTC) + timedelta(seconds=self.now)

    def wait(self, event: threading.Event, seconds: float) -> bool:
        self.now += seconds
        return event.is_set()


class ScriptedGrabber:
    """A grab thread whose link heals at a time, and whose frames wait before they are taken."""

    reason = "the stream stalled"
    control = ""
    fps = 25.0
    facts: Mapping[str, float] = {}
    size = SIZE
    sequence = 0
    counters = StreamCounters()

    def __init__(self, clock: WaitedClock, heals_at: float, ages: tuple[float, ...] = ()) -> None:
        self._clock = clock
        self._heals_at = heals_at
        self._ages = list(ages)
        self.fell_at = clock.now

    @property
    def link(self) -> Link:
        return Link.STREAMING if self._clock.now >= self._heals_at else Link.SILENT

    @contextlib.contextmanager
    def wanting(self) -> Iterator[None]:
        yield

    def newer_than(self, sequence: int, timeout: float) -> Frame:
        grabbed_at = self._clock.now
        self._clock.now += self._ages.pop(0)
        return Frame(np.zeros((SIZE[1], SIZE[0], 3), np.uint8), sequence + 1, grabbed_at)


def camera_on(clock: WaitedClock, grabber: ScriptedGrabber) -> OpenCvCamera:
    device = OpenCvCamera("face", SETTINGS, clock=clock)
    device._grabber = grabber  # type: ignore[assignment]
    device._size = SIZE
    return device


def call_on(clock: WaitedClock) -> Call:
    return Call("face", clock, clock.now + 5.0)


def test_stall_that_is_over_in_a_moment_is_no_finding() -> None:
    clock = WaitedClock()
    device = camera_on(clock, ScriptedGrabber(clock, clock.now + OPENING_PATIENCE_S - 0.1))
    device._do_check(call_on(clock))


def test_stall_that_lasts_is_found_and_later_looks_do_not_wait() -> None:
    clock = WaitedClock()
    device = camera_on(clock, ScriptedGrabber(clock, clock.now + 60.0))
    started = clock.now
    with pytest.raises(PictureStopped):
        device._do_check(call_on(clock))
    assert clock.now - started == pytest.approx(OPENING_PATIENCE_S, abs=0.05)
    again = clock.now
    with pytest.raises(PictureStopped):
        device._do_check(call_on(clock))
    assert clock.now == again


def test_frame_that_waited_too_long_is_not_captured() -> None:
    clock = WaitedClock()
    late, fresh = OLDEST_FRAME_S + 0.01, OLDEST_FRAME_S - 0.01
    device = camera_on(clock, ScriptedGrabber(clock, 0.0, (late, fresh, late, fresh)))
    assert [frame.sequence for frame in device._fresh_frames(2, call_on(clock))] == [2, 4]


class ScriptedCapture:
    """What OpenCV gives: pictures by number, one every `every_s`, then the end of the stream."""

    def __init__(self, clock: WaitedClock, numbers: list[int], every_s: float) -> None:
        self._clock = clock
        self._numbers = numbers
        self._every_s = every_s

    def grab(self) -> bool:
        self._clock.now += self._every_s
        return bool(self._numbers)

    def retrieve(self, _into: Any) -> tuple[bool, Raw]:
        shape = (SIZE[1], SIZE[0])
        random = np.random.default_rng(self._numbers.pop(0))
        return True, random.integers(40, 200, shape, np.uint8)


def read(numbers: list[int], *, every_s: float, opened_in_s: float) -> tuple[FrameGrabber, bool]:
    """Read a stream to its end; return the grabber and whether a good picture came."""
    clock = WaitedClock()
    memory = Memory()
    random = np.random.default_rng(0)
    shown_before = grey_picture(random.integers(40, 200, (SIZE[1], SIZE[0]), np.uint8))
    assert shown_before is not None
    memory.knows(shown_before)
    grabber = FrameGrabber(
        "face",
        Source(SETTINGS),
        grey_picture,
        lambda _frame: None,
        clock,
        FlightRecorder(clock),
        memory,
        read_timeout_s=0.7,
    )
    grabber._began_at = clock.now
    clock.now += opened_in_s
    capture: Any = ScriptedCapture(clock, numbers, every_s)
    return grabber, grabber._read_until_failure(capture, 0)


def test_slow_opening_and_one_old_picture_are_no_frozen_camera() -> None:
    grabber, had_a_frame = read([0, 1, 2], every_s=0.04, opened_in_s=STALLED_AFTER_S + 0.1)
    assert had_a_frame
    assert grabber.sequence == 2
    assert grabber.counters.repeated == 1


def test_same_picture_for_a_second_is_a_frozen_camera() -> None:
    grabber, had_a_frame = read([0] * 60, every_s=0.04, opened_in_s=0.0)
    assert not had_a_frame
    assert grabber.link is Link.FROZEN
    assert grabber.counters.repeated * 0.04 == pytest.approx(STALLED_AFTER_S, abs=0.1)

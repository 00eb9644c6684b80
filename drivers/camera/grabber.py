"""The thread that owns a VideoCapture: it alone opens, grabs, retrieves and releases it.

Everything that goes wrong ends the capture object: after the first failed read OpenCV never
recovers, although `isOpened()` stays True. The thread then waits (0.1 s, doubled up to 2 s from
one beginning to the next) and opens anew, until it is stopped.
"""

from __future__ import annotations

import atexit
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakSet

from drivers.api import LatestFrame
from drivers.camera.freshness import Memory
from drivers.camera.link import Link, SourceUnavailable
from drivers.camera.pace import Pace, StreamCounters
from drivers.camera.pictures import Picture, Raw
from drivers.camera.source import Source
from drivers.clock import Clock
from drivers.recorder import FlightRecorder
from drivers.values import Frame

if TYPE_CHECKING:
    import cv2

log = logging.getLogger(__name__)

THREAD_PREFIX: Final = "grab-"
FIRST_PAUSE_S: Final = 0.1
LONGEST_PAUSE_S: Final = 2.0
STALLED_AFTER_S: Final = 0.9
"""No new whole picture for so long is a stall, also when the same bytes keep coming (own)."""

STALL_SHARE: Final = 0.9
"""A stream that failed sooner than this share of the read time-out was ended by the camera."""
SAME_AGAIN: Final = "the same picture comes again and again"

JOIN_AT_EXIT_S: Final = 2.0
"""The end of the program waits so long for all grab threads together."""

_started: WeakSet[FrameGrabber] = WeakSet()


class FrameGrabber:
    """Keeps the newest frame of one camera; nothing is ever queued.

    Pictures are decoded only while a preview runs or somebody waits inside `wanting`; otherwise
    they are compared with those before and dropped. `memory` is what the camera sent before, also
    over an earlier connection.
    """

    def __init__(
        self,
        name: str,
        source: Source,
        unpack: Callable[[Raw], Picture | None],
        publish: Callable[[Frame], None],
        clock: Clock,
        recorder: FlightRecorder,
        memory: Memory,
        *,
        read_timeout_s: float,
        first_sequence: int = 1,
    ) -> None:
        self._source = source
        self._unpack = unpack
        self._publish = publish
        self._clock = clock
        self._recorder = recorder
        self._stop = threading.Event()
        self._hurry = threading.Event()
        self._gate = threading.Lock()
        self._read_timeout_s = read_timeout_s
        self._is_previewing = False
        self._is_wanted = False
        self._cell = LatestFrame()
        self._thread = threading.Thread(target=self._run, name=THREAD_PREFIX + name, daemon=True)
        # from here on written by the grab thread only
        self._memory = memory
        self._sequence = first_sequence - 1
        self._link = Link.OPENING
        self._reason = "the camera is being opened"
        self._fell_at = clock.monotonic()
        self._control = ""
        self._facts: dict[str, float] = {}
        self._size = (0, 0)
        self._opened = 0
        self._began_at = 0.0
        self._counters = StreamCounters()
        self._pace = Pace()

    @property
    def link(self) -> Link:
        """State of the line now."""
        return self._link

    @property
    def reason(self) -> str:
        """Why no picture comes."""
        return self._reason

    @property
    def fell_at(self) -> float:
        """When the link became what it is, unless it is streaming; monotonic seconds."""
        return self._fell_at

    @property
    def control(self) -> str:
        """The control that the camera refused, if it did."""
        return self._control

    @property
    def sequence(self) -> int:
        """Number of the newest whole frame, decoded or not."""
        return self._sequence

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the newest whole frame in pixels, (0, 0) before the first."""
        return self._size

    @property
    def facts(self) -> dict[str, float]:
        """What a V4L2 camera answered when its properties were read back."""
        return dict(self._facts)

    @property
    def counters(self) -> StreamCounters:
        """What came over the line so far."""
        return replace(self._counters, reopened=max(0, self._opened - 1))

    @property
    def fps(self) -> float:
        """Measured frames per second of the present opening."""
        return self._pace.fps

    def start(self) -> None:
        """Start the thread; a grabber runs once."""
        _started.add(self)
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end; from now on nothing is published. Does not wait."""
        self._stop.set()
        self._hurry.set()
        self.preview(False)

    def join(self, timeout: float) -> bool:
        """Wait for the end of the thread; return whether it ended."""
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def preview(self, on: bool) -> None:
        """Publish every frame or none; after switching off none is on its way."""
        with self._gate:
            self._is_previewing = on

    @contextmanager
    def wanting(self) -> Iterator[None]:
        """Have frames decoded for `newer_than`; the last one is forgotten at the end.

        A thread that waits before the next opening does not wait any longer.
        """
        with self._gate:
            self._is_wanted = True
        if self._link not in (Link.STREAMING, Link.OPENING):
            self._hurry.set()
        try:
            yield
        finally:
            with self._gate:
                self._is_wanted = False
                self._cell.clear()

    def newer_than(self, sequence: int, timeout: float) -> Frame | None:
        """Wait up to `timeout` seconds for a decoded frame with a greater number."""
        return self._cell.newer_than(sequence, timeout)

    def _run(self) -> None:
        pause = FIRST_PAUSE_S
        while not self._stop.is_set():
            self._hurry.clear()
            self._began_at = self._clock.monotonic()
            try:
                had_a_frame = self._stream_once()
            except Exception as error:  # the border of the thread: the camera is tried again
                log.exception("grab thread failed")
                had_a_frame = False
                self._fall(Link.GONE, f"unexpected {type(error).__name__}")
            if had_a_frame:
                pause = FIRST_PAUSE_S
            spent = self._clock.monotonic() - self._began_at
            self._wait(max(FIRST_PAUSE_S, pause - spent))
            pause = min(2 * pause, LONGEST_PAUSE_S)

    def _wait(self, seconds: float) -> None:
        if self._stop.is_set():
            return
        self._clock.wait(self._hurry, seconds)

    def _stream_once(self) -> bool:
        """Open, read until the first failure, release; return whether a good frame came."""
        try:
            self._source.look()
            if self._stop.is_set():
                return False
            source = self._source.open()
        except SourceUnavailable as error:
            self._control = error.control
            self._fall(error.link, str(error))
            return False
        try:
            self._opened += 1
            self._facts = source.facts
            self._pace = Pace()
            self._recorder.note(f"stream opened, number {self._opened}")
            return self._read_until_failure(source.capture, source.settle_frames)
        finally:
            source.capture.release()

    def _read_until_failure(self, capture: cv2.VideoCapture, settle_frames: int) -> bool:
        had_a_frame = False
        # not since the opening began: a slow opening and one old picture are no stall
        renewed_at = self._clock.monotonic()
        raw: Any = None
        garbled = self._counters.garbled
        while not self._stop.is_set():
            if not capture.grab():
                waited = self._clock.monotonic() - renewed_at
                self._fall_at_the_end(waited, had_a_frame)
                break
            grabbed_at = self._clock.monotonic()
            self._counters.missing += self._pace.arrived(grabbed_at)
            # into the array of the last one: a fresh one each time costs more than the copying
            is_there, raw = capture.retrieve(raw)
            if not is_there or raw is None:
                self._fall(Link.SILENT, "a frame could not be read")
                break
            if settle_frames > 0:
                settle_frames -= 1
            elif self._take(self._unpack(raw), grabbed_at):
                had_a_frame = True
                renewed_at, garbled = grabbed_at, self._counters.garbled
            elif grabbed_at - renewed_at > STALLED_AFTER_S:
                self._fall_without_news(self._counters.garbled - garbled)
                break
        return had_a_frame

    def _take(self, picture: Picture | None, grabbed_at: float) -> bool:
        """Hand out one picture; return whether it is whole and new."""
        if picture is None:
            self._counters.garbled += 1
            return False
        if self._memory.knows(picture):
            self._counters.repeated += 1
            return False
        if self._is_previewing or self._is_wanted:
            image = picture.decode()
            if image is None:
                self._counters.garbled += 1
                return False
            self._hand_out(Frame(image, self._sequence + 1, grabbed_at, picture.original))
        self._size = picture.size
        self._sequence += 1
        self._counters.frames += 1
        self._link = Link.STREAMING
        return True

    def _hand_out(self, frame: Frame) -> None:
        with self._gate:
            if self._stop.is_set():
                return
            if self._is_wanted:
                self._cell.put(frame)
            if self._is_previewing:
                self._publish(frame)

    def _fall_at_the_end(self, waited: float, had_a_frame: bool) -> None:
        """Say what the end of a stream means, `waited` seconds after its last good picture."""
        if waited > STALL_SHARE * self._read_timeout_s:
            self._fall(Link.SILENT, "the stream stalled")
        elif had_a_frame:  # the next opening tells whether the camera is still there
            self._fall(Link.OPENING, "the stream ended and is opened anew")
        else:
            self._fall(Link.BROKEN, "every stream ends before its first whole picture")

    def _fall_without_news(self, garbled: int) -> None:
        if garbled > 0:
            self._fall(Link.BROKEN, "only pictures come that are not whole")
        else:
            self._fall(Link.FROZEN, SAME_AGAIN)

    def _fall(self, link: Link, reason: str) -> None:
        if (link, reason) != (self._link, self._reason):
            self._recorder.note(f"{link}: {reason}")
        if link is not self._link:
            self._fell_at = self._clock.monotonic()
        self._link, self._reason = link, reason


@atexit.register
def join_all() -> None:
    """End every grab thread while the interpreter still lives; waits `JOIN_AT_EXIT_S` at most.

    An ending interpreter ends a daemon thread where it next asks for Python, which unwinds
    OpenCV's C++ frames under it and aborts the process (SIGABRT instead of the exit status).
    """
    deadline = time.monotonic() + JOIN_AT_EXIT_S
    grabbers = tuple(_started)
    for grabber in grabbers:
        grabber.stop()
    for grabber in grabbers:
        grabber.join(max(0.0, deadline - time.monotonic()))

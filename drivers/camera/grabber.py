"""The thread that owns a VideoCapture: it alone opens, grabs, retrieves and releases it.

Everything that goes wrong ends the capture object: after the first failed read OpenCV never
recovers, although `isOpened()` stays True. The thread then waits (0.1 s, doubled up to 2 s) and
opens anew, until it is stopped.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from drivers.api import LatestFrame
from drivers.camera.jpeg import decode_jpeg, is_whole_jpeg
from drivers.camera.source import OpenSource, SourceUnavailable
from drivers.clock import Clock
from drivers.recorder import FlightRecorder
from drivers.values import Frame

if TYPE_CHECKING:
    import cv2

log = logging.getLogger(__name__)

THREAD_PREFIX: Final = "grab-"
FIRST_PAUSE_S: Final = 0.1
LONGEST_PAUSE_S: Final = 2.0
STALLED_AFTER_S: Final = 1.0
"""No new whole picture for so long is a stall, also when the same bytes keep coming (own)."""

_RATE_WINDOW = 31


class Link(StrEnum):
    """What is known about the camera's end of the line."""

    OPENING = "opening"
    STREAMING = "streaming"
    SILENT = "silent"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class StreamCounters:
    """What came over the line since the camera was connected.

    `frames` were whole and differed from the one before; `repeated` were equal to it byte for byte;
    `garbled` were no whole JPEG; `fps` is measured over the last 31 whole frames, 0 before the
    second one. A stream's own statement of its rate is always 25.
    """

    frames: int
    repeated: int
    garbled: int
    reopened: int
    fps: float


class FrameGrabber:
    """Keeps the newest frame of one camera; nothing is ever queued.

    JPEG is decoded only while a preview runs or somebody waits inside `wanting`.
    """

    def __init__(
        self,
        name: str,
        open_source: Callable[[], OpenSource],
        publish: Callable[[Frame], None],
        clock: Clock,
        recorder: FlightRecorder,
        *,
        first_sequence: int = 1,
    ) -> None:
        self._open_source = open_source
        self._publish = publish
        self._clock = clock
        self._recorder = recorder
        self._stop = threading.Event()
        self._gate = threading.Lock()
        self._is_previewing = False
        self._is_wanted = False
        self._cell = LatestFrame()
        self._thread = threading.Thread(target=self._run, name=THREAD_PREFIX + name, daemon=True)
        # from here on written by the grab thread only
        self._sequence = first_sequence - 1
        self._link = Link.OPENING
        self._reason = "the camera is being opened"
        self._facts: dict[str, float] = {}
        self._opened = self._frames = self._repeated = self._garbled = 0
        self._arrivals: deque[float] = deque(maxlen=_RATE_WINDOW)
        self._last = b""

    @property
    def link(self) -> Link:
        """State of the line now."""
        return self._link

    @property
    def reason(self) -> str:
        """Why the line is silent or gone."""
        return self._reason

    @property
    def sequence(self) -> int:
        """Number of the newest whole frame, decoded or not."""
        return self._sequence

    @property
    def facts(self) -> dict[str, float]:
        """What a V4L2 camera answered when its properties were read back."""
        return dict(self._facts)

    @property
    def counters(self) -> StreamCounters:
        """What came over the line so far."""
        stamps = tuple(self._arrivals)
        span = stamps[-1] - stamps[0] if len(stamps) > 1 else 0.0
        return StreamCounters(
            frames=self._frames,
            repeated=self._repeated,
            garbled=self._garbled,
            reopened=max(0, self._opened - 1),
            fps=(len(stamps) - 1) / span if span > 0 else 0.0,
        )

    def start(self) -> None:
        """Start the thread; a grabber runs once."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end; from now on nothing is published. Does not wait."""
        self._stop.set()
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
        """Have frames decoded for `newer_than`; the last one is forgotten at the end."""
        with self._gate:
            self._is_wanted = True
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
            try:
                had_a_frame = self._stream_once()
            except Exception as error:  # the border of the thread: the camera is tried again
                log.exception("grab thread failed")
                had_a_frame = False
                self._fall(Link.GONE, f"unexpected {type(error).__name__}")
            if had_a_frame:
                pause = FIRST_PAUSE_S
            self._clock.wait(self._stop, pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)
        self._last = b""

    def _stream_once(self) -> bool:
        """Open, read until the first failure, release; return whether a good frame came."""
        try:
            source = self._open_source()
        except SourceUnavailable as error:
            self._fall(Link.SILENT if error.is_silent else Link.GONE, str(error))
            return False
        try:
            self._opened += 1
            self._facts = source.facts
            self._arrivals.clear()
            self._recorder.note(f"stream opened, number {self._opened}")
            return self._read_until_failure(source.capture, source.settle_frames)
        finally:
            source.capture.release()

    def _read_until_failure(self, capture: cv2.VideoCapture, settle_frames: int) -> bool:
        had_a_frame = False
        renewed_at = self._clock.monotonic()
        while not self._stop.is_set():
            if not capture.grab():
                self._fall(Link.SILENT, "the stream ended or stalled")
                break
            grabbed_at = self._clock.monotonic()
            is_there, raw = capture.retrieve()
            if not is_there:
                self._fall(Link.SILENT, "a frame could not be read")
                break
            if settle_frames > 0:
                settle_frames -= 1
            elif self._take(raw.tobytes(), grabbed_at):
                had_a_frame = True
                renewed_at = grabbed_at
            elif grabbed_at - renewed_at > STALLED_AFTER_S:
                self._fall(Link.SILENT, "no new whole picture comes, only old or broken ones")
                break
        return had_a_frame

    def _take(self, data: bytes, grabbed_at: float) -> bool:
        """Hand out one picture; return whether it is whole and new."""
        if not is_whole_jpeg(data):
            self._garbled += 1
            return False
        self._arrivals.append(grabbed_at)
        if data == self._last:
            # a live sensor has noise: equal bytes are an old picture sent again
            self._repeated += 1
            return False
        self._last = data
        if self._is_previewing or self._is_wanted:
            image = decode_jpeg(data)
            if image is None:
                self._garbled += 1
                return False
            self._hand_out(Frame(image, self._sequence + 1, grabbed_at, data))
        self._sequence += 1
        self._frames += 1
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

    def _fall(self, link: Link, reason: str) -> None:
        if (link, reason) != (self._link, self._reason):
            self._recorder.note(f"{link}: {reason}")
        self._link, self._reason = link, reason

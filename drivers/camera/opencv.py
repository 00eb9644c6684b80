"""The face camera at the desk, a network stream or a V4L2 device, through OpenCV."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from typing import ClassVar, Final

from drivers.api import Call, CaptureRequest, FaceCamera, FaceRequest
from drivers.camera.grabber import FrameGrabber, Link
from drivers.camera.jpeg import sharpness
from drivers.camera.settings import OpenCvSettings
from drivers.camera.source import open_source
from drivers.clock import Clock
from drivers.device import DeviceSettings
from drivers.errors import (
    ConnectFailed,
    DeviceError,
    DeviceTimeout,
    Disconnected,
    NotConnected,
    ProtocolError,
    Unsupported,
)
from drivers.recorder import Direction
from drivers.values import Capture, DeviceInfo, DeviceRecord, Frame, Sample, Score, SelfTest

OLDEST_FRAME_S: Final = 0.2
"""A frame that waited longer is not captured: the resident has moved on (own)."""

LARGEST_BURST: Final = 64
SELF_TEST_FRAMES: Final = 10
LEAST_RATE_SHARE: Final = 0.8
"""The self-test fails below this share of the configured frames per second (own)."""

_POLL_S = 0.05
_SILENCE_S: Final = 4.0
"""A camera that is there and silent gets a second opening: some wake up slowly."""
_JOIN_S = 1.9  # the longest opening with its probe takes 1.75 s; `close` waits 2 s


class OpenCvCamera(FaceCamera):
    """A colour camera that sends JPEG; its own bytes are kept beside every picture.

    The grab thread lives from `connect` to `close` and reopens a failed stream by itself, so a
    short fault costs the operator nothing. While neither a preview nor a capture runs, the frames
    are read and dropped undecoded. A verb that got no frame until its deadline raises
    `DeviceTimeout` when the camera still accepts (a stall), `ProtocolError` when only broken
    pictures came, and `Disconnected` when it cannot be opened. The V4L2 path has not been run on
    hardware by the test suite.
    """

    Settings: ClassVar[type[DeviceSettings]] = OpenCvSettings

    def __init__(self, name: str, settings: DeviceSettings, *, clock: Clock | None = None) -> None:
        super().__init__(name, settings, clock=clock)
        if not isinstance(settings, OpenCvSettings):
            raise TypeError(f"{name}: settings must be {OpenCvSettings.__qualname__}")
        self._settings = settings
        self._grabber: FrameGrabber | None = None
        self._sequence = 0
        self._size = (0, 0)  # width, height

    def _do_connect(self, call: Call) -> DeviceInfo:
        grabber = FrameGrabber(
            self.name,
            partial(open_source, self._settings),
            self._frames.put,
            self.clock,
            self.recorder,
            first_sequence=self._sequence + 1,
        )
        with ExitStack() as undo:
            undo.callback(grabber.stop)  # not joined: an opening may outlive our deadline
            grabber.start()
            height, width = self._first_frame(grabber, call).image.shape[:2]
            self._size = self._expected_size or (width, height)
            if (width, height) != self._size:
                raise ConnectFailed(self.name, self._wrong_size(width, height))
            undo.pop_all()
        self._grabber = grabber
        self.recorder.note(f"pictures of {width} x {height}")
        model, serial = self._settings.identity
        capabilities = frozenset({"preview", "original-bytes"})
        return DeviceInfo(self.kind, "opencv", model, serial, "", capabilities)

    def _first_frame(self, grabber: FrameGrabber, call: Call) -> Frame:
        patience = self.clock.monotonic() + _SILENCE_S
        with grabber.wanting():
            while (frame := grabber.newer_than(self._sequence, _POLL_S)) is None:
                silent = grabber.link is Link.SILENT and self.clock.monotonic() > patience
                if silent or grabber.link is Link.GONE:
                    raise ConnectFailed(self.name, grabber.reason)
                call.check()
        return frame

    @property
    def _expected_size(self) -> tuple[int, int] | None:
        size = (self._settings.width, self._settings.height)
        return size if all(size) else None

    def _wrong_size(self, width: int, height: int) -> str:
        return f"picture of {width} x {height}, expected {self._size[0]} x {self._size[1]}"

    def _do_close(self) -> None:
        grabber, self._grabber = self._grabber, None
        if grabber is None:
            return
        grabber.stop()
        if not grabber.join(_JOIN_S):
            self.recorder.note("the grab thread still waits for the camera; abandoned")
        self._sequence = max(self._sequence, grabber.sequence)
        self._frames.clear()

    def _do_start_preview(self, request: CaptureRequest, call: Call) -> None:
        if not isinstance(request, FaceRequest):
            raise Unsupported(self.name, f"cannot preview for {type(request).__name__}")
        self._running().preview(True)

    def _do_stop_preview(self, call: Call) -> None:
        self._running().preview(False)

    def _do_capture(self, request: FaceRequest, call: Call) -> Capture:
        if not 1 <= request.burst <= LARGEST_BURST:
            raise Unsupported(self.name, f"a burst of {request.burst} frames")
        started_at, started = self.clock.utc_now(), self.clock.monotonic()
        best: tuple[Score, Frame] | None = None
        for frame in self._fresh_frames(request.burst, call):
            score = sharpness(frame.image)
            if best is None or score.value > best[0].value:
                best = score, frame
        if best is None:
            raise DeviceTimeout(self.name)
        score, frame = best
        original = frame.original or b""
        self.recorder.payload(Direction.RECEIVED, "jpeg", original)
        record = DeviceRecord("JPEG", original, "JPEG", original)
        return Capture(
            samples=(Sample(None, frame.image, record=record, scores=(score,)),),
            device=self.info,
            started_at=started_at,
            captured_at=started_at + timedelta(seconds=frame.grabbed_at - started),
        )

    def _do_check(self, call: Call) -> None:
        grabber = self._running()
        if grabber.link is Link.GONE:
            raise self._why_no_frame(grabber, grabber.counters.garbled)
        if grabber.link is Link.SILENT:
            raise DeviceTimeout(self.name, grabber.reason)

    def _do_self_test(self, call: Call) -> SelfTest:
        grabber = self._running()
        ages, jpeg_bytes = [], []
        for frame in self._fresh_frames(SELF_TEST_FRAMES, call):
            ages.append(self.clock.monotonic() - frame.grabbed_at)
            jpeg_bytes.append(len(frame.original or b""))
        counters = grabber.counters
        facts: dict[str, str | int | float] = {
            "width_px": self._size[0],
            "height_px": self._size[1],
            "fps_measured": round(counters.fps, 2),
            "frame_age_max_ms": round(max(ages) * 1e3, 1),
            "jpeg_bytes_mean": round(sum(jpeg_bytes) / len(jpeg_bytes)),
            "frames": counters.frames,
            "repeated": counters.repeated,
            "garbled": counters.garbled,
            "reopened": counters.reopened,
            **grabber.facts,
        }
        return SelfTest(counters.fps >= LEAST_RATE_SHARE * self._settings.fps, facts)

    def _running(self) -> FrameGrabber:
        if self._grabber is None:
            raise NotConnected(self.name)
        return self._grabber

    def _fresh_frames(self, count: int, call: Call) -> Iterator[Frame]:
        """Give the next `count` frames of the right size that arrive after this moment."""
        grabber = self._running()
        sequence, garbled = grabber.sequence, grabber.counters.garbled
        started = self.clock.monotonic()
        with grabber.wanting():
            while count > 0:
                frame = grabber.newer_than(sequence, min(_POLL_S, call.remaining))
                if frame is None:
                    if call.remaining <= 0 and not call.cancelled.is_set():
                        raise self._why_no_frame(grabber, garbled)
                    call.check()
                    continue
                call.check()
                sequence = frame.sequence
                is_fresh = self.clock.monotonic() - frame.grabbed_at <= OLDEST_FRAME_S
                if frame.grabbed_at < started or not is_fresh:
                    continue
                height, width = frame.image.shape[:2]
                if (width, height) != self._size:
                    raise ProtocolError(self.name, self._wrong_size(width, height))
                count -= 1
                yield frame

    def _why_no_frame(self, grabber: FrameGrabber, garbled_before: int) -> DeviceError:
        if grabber.link is Link.GONE:
            # a lost device must not come back to life by itself, with its preview running
            grabber.stop()
            return Disconnected(self.name, grabber.reason)
        broken = grabber.counters.garbled - garbled_before
        if broken > 0:
            return ProtocolError(self.name, f"{broken} pictures came, none of them whole")
        return DeviceTimeout(self.name, grabber.reason if grabber.link is Link.SILENT else "")

"""What the face camera and the iris camera have in common: one grab thread and its frames."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import ClassVar, Final

from drivers.api import PreviewingDevice
from drivers.camera.errors import PictureBroken, PictureFrozen
from drivers.camera.freshness import Memory
from drivers.camera.grabber import SAME_AGAIN, FrameGrabber
from drivers.camera.inspection import band_strength, measure_light, torn
from drivers.camera.link import Link, connect_error, verb_error
from drivers.camera.pictures import Picture, Raw
from drivers.camera.settings import CameraSettings
from drivers.camera.source import Source
from drivers.clock import Clock
from drivers.device import Call, DeviceSettings
from drivers.errors import ConnectFailed, DeviceError, NotConnected
from drivers.values import DeviceInfo, Frame, SelfTest

OLDEST_FRAME_S: Final = 0.2
"""A frame that waited longer is not captured: the resident has moved on (own)."""

SELF_TEST_FRAMES: Final = 10
LEAST_RATE_SHARE: Final = 0.8
"""The self-test fails below this share of the configured frames per second (own)."""

STRONGEST_BANDS_PERCENT: Final = 2.0
"""The self-test names bands of lamps from here on (own)."""

GIVES_UP_AFTER_S: Final = 0.5
"""A verb does not wait longer than this for a camera that cannot even be opened (own)."""

LARGEST_BURST: Final = 32
"""Frames of a burst are in memory together: 90 MB at 720p."""

OPENING_PATIENCE_S: Final = 0.7
"""A stream that has just ended or stalled gets so long to come back before an idle look complains
(own): on a loaded machine a stall is often over by then."""

_POLL_S = 0.05
_GLANCE_S = 0.01
_SILENCE_S: Final = 2.5
"""A camera that is there and silent gets a second opening: some wake up slowly."""
_JOIN_S = 1.9  # the longest opening with its probe takes 1.75 s; `close` waits 2 s
_JOIN_AFTER_FAILURE_S: Final = 0.8
"""Less than the grace of a call that was cancelled or whose time is over."""


class StreamingCamera(PreviewingDevice):
    """A camera with a grab thread that lives from `connect` to `close`.

    The thread reopens a failed stream by itself, so a short fault costs the operator nothing. While
    neither a preview nor a capture runs, the frames are read, compared and dropped undecoded. A
    verb that got no frame until its deadline says why: `PictureStopped`, `PictureFrozen`,
    `PictureBroken`; one whose camera cannot be opened any more ends after half a second with
    `Disconnected`, `DeviceBusy` or `ControlRefused`.

    The size of the first connection holds over every later one, unless the configuration names a
    size: a camera that comes back with smaller pictures has lost its set-up.

    A driver names its entry point in `driver` and says in `_unpack` what a picture is.
    """

    driver: ClassVar[str]
    _abilities: ClassVar[frozenset[str]] = frozenset({"preview"})

    def __init__(self, name: str, settings: DeviceSettings, *, clock: Clock | None = None) -> None:
        super().__init__(name, settings, clock=clock)
        if not isinstance(settings, CameraSettings):
            raise TypeError(f"{name}: settings must be {CameraSettings.__qualname__}")
        self._camera = settings
        self._grabber: FrameGrabber | None = None
        self._memory = Memory()
        self._sequence = 0
        self._size = (0, 0)  # width, height

    @property
    @abstractmethod
    def _unpack(self) -> Callable[[Raw], Picture | None]:
        """How a picture is made of what the camera delivers; None for what is no whole picture."""

    def _check_size(self, width: int, height: int) -> None:
        """Raise `ConnectFailed` for a size this driver cannot use."""

    def _do_connect(self, call: Call) -> DeviceInfo:
        grabber = FrameGrabber(
            self.name,
            Source(self._camera),
            self._unpack,
            self._show,
            self.clock,
            self.recorder,
            self._memory,
            read_timeout_s=self._camera.read_timeout_s,
            first_sequence=self._sequence + 1,
        )
        with ExitStack() as undo:
            undo.callback(self._end, grabber, _JOIN_AFTER_FAILURE_S)
            grabber.start()
            height, width = self._first_frame(grabber, call).image.shape[:2]
            self._match_size(width, height)
            undo.pop_all()
        self._grabber = grabber
        for remark in (f"pictures of {width} x {height}", *self._camera.remarks):
            self.recorder.note(remark)
        model, serial = self._camera.identity
        return DeviceInfo(self.kind, self.driver, model, serial, "", self._abilities)

    def _match_size(self, width: int, height: int) -> None:
        """Agree on the size of pictures, or raise what is wrong with this one."""
        was_used = any(self._size)
        expected = self._expected_size or (self._size if was_used else (width, height))
        if (width, height) != expected:
            wrong = _wrong_size((width, height), expected)
            raise (PictureBroken if was_used else ConnectFailed)(self.name, wrong)
        self._check_size(width, height)
        self._size = expected

    def _first_frame(self, grabber: FrameGrabber, call: Call) -> Frame:
        patience = self.clock.monotonic() + _SILENCE_S
        with grabber.wanting():
            while (frame := grabber.newer_than(self._sequence, _POLL_S)) is None:
                link, is_late = grabber.link, self.clock.monotonic() > patience
                is_over = call.remaining <= 0 and not call.cancelled.is_set()
                if is_over and link in (Link.OPENING, Link.STREAMING) and grabber.counters.repeated:
                    raise PictureFrozen(self.name, SAME_AGAIN)
                if link.hopeless or ((is_late or is_over) and link is not Link.OPENING):
                    raise connect_error(self.name, link, grabber.reason, grabber.control)
                call.check()
        return frame

    @property
    def _expected_size(self) -> tuple[int, int] | None:
        size = (self._camera.width, self._camera.height)
        return size if all(size) else None

    def _show(self, frame: Frame) -> None:
        """Publish a picture; one of another size is no picture of this connection."""
        height, width = frame.image.shape[:2]
        if (width, height) == self._size:
            self._frames.put(frame)

    def _do_close(self) -> None:
        grabber, self._grabber = self._grabber, None
        if grabber is None:
            return
        self._end(grabber, _JOIN_S)
        self._sequence = max(self._sequence, grabber.sequence)
        self._frames.clear()

    def _end(self, grabber: FrameGrabber, patience_s: float) -> None:
        """Stop a grab thread and wait for it; what still hangs is joined when the program ends."""
        grabber.stop()
        if not grabber.join(patience_s):
            self.recorder.note("the grab thread still waits for the camera; abandoned")

    def _do_stop_preview(self, call: Call) -> None:
        self._running().preview(False)

    def _do_check(self, call: Call) -> None:
        grabber = self._running()
        patience = self.clock.monotonic() + OPENING_PATIENCE_S
        while self._may_heal(grabber, patience):
            call.sleep(_GLANCE_S)
        if grabber.link is not Link.STREAMING:
            raise self._why(grabber, grabber.link)
        if grabber.size != self._size:
            raise PictureBroken(self.name, _wrong_size(grabber.size, self._size))

    def _may_heal(self, grabber: FrameGrabber, patience: float) -> bool:
        """Whether the stream is being opened anew and may be back in a moment."""
        now = self.clock.monotonic()
        if grabber.link is Link.SILENT:  # counted from the stall: later looks do not wait again
            return now < grabber.fell_at + OPENING_PATIENCE_S
        return grabber.link is Link.OPENING and now < patience

    def _do_self_test(self, call: Call) -> SelfTest:
        grabber = self._running()
        ages, frames = [], []
        for frame in self._fresh_frames(SELF_TEST_FRAMES, call):
            ages.append(self.clock.monotonic() - frame.grabbed_at)
            frames.append(frame)
        counters, fps = grabber.counters, grabber.fps
        facts: dict[str, str | int | float] = {
            "width_px": self._size[0],
            "height_px": self._size[1],
            "fps_measured": round(fps, 2),
            "frame_age_max_ms": round(max(ages) * 1e3, 1),
            "frames": counters.frames,
            "repeated": counters.repeated,
            "garbled": counters.garbled,
            "missing": counters.missing,
            "reopened": counters.reopened,
            **grabber.facts,
        }
        sizes = [len(frame.original) for frame in frames if frame.original is not None]
        if sizes:
            facts["jpeg_bytes_mean"] = round(sum(sizes) / len(sizes))
        looks = self._look_at(frames, facts)
        if self._camera.remarks:
            facts["remark"] = "; ".join(self._camera.remarks)
        return SelfTest(looks and fps >= LEAST_RATE_SHARE * self._camera.fps, facts)

    def _look_at(self, frames: list[Frame], facts: dict[str, str | int | float]) -> bool:
        """Add what the pictures look like; return whether a person could be captured like this."""
        images = [frame.image for frame in frames]
        light, bands, seams = measure_light(images[-1]), band_strength(images), sum(torn(images))
        facts |= {
            "picture": light.verdict,
            "brightness_mean": round(light.mean, 1),
            "bands_percent": round(bands, 2),
            "torn": seams,
        }
        return light.verdict == "usable" and bands < STRONGEST_BANDS_PERCENT and not seams

    def _running(self) -> FrameGrabber:
        if self._grabber is None:
            raise NotConnected(self.name)
        return self._grabber

    def _burst(self, count: int, call: Call) -> list[Frame]:
        """Give the next `count` frames without those that are torn.

        When every frame seems to be torn, something else is wrong: all are given, to be judged.
        """
        frames = list(self._fresh_frames(count, call))
        is_torn = torn([frame.image for frame in frames])
        whole = [frame for frame, bad in zip(frames, is_torn, strict=True) if not bad]
        if len(whole) < len(frames):
            self.recorder.note(f"{len(frames) - len(whole)} of {len(frames)} pictures were torn")
        return whole or frames

    def _fresh_frames(self, count: int, call: Call) -> Iterator[Frame]:
        """Give the next `count` frames of the right size that arrive after this moment."""
        grabber = self._running()
        sequence, before = grabber.sequence, grabber.counters
        started = self.clock.monotonic()
        hopeless_since: float | None = None
        with grabber.wanting():
            while count > 0:
                frame = grabber.newer_than(sequence, min(_POLL_S, call.remaining))
                if frame is None:
                    hopeless_since = self._patience(grabber, hopeless_since)
                    if call.remaining <= 0 and not call.cancelled.is_set():
                        counters = grabber.counters
                        raise self._why_nothing_new(
                            grabber,
                            garbled=counters.garbled - before.garbled,
                            repeated=counters.repeated - before.repeated,
                        )
                    call.check()
                    continue
                call.check()
                sequence, hopeless_since = frame.sequence, None
                is_fresh = self.clock.monotonic() - frame.grabbed_at <= OLDEST_FRAME_S
                if frame.grabbed_at < started or not is_fresh:
                    continue
                height, width = frame.image.shape[:2]
                if (width, height) != self._size:
                    raise PictureBroken(self.name, _wrong_size((width, height), self._size))
                count -= 1
                yield frame

    def _patience(self, grabber: FrameGrabber, since: float | None) -> float | None:
        """Return since when the camera cannot be opened; raises when that is too long."""
        link = grabber.link
        if not link.hopeless:
            return None
        now = self.clock.monotonic()
        if since is not None and now - since > GIVES_UP_AFTER_S:
            raise self._why(grabber, link)
        return now if since is None else since

    def _why_nothing_new(
        self, grabber: FrameGrabber, *, garbled: int, repeated: int
    ) -> DeviceError:
        link = grabber.link
        if link in (Link.STREAMING, Link.OPENING):  # too short for the thread to have called it
            if garbled > 0:
                return PictureBroken(self.name, f"{garbled} pictures came, none of them whole")
            if repeated > 0:
                return PictureFrozen(self.name, SAME_AGAIN)
        return self._why(grabber, link)

    def _why(self, grabber: FrameGrabber, link: Link) -> DeviceError:
        error = verb_error(self.name, link, grabber.reason, grabber.control)
        if not error.device_usable:
            # a lost device must not come back to life by itself, with its preview running
            grabber.stop()
        return error


def _wrong_size(came: tuple[int, int], expected: tuple[int, int]) -> str:
    return f"picture of {came[0]} x {came[1]}, expected {expected[0]} x {expected[1]}"

"""The live picture of an SBI device: multipart JPEG over a connection of its own.

The boundary in the head already carries its dashes, JPEG bytes may contain the boundary, and the
stream ends with a second HTTP head and a JSON text: parts are therefore cut by `Content-Length`
only.
"""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Generator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final, Protocol

from drivers.clock import Clock
from drivers.device import Call
from drivers.errors import Cancelled, DeviceError, DeviceTimeout, ProtocolError
from drivers.recorder import FlightRecorder
from drivers.sbi.answers import error_of
from drivers.sbi.link import PolledSocket, opened, parse_json, read_body
from drivers.sbi.protocol import Target
from drivers.sbi.requests import stream_request
from drivers.sbi.versions import STREAM, Version

STREAM_LIMIT_S: Final = 900.0
"""How long one stream may run: longer than any step at the desk; the interface defaults to 300."""

STALL_S: Final = 2.0
"""A picture that stands still for so long is broken; the interface demands 3 frames a second."""

REOPEN_S: Final = (0.1, 0.25, 0.5, 1.0)
"""Pauses before a broken live picture is opened anew; the last one repeats."""

MAX_FRAME_BYTES: Final = 8 * 1024 * 1024
_MAX_LINE_BYTES: Final = 4096
_MAX_HEAD_LINES: Final = 32
_JPEG_START: Final = b"\xff\xd8"
_JPEG_END: Final = b"\xff\xd9"
_SECOND_HEAD: Final = -1


class LineReader(Protocol):
    """What the parser needs of a response."""

    def readline(self, limit: int = -1, /) -> bytes: ...

    def read(self, amount: int, /) -> bytes: ...


def read_frames(source: LineReader, device: str) -> Generator[bytes, None, bool]:
    """Cut the stream into JPEG pictures until it ends; damaged pictures are left out.

    The generator returns whether the device ended the stream, or False when it broke off.

    Raises:
        ProtocolError: the bytes are no such stream.
    """
    while (length := _part_length(source, device)) is not None:
        if length == _SECOND_HEAD:
            return True
        picture = source.read(length)
        if len(picture) < length:
            return False
        if picture.startswith(_JPEG_START) and picture.endswith(_JPEG_END):
            yield picture
    return False


def _part_length(source: LineReader, device: str) -> int | None:
    """Read one part head and return the length of its picture.

    None is the end of the bytes, `_SECOND_HEAD` the end of the stream as the device announces it.
    """
    length = None
    for _ in range(_MAX_HEAD_LINES):
        line = source.readline(_MAX_LINE_BYTES)
        if not line:
            return None
        if line.startswith(b"HTTP/1."):
            return _SECOND_HEAD
        text = line.strip()
        name, _, value = text.partition(b":")
        if name.strip().lower() == b"content-length":
            length = _number(value, device)
        elif not text and length is not None:
            return length
    raise ProtocolError(device, "part of the live picture without length")


def _number(value: bytes, device: str) -> int:
    digits = value.strip()
    if not digits.isdigit() or len(digits) > 9 or int(digits) > MAX_FRAME_BYTES:
        raise ProtocolError(device, "impossible length in the live picture")
    return int(digits)


@dataclass(frozen=True, slots=True)
class StreamSource:
    """Where a live picture comes from: the device `key` at `port`, and what it looks at."""

    port: int
    version: Version
    key: str
    target: Target


@dataclass(frozen=True, slots=True)
class _Connection:
    """An open stream; `closing` closes it."""

    link: PolledSocket
    response: http.client.HTTPResponse
    closing: ExitStack


class Preview:
    """One live picture and the thread that reads it.

    Every ending, whoever caused it, is told to `on_break`, so that no old picture passes for a live
    one. Afterwards it is opened anew, until `stop`; not during a capture (`hold` to `release`), and
    not any more once a capture has succeeded (`finish`), which is what it was for.
    """

    def __init__(
        self,
        source: StreamSource,
        device: str,
        clock: Clock,
        recorder: FlightRecorder,
        *,
        on_frame: Callable[[bytes], None],
        on_break: Callable[[], None],
    ) -> None:
        self.source = source
        self._device = device
        self._clock = clock
        self._stopped = threading.Event()
        self._recorder = recorder
        self._on_frame = on_frame
        self._on_break = on_break
        self._free = threading.Event()
        self._free.set()
        self._finished = threading.Event()
        self._flowing = False
        self._failures = 0
        self._thread: threading.Thread | None = None

    @property
    def running(self) -> bool:
        """Whether pictures may still come."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def flowing(self) -> bool:
        """Whether the stream is open now: the device looks at its target."""
        return self.running and self._flowing

    def start(self, call: Call) -> None:
        """Open the stream under `call`, then read it on a thread that `stop` ends.

        Raises:
            DeviceError: the device refused, is busy or is gone.
        """
        connection = self._connect(call)
        name = f"device-{call.device}-preview"
        self._thread = threading.Thread(
            target=self._run, args=(connection,), name=name, daemon=True
        )
        self._flowing = True
        self._thread.start()

    def hold(self) -> None:
        """Open nothing anew until `release`."""
        self._free.clear()

    def release(self) -> None:
        """End `hold`: a picture that ended meanwhile is opened anew."""
        self._free.set()

    def finish(self) -> None:
        """Open nothing anew any more; the device ends what still runs."""
        self._finished.set()
        self._free.set()

    def stop(self) -> None:
        """Close the stream and wait for its thread; idempotent."""
        self._stopped.set()
        self._free.set()
        if self._thread is not None:
            self._thread.join(1.0)

    def _connect(self, call: Call) -> _Connection:
        source = self.source
        request = stream_request(
            source.version, source.key, source.target, int(STREAM_LIMIT_S * 1000)
        )
        with ExitStack() as stack:
            opening = opened(source.port, STREAM, request, call, self._recorder)
            link, response = stack.enter_context(opening)
            if response.status != http.client.OK:
                raise ProtocolError(call.device, f"STREAM answered by HTTP {response.status}")
            if not (response.getheader("Content-Type") or "").startswith("multipart/"):
                answer = parse_json(read_body(response, call.device), call.device)
                raise error_of(answer, call.device)
            return _Connection(link, response, stack.pop_all())

    def _run(self, connection: _Connection | None) -> None:
        while connection is not None:
            self._flowing = True
            told = self._read(connection)
            self._flowing = False
            self._recorder.note(f"live picture {told}")
            self._on_break()
            connection = self._connect_again()

    def _read(self, connection: _Connection) -> str:
        """Read until the stream ends, and say how; a frame renews the patience with the next."""
        ends_at = self._clock.monotonic() + STREAM_LIMIT_S
        patience = self._limited(STALL_S)
        connection.link.call = patience
        try:
            with connection.closing:
                frames = read_frames(connection.response, self._device)
                while True:
                    picture = next(frames)
                    patience.deadline = min(ends_at, self._clock.monotonic() + STALL_S)
                    self._failures = 0
                    self._on_frame(picture)
        except StopIteration as end:
            return "ended by the device" if end.value else "broken: broke off"
        except Cancelled:
            return "stopped"
        except DeviceTimeout:
            if self._clock.monotonic() >= ends_at:
                return f"ended after {STREAM_LIMIT_S:g} s"
            return f"broken: stood still for {STALL_S:g} s"
        except DeviceError as error:
            return f"broken: {error.code} {error.detail}"

    def _limited(self, seconds: float) -> Call:
        """Return the limits of something that may take `seconds` and that `stop` ends."""
        until = self._clock.monotonic() + seconds
        return Call(self._device, self._clock, until, self._stopped)

    def _connect_again(self) -> _Connection | None:
        """Try until it works; None when nobody wants the picture any more."""
        while not self._stopped.is_set():
            pause = REOPEN_S[min(self._failures, len(REOPEN_S) - 1)]
            self._clock.wait(self._stopped, pause)
            self._free.wait()
            if self._finished.is_set() or self._stopped.is_set():
                return None
            self._failures += 1
            try:
                return self._connect(self._limited(STALL_S))
            except Cancelled:
                return None
            except DeviceError as error:
                self._recorder.note(f"live picture refused: {error.code} {error.detail}")
        return None

"""The live picture of an SBI device: multipart JPEG over a connection of its own.

The boundary in the head already carries its dashes, JPEG bytes may contain the boundary, and the
stream ends with a second HTTP head and a JSON text: parts are therefore cut by `Content-Length`
only.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import ExitStack
from typing import Final, Protocol

from drivers.clock import Clock
from drivers.device import Call
from drivers.errors import Cancelled, DeviceError, DeviceTimeout, ProtocolError
from drivers.recorder import FlightRecorder
from drivers.sbi.answers import error_of
from drivers.sbi.link import opened, parse_json, read_body
from drivers.sbi.protocol import STREAM, Target

STREAM_LIMIT_S: Final = 900.0
"""How long one stream may run: longer than any step at the desk; the interface defaults to 300."""

MAX_FRAME_BYTES: Final = 8 * 1024 * 1024
_MAX_LINE_BYTES: Final = 4096
_MAX_HEAD_LINES: Final = 32
_JPEG_START: Final = b"\xff\xd8"
_JPEG_END: Final = b"\xff\xd9"


class LineReader(Protocol):
    """What the parser needs of a response."""

    def readline(self, limit: int = -1, /) -> bytes: ...

    def read(self, amount: int, /) -> bytes: ...


def read_frames(source: LineReader, device: str) -> Generator[bytes, None, None]:
    """Cut the stream into JPEG pictures until it ends; damaged pictures are left out.

    Raises:
        ProtocolError: the bytes are no such stream.
    """
    while (length := _part_length(source, device)) is not None:
        picture = source.read(length)
        if len(picture) < length:
            return
        if picture.startswith(_JPEG_START) and picture.endswith(_JPEG_END):
            yield picture


def _part_length(source: LineReader, device: str) -> int | None:
    """Read one part head; return the length of its picture, or None at the end of the stream."""
    length = None
    for _ in range(_MAX_HEAD_LINES):
        line = source.readline(_MAX_LINE_BYTES)
        if not line or line.startswith(b"HTTP/1."):
            return None
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


class Preview:
    """One running stream and the thread that reads it."""

    def __init__(self, target: Target, device: str, clock: Clock, recorder: FlightRecorder) -> None:
        self.target = target
        self._call = Call(device, clock, clock.monotonic() + STREAM_LIMIT_S)
        self._recorder = recorder
        self._open = ExitStack()
        self._thread: threading.Thread | None = None

    @property
    def running(self) -> bool:
        """Whether pictures may still come."""
        return self._thread is not None and self._thread.is_alive()

    def start(
        self, port: int, device_id: str, call: Call, on_frame: Callable[[bytes], None]
    ) -> None:
        """Open the stream under `call`, then read it on a thread that `stop` ends.

        Raises:
            DeviceError: the device refused, is busy or is gone.
        """
        request = {
            "deviceId": device_id,
            "deviceSubId": self.target.sub_id,
            "timeout": str(int(STREAM_LIMIT_S * 1000)),
        }
        with ExitStack() as stack:
            opening = opened(port, STREAM, request, call, self._recorder)
            link, response = stack.enter_context(opening)
            if not (response.getheader("Content-Type") or "").startswith("multipart/"):
                answer = parse_json(read_body(response, call.device), call.device)
                raise error_of(answer, call.device)
            link.call = self._call
            self._open = stack.pop_all()
        name = f"device-{call.device}-preview"
        self._thread = threading.Thread(
            target=self._read, args=(response, on_frame), name=name, daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Close the stream and wait for its thread; idempotent."""
        self._call.cancelled.set()
        if self._thread is not None:
            self._thread.join(1.0)

    def _read(self, response: LineReader, on_frame: Callable[[bytes], None]) -> None:
        ending = "ended by the device"
        try:
            with self._open:
                for picture in read_frames(response, self._call.device):
                    self._call.check()
                    on_frame(picture)
        except (Cancelled, DeviceTimeout):
            ending = "stopped"
        except DeviceError as error:
            ending = f"broken: {error.code} {error.detail}"
        self._recorder.note(f"live picture {ending}")

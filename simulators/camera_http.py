"""HTTP as a network camera speaks it: one endless answer a stream, and what can go wrong in it."""

from __future__ import annotations

import socket
import socketserver
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Final, cast

from simulators.camera_faults import CameraFault
from simulators.camera_feed import Feed, Part
from simulators.injection import Injector

SLOW_OPEN_S: Final = 1.2
TRICKLE_BYTES: Final = 256
TRICKLE_PAUSE_S: Final = 0.05

CUTS: Final = frozenset(
    {
        CameraFault.CLOSING,
        CameraFault.REFUSING,
        CameraFault.SLOW_OPEN,
        CameraFault.ENDLESS_HEADER,
        CameraFault.WRONG_CONTENT,
    }
)
"""Faults that end the streams that run when they begin."""

_LOG_IN_PAGE = b"<!doctype html><title>Camera</title><form>Name <input> Password <input></form>"
_WRITE_TIMEOUT_S = 2.0


@dataclass(frozen=True, slots=True)
class Stream:
    """What is served below one path."""

    feed: Feed
    content_type: str
    header: Callable[[tuple[int, int]], bytes]
    framed: Callable[[Part], bytes]
    is_sized: bool
    """Whether the header says the size, so that another size needs another connection."""


def mjpeg(feed: Feed) -> Stream:
    """Serve JPEG as parts of an endless multipart answer."""

    def framed(part: Part) -> bytes:
        size = len(part.data)
        head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {size}\r\n\r\n"
        return head.encode() + part.data + b"\r\n"

    kind = "multipart/x-mixed-replace; boundary=frame"
    return Stream(feed, kind, lambda _: b"", framed, is_sized=False)


def y4m(feed: Feed, fps: float) -> Stream:
    """Serve grey pictures without losses, as YUV4MPEG2 with the colour space "mono"."""

    def header(size: tuple[int, int]) -> bytes:
        return f"YUV4MPEG2 W{size[0]} H{size[1]} F{round(fps)}:1 Ip A1:1 Cmono\n".encode()

    def framed(part: Part) -> bytes:
        return b"FRAME\n" + part.data

    return Stream(feed, "video/x-yuv4mpeg", header, framed, is_sized=True)


class StreamServer(socketserver.ThreadingTCPServer):
    """Threads of viewers are joined by `server_close`; `hang_up` makes them end at once."""

    allow_reuse_address = True
    daemon_threads = False

    def __init__(
        self, streams: Mapping[str, Stream], faults: Injector[CameraFault], port: int
    ) -> None:
        self.streams = streams
        self.faults = faults
        self.ended = threading.Event()
        self._ready_at = 0.0
        self._links: set[socket.socket] = set()
        self._links_lock = threading.Lock()
        super().__init__(("127.0.0.1", port), _StreamHandler)

    def boot(self) -> None:
        """Wait until a camera that starts anew is ready to answer."""
        while CameraFault.SLOW_OPEN in self.faults and time.monotonic() < self._ready_at:
            self.ended.wait(0.02)

    def remember(self, link: socket.socket, *, is_open: bool) -> None:
        """Keep a connection until it ends by itself."""
        with self._links_lock:
            (self._links.add if is_open else self._links.discard)(link)
            is_late = is_open and self.ended.is_set()
        if is_late:
            link.shutdown(socket.SHUT_RDWR)

    def cut(self) -> None:
        """End the connections that are open now; new ones are taken."""
        self._ready_at = time.monotonic() + SLOW_OPEN_S
        with self._links_lock:
            for link in self._links:
                with suppress(OSError):
                    link.shutdown(socket.SHUT_RDWR)

    def hang_up(self) -> None:
        """End all connections, and those that still come."""
        self.ended.set()
        self.cut()


class _StreamHandler(BaseHTTPRequestHandler):
    timeout = _WRITE_TIMEOUT_S
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self._server.remember(self.connection, is_open=True)

    def finish(self) -> None:
        self._server.remember(self.connection, is_open=False)
        with suppress(OSError):
            super().finish()

    @property
    def _server(self) -> StreamServer:
        return cast(StreamServer, self.server)

    def handle(self) -> None:
        with suppress(OSError):  # the viewer hung up, reads nothing, or the cable was pulled
            super().handle()

    def log_message(self, *_: object) -> None:
        return

    def do_GET(self) -> None:
        faults = self._server.faults
        stream = self._server.streams.get(self.path)
        self._server.boot()
        if stream is None:
            self._answer(HTTPStatus.NOT_FOUND, "text/plain", b"no such path\n")
        elif CameraFault.REFUSING in faults:
            self._answer(HTTPStatus.SERVICE_UNAVAILABLE, "text/plain", b"refusing\n")
        elif CameraFault.WRONG_CONTENT in faults:
            self._answer(HTTPStatus.OK, "text/html", _LOG_IN_PAGE)
        else:
            self._stream(stream)

    def _answer(self, status: HTTPStatus, kind: str, data: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _stream(self, stream: Stream) -> None:
        feed = stream.feed
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", stream.content_type)
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        size = feed.size() if stream.is_sized else (0, 0)
        number = feed.number  # begin with a picture that was taken for this viewer
        feed.watch(1)
        try:
            self.wfile.write(stream.header(size))
            while (part := feed.next_part(number)) is not None:
                number = part.number
                if stream.is_sized and part.size != size:
                    return
                if not self._send(stream.framed(part)):
                    return
        finally:
            feed.watch(-1)

    def _send(self, data: bytes) -> bool:
        """Send one picture as the faults allow; return whether the stream goes on."""
        faults, ended = self._server.faults, self._server.ended
        if CameraFault.ENDLESS_HEADER in faults:
            self.wfile.write(data[: data.find(b"\n") + 1])
            while CameraFault.ENDLESS_HEADER in faults and not ended.wait(TRICKLE_PAUSE_S):
                self.wfile.write(b"X-Padding: " + b"x" * TRICKLE_BYTES + b"\r\n")
            return False
        if CameraFault.TRUNCATED in faults:
            self.wfile.write(data[: len(data) // 2])
            return False
        if CameraFault.SLOW not in faults:
            self.wfile.write(data)
            return True
        for at in range(0, len(data), TRICKLE_BYTES):
            if CameraFault.SLOW not in faults:
                self.wfile.write(data[at:])
                break
            self.wfile.write(data[at : at + TRICKLE_BYTES])
            ended.wait(TRICKLE_PAUSE_S)
        return True

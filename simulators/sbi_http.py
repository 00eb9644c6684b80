"""The wire of a simulated SBI service: HTTP with its own verbs, and everything that breaks there.

Wire-exact in what clients stumble over: custom verbs, four stray bytes behind each body, a live
picture under an HTTP/1.0 head with its dashes in the boundary and a second head at its end.
"""

from __future__ import annotations

import json
import select
import socket
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import numpy as np

from drivers.sbi.protocol import HOST
from drivers.sbi.versions import V095, V10, Version
from simulators.sbi_admin import turn
from simulators.sbi_answers import Json, error
from simulators.sbi_devices import OpenStream, SbiDeviceModel, announce, live_picture
from simulators.sbi_faults import SbiFault
from simulators.sbi_records import preview_jpeg
from simulators.sbi_requests import Refusal
from simulators.sbi_service import SbiService

FRAME_PERIOD_S: Final = 0.03
DEFAULT_STREAM_MS: Final = 300_000
SLOWNESS_S: Final = (0.1, 0.3)
"""What `SbiFault.SLOW` adds to an answer, at least and at most."""

_LARGEST_REQUEST: Final = 1024 * 1024
_TRICKLE_BYTES: Final = 16
_TRICKLE_S: Final = 0.02
_POLL_S: Final = 0.02
_STREAM_HEAD: Final = (
    b"HTTP/1.0 200 OK\r\nServer: rekam-sim\r\nConnection: close\r\nMax-Age: 0\r\nExpires: 0\r\n"
    b"Cache-Control: no-cache, private\r\nPragma: no-cache\r\n"
    b"Content-Type: multipart/x-mixed-replace; boundary=--BoundaryString\r\n\r\n"
)
_PART_HEAD: Final = (
    b"--BoundaryString\r\nAccess-Control-Allow-Origin:*\r\nContent-Type:image/jpeg\r\n"
    b"Content-Length:%d\r\n\r\n"
)
_STRAY: Final = b"\r\n\r\n"


class HttpServer(ThreadingHTTPServer):
    """Listens for one service; `reserved` is a bound socket to listen on."""

    daemon_threads = False  # so that closing waits for the handlers
    # an empty reserve of `listen` would refuse a client that a hanging service must accept
    request_queue_size = 64

    def __init__(self, reserved: socket.socket, service: SbiService) -> None:
        super().__init__((HOST, 0), Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = reserved
        self.server_address = reserved.getsockname()
        self.server_port = self.server_address[1]
        self.server_name = HOST
        self.server_activate()
        self.service = service
        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def drop_connections(self) -> None:
        """End every connection, so that handlers and clients notice at once."""
        with self._lock:
            for connection in self._connections:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue  # the client was faster


class Handler(BaseHTTPRequestHandler):
    """One connection, one request."""

    protocol_version = "HTTP/1.1"
    server: HttpServer

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: requests are the business of the client's flight recorder."""

    def handle(self) -> None:
        try:
            super().handle()
        except OSError:
            self.close_connection = True  # the client went away

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer an unknown verb or address as the reference does."""
        self._reply(error("500"), "405 OK")

    def do_MOSIPDISC(self) -> None:
        """Answer discovery of 0.9.5."""
        self._discover(V095)

    def do_SBIDISC(self) -> None:
        """Answer discovery of 1.0."""
        self._discover(V10)

    def do_MOSIPDINFO(self) -> None:
        """Answer device information of 0.9.5."""
        self._inform(V095)

    def do_SBIINFO(self) -> None:
        """Answer device information of 1.0."""
        self._inform(V10)

    def do_RCAPTURE(self) -> None:
        """Answer a capture."""
        if (request := self._request("/capture")) is not None:
            self._reply(self._service.capture(request[0]))

    def do_STREAM(self) -> None:
        """Send a live picture until it ends."""
        if (request := self._request("/stream")) is None:
            return
        if SbiFault.HTTP_ERROR in self._service.faults.anywhere:
            self._reply(error("610"))
            return
        try:
            device, stream = self._service.open_stream(request[0])
        except Refusal as refusal:
            self._reply(error(refusal.code))
            return
        try:
            self._stream(device, stream, _timeout_s(request[0]))
        finally:
            self._service.close_stream(device, stream)

    def do_POST(self) -> None:
        """Turn a knob; faults do not apply."""
        request = self._body()
        self._write("200 OK", turn(self.path, request, self._service.devices.values()))

    @property
    def _service(self) -> SbiService:
        return self.server.service

    def _discover(self, version: Version) -> None:
        if (request := self._request("/device", version)) is not None:
            port = self.server.server_port
            self._reply(self._service.discover(request[0], port, version))

    def _inform(self, version: Version) -> None:
        if self._request("/info", version) is not None:
            self._reply(self._service.info(self.server.server_port, version))

    def _request(self, path: str, version: Version | None = None) -> tuple[object] | None:
        """Read a request; None when it has been dealt with or its client has gone."""
        body = self._body()
        self.close_connection = True
        if self.path != path or (version is not None and version not in self._service.versions):
            self._reply(error("500"), "405 OK")
            return None
        faults = self._service.faults.anywhere
        while SbiFault.HANG in faults:
            if self._service.stopping.wait(_POLL_S):
                return None
        if SbiFault.SLOW in faults:
            self._service.stopping.wait(faults.random.uniform(*SLOWNESS_S))
        return None if self._client_has_gone() else (body,)

    def _body(self) -> object:
        length = self.headers.get("Content-Length", "0")
        size = min(int(length), _LARGEST_REQUEST) if length.isdecimal() else 0
        raw = self.rfile.read(size)
        try:
            body: object = json.loads(raw or b"{}")
        except (ValueError, RecursionError):
            return None
        return body

    def _client_has_gone(self) -> bool:
        if not select.select([self.connection], [], [], 0)[0]:
            return False
        return not self.connection.recv(1, socket.MSG_PEEK)

    def _reply(self, answer: object, status: str = "200 OK") -> None:
        """Send an answer, with the faults of the transport."""
        faults = self._service.faults.anywhere
        if SbiFault.HTTP_ERROR in faults:
            status = "500 Internal Server Error"
        body = json.dumps({"answer": 42} if SbiFault.OTHER_JSON in faults else answer).encode()
        if SbiFault.TRUNCATED_JSON in faults:
            body = body[: faults.random.randint(1, len(body) - 1)]
        length: int | None = len(body)
        if SbiFault.WRONG_LENGTH in faults:
            length = len(body) // 2
        data = self._head(status, None if SbiFault.NO_LENGTH in faults else length) + body + _STRAY
        if SbiFault.DUPLICATE_ANSWER in faults:
            data *= 2
        if SbiFault.STRAY_BYTES in faults:
            data = faults.random.randbytes(24).replace(b"\n", b".") + b"\r\n" + data
        if SbiFault.DROP in faults:
            self.wfile.write(data[: int(len(data) * faults.random.uniform(0.3, 0.9))])
            # no farewell: the client sees a reset
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            return
        while data and SbiFault.SLOW_TRICKLE in faults and not self._service.stopping.is_set():
            self.wfile.write(data[:_TRICKLE_BYTES])
            data = data[_TRICKLE_BYTES:]
            self._service.stopping.wait(_TRICKLE_S)
        self.wfile.write(data)

    def _write(self, status: str, answer: Json) -> None:
        self.close_connection = True
        data = json.dumps(answer).encode()
        self.wfile.write(self._head(status, len(data)) + data + _STRAY)

    def _head(self, status: str, length: int | None) -> bytes:
        counted = "" if length is None else f"Content-Length: {length}\r\n"
        return (
            f"HTTP/1.1 {status}\r\nLOCATION: HTTP://{HOST}:{self.server.server_port}/\r\n"
            "CACHE-CONTROL: no-cache\r\nAccess-Control-Allow-Origin: *\r\n"
            "Access-Control-Allow-Headers: Content-Type\r\nContent-Type: application/json\r\n"
            f"{counted}Connection: close\r\n\r\n"
        ).encode()

    def _stream(self, device: SbiDeviceModel, stream: OpenStream, timeout_s: float) -> None:
        """Send frames until the capture, the time or the client ends it."""
        service = self._service
        clock = service.clock
        deadline = clock.monotonic() + timeout_s
        announce(stream.sub_id, device.bio_type, service.sight)
        self.wfile.write(_STREAM_HEAD)
        for index in range(1 << 62):
            if stream.ended.is_set() or service.stopping.is_set():
                break
            if clock.monotonic() >= deadline:
                break
            if not self._send_frame(device, stream, index):
                return
            clock.wait(stream.ended, FRAME_PERIOD_S + device.delays_s.get("STREAM", 0.0))
        ended = stream.ended.is_set()
        self._write("200 OK", error("0" if ended else "609"))

    def _send_frame(self, device: SbiDeviceModel, stream: OpenStream, index: int) -> bool:
        """Send one frame, or what the faults leave of it; False ends the stream for good."""
        service = self._service
        faults = service.faults.on(device.bio_type)
        if SbiFault.HANG in service.faults.anywhere or SbiFault.STREAM_STALLED in faults:
            return not self._client_has_gone()
        if SbiFault.FRAMES_DROPPED in faults and index % 3:
            return True
        image = live_picture(
            device, stream, service.sight, 0 if SbiFault.STREAM_REPEATED in faults else index
        )
        if SbiFault.BLACK_PICTURE in faults:
            image = np.zeros_like(image)
        picture = preview_jpeg(image)
        if SbiFault.FRAMES_DAMAGED in faults and index % 2:
            picture = picture[: faults.random.randint(2, len(picture) - 3)]
        part = _PART_HEAD % len(picture) + picture + _STRAY
        if SbiFault.STREAM_DROPPED in faults:
            self.wfile.write(part[: len(part) // 2])
            return False
        self.wfile.write(part)
        return True


def _timeout_s(request: object) -> float:
    value = request.get("timeout") if isinstance(request, dict) else None
    text = value if isinstance(value, str) and value.isdecimal() else str(DEFAULT_STREAM_MS)
    return int(text) / 1000

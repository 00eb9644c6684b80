"""A simulated SBI service on a loopback port: slap scanner, iris camera and face camera.

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
from types import TracebackType
from typing import Any, Final, Self

from drivers.clock import Clock, RealClock
from drivers.sbi.protocol import HOST, PORTS
from simulators.sbi_faults import SbiFault
from simulators.sbi_admin import turn
from simulators.sbi_answers import Json, Level, Purpose, Scribe, error
from simulators.sbi_devices import OpenStream, SbiDeviceModel, Sight, announce, live_picture
from simulators.sbi_pki import SimulatedPki
from simulators.sbi_requests import Refusal
from simulators.sbi_service import SbiService

FRAME_PERIOD_S: Final = 0.03
DEFAULT_STREAM_MS: Final = 300_000
_LARGEST_REQUEST: Final = 1024 * 1024
_TRICKLE_BYTES: Final = 16
_TRICKLE_S: Final = 0.02
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


class NoPortFree(RuntimeError):
    """Another program listens on the port, or on every port of the interface."""


class SbiServer:
    """A service of one scene; entering the block starts it, leaving it pulls its plug.

    `port` 0 takes the first free port of 4501 to 4600; a restart uses the same one again. `faults`
    may be changed while it runs. `serials` begins the serial numbers of the devices.
    """

    def __init__(
        self,
        scene: Sight,
        *,
        port: int = 0,
        pki: SimulatedPki | None = None,
        clock: Clock | None = None,
        delay_s: float = 0.0,
        serials: str = "SIM",
        environment: str = "Developer",
        level: Level = "L0",
        purpose: Purpose = "Registration",
    ) -> None:
        self.port = port
        self.faults: set[SbiFault] = set()
        self.clock = clock or RealClock()
        self.pki = pki or SimulatedPki.create(self.clock.utc_now())
        scribe = Scribe(self.pki, self.clock, self.faults, environment, level, purpose)
        self.service = SbiService(scene, scribe, self.clock, self.faults, serials, purpose, delay_s)
        self._http: _HttpServer | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Listen; idempotent.

        Raises:
            NoPortFree: nowhere to listen.
        """
        if self._http is not None:
            return
        self.service.stopping.clear()
        self._http = self._bind()
        self.port = self._http.server_port
        self._thread = threading.Thread(
            target=self._http.serve_forever, args=(0.02,), name=f"sbi-{self.port}"
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop listening and drop every connection; idempotent."""
        http, self._http = self._http, None
        if http is None or self._thread is None:
            return
        self.service.stopping.set()
        http.shutdown()
        self._thread.join()
        http.drop_connections()
        http.server_close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _bind(self) -> _HttpServer:
        for port in [self.port] if self.port else PORTS:
            try:
                return _HttpServer(port, self)
            except OSError:
                continue
        raise NoPortFree(f"port {self.port or PORTS} cannot be bound")


class _HttpServer(ThreadingHTTPServer):
    daemon_threads = False  # so that closing waits for the handlers

    def __init__(self, port: int, simulator: SbiServer) -> None:
        super().__init__((HOST, port), _Handler)
        self.simulator = simulator
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


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _HttpServer

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
        """Answer discovery."""
        if (request := self._request("/device")) is not None:
            self._reply(self._service.discover(request[0], self.server.server_port))

    def do_MOSIPDINFO(self) -> None:
        """Answer device information."""
        if self._request("/info") is not None:
            self._reply(self._service.info(self.server.server_port))

    def do_RCAPTURE(self) -> None:
        """Answer a capture."""
        if (request := self._request("/capture")) is not None:
            self._reply(self._service.capture(request[0]))

    def do_STREAM(self) -> None:
        """Send a live picture until it ends."""
        if (request := self._request("/stream")) is None:
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
        return self.server.simulator.service

    def _request(self, path: str) -> tuple[object] | None:
        """Read a request; None when it has been dealt with or its client has gone."""
        body = self._body()
        self.close_connection = True
        if self.path != path:
            self._reply(error("500"), "405 OK")
            return None
        while SbiFault.HANG in self._service.faults:
            if self._service.stopping.wait(0.02):
                return None
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
        faults = self._service.faults
        cut = json.dumps(answer).encode()
        if SbiFault.TRUNCATED_JSON in faults:
            cut = cut[: len(cut) // 2]
        data = self._head(status, len(cut)) + cut + _STRAY
        if SbiFault.DROP in faults:
            self.wfile.write(data[: len(data) // 2])
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

    def _head(self, status: str, length: int) -> bytes:
        return (
            f"HTTP/1.1 {status}\r\nLOCATION: HTTP://{HOST}:{self.server.server_port}/\r\n"
            "CACHE-CONTROL: no-cache\r\nAccess-Control-Allow-Origin: *\r\n"
            "Access-Control-Allow-Headers: Content-Type\r\nContent-Type: application/json\r\n"
            f"Content-Length: {length}\r\nConnection: close\r\n\r\n"
        ).encode()

    def _stream(self, device: SbiDeviceModel, stream: OpenStream, timeout_s: float) -> None:
        """Send frames until the capture, the time or the client ends it."""
        service = self._service
        clock = service.clock
        deadline = clock.monotonic() + timeout_s
        announce(stream.sub_id, device.bio_type, service.sight)
        self.wfile.write(_STREAM_HEAD)
        index = 0
        while not (stream.ended.is_set() or service.stopping.is_set()):
            if clock.monotonic() >= deadline:
                break
            picture = live_picture(device, stream.sub_id, service.sight, index)
            part = _PART_HEAD % len(picture) + picture + _STRAY
            if SbiFault.STREAM_DROPPED in service.faults:
                self.wfile.write(part[: len(part) // 2])
                return
            self.wfile.write(part)
            index += 1
            clock.wait(stream.ended, FRAME_PERIOD_S + device.delays_s.get("STREAM", 0.0))
        ended = stream.ended.is_set()
        self._write("200 OK", error("0" if ended else "609"))


def _timeout_s(request: object) -> float:
    value = request.get("timeout") if isinstance(request, dict) else None
    text = value if isinstance(value, str) and value.isdecimal() else str(DEFAULT_STREAM_MS)
    return int(text) / 1000

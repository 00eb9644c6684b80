"""The wire to one SBI service: HTTP with the interface's own verbs over loopback.

Every wait polls the call, so that `cancel` and the deadline end it within a tenth of a second, and
bytes that have arrived slowly are never thrown away by a timeout.
"""

from __future__ import annotations

import http.client
import io
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from drivers.device import Call
from drivers.errors import Disconnected, ProtocolError
from drivers.recorder import Direction, FlightRecorder
from drivers.sbi.protocol import HOST

MAX_ANSWER_BYTES: Final = 32 * 1024 * 1024
"""Four lossless 1000 ppi fingers, twice in base64, stay below 10 MB."""

_POLL_S: Final = 0.1
_CHUNK_BYTES: Final = 65536


class PolledSocket(io.RawIOBase):
    """A connected socket that blocks no longer than its `call` allows; reassign `call` at will."""

    def __init__(self, connection: socket.socket, call: Call) -> None:
        super().__init__()
        self._connection = connection
        self._connection.settimeout(_POLL_S)
        self.call = call

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # as io does
        """Read what has arrived, or wait for it; 0 is the end."""
        while True:
            self.call.check()
            try:
                return self._connection.recv_into(buffer)
            except TimeoutError:
                continue

    def send(self, data: bytes) -> None:
        """Send everything."""
        left = memoryview(data)
        while left:
            self.call.check()
            try:
                left = left[self._connection.send(left) :]
            except TimeoutError:
                continue

    def makefile(self, mode: str) -> io.BufferedReader:
        """Return the buffered reader that `http.client` asks for."""
        return io.BufferedReader(self)

    def close(self) -> None:
        self._connection.close()
        super().close()


def connect(port: int, call: Call) -> PolledSocket:
    """Open a TCP connection to a service of this machine.

    Raises:
        Disconnected: nobody listens there.
    """
    while True:
        call.check()
        try:
            return PolledSocket(socket.create_connection((HOST, port), _POLL_S), call)
        except TimeoutError:
            continue
        except OSError as error:
            raise Disconnected(call.device, f"port {port}: {type(error).__name__}") from error


@contextmanager
def opened(
    port: int, verb: tuple[str, str], body: object, call: Call, recorder: FlightRecorder
) -> Iterator[tuple[PolledSocket, http.client.HTTPResponse]]:
    """Send one request and yield its connection and its answer, head read, body not.

    Raises:
        Disconnected: nobody listens, or the connection broke.
        ProtocolError: the answer is not HTTP.
    """
    method, path = verb
    content = json.dumps(body).encode("utf-8")
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: {HOST}:{port}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(content)}\r\nConnection: close\r\n\r\n"
    )
    with _translated(call.device), connect(port, call) as link:
        recorder.payload(Direction.SENT, f"{port} {method}", content)
        link.send(head.encode("ascii") + content)
        response = http.client.HTTPResponse(link, method=method)  # type: ignore[arg-type]  # it calls makefile only
        try:
            response.begin()
            recorder.note(f"{method} status {response.status}", Direction.RECEIVED)
            yield link, response
        finally:
            response.close()


def exchange(
    port: int, verb: tuple[str, str], body: object, call: Call, recorder: FlightRecorder
) -> object:
    """Send one request and return the parsed JSON of its answer.

    Raises:
        Disconnected: nobody listens, or the connection broke before the answer was complete.
        ProtocolError: the answer is not HTTP 200 with JSON of a sensible size.
    """
    return parse_json(exchange_raw(port, verb, body, call, recorder), call.device)


def exchange_raw(
    port: int, verb: tuple[str, str], body: object, call: Call, recorder: FlightRecorder
) -> bytes:
    """Send one request and return the body of its answer as received.

    Raises:
        Disconnected: nobody listens, or the connection broke before the answer was complete.
        ProtocolError: the answer is not HTTP 200, or of no sensible size.
    """
    with opened(port, verb, body, call, recorder) as (_, response):
        if response.status != http.client.OK:
            raise ProtocolError(call.device, f"{verb[0]} answered by HTTP {response.status}")
        content = read_body(response, call.device)
    recorder.payload(Direction.RECEIVED, f"{port} {verb[0]}", content)
    return content


def read_body(response: http.client.HTTPResponse, device: str) -> bytes:
    """Read a body of known or unknown length; bytes behind a known length are left alone."""
    content = bytearray()
    while chunk := response.read1(_CHUNK_BYTES):
        content += chunk
        if len(content) > MAX_ANSWER_BYTES:
            raise ProtocolError(device, f"answer of more than {MAX_ANSWER_BYTES} bytes")
    if response.length:
        raise Disconnected(device, f"answer ended {response.length} bytes early")
    return bytes(content)


def parse_json(content: bytes, device: str) -> object:
    """Parse an answer.

    Raises:
        ProtocolError: it is not JSON.
    """
    try:
        answer: object = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(device, f"answer of {len(content)} bytes is not JSON") from error
    return answer


@contextmanager
def _translated(device: str) -> Iterator[None]:
    """Turn what sockets and `http.client` raise into our errors."""
    try:
        yield
    except (OSError, http.client.IncompleteRead) as error:
        raise Disconnected(device, f"connection broke: {type(error).__name__}") from error
    except (http.client.HTTPException, ValueError) as error:
        raise ProtocolError(device, f"answer is not HTTP: {type(error).__name__}") from error

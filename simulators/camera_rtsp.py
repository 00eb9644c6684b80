"""The colour stream over RTSP: RTP packets inside the RTSP connection, JPEG as its payload.

Sources: RFC 2326 (RTSP 1.0; interleaved binary data, 10.12), RFC 3550 (RTP header, 5.1), RFC 2435
(RTP payload format for JPEG, 3.1). Baseline JPEG without restart intervals, up to 2040 x 2040.
"""

from __future__ import annotations

import socket
import socketserver
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, cast

from simulators.camera_faults import CameraFault
from simulators.camera_feed import Feed
from simulators.injection import Injector

PACKET_BYTES: Final = 1400
CLOCK_HZ: Final = 90_000
PAYLOAD_JPEG: Final = 26
LARGEST_SIDE_PX: Final = 2040
LONGEST_HEADER: Final = 64

_SESSION = "7001"
_TABLES_FOLLOW = 255
_MARKER = 0x80
_SOURCE_ID = 0x52454B41
_WRITE_TIMEOUT_S = 2.0
_DQT, _SOF0, _SOS = 0xDB, 0xC0, 0xDA
_VERTICAL_HALF = 0x22


@dataclass(frozen=True, slots=True)
class JpegParts:
    """What RFC 2435 sends of a JPEG: size in pixels, subsampling, tables and compressed data."""

    width: int
    height: int
    is_420: bool
    tables: bytes
    scan: bytes


def split_jpeg(jpeg: bytes) -> JpegParts:
    """Take a baseline JPEG apart; raises `ValueError` for anything else."""
    at, tables = 2, b""
    width = height = sampling = 0
    while at + 4 <= len(jpeg) and jpeg[at] == 0xFF:
        marker, length = jpeg[at + 1], int.from_bytes(jpeg[at + 2 : at + 4], "big")
        body = jpeg[at + 4 : at + 2 + length]
        if marker == _DQT:
            tables += b"".join(body[start + 1 : start + 65] for start in range(0, len(body), 65))
        elif marker == _SOF0:
            height, width, sampling = *struct.unpack(">HH", body[1:5]), body[7]
        elif marker == _SOS:
            if not 0 < width <= LARGEST_SIDE_PX or not 0 < height <= LARGEST_SIDE_PX:
                raise ValueError(f"{width} x {height} px do not fit RFC 2435")
            scan = jpeg[at + 2 + length :].removesuffix(b"\xff\xd9")
            return JpegParts(width, height, sampling == _VERTICAL_HALF, tables, scan)
        at += 2 + length
    raise ValueError("no baseline JPEG")


def packets(jpeg: bytes, sequence: int, timestamp: int) -> Iterator[bytes]:
    """Yield the RTP packets of one picture; `timestamp` counts in 1/90000 s."""
    parts = split_jpeg(jpeg)
    at = 0
    while at < len(parts.scan):
        header = struct.pack(
            ">I4B",
            at,  # the first byte is type-specific and 0
            int(parts.is_420),
            _TABLES_FOLLOW,
            parts.width // 8,
            parts.height // 8,
        )
        if at == 0:
            header += struct.pack(">BBH", 0, 0, len(parts.tables)) + parts.tables
        piece = parts.scan[at : at + PACKET_BYTES - len(header)]
        at += len(piece)
        kind = PAYLOAD_JPEG | (_MARKER if at >= len(parts.scan) else 0)
        yield (
            struct.pack(">BBHII", 0x80, kind, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, _SOURCE_ID)
            + header
            + piece
        )
        sequence += 1


class RtspServer:
    """The RTSP side of a camera, on a port of its own that survives `stop`."""

    def __init__(self, feed: Feed, faults: Injector[CameraFault]) -> None:
        self._feed = feed
        self._faults = faults
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None
        self._reserved = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._reserved.bind(("127.0.0.1", 0))
        self._port = int(self._reserved.getsockname()[1])

    @property
    def url(self) -> str:
        """Address of the stream."""
        return f"rtsp://127.0.0.1:{self._port}/face"

    def start(self) -> None:
        """Listen on 127.0.0.1."""
        self._server = _Server(self._feed, self._faults, self._port)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), name="camera-rtsp"
        )
        self._thread.start()

    def cut(self) -> None:
        """End the connections that are open now."""
        if self._server is not None:
            self._server.cut()

    def stop(self) -> None:
        """End all connections; idempotent."""
        server, self._server = self._server, None
        if server is None or self._thread is None:
            return
        server.shutdown()
        server.cut()
        server.server_close()
        self._thread.join()

    def close(self) -> None:
        """Give the port back."""
        self.stop()
        self._reserved.close()


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = False

    def __init__(self, feed: Feed, faults: Injector[CameraFault], port: int) -> None:
        self.feed = feed
        self.faults = faults
        self.links: set[socket.socket] = set()
        self.lock = threading.Lock()
        super().__init__(("127.0.0.1", port), _Handler)

    def cut(self) -> None:
        with self.lock:
            for link in self.links:
                with suppress(OSError):
                    link.shutdown(socket.SHUT_RDWR)


class _Handler(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True  # otherwise the end of every picture waits 40 ms
    timeout = _WRITE_TIMEOUT_S
    wbufsize = 1 << 20

    @property
    def _server(self) -> _Server:
        return cast(_Server, self.server)

    def setup(self) -> None:
        super().setup()
        with self._server.lock:
            self._server.links.add(self.connection)

    def finish(self) -> None:
        with self._server.lock:
            self._server.links.discard(self.connection)
        with suppress(OSError):
            super().finish()

    def handle(self) -> None:
        with suppress(OSError):  # the viewer hung up, or the cable was pulled
            while (request := self._request()) is not None:
                method, sequence = request
                if CameraFault.REFUSING in self._server.faults:
                    self._answer(sequence, status="503 Service Unavailable")
                    return
                self._answer(sequence, *self._reply(method))
                if method == "PLAY":
                    self._play()
                if method in ("PLAY", "TEARDOWN"):
                    return

    def _request(self) -> tuple[str, str] | None:
        line = self.rfile.readline(1024).decode("ascii", "replace")
        if not line.strip():
            return None
        sequence = "0"
        for _ in range(LONGEST_HEADER):
            header = self.rfile.readline(1024).decode("ascii", "replace").strip()
            if not header:
                return line.split()[0], sequence
            name, _, value = header.partition(":")
            if name.lower() == "cseq":
                sequence = value.strip()
        return None

    def _reply(self, method: str) -> tuple[str, str]:
        """Return header lines and body."""
        match method:
            case "OPTIONS":
                return "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n", ""
            case "DESCRIBE":
                body = (
                    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=face\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
                    f"m=video 0 RTP/AVP {PAYLOAD_JPEG}\r\na=control:track0\r\n"
                )
                return f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n", body
            case "SETUP":
                transport = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"
                return f"{transport}Session: {_SESSION}\r\n", ""
            case _:
                return f"Session: {_SESSION}\r\n", ""

    def _answer(
        self, sequence: str, headers: str = "", body: str = "", *, status: str = "200 OK"
    ) -> None:
        answer = f"RTSP/1.0 {status}\r\nCSeq: {sequence}\r\n{headers}\r\n{body}"
        self.wfile.write(answer.encode())
        self.wfile.flush()

    def _play(self) -> None:
        feed = self._server.feed
        number, sequence = feed.number, 0
        feed.watch(1)
        try:
            while (part := feed.next_part(number)) is not None:
                number = part.number
                timestamp = int(time.monotonic() * CLOCK_HZ)
                for packet in packets(part.data, sequence, timestamp):
                    sequence += 1
                    self.wfile.write(b"$\0" + struct.pack(">H", len(packet)) + packet)
                self.wfile.flush()
        except ValueError:
            return  # a damaged picture cannot be taken apart: the camera's program ends
        finally:
            feed.watch(-1)

"""A face camera as an HTTP stream: the wire that the real driver opens with cv2.VideoCapture.

`/face.mjpg` is the MJPEG stream of the scene, `/control` (GET all, PUT some, as JSON) sets the
faults by name. The driver cannot tell that it talks to a simulator.
"""

from __future__ import annotations

import json
import logging
import socket
import socketserver
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Final, Protocol, Self, cast

import numpy as np
from numpy.typing import NDArray

log = logging.getLogger(__name__)

JPEG_QUALITY: Final = 90
LARGEST_CONTROL_BYTES: Final = 4096
LONGEST_DELAY_MS: Final = 10_000

_RECENT = 32
_WRITE_TIMEOUT_S = 2.0
_POLL_S = 0.1


class FaceScene(Protocol):
    """What stands before the camera."""

    def face_frame(self, index: int) -> NDArray[np.uint8]:
        """Return picture `index` (0, 1, ...), (height, width, 3) uint8 blue-green-red."""
        ...


@dataclass(frozen=True, slots=True)
class StreamFaults:
    """Faults of one camera, all off.

    Attributes:
        stalled: connections are accepted and kept, and no data comes.
        closing: the server ends every stream, and each new one after its header.
        refusing: running streams end, new ones are answered by 503.
        frozen: the same picture again and again, with a fresh transport.
        late_ms: every picture arrives so much later, at an unchanged rate; 0 to 10000.
        garbled: every JPEG is cut in half.
        wrong_size: pictures of half the width and height.
    """

    stalled: bool = False
    closing: bool = False
    refusing: bool = False
    frozen: bool = False
    late_ms: int = 0
    garbled: bool = False
    wrong_size: bool = False

    def changed(self, changes: dict[str, object]) -> StreamFaults:
        """Return a copy with some faults changed.

        Raises:
            ValueError: a name is unknown, a type is wrong or a value is out of range.
        """
        kinds = {fault.name: type(getattr(self, fault.name)) for fault in fields(self)}
        for name, value in changes.items():
            if name not in kinds:
                raise ValueError(f"unknown control {name[:40]!r}")
            if type(value) is not kinds[name]:
                raise ValueError(f"{name} must be {kinds[name].__name__}")
            if isinstance(value, int) and not 0 <= value <= LONGEST_DELAY_MS:
                raise ValueError(f"{name} must be within 0 and {LONGEST_DELAY_MS}")
        return replace(self, **changes)  # type: ignore[arg-type]  # names and types were checked above

    @classmethod
    def parse(cls, body: bytes, before: StreamFaults) -> StreamFaults:
        """Apply the JSON object of a PUT to `before`; raises `ValueError` as `changed` does."""
        try:
            changes = json.loads(body)
        except RecursionError:
            raise ValueError("nested too deeply") from None
        if not isinstance(changes, dict):
            raise ValueError("expected a JSON object")
        return before.changed(changes)


class StreamCamera:
    """The camera: one thread encodes each picture once for all viewers, while there are any."""

    def __init__(self, scene: FaceScene, fps: float = 25.0) -> None:
        if not 0 < fps <= 240:
            raise ValueError(f"{fps} frames per second")
        self._scene = scene
        self._period = 1.0 / fps
        self._changed = threading.Condition()
        self._faults = StreamFaults()
        self._server: _Server | None = None
        self._threads: list[threading.Thread] = []
        self._stop = threading.Event()
        self._viewers = 0
        self._number = 0
        self._jpeg = b""
        self._recent: deque[bytes] = deque(maxlen=_RECENT)
        # bound and never listening: keeps the port ours while the camera is unplugged
        self._reserved = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._reserved.bind(("127.0.0.1", 0))
        self._port = int(self._reserved.getsockname()[1])

    @property
    def url(self) -> str:
        """Address of the stream; the same after a restart."""
        return f"http://127.0.0.1:{self._port}/face.mjpg"

    @property
    def control_url(self) -> str:
        """Address of the side channel."""
        return f"http://127.0.0.1:{self._port}/control"

    @property
    def faults(self) -> StreamFaults:
        """The faults now."""
        return self._faults

    def set_faults(self, **changes: object) -> StreamFaults:
        """Change some faults, as a PUT on the side channel does; raises `ValueError`."""
        with self._changed:
            self._faults = self._faults.changed(changes)
            self._changed.notify_all()
            return self._faults

    def put_faults(self, body: bytes) -> StreamFaults:
        """Change some faults from JSON; raises `ValueError`."""
        with self._changed:
            self._faults = StreamFaults.parse(body, self._faults)
            self._changed.notify_all()
            return self._faults

    @property
    def frames_encoded(self) -> int:
        """How many pictures were encoded since the camera was made."""
        return self._number

    @property
    def viewers(self) -> int:
        """How many streams are being sent."""
        return self._viewers

    def recent_jpegs(self) -> tuple[bytes, ...]:
        """Return the last 32 pictures as they were sent, oldest first."""
        with self._changed:
            return tuple(self._recent)

    def start(self) -> None:
        """Listen on 127.0.0.1; idempotent, works after `stop`.

        Raises:
            RuntimeError: the camera was closed for good.
        """
        if self._server is not None:
            return
        if self._reserved.fileno() < 0:
            raise RuntimeError("this camera was closed")
        self._stop.clear()
        self._server = _Server(self, self._port)
        self._threads = [
            threading.Thread(target=self._server.serve_forever, args=(0.02,), name="camera-serve"),
            threading.Thread(target=self._produce, name="camera-encode"),
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Pull the cable: end all connections and threads; idempotent."""
        server, self._server = self._server, None
        if server is None:
            return
        with self._changed:
            self._stop.set()
            self._changed.notify_all()
        server.shutdown()
        server.hang_up()
        server.server_close()
        for thread in self._threads:
            thread.join()

    def close(self) -> None:
        """Stop and give the port back."""
        self.stop()
        self._reserved.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def next_part(self, number: int) -> tuple[int, bytes] | None:
        """Wait for a picture newer than `number` and return its number and JPEG.

        None ends the stream. Called by the thread of each viewer.
        """
        with self._changed:
            while not (self._stop.is_set() or self._faults.closing or self._faults.refusing):
                if not self._faults.stalled and self._number > number:
                    return self._number, self._jpeg
                self._changed.wait(_POLL_S)
        return None

    def watch(self, change: int) -> None:
        """Count a viewer in (1) or out (-1); without one nothing is encoded."""
        with self._changed:
            self._viewers += change
            self._changed.notify_all()

    def _produce(self) -> None:
        index, due = self._number, time.monotonic()
        waiting: deque[tuple[float, bytes]] = deque()
        while not self._stop.is_set():
            with self._changed:
                self._changed.wait_for(lambda: self._viewers > 0 or self._stop.is_set(), _POLL_S)
                faults, has_viewers = self._faults, self._viewers > 0
            if not has_viewers or self._stop.is_set():
                waiting.clear()
                continue
            taken_at = time.monotonic()
            try:
                waiting.append((taken_at + faults.late_ms / 1000, self._encode(index, faults)))
            except Exception:  # the border of the thread: one bad picture must not end the stream
                log.exception("the scene gave no picture %d", index)
            index += 1
            ready = b""
            while waiting and waiting[0][0] <= time.monotonic():
                ready = waiting.popleft()[1]
            if ready:
                self._show(ready)
            # a late picture moves the following ones: a camera does not burst to catch up
            due = max(due + self._period, time.monotonic())
            self._stop.wait(max(0.0, due - time.monotonic()))

    def _encode(self, index: int, faults: StreamFaults) -> bytes:
        import cv2

        if faults.frozen and self._jpeg:
            return self._jpeg
        image = self._scene.face_frame(index)
        if faults.wrong_size:
            image = image[::2, ::2]
        done, jpeg = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        if not done:
            raise ValueError("the picture cannot be encoded")
        data = jpeg.tobytes()
        return data[: len(data) // 2] if faults.garbled else data

    def _show(self, jpeg: bytes) -> None:
        with self._changed:
            self._jpeg = jpeg
            self._number += 1
            self._recent.append(jpeg)
            self._changed.notify_all()


class _Server(socketserver.ThreadingTCPServer):
    """Threads of viewers are joined by `server_close`; `hang_up` makes them end at once."""

    allow_reuse_address = True
    daemon_threads = False

    def __init__(self, camera: StreamCamera, port: int) -> None:
        self.camera = camera
        self._links: set[socket.socket] = set()
        self._links_lock = threading.Lock()
        self._is_cut = False
        super().__init__(("127.0.0.1", port), _Handler)

    def remember(self, link: socket.socket, *, is_open: bool) -> None:
        with self._links_lock:
            (self._links.add if is_open else self._links.discard)(link)
            is_late = is_open and self._is_cut
        if is_late:
            link.shutdown(socket.SHUT_RDWR)

    def hang_up(self) -> None:
        with self._links_lock:
            self._is_cut = True
            for link in self._links:
                with suppress(OSError):
                    link.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
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
    def _server(self) -> _Server:
        return cast(_Server, self.server)

    def handle(self) -> None:
        with suppress(OSError):  # the viewer hung up, reads nothing, or the cable was pulled
            super().handle()

    def log_message(self, *_: object) -> None:
        return

    def do_GET(self) -> None:
        camera = self._server.camera
        if self.path == "/control":
            self._answer(HTTPStatus.OK, asdict(camera.faults))
        elif self.path != "/face.mjpg":
            self._answer(HTTPStatus.NOT_FOUND, {"error": "no such path"})
        elif camera.faults.refusing:
            self._answer(HTTPStatus.SERVICE_UNAVAILABLE, {"error": "refusing"})
        else:
            self._stream(camera)

    def do_PUT(self) -> None:
        if self.path != "/control":
            self._answer(HTTPStatus.NOT_FOUND, {"error": "no such path"})
            return
        try:
            length = int(self.headers["Content-Length"] or "")
            if not 0 <= length <= LARGEST_CONTROL_BYTES:
                raise ValueError("Content-Length out of range")
            faults = self._server.camera.put_faults(self.rfile.read(length))
        except (ValueError, TypeError) as error:
            self._answer(HTTPStatus.BAD_REQUEST, {"error": str(error)})
        else:
            self._answer(HTTPStatus.OK, asdict(faults))

    def _answer(self, status: HTTPStatus, body: dict[str, object]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _stream(self, camera: StreamCamera) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        number = camera.frames_encoded  # begin with a picture that was taken for this viewer
        camera.watch(1)
        try:
            while (part := camera.next_part(number)) is not None:
                number, jpeg = part
                head = (
                    f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                ).encode()
                self.wfile.write(head + jpeg + b"\r\n")
        finally:
            camera.watch(-1)

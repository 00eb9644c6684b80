"""The side channel of a simulated camera: controls and faults by name, on a port of its own.

`GET /control` gives everything, `PUT /control` changes some, both as JSON:
`{"exposure": 0.5, "auto_exposure": false, "faults": ["frozen"]}`. `faults` is the list of those
that are active afterwards. What is wrong is answered by 400, and nothing changes. It is no part of
the camera: no driver knows of it, and pulling the camera's cable leaves it alone.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final, Protocol

from simulators.camera_controls import CameraControls
from simulators.camera_faults import CameraFault
from simulators.injection import Injector

LARGEST_REQUEST: Final = 4096
_TIMEOUT_S = 2.0


class Controlled(Protocol):
    """A camera with controls and faults."""

    faults: Injector[CameraFault]

    @property
    def controls(self) -> CameraControls:
        """The controls now."""
        ...

    def set_controls(self, **changes: object) -> CameraControls:
        """Change some controls; raises `ValueError`."""
        ...


def apply(camera: Controlled, body: bytes) -> None:
    """Do what the body of a PUT asks for.

    Raises:
        ValueError: it is no JSON object, or something in it is unknown or out of range; nothing was
            changed.
    """
    controls, faults = parse(body, camera.controls, camera.faults)
    camera.set_controls(**controls.as_json())
    if faults is None:
        return
    for fault in camera.faults.active:
        if fault not in faults:
            camera.faults.clear(fault)
    for fault in faults:
        camera.faults.inject(fault)


def parse(
    body: bytes, before: CameraControls, known: Injector[CameraFault]
) -> tuple[CameraControls, tuple[CameraFault, ...] | None]:
    """Read a change of controls and the faults that are wanted, None when they stay."""
    try:
        changes = json.loads(body)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(changes, dict):
        raise ValueError("expected a JSON object")
    names = changes.pop("faults", None)
    if names is None:
        return before.changed(changes), None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError("faults must be a list of names")
    faults = {fault.value: fault for fault in known.notes}
    unknown = [name for name in names if name not in faults]
    if unknown:
        raise ValueError(f"unknown fault {unknown[0][:40]!r}")
    return before.changed(changes), tuple(faults[name] for name in names)


class SideChannel:
    """The server of one camera's side channel, on 127.0.0.1."""

    def __init__(self, camera: Controlled) -> None:
        self._server = _Server(camera)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), name="camera-control"
        )

    @property
    def url(self) -> str:
        """Address of the side channel."""
        return f"http://127.0.0.1:{self._server.server_port}/control"

    def start(self) -> None:
        """Start to answer."""
        self._thread.start()

    def close(self) -> None:
        """Stop to answer; works before `start` too."""
        if self._thread.ident is not None:
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = False

    def __init__(self, camera: Controlled) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.camera = camera


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = _TIMEOUT_S

    def log_message(self, *_: object) -> None:
        return

    def do_GET(self) -> None:
        self._serve(lambda: None)

    def do_PUT(self) -> None:
        self._serve(self._change)

    def _serve(self, work: Callable[[], None]) -> None:
        if self.path != "/control":
            self._answer(HTTPStatus.NOT_FOUND, {"error": "no such path"})
            return
        try:
            work()
        except (ValueError, TypeError) as error:
            self._answer(HTTPStatus.BAD_REQUEST, {"error": str(error)})
        else:
            camera = self.server.camera
            active = [fault.value for fault in camera.faults.active]
            self._answer(HTTPStatus.OK, camera.controls.as_json() | {"faults": active})

    def _change(self) -> None:
        length = int(self.headers["Content-Length"] or "")
        if not 0 <= length <= LARGEST_REQUEST:
            raise ValueError("Content-Length out of range")
        apply(self.server.camera, self.rfile.read(length))

    def _answer(self, status: HTTPStatus, body: dict[str, object]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

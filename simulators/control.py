"""The way into a running simulated desk from another process: a small HTTP service on loopback.

GET /world           whose world it is
GET /scene           who sits there and what lies on the glass
GET /faults          every role with its faults, and which of them are active
POST /seat           {"resident": 3}
POST /faults         {"role": "verifier", "fault": "unplug", "active": true}; with "active": false
                     the fault is cleared, and with "fault": null all of them
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Mapping
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Protocol, Self

from simulators.injection import Injector, UnknownFault
from simulators.people.person import Person
from simulators.scene import Scene

log = logging.getLogger(__name__)

LARGEST_REQUEST = 4096
PATIENCE_S = 10.0
"""Seconds that a client may take to send its request."""


class ControlledDesk(Protocol):
    """What the service asks of a desk."""

    scene: Scene

    @property
    def world(self) -> dict[str, Any]:
        """Which people live here."""
        ...

    @property
    def injectors(self) -> Mapping[str, Injector[Any]]:
        """Role to the faults of its device."""
        ...

    def seat(self, number: int) -> Person:
        """Seat resident `number`, from 1."""
        ...


class RefusedRequest(ValueError):
    """The request cannot be done; the text says why and what there is."""


class Control:
    """Serve `desk` on a free port of 127.0.0.1 while the block lasts."""

    def __init__(self, desk: ControlledDesk) -> None:
        self._server = _Server(desk)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="desk-control"
        )

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    def __init__(self, desk: ControlledDesk) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.desk = desk


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = PATIENCE_S

    def log_message(self, format: str, *args: object) -> None:  # as the base names it
        log.debug(format, *args)

    def do_GET(self) -> None:
        desk = self.server.desk
        match self.path:
            case "/world":
                self._answer(200, desk.world)
            case "/scene":
                self._answer(200, _describe_scene(desk.scene))
            case "/faults":
                self._answer(200, _describe_faults(desk.injectors))
            case _:
                self._answer(404, {"error": "GET /world, /scene or /faults"})

    def do_POST(self) -> None:
        work = {"/seat": _seat, "/faults": _change_fault}.get(self.path)
        if work is None:
            self._answer(404, {"error": "POST /seat or /faults"})
            return
        try:
            answer = work(self.server.desk, self._body())
        except RefusedRequest as error:
            self._answer(400, {"error": str(error)})
            return
        self._answer(200, answer)

    def _body(self) -> dict[str, Any]:
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdecimal() and 0 < int(length) <= LARGEST_REQUEST):
            raise RefusedRequest(f"a body of 1 to {LARGEST_REQUEST} bytes is needed")
        try:
            body = json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError) as error:
            raise RefusedRequest("the body is no JSON") from error
        if not isinstance(body, dict):
            raise RefusedRequest("the body is no JSON object")
        return body

    def _answer(self, status: int, body: Mapping[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def _describe_scene(scene: Scene) -> dict[str, Any]:
    return {
        "seated": scene.person.name if scene.person is not None else None,
        "placed": scene.placed.name if scene.placed is not None else None,
        "card": scene.card_inserted,
    }


def _describe_faults(injectors: Mapping[str, Injector[Any]]) -> dict[str, Any]:
    return {
        role: {
            "faults": {fault.value: asdict(note) for fault, note in injector.notes.items()},
            "active": [fault.value for fault in injector.active],
        }
        for role, injector in injectors.items()
    }


def _seat(desk: ControlledDesk, body: Mapping[str, Any]) -> dict[str, Any]:
    match body:
        case {"resident": bool()}:
            pass
        case {"resident": int(number)} if number >= 1:
            return {"seated": desk.seat(number).name}
    raise RefusedRequest("resident: a whole number from 1")


def _change_fault(desk: ControlledDesk, body: Mapping[str, Any]) -> dict[str, Any]:
    match body:
        case {"role": str(role), "fault": str() | None as fault, "active": bool(active)}:
            pass
        case _:
            raise RefusedRequest('{"role": "verifier", "fault": "unplug", "active": true}')
    injector = desk.injectors.get(role)
    if injector is None:
        raise RefusedRequest(f"{role!r} is not one of: {', '.join(desk.injectors)}")
    try:
        if not active:
            injector.clear(fault)
        elif fault is not None:
            injector.inject(fault)
        else:
            raise RefusedRequest("which fault?")
    except UnknownFault as error:
        raise RefusedRequest(f"{role}: {error}") from error
    return {"role": role, "active": [fault.value for fault in injector.active]}

"""A whole simulated desk: one scene, every device on its wire, and a configuration that names them.

`Lab.next_resident` seats somebody else; over the control address the same can be asked by the
demonstration in another process. Everything listens on 127.0.0.1.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import tomli_w

from simulators import pki
from simulators.desk_card import card_reader
from simulators.people.finger_files import FingerFiles
from simulators.people.person import Person
from simulators.sbi import SbiServer
from simulators.scene import Scene
from simulators.serial_module import R30xModule
from simulators.stream_camera import StreamCamera

log = logging.getLogger(__name__)

RESIDENTS_A_WORLD = 1000
BETWEEN_RESIDENTS = 0.6
"""Seconds between two residents at least: a card reader looks every 0.4 s, and no faster exchange
of cards happens between people."""
LARGEST_REQUEST = 4096


class Lab:
    """The desk of one simulated world; leaving the block pulls every plug.

    While it runs, `sbi`, `module` and `camera` are the devices, so that a scenario can let them
    fail, and `remarks` says what could not be simulated as it should.
    """

    sbi: SbiServer
    module: R30xModule
    camera: StreamCamera

    def __init__(
        self, folder: Path, seed: int, fingers: Path | None = None, *, pcsc: bool = True
    ) -> None:
        self.folder = folder.resolve()
        self._pcsc = pcsc
        self._seed = seed
        self._fingers = FingerFiles(fingers) if fingers is not None else None
        self.scene = Scene(fingers=self._fingers)
        self._stack = ExitStack()
        self._coming: threading.Thread | None = None
        self.remarks: list[str] = []

    @property
    def config(self) -> Path:
        """The configuration of this desk, written when the lab has started."""
        return self.folder / "station.toml"

    def person(self, number: int) -> Person:
        """Resident `number` of this world, from 1; always the same."""
        return Person(self._seed * RESIDENTS_A_WORLD + number)

    def seat(self, number: int) -> Person:
        """Seat a resident, and let the following one get ready meanwhile."""
        person = self.person(number)
        self.scene.stand_up()
        risen = time.monotonic()
        if self._fingers is None:
            person.prepare()
        time.sleep(max(0.0, risen + BETWEEN_RESIDENTS - time.monotonic()))
        self.scene.seat(person)
        self._prepare_later(number + 1)
        return person

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        pki.ensure(self.folder / "pki")
        with ExitStack() as stack:
            devices = self._start_devices(stack)
            control = stack.enter_context(Control(self))
            self.config.write_bytes(tomli_w.dumps(self._config(devices, control.url)).encode())
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()
        if self._coming is not None:
            self._coming.join()

    def _start_devices(self, stack: ExitStack) -> dict[str, dict[str, Any]]:
        sbi = self.sbi = stack.enter_context(SbiServer(self.scene))
        roots = [str(path) for path in sbi.pki.write(self.folder / "pki" / "devices")]
        module = self.module = stack.enter_context(
            R30xModule(self.scene, link=self.folder / "verifier.tty")
        )
        camera = self.camera = stack.enter_context(StreamCamera(self.scene))
        card = stack.enter_context(card_reader(self.scene, pcsc=self._pcsc))
        self.remarks = [card.remark] if card.remark else []
        return {
            "scanner": {"driver": "sbi-scanner", "port": sbi.port, "device_roots": roots},
            "iris": {"driver": "sbi-iris", "port": sbi.port, "device_roots": roots},
            "face": {
                "driver": "opencv",
                "source": camera.url,
                "model": "rekam simulated camera",
                "serial": f"SIM-FACE-{self._seed}",
            },
            "verifier": {"driver": "r30x", "port": module.path},
            "card": card.settings,
        }

    def _config(self, devices: dict[str, dict[str, Any]], control: str) -> dict[str, Any]:
        keys = "pki"
        return {
            "station": {
                "id": f"SIM-{self._seed}",
                "operator": "DEMO",
                "data": "data",
                "simulated": True,
            },
            "keys": {
                "signing_key": f"{keys}/{pki.STATION}.key",
                "certificate": f"{keys}/{pki.STATION}.pem",
                "recipients": [f"{keys}/{pki.DATA_CENTRE}.pem", f"{keys}/{pki.ESCROW}.pem"],
                "station_ca": f"{keys}/{pki.AUTHORITY}.pem",
            },
            "simulation": {"control": control},
            "device": devices,
        }

    def _prepare_later(self, number: int) -> None:
        if self._fingers is not None or (self._coming is not None and self._coming.is_alive()):
            return
        self._coming = threading.Thread(target=self.person(number).prepare, name="next-resident")
        self._coming.start()


class Control:
    """The way to the scene from another process: `POST /seat {"resident": n}`, `GET /scene`."""

    def __init__(self, lab: Lab) -> None:
        self._server = _ControlServer(lab)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

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


class _ControlServer(ThreadingHTTPServer):
    def __init__(self, lab: Lab) -> None:
        super().__init__(("127.0.0.1", 0), _ControlHandler)
        self.lab = lab


class _ControlHandler(BaseHTTPRequestHandler):
    server: _ControlServer

    def log_message(self, format: str, *args: object) -> None:  # as the base names it
        log.debug(format, *args)

    def do_GET(self) -> None:
        if self.path != "/scene":
            self._answer(404, {"error": "GET /scene"})
            return
        scene = self.server.lab.scene
        placed = scene.placed.name if scene.placed is not None else None
        seated = scene.person.name if scene.person is not None else None
        self._answer(200, {"seated": seated, "placed": placed, "card": scene.card_inserted})

    def do_POST(self) -> None:
        try:
            length = int(self.headers.get("Content-Length", "0"))
            if self.path != "/seat" or not 0 < length <= LARGEST_REQUEST:
                raise ValueError('POST /seat {"resident": 1}')
            number = json.loads(self.rfile.read(length))["resident"]
            if isinstance(number, bool) or not isinstance(number, int) or number < 1:
                raise ValueError("resident: a whole number from 1")
        except (ValueError, KeyError, TypeError) as error:
            self._answer(400, {"error": str(error)})
            return
        self._answer(200, {"seated": self.server.lab.seat(number).name})

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

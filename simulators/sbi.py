"""A simulated SBI service on a loopback port: slap scanner, iris camera and face camera."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Final, Self

from drivers.clock import Clock, RealClock
from drivers.sbi.protocol import HOST, PORTS, BioType
from drivers.sbi.versions import V095, Version
from simulators.injection import Injector
from simulators.sbi_answers import Level, Purpose, Scribe
from simulators.sbi_devices import Sight
from simulators.sbi_faults import SbiFault
from simulators.sbi_http import HttpServer
from simulators.sbi_injection import ServiceFaults
from simulators.sbi_pki import SimulatedPki
from simulators.sbi_service import SbiService

STRANGER_SEED: Final = 987_654_321


class NoPortFree(RuntimeError):
    """Another program listens on the port, or on every port of the interface."""


class SbiServer:
    """A service of one scene; entering the block starts it, leaving it pulls its plug.

    `port` 0 takes the first free port of 4501 to 4600; a restart uses the same one again, which
    stays reserved meanwhile. `versions` are those of the interface that the service speaks,
    `serials` begins the serial numbers of the devices, and `stranger` is whom they see when
    somebody else is delivered. `faults` strike every device, those of `faults_of` one of them;
    they may be injected while it runs.
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
        versions: Sequence[Version] = (V095,),
        stranger: Callable[[], Sight] | None = None,
        seed: int = 0,
    ) -> None:
        self.port = port
        self.clock = clock or RealClock()
        self.pki = pki or SimulatedPki.create(self.clock.utc_now())
        faults = self._faults = ServiceFaults(seed)
        scribe = Scribe(self.pki, self.clock, faults, environment, level, purpose)
        self.service = SbiService(
            scene,
            stranger or _somebody_else,
            scribe,
            self.clock,
            faults,
            versions,
            serials,
            purpose,
            delay_s,
        )
        for injector in faults.all:
            injector.subscribe(self._struck)
        self._changing = threading.Lock()
        self._http: HttpServer | None = None
        self._reserved: socket.socket | None = None
        self._left: list[socket.socket] = []
        self._thread: threading.Thread | None = None

    @property
    def faults(self) -> Injector[SbiFault]:
        """The faults of the whole service."""
        return self._faults.service

    def faults_of(self, bio_type: BioType) -> Injector[SbiFault]:
        """Return the faults of one device; those of the wire strike the whole service."""
        return self._faults.devices[bio_type]

    def start(self) -> None:
        """Listen; idempotent.

        Raises:
            NoPortFree: nowhere to listen.
        """
        with self._changing:
            if self._http is not None:
                return
            if self._reserved is None:
                self._listen_somewhere()
            else:
                self._listen(self._reserved)
                self._reserved = None

    def stop(self) -> None:
        """Stop listening and drop every connection; the port stays reserved; idempotent."""
        with self._changing:
            self._stop()

    def move(self) -> None:
        """End the service and start it at another port; the old one stays empty."""
        with self._changing:
            self._stop()
            if self._reserved is not None:
                self._left.append(self._reserved)
            self._reserved, self.port = None, 0
            self._listen_somewhere()

    def move_back(self) -> None:
        """Return to the port before every `move`, as it was, listening or not; idempotent."""
        with self._changing:
            if not self._left:
                return
            was_listening = self._http is not None
            self._stop()
            home, *others = self._left
            for port in (*others, self._reserved):
                if port is not None:
                    port.close()
            self._left, self._reserved, self.port = [], home, int(home.getsockname()[1])
            if was_listening:
                self._listen(home)
                self._reserved = None

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
        for port in (*self._left, self._reserved):
            if port is not None:
                port.close()
        self._left, self._reserved = [], None

    def _struck(self, fault: SbiFault, active: bool) -> None:
        """Do what a fault does to the service as a whole."""
        if fault is SbiFault.SERVICE_KILLED:
            killed = fault in self._faults.anywhere
            (self.stop if killed else self.start)()
        elif fault is SbiFault.OTHER_DEVICE:
            self.service.exchange()
        elif fault is SbiFault.SERVICE_MOVED:
            if active:
                self.move()
            elif fault not in self._faults.anywhere:
                self.move_back()

    def _listen(self, reserved: socket.socket) -> None:
        self.service.stopping.clear()
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # for those it accepts
        try:
            self._http = HttpServer(reserved, self.service)
        except OSError:
            reserved.close()
            raise
        self.port = self._http.server_port
        self._thread = threading.Thread(
            target=self._http.serve_forever, args=(0.02,), name=f"sbi-{self.port}"
        )
        self._thread.start()

    def _stop(self) -> None:
        http, self._http = self._http, None
        if http is None or self._thread is None:
            return
        self.service.stopping.set()
        http.shutdown()
        self._thread.join()
        # the port is never given up: another service would take it before this one is back
        self._reserved = http.socket.dup()
        _refuse(self._reserved)
        http.drop_connections()
        http.server_close()

    def _listen_somewhere(self) -> None:
        """Listen at the given port, or at the first one that nobody else has."""
        for port in [self.port] if self.port else PORTS:
            try:
                self._listen(_bound(port))
            except OSError:
                continue
            return
        raise NoPortFree(f"port {self.port or PORTS} cannot be bound")


def _bound(port: int) -> socket.socket:
    """Return a socket that owns the port and does not listen yet: clients are refused."""
    reserved = socket.socket()
    try:
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserved.bind((HOST, port))
    except OSError:
        reserved.close()
        raise
    # from now on nobody else may bind it, as two sockets could that both allow it
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
    return reserved


def _refuse(listening: socket.socket) -> None:
    """Stop listening without giving up the port, which Linux lets a shut down socket keep."""
    listening.shutdown(socket.SHUT_RDWR)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)


def _somebody_else() -> Sight:
    """Return the scene of a person who sits at no other simulated desk."""
    from simulators.people.person import Person
    from simulators.scene import Scene

    return Scene(Person(STRANGER_SEED))

"""A whole simulated desk: one scene, every device on its wire, and a configuration that names them.

`Lab.seat` seats somebody else and `Lab.injectors` let devices fail; over the control address the
same can be asked from another process. Everything of ours listens on 127.0.0.1. Not ours is the
driver of the virtual card reader inside the private pcscd: that one listens on every address of the
machine. Where it is not installed, or not wanted, the card uses the loopback link
(`simulators.desk_card`).
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Self

import tomli_w

from drivers.sbi.protocol import BioType
from simulators import pki, test_keys
from simulators.card import KtpelCard
from simulators.control import Control
from simulators.desk_card import card_reader
from simulators.injection import Injector
from simulators.ktpel_card_resident import ResidentCards
from simulators.people.finger_files import FingerFiles
from simulators.people.person import Person
from simulators.sam import KtpelSam
from simulators.sbi import SbiServer
from simulators.scene import Scene
from simulators.serial_module import R30xModule
from simulators.stream_camera import StreamCamera

STATION_ID = "SIM-DESK"
"""The same in every world: keys, records and audit log in the folder are those of one desk."""
RESIDENTS_A_WORLD = 1000
BETWEEN_RESIDENTS = 0.6
"""Seconds between two residents at least: a card reader looks every 0.4 s, and no faster exchange
of cards happens between people."""
LOCK_NAME = "lab.lock"
LOCK_PATIENCE = 5.0
"""Seconds that a lab waits for one that is just ending, as after a kill and a new start."""


class LabBusy(Exception):
    """Another simulated desk runs in the same folder."""


class Lab:
    """The desk of one simulated world; leaving the block pulls every plug.

    While it runs, `sbi`, `module` and `camera` are the devices, so that a scenario can let them
    fail, and `remarks` says what could not be simulated as it should.

    Entering raises `LabBusy` when another lab runs in `folder`, and `OSError` when the folder
    cannot be used.
    """

    sbi: SbiServer
    module: R30xModule
    camera: StreamCamera

    def __init__(
        self,
        folder: Path,
        seed: int,
        fingers: Path | None = None,
        *,
        pcsc: bool = True,
    ) -> None:
        self.folder = folder.resolve()
        self._pcsc = pcsc
        self._seed = seed
        self._finger_folder = "" if fingers is None else str(fingers.resolve())
        self._fingers = FingerFiles(fingers) if fingers is not None else None
        self._cards = ResidentCards(self._fingers)
        self.scene = Scene(fingers=self._fingers)
        self._stack = ExitStack()
        self._coming: threading.Thread | None = None
        self._injectors: dict[str, Injector[Any]] = {}
        self.remarks: list[str] = []

    @property
    def config(self) -> Path:
        """The configuration of this desk, written when the lab has started."""
        return self.folder / "station.toml"

    @property
    def world(self) -> dict[str, Any]:
        """Which people live here: resident N of equal worlds is the same person."""
        return {"seed": self._seed, "fingers": self._finger_folder}

    @property
    def injectors(self) -> Mapping[str, Injector[Any]]:
        """Role to the faults of its device."""
        return MappingProxyType(self._injectors)

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
        self._cards.content_of(person)
        time.sleep(max(0.0, risen + BETWEEN_RESIDENTS - time.monotonic()))
        self.scene.seat(person)
        # the first picture of a face takes long: a camera must not have to wait for it
        self.scene.face_frame(0)
        self._prepare_later(number + 1)
        return person

    def __enter__(self) -> Self:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with ExitStack() as stack:
            stack.enter_context(_owned(self.folder))
            pki.ensure(self.folder / "pki")
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
        sbi = self.sbi = stack.enter_context(
            SbiServer(self.scene, serials=_serials_of(self.folder), seed=self._seed)
        )
        roots = [str(path) for path in sbi.pki.write(self.folder / "pki" / "devices")]
        module = self.module = stack.enter_context(
            R30xModule(self.scene, link=self.folder / "verifier.tty", seed=self._seed)
        )
        camera = self.camera = stack.enter_context(StreamCamera(self.scene, seed=self._seed))
        card = stack.enter_context(
            card_reader(
                self.scene,
                pcsc=self._pcsc,
                make_card=lambda person: KtpelCard(self._cards.content_of(person)),
                access_module=KtpelSam(),
            )
        )
        self.remarks = [card.remark] if card.remark else []
        self._injectors = {
            "scanner": sbi.faults_of(BioType.FINGER),
            "iris": sbi.faults_of(BioType.IRIS),
            "face": camera.faults,
            "verifier": module.faults,
            "card": card.faults,
        }
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
            "card": card.settings | self._card_access(),
        }

    def _card_access(self) -> dict[str, Any]:
        """What opens the simulated cards, and who vouches for them: published test keys."""
        folder = self.folder / "pki"
        return {
            "sam_opening": str(test_keys.write_opening(folder / "sam-opening.hex")),
            "document_authorities": [str(test_keys.write_authority(folder / "csca.pem"))],
        }

    def _config(self, devices: dict[str, dict[str, Any]], control: str) -> dict[str, Any]:
        keys = "pki"
        return {
            "station": {
                "id": STATION_ID,
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


def _serials_of(folder: Path) -> str:
    """Name the devices of a desk: the same at every start, others than those of another desk."""
    return f"SIM-{hashlib.sha256(bytes(folder)).hexdigest()[:6].upper()}"


@contextmanager
def _owned(folder: Path) -> Iterator[None]:
    """Hold the lock of a lab's folder; the kernel frees it when the process dies."""
    descriptor = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + LOCK_PATIENCE
        while not _is_locked(descriptor):
            if time.monotonic() >= deadline:
                raise LabBusy(f"{folder}: another simulated desk runs in this folder")
            time.sleep(0.05)
        yield
    finally:
        os.close(descriptor)


def _is_locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

"""Every fault of a simulated finger module against every operation of its driver."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from drivers.api import Device, Finger, FingerRequest, Image
from drivers.errors import DeviceError
from drivers.serial.commands import Confirmation
from drivers.serial.library import FingerLibrary, ModuleTemplate
from drivers.serial.r30x import R30xScanner
from drivers.serial.settings import R30xSettings
from simulators.people.person import Person
from simulators.scene import Scene
from simulators.serial_faults import SERIAL_FAULTS, SerialFault
from simulators.serial_module import R30xModule
from tests.faults.matrix import Hardware, Operation, check, run_matrix

INDEX: Final = FingerRequest(Finger.RIGHT_INDEX)
PAGE: Final = 5
TIMEOUT_S: Final = 2.0


def scanner(device: Device) -> R30xScanner:
    assert isinstance(device, R30xScanner)
    return device


async def connect(device: Device) -> None:
    """Close and open anew, as the supervisor does with a device that it does not believe."""
    await device.reset(timeout=TIMEOUT_S + 1.0)


async def capture_twice(device: Device) -> None:
    """Two pictures, of which the second must be a new one."""
    for _ in range(2):
        await scanner(device).capture(INDEX, timeout=TIMEOUT_S / 2)


async def finger_present(device: Device) -> None:
    await scanner(device).finger_present(timeout=TIMEOUT_S)


async def self_test(device: Device) -> None:
    await device.self_test(timeout=TIMEOUT_S)


async def look(device: Device) -> None:
    await device.check(timeout=1.0)


async def enrol(device: Device) -> None:
    await FingerLibrary(scanner(device)).enrol(PAGE + 1, timeout=TIMEOUT_S)


async def verify_page(device: Device) -> None:
    await FingerLibrary(scanner(device)).verify(PAGE, timeout=TIMEOUT_S)


async def verify_template(device: Device) -> None:
    library = FingerLibrary(scanner(device))
    await library.verify(TEMPLATES[0], timeout=TIMEOUT_S)


async def identify(device: Device) -> None:
    await FingerLibrary(scanner(device)).identify(timeout=TIMEOUT_S)


async def copy(device: Device) -> None:
    await FingerLibrary(scanner(device)).template(PAGE, timeout=TIMEOUT_S)


async def remove(device: Device) -> None:
    """Store a page and delete it."""
    library = FingerLibrary(scanner(device))
    await library.store(PAGE + 2, TEMPLATES[0], timeout=TIMEOUT_S)
    await library.remove(PAGE + 2, timeout=TIMEOUT_S)


TEMPLATES: list[ModuleTemplate] = []
PICTURES: list[Image] = []
TAKES: Final = 12


class TakesInTurn:
    """One finger, lifted after every picture; the pictures are rendered once for all modules."""

    def __init__(self) -> None:
        self._looks = 0

    def single_finger(self, width: int = 256, height: int = 288) -> Image | None:
        self._looks += 1
        return None if self._looks % 2 else PICTURES[self._looks // 2 % TAKES]


def prepare() -> None:
    """Render the finger, and let a module make the template that the others start with."""
    if TEMPLATES:
        return
    scene = Scene(Person(7001))
    pictures = [scene.single_finger() for _ in range(TAKES)]
    PICTURES.extend(picture for picture in pictures if picture is not None)
    model = R30xModule(scene).model
    assert model.take_picture()
    assert model.extract(1) is Confirmation.OK
    TEMPLATES.append(ModuleTemplate(model.buffers[1], "R30x", "0009"))


class SerialRig:
    """A module with one enrolled finger on a terminal with a lasting name."""

    name = "serial"
    faults: Sequence[StrEnum] = tuple(SerialFault)
    operations: Mapping[str, Operation] = {
        work.__name__: work
        for work in (
            connect,
            capture_twice,
            finger_present,
            self_test,
            look,
            enrol,
            verify_page,
            verify_template,
            identify,
            copy,
            remove,
        )
    }
    limits: Mapping[str, float] = dict.fromkeys(operations, TIMEOUT_S) | {
        "connect": TIMEOUT_S + 1.0,
        "look": 1.0,
        "remove": 2 * TIMEOUT_S,
    }

    @contextmanager
    def hardware(self) -> Iterator[Hardware]:
        prepare()
        folder = Path(tempfile.mkdtemp(prefix="rekam-serial-"))
        try:
            with R30xModule(TakesInTurn(), link=folder / "module") as module:
                module.model.library[PAGE] = TEMPLATES[0].data
                yield Hardware(module.faults, lambda: _driver(module))
        finally:
            shutil.rmtree(folder)


def _driver(module: R30xModule) -> Device:
    return R30xScanner("finger", R30xSettings(port=module.path))


async def test_every_fault_with_every_operation(update_matrix: bool) -> None:
    rig = SerialRig()
    outcomes = await run_matrix(rig)
    slowest = max(outcomes, key=lambda outcome: outcome.noticed_s)
    latest = max(outcomes, key=lambda outcome: outcome.recovered_s)
    print(f"{len(outcomes)} cases; slowest notice {slowest}; latest recovery {latest}")
    check(rig, outcomes, update=update_matrix)


def test_there_are_enough_faults_and_each_is_explained() -> None:
    assert len(SerialFault) >= 16
    assert set(SERIAL_FAULTS) == set(SerialFault)
    codes: set[str] = {code for note in SERIAL_FAULTS.values() for code in note.codes}
    known = {kind.code for kind in _kinds(DeviceError)}
    assert codes <= known
    for note in SERIAL_FAULTS.values():
        assert note.happens
        assert note.shown


def _kinds(kind: type[Any]) -> Iterator[type[Any]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _kinds(child)

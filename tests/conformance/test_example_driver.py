"""The simulated hardware of the example driver, its rig, and the contract that it passes.

`docs/reference/devices.md` explains it.
"""

from __future__ import annotations

import contextlib
import os
import pty
import threading
import tty
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Final

import pytest

from drivers.api import Finger, FingerRequest
from simulators.injection import FaultNote, Injector
from tests.conformance.capture_contract import FingerprintScannerContract
from tests.conformance.example_driver import SIDE, ToyScanner, ToySettings

STOP: Final = b"\x04"
ANSWERS: Final = {b"ID": b"Toy-1 SN42 1.0", b"OK?": b"OK", b"PICTURE": b"C8" * SIDE**2}


class ToyFault(StrEnum):
    """What can go wrong with a toy."""

    SILENT = "silent"
    UNPLUG = "unplug"


TOY_FAULTS: Final = {
    ToyFault.SILENT: FaultNote("No line is answered.", "Nothing happens.", ("DEV-201",)),
    ToyFault.UNPLUG: FaultNote("The port goes.", "Plug it in again.", ("DEV-102", "DEV-103")),
}


class ToyHardware:
    """A toy behind a pty with a path that stays; `faults` may be injected while it runs."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.faults: Injector[ToyFault] = Injector(TOY_FAULTS)
        self.faults.subscribe(self._changed)
        self._plug()

    def close(self) -> None:
        if ToyFault.UNPLUG not in self.faults:
            self._unplug()

    def _changed(self, fault: ToyFault, active: bool) -> None:
        if fault is ToyFault.UNPLUG:
            self._unplug() if active else self._plug()

    def _plug(self) -> None:
        master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        self.path.symlink_to(os.ttyname(self._slave))
        self._thread = threading.Thread(target=self._serve, args=(master,))
        self._thread.start()

    def _unplug(self) -> None:
        self.path.unlink()
        os.write(self._slave, STOP)
        self._thread.join()
        os.close(self._slave)

    def _serve(self, master: int) -> None:
        received = b""
        while STOP not in (data := os.read(master, 1024)):
            *lines, received = (received + data).split(b"\n")
            for number, _, command in (line.partition(b" ") for line in lines):
                if ToyFault.SILENT not in self.faults:
                    os.write(master, number + b" " + ANSWERS[command] + b"\n")
        os.close(master)


class ToyRig:
    """What the contract needs of the hardware: a cable and a tongue."""

    def __init__(self, hardware: ToyHardware) -> None:
        self._path, self._faults = str(hardware.path), hardware.faults

    def device(self, **changes: object) -> ToyScanner:
        settings = ToySettings.model_validate({"port": self._path, **changes})
        return ToyScanner("toy", settings)

    def unplug(self) -> None:
        self._faults.inject(ToyFault.UNPLUG)

    def plug(self) -> None:
        self._faults.clear(ToyFault.UNPLUG)

    def hush(self) -> None:
        self._faults.inject(ToyFault.SILENT)

    def speak(self) -> None:
        self._faults.clear(ToyFault.SILENT)


class TestToyScanner(FingerprintScannerContract):
    requests = (FingerRequest(Finger.LEFT_THUMB),)

    @pytest.fixture
    def rig(self, tmp_path: Path) -> Iterator[ToyRig]:
        with contextlib.closing(ToyHardware(tmp_path / "toy")) as hardware:
            yield ToyRig(hardware)

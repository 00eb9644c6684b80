from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from drivers.api import Device, Finger, FingerRequest, Image
from drivers.serial.r30x import R30xScanner
from drivers.serial.settings import R30xSettings
from simulators.serial_faults import SerialFault
from simulators.serial_module import R30xModule
from tests.conformance.capture_contract import FingerprintScannerContract


class AlwaysAFinger:
    """A scene in which a finger lies on the sensor."""

    def single_finger(self, width: int = 256, height: int = 288) -> Image | None:
        return np.full((height, width), 200, np.uint8)


class R30xRig:
    """A simulated module on a pseudo terminal with a stable path."""

    def __init__(self, module: R30xModule) -> None:
        self._module = module

    def device(self, **changes: object) -> Device:
        settings = R30xSettings.model_validate({"port": self._module.path, **changes})
        return R30xScanner("finger", settings)

    def unplug(self) -> None:
        self._module.stop()

    def plug(self) -> None:
        self._module.start()

    def hush(self) -> None:
        self._module.faults.inject(SerialFault.SILENT)

    def speak(self) -> None:
        self._module.faults.clear(SerialFault.SILENT)


class TestR30xScanner(FingerprintScannerContract):
    requests = (FingerRequest(Finger.RIGHT_INDEX), FingerRequest(Finger.LEFT_THUMB))

    @pytest.fixture
    def rig(self, tmp_path: Path) -> Iterator[R30xRig]:
        with R30xModule(AlwaysAFinger(), link=tmp_path / "serial-module") as module:
            yield R30xRig(module)

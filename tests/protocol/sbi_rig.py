"""A tiny scene for simulated SBI devices, and the service with drivers for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np

from drivers.clock import Clock
from drivers.positions import Eye, Finger, Slap
from drivers.sbi.chain import HashChain
from drivers.sbi.face import SbiFaceCamera
from drivers.sbi.iris import SbiIrisCamera
from drivers.sbi.protocol import SLAP_ORDER
from drivers.sbi.scanner import SbiScanner
from drivers.sbi.settings import SbiSettings
from drivers.values import Image
from simulators.sbi import SbiServer
from simulators.sbi_faults import SbiFault
from simulators.sbi_pki import CHIP_ROOT_FILE

FINGER_SHAPE: Final = (80, 64)


def ridges(period_px: float, shape: tuple[int, int] = FINGER_SHAPE) -> Image:
    """Return (height, width) uint8 stripes that differ from finger to finger."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    waves = np.sin(2 * np.pi * (x + 4 * np.sin(y / 9)) / period_px)
    return np.asarray(128 + 100 * waves, np.uint8)


class SmallScene:
    """Somebody who puts down what a device asks for, or what a test says; small pictures."""

    def __init__(self, *, obedient: bool = True, person: int = 0) -> None:
        self._person = person
        self.asked: list[Slap | Finger | Eye] = []
        self.looks = 0
        self._obedient = obedient
        self._placed: Slap | Finger | None = None
        self._lying: tuple[Finger, ...] = ()
        self._listeners: list[Callable[[], None]] = []

    @property
    def placed(self) -> Slap | Finger | None:
        return self._placed

    def asked_for(self, target: Slap | Finger | Eye) -> None:
        self.asked.append(target)
        if self._obedient and not isinstance(target, Eye):
            self.place(target)

    def place(self, target: Slap | Finger, missing: tuple[Finger, ...] = ()) -> None:
        full = SLAP_ORDER[target] if isinstance(target, Slap) else (target,)
        self._placed = target
        self._lying = tuple(finger for finger in full if finger not in missing)
        for listener in tuple(self._listeners):
            listener()

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def fingers_on_platen(self) -> dict[Finger, Image]:
        self.looks += 1
        return {finger: self.print_of(finger) for finger in self._lying}

    def print_of(self, finger: Finger) -> Image:
        return ridges(5.0 + finger + self._person / 3)

    def platen_image(self) -> Image:
        return ridges(9.0, (150, 160))

    def iris_image(self, eye: Eye) -> Image:
        return ridges(20.0 + 9 * eye + self._person, (96, 128))

    def face_frame(self, index: int) -> Image:
        return np.repeat(ridges(15.0 + index + self._person, (72, 128))[:, :, None], 3, axis=2)


class SbiDesk:
    """A running service, its scene, and drivers that trust it."""

    def __init__(self, server: SbiServer, scene: SmallScene, folder: Path) -> None:
        self.server = server
        self.scene = scene
        self.chain = HashChain()
        self._roots = [str(path) for path in server.pki.write(folder)]
        self._chip_roots = [str(folder / CHIP_ROOT_FILE)]

    def settings(self, **changes: object) -> SbiSettings:
        told = {
            "port": self.server.port,
            "device_roots": self._roots,
            "chip_roots": self._chip_roots,
        }
        return SbiSettings.model_validate(told | changes)

    def scanner(self, clock: Clock | None = None, **changes: object) -> SbiScanner:
        return SbiScanner("slap", self.settings(**changes), clock=clock, chain=self.chain)

    def iris_camera(self, clock: Clock | None = None, **changes: object) -> SbiIrisCamera:
        return SbiIrisCamera("eyes", self.settings(**changes), clock=clock, chain=self.chain)

    def face_camera(self, clock: Clock | None = None, **changes: object) -> SbiFaceCamera:
        return SbiFaceCamera("face", self.settings(**changes), clock=clock, chain=self.chain)

    def unplug(self) -> None:
        self.server.stop()

    def plug(self) -> None:
        self.server.start()

    def hush(self) -> None:
        self.server.faults.inject(SbiFault.HANG)

    def speak(self) -> None:
        self.server.faults.clear(SbiFault.HANG)

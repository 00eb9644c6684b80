"""The behaviour of an R30x module without its wire: sensor, buffers, library, settings."""

from __future__ import annotations

import random
from typing import Final, Protocol

import numpy as np

from drivers.serial.commands import Confirmation
from drivers.serial.packet import DEFAULT_ADDRESS
from drivers.serial.parameters import (
    STATUS_BUSY,
    STATUS_IMAGE_VALID,
    STATUS_MATCHED,
    STATUS_PASSWORD_OK,
    ModuleParameters,
)
from drivers.serial.picture import IMAGE_HEIGHT, IMAGE_WIDTH, pack_image, unpack_image
from drivers.values import Image
from simulators import serial_templates
from simulators.serial_templates import THRESHOLDS, NoTemplate, Template

FACTORY_PASSWORD: Final = bytes(4)
NOISY_PIXELS: Final = 64
"""Pixels that differ by one of the sixteen grey levels from take to take, as on every sensor."""


class SensorScene(Protocol):
    """The part of the scene that this module sees."""

    def single_finger(self, width: int = 256, height: int = 288) -> Image | None:
        """Return (height, width) uint8, ridges dark, or None where no finger lies."""
        ...


class FingerModel:
    """A module; what is in flash survives `power_up`, the buffers do not.

    `image` is what the sensor took, (288, 256) uint8 in sixteen levels. `buffers` and `library`
    hold templates as bytes. `has_light` makes it an R503.
    """

    def __init__(self, scene: SensorScene, *, has_light: bool = False, seed: int = 0) -> None:
        self._scene = scene
        self._takes = 0
        self._random = random.Random(seed)  # noqa: S311  # reproducible, not secret
        self.system_id = 0x0009
        self.capacity = 200
        self.security_level = 3
        self.packet_bytes = 128
        self.baud = 57600
        self.address = DEFAULT_ADDRESS
        self.password = FACTORY_PASSWORD
        self.has_light = has_light
        self.light = bytes(4)
        self.library: dict[int, bytes] = {}
        self.buffers: dict[int, bytes] = {}
        self.image: Image | None = None
        self._unlocked = False
        self._matched = False

    def power_up(self) -> None:
        """Lose what is not in flash."""
        self.image = None
        self.buffers = {}
        self._unlocked = self._matched = False

    @property
    def is_locked(self) -> bool:
        """Whether a password was set and not shown since power came on."""
        return self.password != FACTORY_PASSWORD and not self._unlocked

    def show_password(self, password: bytes) -> bool:
        """Unlock the module; say whether the password is right."""
        self._unlocked = password == self.password
        return self._unlocked

    def parameters(self, *, busy: bool = False) -> ModuleParameters:
        """Return what ReadSysPara tells."""
        status = STATUS_BUSY if busy else 0
        status |= STATUS_MATCHED if self._matched else 0
        status |= STATUS_PASSWORD_OK if self._unlocked and self.password != FACTORY_PASSWORD else 0
        status |= 0 if self.image is None else STATUS_IMAGE_VALID
        return ModuleParameters(
            status=status,
            system_id=self.system_id,
            capacity=self.capacity,
            security_level=self.security_level,
            address=self.address,
            packet_bytes=self.packet_bytes,
            baud=self.baud,
        )

    def take_picture(self, *, mirrored: bool = False) -> bool:
        """Fill the image buffer; False, and the buffer as it was, where no finger lies.

        A `mirrored` print is that of another finger.
        """
        picture = self._scene.single_finger(IMAGE_WIDTH, IMAGE_HEIGHT)
        if picture is None:
            return False
        self._takes += 1
        self.image = _seen(picture[:, ::-1] if mirrored else picture, self._takes)
        return True

    def extract(self, buffer: int) -> Confirmation:
        """Make a template of the picture."""
        if self.image is None:
            return Confirmation.NO_VALID_IMAGE
        try:
            template = serial_templates.extract(self.image)
        except serial_templates.TooMessy:
            return Confirmation.IMAGE_TOO_MESSY
        except serial_templates.TooFewFeatures:
            return Confirmation.TOO_FEW_FEATURES
        self.buffers[buffer] = template.encode()
        return Confirmation.OK

    def compare(self) -> int:
        """Return the score of the two buffers, 0 when they do not match."""
        first, second = self._template(1), self._template(2)
        score = serial_templates.score(first, second) if first and second else 0
        self._matched = score >= THRESHOLDS[self.security_level]
        return min(score, 0xFFFF) if self._matched else 0

    def merge(self) -> bool:
        """Make one template of both buffers; False when they are not one finger's."""
        first, second = self._template(1), self._template(2)
        if first is None or second is None or not self.compare():
            return False
        merged = serial_templates.merge(first, second).encode()
        self.buffers = {1: merged, 2: merged}
        return True

    def search(self, buffer: int, first: int, count: int) -> tuple[int, int] | None:
        """Return page and score of the stored finger that fits a buffer best."""
        wanted = self._template(buffer)
        best: tuple[int, int] | None = None
        for page in sorted(self.library) if wanted else ():
            stored = _decoded(self.library[page])
            if not first <= page < first + count or stored is None or wanted is None:
                continue
            score = serial_templates.score(wanted, stored)
            if score >= THRESHOLDS[self.security_level] and (best is None or score > best[1]):
                best = page, min(score, 0xFFFF)
        self._matched = best is not None
        return best

    def random_code(self) -> bytes:
        """Return four random bytes, the same ones for the same seed."""
        return self._random.randbytes(4)

    def _template(self, buffer: int) -> Template | None:
        return _decoded(self.buffers.get(buffer, b""))


def _decoded(data: bytes) -> Template | None:
    try:
        return Template.decode(data)
    except NoTemplate:
        return None


def _seen(picture: Image, take: int) -> Image:
    """Return what the sensor makes of a print: sixteen levels, and never the same twice."""
    levels = unpack_image(pack_image(np.ascontiguousarray(picture))).copy()
    dice = np.random.default_rng(take)
    places = dice.choice(levels.size, NOISY_PIXELS, replace=False)
    noisy = levels.reshape(-1)
    noisy[places] = np.where(noisy[places] > 127, noisy[places] - 17, noisy[places] + 17)
    levels.flags.writeable = False
    return levels

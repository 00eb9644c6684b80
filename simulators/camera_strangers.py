"""Who else may come before a camera: somebody nobody knows, or nobody at all."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Final

import cv2

from drivers.values import Image
from simulators.camera_eyes import EyeFilm
from simulators.camera_faults import CameraFault
from simulators.injection import Injector
from simulators.people.faces import GREY_BACKGROUND, Shot
from simulators.people.film import FRAMES_A_POSE, EmptyFilm, FaceFilm
from simulators.people.person import Person
from simulators.scene import Scene

STRANGER_SEED: Final = 424_242
VISITORS: Final = (CameraFault.NOBODY, CameraFault.WRONG_PERSON)

Shoot = Callable[[int], Image]

_POSES = 3


class Visitors:
    """Exchanges who is before the lens while a fault says so.

    Pictures keep the size of those that they replace. A visitor who is not ready comes when
    `prepare` is through: nobody has to wait for a rendering.
    """

    def __init__(self, faults: Injector[CameraFault]) -> None:
        self._faults = faults
        self._ready: set[CameraFault] = set()

    def prepare(self, fault: CameraFault) -> None:
        """Let the visitor of this fault get ready; takes a second the first time in a process."""
        if fault not in VISITORS:
            return
        for pose in range(_POSES):
            _face_of(fault)(pose * FRAMES_A_POSE)
        _eyes_of(fault)(0)
        self._ready.add(fault)

    def face(self, shoot: Shoot) -> Shoot:
        """Let a visitor sit where `shoot` shows a face."""
        return lambda index: self._exchanged(shoot, index, _face_of)

    def eyes(self, shoot: Shoot) -> Shoot:
        """Let a visitor look where `shoot` shows two eyes."""
        return lambda index: self._exchanged(shoot, index, _eyes_of)

    def _exchanged(
        self, shoot: Shoot, index: int, visitor: Callable[[CameraFault], Shoot]
    ) -> Image:
        picture = shoot(index)
        for fault in VISITORS:
            if fault in self._faults and fault in self._ready:
                size = (picture.shape[1], picture.shape[0])
                return cv2.resize(visitor(fault)(index), size).astype("uint8", copy=False)
        return picture


@functools.cache
def _face_of(fault: CameraFault) -> Shoot:
    shot = Shot()
    if fault is CameraFault.NOBODY:
        return EmptyFilm(shot.size, GREY_BACKGROUND).frame
    return FaceFilm(STRANGER_SEED, shot).frame


@functools.cache
def _eyes_of(fault: CameraFault) -> Shoot:
    return EyeFilm(Scene(None if fault is CameraFault.NOBODY else Person(STRANGER_SEED))).frame

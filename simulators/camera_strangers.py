"""Who else may come before a camera: somebody nobody knows, or nobody at all."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from drivers.values import Image
from simulators.camera_eyes import EyeFilm
from simulators.camera_faults import CameraFault
from simulators.injection import Injector

STRANGER_SEED: Final = 424_242

Shoot = Callable[[int], Image]


class Visitors:
    """Exchanges the person before the lens while a fault says so; the others are made when needed.

    Pictures keep the size of those that they replace.
    """

    def __init__(self, faults: Injector[CameraFault]) -> None:
        self._faults = faults
        self._lock = threading.Lock()
        self._faces: dict[CameraFault, Shoot] = {}
        self._eyes: dict[CameraFault, Shoot] = {}

    def face(self, shoot: Shoot) -> Shoot:
        """Let a visitor sit where `shoot` shows a face."""
        return lambda index: self._exchanged(shoot, index, self._faces, _face_of)

    def eyes(self, shoot: Shoot) -> Shoot:
        """Let a visitor look where `shoot` shows two eyes."""
        return lambda index: self._exchanged(shoot, index, self._eyes, _eyes_of)

    def _exchanged(
        self,
        shoot: Shoot,
        index: int,
        made: dict[CameraFault, Shoot],
        make: Callable[[CameraFault], Shoot],
    ) -> Image:
        import cv2

        picture = shoot(index)
        for fault in (CameraFault.NOBODY, CameraFault.WRONG_PERSON):
            if fault not in self._faults:
                continue
            with self._lock:
                if fault not in made:
                    made[fault] = make(fault)
            size = (picture.shape[1], picture.shape[0])
            return cv2.resize(made[fault](index), size).astype("uint8", copy=False)
        return picture


def _face_of(fault: CameraFault) -> Shoot:
    from simulators.people.faces import GREY_BACKGROUND, Shot
    from simulators.people.film import EmptyFilm, FaceFilm

    shot = Shot()
    if fault is CameraFault.NOBODY:
        return EmptyFilm(shot.size, GREY_BACKGROUND).frame
    return FaceFilm(STRANGER_SEED, shot).frame


def _eyes_of(fault: CameraFault) -> Shoot:
    from simulators.people.person import Person
    from simulators.scene import Scene

    return EyeFilm(Scene(None if fault is CameraFault.NOBODY else Person(STRANGER_SEED))).frame

"""Synthetic fingers, slaps, faces and eyes for the judges; each is made once a session."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from drivers.positions import Finger, Slap
from simulators.people.faces import Shot, render
from simulators.people.fingerprints import HEALTHY, Impression, Master, make_impression
from simulators.people.ridges import grow_master
from simulators.people.slaps import compose, place_of
from station.biometrics.face.assess import FaceAssessor
from station.biometrics.fingers.quality import FingerAssessor

Image = NDArray[np.uint8]
PHOTO = Shot(size=(600, 800), eye_distance_px=110.0)


@pytest.fixture(scope="session")
def masters() -> dict[Finger, Master]:
    return {finger: grow_master(500 + finger) for finger in Slap.RIGHT_FOUR.fingers}


@pytest.fixture(scope="session")
def impression(masters: dict[Finger, Master]) -> Callable[..., Image]:
    """Take a print of the right index, or of `finger`, with chosen knobs."""

    def take(
        settings: Impression = HEALTHY, finger: Finger = Finger.RIGHT_INDEX, seed: int = 1
    ) -> Image:
        return make_impression(masters[finger], seed, settings)

    return take


@pytest.fixture(scope="session")
def lay(masters: dict[Finger, Master]) -> Callable[..., Image]:
    """Lay right-hand fingers on the platen, turned as a whole by `turn_deg` anticlockwise."""

    def slap(
        fingers: tuple[Finger, ...] = Slap.RIGHT_FOUR.fingers, turn_deg: float = 0.0, seed: int = 1
    ) -> Image:
        prints = {
            finger: make_impression(
                masters[finger],
                seed,
                replace(HEALTHY, contact=0.85 * place_of(finger).contact, rotation_deg=0.0),
            )
            for finger in fingers
        }
        platen = compose(prints, Slap.RIGHT_FOUR, seed)
        if not turn_deg:
            return platen
        height, width = platen.shape
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), turn_deg, 0.999)
        return cv2.warpAffine(platen, matrix, (width, height), borderValue=250).astype(np.uint8)

    return slap


@pytest.fixture(scope="session")
def photograph() -> Image:
    """A sharp, well lit, straight face, (800, 600, 3) uint8."""
    return render(3, PHOTO)[0]


@pytest.fixture(scope="session")
def networks() -> FaceAssessor:
    return FaceAssessor()


@pytest.fixture(scope="module")
def assessor_threads() -> Iterator[FingerAssessor]:
    with FingerAssessor() as assessor:
        assessor.warm_up()
        yield assessor


@pytest.fixture
def assessor(assessor_threads: FingerAssessor) -> FingerAssessor:
    return assessor_threads

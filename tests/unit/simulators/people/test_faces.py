from __future__ import annotations

import importlib.metadata
from datetime import date
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from simulators.people.faces import (
    BLUE_BACKGROUND,
    RED_BACKGROUND,
    Expression,
    Shot,
    background_for,
    render,
)
from simulators.people.person import Person
from simulators.scene import Scene

MODEL = "mediapipe/modules/face_detection/face_detection_short_range.tflite"
SMALL = Shot(size=(480, 640), eye_distance_px=90.0, centre=(0.5, 0.44))


def anchors() -> NDArray[np.float32]:
    """The 896 anchor centres of BlazeFace, short range."""
    centres = []
    for stride, count in ((8, 2), (16, 6)):
        cells = 128 // stride
        yy, xx = np.mgrid[0:cells, 0:cells]
        grid = np.stack([(xx + 0.5) / cells, (yy + 0.5) / cells], -1).reshape(-1, 2)
        centres.append(np.repeat(grid, count, axis=0))
    return np.concatenate(centres).astype(np.float32)


class Detector:
    """BlazeFace by OpenCV; gives the eyes of every face, image left first."""

    def __init__(self) -> None:
        try:
            path = importlib.metadata.distribution("mediapipe").locate_file(MODEL)
        except importlib.metadata.PackageNotFoundError:
            pytest.skip("the model files of mediapipe are not installed")
        self._net = cv2.dnn.readNetFromTFLite(str(Path(str(path))), cv2.dnn.ENGINE_CLASSIC)

    def eyes(self, image: NDArray[np.uint8]) -> list[NDArray[np.float64]]:
        side = max(image.shape[:2])
        top, left = ((side - length) // 2 for length in image.shape[:2])
        square = cv2.copyMakeBorder(
            image, top, side - image.shape[0] - top, left, side - image.shape[1] - left, 0
        )
        small = cv2.resize(square, (128, 128), interpolation=cv2.INTER_AREA)
        self._net.setInput(
            cv2.dnn.blobFromImage(small, 1 / 127.5, (128, 128), (127.5,) * 3, swapRB=True)
        )
        raw, logits = self._net.forward(["regressors", "classificators"])
        likely = np.flatnonzero(logits.reshape(896) > 0)
        points = raw.reshape(896, 16)[likely, 4:8].reshape(-1, 2, 2) / 128
        points = (points + anchors()[likely, None]) * side - (left, top)
        found: list[NDArray[np.float64]] = []
        for eyes in points:
            if all(np.abs(eyes - other).max() > 40 for other in found):
                found.append(eyes)
        return found


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Detector()


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_one_face_is_found_where_it_is(detector: Detector, seed: int) -> None:
    image, eyes, _ = render(Person(seed).face_seed, SMALL)
    (found,) = detector.eyes(image)
    assert np.abs(found - eyes).max() < 12


def test_camera_frames_show_one_face_and_an_empty_desk_none(
    detector: Detector, resident: Person
) -> None:
    scene = Scene(resident)
    (eyes,) = detector.eyes(scene.face_frame(0))
    assert np.linalg.norm(eyes[1] - eyes[0]) >= 110
    scene.stand_up()
    assert detector.eyes(scene.face_frame(1)) == []


def test_rendering_is_deterministic_with_exact_truth(resident: Person) -> None:
    image, eyes, person = render(resident.face_seed, SMALL)
    again, _, _ = render(resident.face_seed, SMALL)
    assert image.shape == (640, 480, 3)
    assert np.array_equal(image, again)
    assert np.linalg.norm(eyes[1] - eyes[0]) == pytest.approx(90, abs=3)
    assert eyes[0, 0] < eyes[1, 0]
    assert 0.25 < person.mean() < 0.75
    assert person.shape == (640, 480)


def test_pose_moves_the_eyes_as_documented(resident: Person) -> None:
    roll = Shot(size=(480, 640), eye_distance_px=90, roll=10)
    _, eyes, _ = render(resident.face_seed, roll)
    assert eyes[1, 1] < eyes[0, 1]
    _, turned, _ = render(resident.face_seed, Shot(size=(480, 640), eye_distance_px=90, yaw=20))
    _, frontal, _ = render(resident.face_seed, Shot(size=(480, 640), eye_distance_px=90))
    assert turned.mean(0)[0] > frontal.mean(0)[0] + 5


def test_closed_eyes_hide_the_iris(resident: Person) -> None:
    closed = Shot(size=(480, 640), eye_distance_px=90, noise=0, expression=Expression(eye_open=0))
    opened = Shot(size=(480, 640), eye_distance_px=90, noise=0)
    (a, eyes, _), (b, _, _) = (render(resident.face_seed, shot) for shot in (closed, opened))
    x, y = eyes[0].astype(int)
    window = np.s_[y - 6 : y + 6, x - 12 : x + 12]
    assert a[window].astype(int).std() < b[window].astype(int).std()


def test_background_follows_the_year_of_birth() -> None:
    assert background_for(date(1991, 5, 1)) == RED_BACKGROUND
    assert background_for(date(1990, 5, 1)) == BLUE_BACKGROUND


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_backdrop_of_a_frame_is_the_residents(seed: int) -> None:
    person = Person(seed)
    shot = Shot(size=(320, 240), eye_distance_px=30)
    scene = Scene(person)
    scene.look(shot)
    corner = scene.face_frame(0)[5:30, 5:30].reshape(-1, 3).mean(0)
    assert np.abs(corner - background_for(person.biodata.date_of_birth)).max() < 6

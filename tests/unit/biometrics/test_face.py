from __future__ import annotations

import hashlib
import importlib.metadata
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from simulators.people.faces import Expression, Shot, render
from station.biometrics.face.assess import FaceAssessment, FaceAssessor, FaceLimits, sharpness
from station.biometrics.face.models import Model, ModelsMissing, load_network, model_path
from station.biometrics.findings import Finding

Image = NDArray[np.uint8]
SHOT = Shot(size=(600, 800), eye_distance_px=110.0)


@pytest.fixture(scope="module")
def look(networks: FaceAssessor) -> Callable[..., FaceAssessment]:
    def shoot(seed: int = 3, **knobs: object) -> FaceAssessment:
        shot = replace(SHOT, **knobs)  # type: ignore[arg-type]
        return networks.assess(render(seed, shot)[0])

    return shoot


def test_a_good_portrait_is_acceptable(networks: FaceAssessor, photograph: Image) -> None:
    seen = networks.assess(photograph)
    assert seen.findings == ()
    assert seen.acceptable
    assert seen.faces == 1
    assert all(measure.source and measure.passes for measure in seen.measures)


@pytest.mark.parametrize("seed", [0, 5])
def test_eyes_and_pose_are_where_they_were_drawn(networks: FaceAssessor, seed: int) -> None:
    bgr, eyes, _ = render(seed, replace(SHOT, yaw=-12.0, pitch=6.0, roll=7.0))
    seen = networks.assess(bgr)
    assert seen.eyes is not None
    assert np.linalg.norm(np.array(seen.eyes) - eyes, axis=1).max() < 3.0
    assert seen.inter_eye_px == pytest.approx(float(np.linalg.norm(eyes[1] - eyes[0])), abs=4)
    assert seen.yaw == pytest.approx(-12.0, abs=5)
    assert seen.pitch == pytest.approx(6.0, abs=5)
    assert seen.roll == pytest.approx(7.0, abs=5)
    assert seen.box is not None
    left, top, width, height = seen.box
    assert all(left < x < left + width and top < y < top + height for x, y in seen.eyes)


@pytest.mark.parametrize(
    ("knobs", "finding"),
    [
        ({"yaw": 14.0}, Finding.FACE_POSE),
        ({"roll": -12.0}, Finding.FACE_POSE),
        ({"eye_distance_px": 60.0}, Finding.FACE_TOO_SMALL),
        ({"centre": (0.3, 0.42)}, Finding.FACE_NOT_CENTRED),
        ({"centre": (0.5, 0.65)}, Finding.FACE_NOT_CENTRED),
        ({"expression": Expression(eye_open=0.0)}, Finding.FACE_EYES_CLOSED),
        ({"blur_px": 4.0}, Finding.FACE_BLURRED),
    ],
)
def test_each_fault_is_named(
    look: Callable[..., FaceAssessment], knobs: dict[str, object], finding: Finding
) -> None:
    seen = look(**knobs)
    assert finding in seen.findings
    assert not seen.acceptable


def test_a_slight_turn_only_warns(look: Callable[..., FaceAssessment]) -> None:
    seen = look(yaw=5.5)
    assert seen.yaw is not None
    assert 5.0 < abs(seen.yaw) <= 8.0
    assert seen.findings == (Finding.FACE_POSE_DOUBTFUL,)
    assert seen.acceptable


def test_limits_are_configuration(photograph: Image) -> None:
    strict = FaceAssessor(FaceLimits(min_inter_eye_px=240.0))
    assert strict.assess(photograph).findings == (Finding.FACE_TOO_SMALL,)


@pytest.mark.parametrize("exposure", [0.35, 1.5])
def test_brightness_never_decides(look: Callable[..., FaceAssessment], exposure: float) -> None:
    assert look(exposure=exposure).acceptable


def test_light_from_one_side_warns(look: Callable[..., FaceAssessment]) -> None:
    seen = look(light=(-1.0, 0.1, 0.2), ambient=0.1)
    assert Finding.FACE_UNEVEN_LIGHT in seen.findings
    assert Finding.FACE_UNEVEN_LIGHT.is_warning


def test_two_faces_are_counted(networks: FaceAssessor, photograph: Image) -> None:
    seen = networks.assess(np.hstack([photograph, photograph[:, ::-1]]))
    assert seen.faces == 2
    assert Finding.FACE_SEVERAL in seen.findings


@pytest.mark.parametrize(
    "image",
    [
        np.full((480, 640, 3), 90, np.uint8),
        np.random.default_rng(0).integers(0, 256, (480, 640, 3)).astype(np.uint8),
        np.zeros((2, 3, 3), np.uint8),
        np.zeros((64, 4000, 3), np.uint8),
    ],
    ids=["blank", "noise", "tiny", "strip"],
)
def test_no_face_is_a_result(networks: FaceAssessor, image: Image) -> None:
    seen = networks.assess(image)
    assert seen.findings == (Finding.FACE_NONE,)
    assert (seen.faces, seen.box, seen.eyes, seen.yaw) == (0, None, None, None)
    assert not seen.acceptable


def test_grey_is_an_error(networks: FaceAssessor) -> None:
    with pytest.raises(ValueError, match="colour"):
        networks.assess(np.zeros((100, 100), np.uint8))


def test_sharpness_ranks_the_frames_of_a_burst(photograph: Image) -> None:
    import cv2

    frames = [cv2.GaussianBlur(photograph, (0, 0), s) for s in (0.5, 1.0, 2.0, 4.0)]
    ranks = [sharpness(frame.astype(np.uint8)) for frame in frames]
    assert ranks == sorted(ranks, reverse=True)


def test_every_model_file_is_the_expected_one() -> None:
    for model in Model:
        content = model_path(model).read_bytes()
        assert hashlib.sha256(content).hexdigest() == model.value.sha256


def test_without_the_package_pictures_are_unchecked(
    monkeypatch: pytest.MonkeyPatch, photograph: Image
) -> None:
    def none(name: str) -> importlib.metadata.Distribution:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", none)
    assessor = FaceAssessor()
    seen = assessor.assess(photograph)
    assert seen.findings == (Finding.FACE_UNCHECKED,)
    assert (seen.unchecked, seen.acceptable) == (True, False)
    assert "make run" in str(assessor.missing)
    assert "pip install --no-deps mediapipe==0.10.21" in str(assessor.missing)


@pytest.mark.parametrize("content", [None, b"something else"], ids=["absent", "foreign"])
def test_a_foreign_model_file_is_never_loaded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None
) -> None:
    class Package:
        def locate_file(self, path: str) -> Path:
            return tmp_path / path

    if content is not None:
        path = tmp_path / Model.DETECTOR.value.path
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
    monkeypatch.setattr(importlib.metadata, "distribution", lambda _: Package())
    with pytest.raises(ModelsMissing):
        load_network(Model.DETECTOR)

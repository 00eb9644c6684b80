from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from drivers.positions import Eye
from simulators.people.irises import IrisView, render_iris
from station.biometrics.findings import Finding
from station.biometrics.iris.assess import IrisAssessment, assess_iris
from station.biometrics.iris.polar import unroll
from station.biometrics.iris.segmentation import segment_iris

Image = NDArray[np.uint8]
RNG = np.random.default_rng(3)


def look(view: IrisView, seed: int = 4) -> IrisAssessment:
    return assess_iris(render_iris(seed, view, 0), Eye.RIGHT)


def value(seen: IrisAssessment, name: str) -> float:
    return next(measure.value for measure in seen.measures if measure.name == name)


@pytest.mark.parametrize("seed", range(5))
def test_an_open_eye_is_found_where_it_was_drawn(seed: int) -> None:
    view = IrisView(pupil_offset=(0.0, 0.0), unsteadiness=0.0)
    seen = look(view, seed)
    assert seen.findings == ()
    assert seen.acceptable
    assert seen.eye is Eye.RIGHT
    assert seen.pupil is not None
    assert seen.iris is not None
    for circle, radius in ((seen.pupil, view.pupil_radius_px), (seen.iris, view.iris_radius_px)):
        assert np.hypot(circle.x - view.centre[0], circle.y - view.centre[1]) < 3
        assert circle.r == pytest.approx(radius, abs=2)
    assert value(seen, "iris.usable-area") > 97


@pytest.mark.parametrize(
    ("view", "finding"),
    [
        (IrisView(iris_radius_px=70, pupil_radius_px=28), Finding.IRIS_TOO_SMALL),
        (IrisView(blur_px=4.0), Finding.IRIS_BLURRED),
        (IrisView(lid=0.5), Finding.IRIS_OCCLUDED),
        (IrisView(centre=(125.0, 240.0)), Finding.IRIS_OFF_EDGE),
        (IrisView(pupil_radius_px=90.0), Finding.IRIS_PUPIL),
    ],
)
def test_each_fault_is_named(view: IrisView, finding: Finding) -> None:
    seen = look(view)
    assert seen.found
    assert seen.findings == (finding,)
    assert not seen.acceptable


def test_usable_area_falls_as_the_lid_closes() -> None:
    areas = [value(look(IrisView(lid=lid)), "iris.usable-area") for lid in (0.95, 0.7, 0.55, 0.4)]
    assert areas == sorted(areas, reverse=True)
    assert areas[-1] < 60 < 97 < areas[0]


def test_the_same_image_gives_the_same_circles_at_the_edge() -> None:
    image = render_iris(4, IrisView(centre=(70.0, 60.0)), 0)
    seen = [segment_iris(image) for _ in range(4)]
    assert seen[0] is not None
    assert {(one.pupil, one.iris) for one in seen if one} == {(seen[0].pupil, seen[0].iris)}


def test_unrolling_goes_on_beyond_the_edge() -> None:
    image = np.full((20, 20), 80, np.float32)
    assert np.all(unroll(image, 1.0, 1.0, 30, 64) == 80)


def _clouds(sigma: float) -> Image:
    soft = cv2.GaussianBlur(RNG.standard_normal((480, 640)), (0, 0), sigma)
    return np.asarray(255 * (soft - soft.min()) / np.ptp(soft), np.uint8)


def _disc() -> Image:
    image = np.full((480, 640), 180, np.uint8)
    return cv2.circle(image, (320, 240), 45, 30, -1).astype(np.uint8)


@pytest.mark.parametrize(
    "image",
    [
        np.full((480, 640), 120, np.uint8),
        np.zeros((480, 640), np.uint8),
        np.full((480, 640), 255, np.uint8),
        RNG.integers(0, 256, (480, 640)).astype(np.uint8),
        _disc(),
        np.zeros((4, 4), np.uint8),
        np.zeros((120, 3000), np.uint8),
    ],
    ids=["grey", "black", "white", "noise", "disc", "tiny", "strip"],
)
def test_no_eye_is_a_result(image: Image) -> None:
    seen = assess_iris(image)
    assert seen.findings == (Finding.IRIS_NOT_FOUND,)
    assert (seen.found, seen.pupil, seen.iris, seen.measures) == (False, None, None, ())


@pytest.mark.parametrize("sigma", [5.0, 15.0, 40.0])
def test_clouds_are_never_acceptable(sigma: float) -> None:
    assert not assess_iris(_clouds(sigma)).acceptable


def test_a_photograph_is_not_an_eye(photograph: Image) -> None:
    grey = cv2.cvtColor(photograph, cv2.COLOR_BGR2GRAY).astype(np.uint8)
    assert assess_iris(grey).findings == (Finding.IRIS_NOT_FOUND,)


def test_a_shut_eye_is_not_found() -> None:
    assert not look(IrisView(lid=0.1)).found


def test_colour_is_an_error() -> None:
    with pytest.raises(ValueError, match="grey"):
        assess_iris(np.zeros((480, 640, 3), np.uint8))

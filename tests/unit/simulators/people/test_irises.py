from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from drivers.positions import Eye
from simulators.people.irises import IrisView, polar_texture, render_iris
from simulators.people.person import Person

STEADY = IrisView(unsteadiness=0.0)


def ring(image: NDArray[np.uint8], view: IrisView, low: float, high: float) -> NDArray[np.uint8]:
    """The pixels left and right of the eye between two multiples of the iris radius."""
    yy, xx = np.mgrid[0:480, 0:640]
    away = np.hypot(xx - view.centre[0], yy - view.centre[1]) / view.iris_radius_px
    inside: NDArray[np.bool_] = (away > low) & (away < high)
    pixels: NDArray[np.uint8] = image[inside & (np.abs(yy - view.centre[1]) < 20)]
    return pixels


def test_pictures_repeat_by_capture_number(resident: Person) -> None:
    seed = resident.iris(Eye.LEFT)
    one, again, other = (render_iris(seed, IrisView(), number) for number in (1, 1, 2))
    assert one.shape == (480, 640)
    assert one.dtype == np.uint8
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


def test_two_eyes_of_a_person_differ(resident: Person) -> None:
    right, left = (polar_texture(resident.iris(eye)) for eye in Eye)
    assert abs(np.corrcoef(right.ravel(), left.ravel())[0, 1]) < 0.2


def test_pupil_iris_and_sclera_have_the_sizes_asked_for(resident: Person) -> None:
    assert IrisView().iris_radius_px >= 105
    image = render_iris(resident.iris(Eye.RIGHT), STEADY, 1)
    pupil, iris, sclera = (
        float(np.median(ring(image, STEADY, *span)))
        for span in ((0.15, 0.35), (0.5, 0.9), (1.1, 1.3))
    )
    assert pupil + 30 < iris < sclera - 20


def test_blur_lowers_the_detail(resident: Person) -> None:
    detail = []
    for blur in (0.8, 2.0, 4.0):
        view = IrisView(unsteadiness=0, blur_px=blur, noise=0)
        image = render_iris(resident.iris(Eye.RIGHT), view, 1)
        grey = image[200:280, 220:260].astype(float)
        detail.append(float(np.abs(np.diff(grey, axis=1)).mean()))
    assert all(a > b for a, b in pairwise(detail))


@pytest.mark.parametrize(("lid", "covered"), [(0.95, False), (0.4, True)])
def test_a_blink_covers_the_iris(resident: Person, lid: float, covered: bool) -> None:
    view = IrisView(unsteadiness=0, lid=lid, lashes=0)
    image = render_iris(resident.iris(Eye.RIGHT), view, 1)
    above = float(image[140:160, 310:330].mean())
    assert (above > 145) is covered

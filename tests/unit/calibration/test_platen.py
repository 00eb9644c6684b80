"""Cleanliness of an empty platen against pictures with known spots and ridges."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from calibration.measures.platen import (
    LATENT_RMS_LIMIT,
    PlatenCleanliness,
    measure_platen,
    noise_sigma,
)
from calibration.verdict import Verdict

HEIGHT, WIDTH, PPI = 700, 900, 500.0
PIXELS_PER_MM = PPI / 25.4

FloatImage = NDArray[np.float64]


def lamp(ppi: float = PPI) -> FloatImage:
    """A light field, 15 % darker in the corners than in the centre."""
    scale = ppi / PPI
    y, x = np.mgrid[0 : round(HEIGHT * scale), 0 : round(WIDTH * scale)] / scale
    radius2 = ((y - HEIGHT / 2) ** 2 + (x - WIDTH / 2) ** 2) / (HEIGHT**2 / 4 + WIDTH**2 / 4)
    return np.asarray(220.0 * (1 - 0.15 * radius2))


def picture(light: FloatImage, noise: float = 0.8, seed: int = 1) -> NDArray[np.uint8]:
    grain = np.random.default_rng(seed).normal(0.0, noise, light.shape)
    return np.clip(np.round(light + grain), 0, 255).astype(np.uint8)


def add_spot(light: FloatImage, area_mm2: float, depth: float, at: tuple[int, int]) -> None:
    radius = np.sqrt(area_mm2 / np.pi) * PIXELS_PER_MM
    y, x = np.mgrid[0 : light.shape[0], 0 : light.shape[1]]
    light[np.hypot(y - at[0], x - at[1]) < radius] -= depth


def add_ridges(
    light: FloatImage, amplitude: float, per_mm: float, ppi: float = PPI, tilt: float = 0.5
) -> None:
    """Parallel ridges on 20 x 20 mm in the middle."""
    pixels_per_mm = ppi / 25.4
    half = round(10 * pixels_per_mm)
    centre = light.shape[0] // 2, light.shape[1] // 2
    y, x = np.mgrid[-half:half, -half:half] / pixels_per_mm
    wave = amplitude * np.sin(2 * np.pi * per_mm * (x * np.cos(tilt) + y * np.sin(tilt)))
    light[centre[0] - half : centre[0] + half, centre[1] - half : centre[1] + half] += wave


def measure(light: FloatImage, noise: float = 0.8, ppi: float = PPI) -> PlatenCleanliness:
    return measure_platen(picture(light, noise), ppi)


@pytest.mark.parametrize("noise", [0.0, 0.8, 2.0, 4.0])
def test_clean_glass_passes(noise: float) -> None:
    result = measure(lamp(), noise)
    assert result.verdict is Verdict.PASS
    assert (result.dark_share, result.spots, result.reason) == (0.0, 0, "")
    assert result.latent_rms < 0.4


@pytest.mark.parametrize("noise", [0.6, 1.0, 3.0])
def test_noise_is_measured(noise: float) -> None:
    expected = np.hypot(noise, 12**-0.5)  # rounding to whole levels adds to it
    assert noise_sigma(picture(lamp(), noise)) == pytest.approx(expected, rel=0.2)


def test_spots_do_not_count_as_noise() -> None:
    light = lamp()
    for column in range(60, WIDTH, 60):
        add_spot(light, 1.0, 60.0, (300, column))
    assert noise_sigma(picture(light, 1.0)) == pytest.approx(1.0, rel=0.15)


@pytest.mark.parametrize("depth", [15.0, 60.0])
def test_one_spot_of_dust_warns_with_its_area(depth: float) -> None:
    light = lamp()
    add_spot(light, 0.3, depth, (200, 300))
    result = measure(light)
    assert result.verdict is Verdict.WARN
    assert result.spots == 1
    assert result.largest_spot_mm2 == pytest.approx(0.3, rel=0.1)
    assert result.dark_share == pytest.approx(0.3 * PIXELS_PER_MM**2 / light.size, rel=0.1)
    assert result.latent_rms < 0.5  # dust is no print


def test_spots_below_the_smallest_area_or_depth_are_ignored() -> None:
    light = lamp()
    add_spot(light, 0.03, 60.0, (200, 300))
    add_spot(light, 0.5, 3.0, (400, 600))
    assert measure(light).spots == 0


def test_many_spots_fail() -> None:
    light = lamp()
    area_mm2 = light.size / PIXELS_PER_MM**2
    for number in range(10):
        add_spot(light, 0.00013 * area_mm2, 50.0, (100 + 50 * number, 80 + 75 * number))
    result = measure(light)
    assert result.spots == 10
    assert result.dark_share > result.dark_share_limit
    assert (result.verdict, result.reason) == (Verdict.FAIL, "spots on the glass")


@pytest.mark.parametrize("per_mm", [1.7, 2.0, 2.4])
@pytest.mark.parametrize("amplitude", [1.0, 3.0])
def test_latent_print_is_measured_in_grey_levels(per_mm: float, amplitude: float) -> None:
    light = lamp()
    add_ridges(light, amplitude, per_mm)
    assert measure(light).latent_rms == pytest.approx(amplitude / np.sqrt(2), rel=0.1)


def test_resolution_does_not_matter() -> None:
    light = lamp(1000.0)
    add_ridges(light, 3.0, 2.0, ppi=1000.0)
    assert measure(light, ppi=1000.0).latent_rms == pytest.approx(3.0 / np.sqrt(2), rel=0.1)


@pytest.mark.parametrize("per_mm", [0.4, 6.0])
def test_pattern_outside_the_ridge_frequencies_is_no_print(per_mm: float) -> None:
    light = lamp()
    add_ridges(light, 3.0, per_mm)
    assert measure(light).latent_rms < 0.6


@pytest.mark.parametrize(
    ("share_of_limit", "verdict"),
    [(0.8, Verdict.PASS), (0.95, Verdict.WARN), (1.06, Verdict.FAIL)],
)
def test_verdict_turns_at_the_limit(share_of_limit: float, verdict: Verdict) -> None:
    light = lamp()
    add_ridges(light, share_of_limit * LATENT_RMS_LIMIT * np.sqrt(2), 2.0)
    result = measure(light)
    assert result.verdict is verdict
    assert (result.reason == "") is (verdict is Verdict.PASS)


def test_strong_print_left_behind_fails() -> None:
    light = lamp()
    add_ridges(light, 25.0, 2.0)
    assert measure(light).verdict is Verdict.FAIL


def test_finger_on_the_glass_is_no_measurement() -> None:
    light = lamp()
    add_ridges(light, 0.0, 2.0)
    centre = (slice(150, 550), slice(300, 600))
    light[centre] -= np.where(np.arange(300) % 10 < 5, 150.0, 0.0)[None, :]
    result = measure(light)
    assert (result.verdict, result.reason) == (Verdict.INVALID, "something lies on the glass")


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (np.full((300, 300), 30, np.uint8), "too dark: no lamp, or dark field"),
        (np.full((100, 300), 200, np.uint8), "smaller than one cell of 6.35 mm"),
        (np.zeros((0, 0), np.uint8), "smaller than one cell of 6.35 mm"),
    ],
)
def test_useless_picture_is_invalid(image: NDArray[np.uint8], reason: str) -> None:
    result = measure_platen(image, PPI)
    assert (result.verdict, result.reason) == (Verdict.INVALID, reason)


@pytest.mark.parametrize("level", [80, 200, 255])
def test_noiseless_flat_picture_passes(level: int) -> None:
    assert measure_platen(np.full((400, 400), level, np.uint8), PPI).verdict is Verdict.PASS


def test_caller_may_tighten_a_limit() -> None:
    light = lamp()
    add_ridges(light, 1.0, 2.0)
    assert measure(light).verdict is Verdict.PASS
    tight = measure_platen(picture(light), PPI, latent_rms_limit=0.5)
    assert (tight.verdict, tight.latent_rms_limit) == (Verdict.FAIL, 0.5)


def test_other_pictures_are_refused() -> None:
    with pytest.raises(ValueError, match="uint8"):
        measure_platen(np.zeros((300, 300, 3), np.uint8), PPI)
    with pytest.raises(ValueError, match="ppi"):
        measure_platen(np.zeros((300, 300), np.uint8), 96.0)

"""What the driver measures of pictures: seams, bands, light, freshness, pace; no stream."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from drivers.camera.freshness import REMEMBERED, Memory
from drivers.camera.inspection import band_strength, measure_light, torn
from drivers.camera.pace import Pace
from drivers.camera.pictures import grey_picture, jpeg_picture
from drivers.values import Image
from tests.protocol.camera_scenes import pattern

DICE = np.random.default_rng(3)


def noisy(image: Image) -> Image:
    """A copy as a sensor with a deviation of 2 grey levels gives it."""
    grain = DICE.normal(0, 2, image.shape)
    return np.clip(image + grain, 0, 255).astype(np.uint8)


class TestTorn:
    def test_displaced_lower_part_is_found(self) -> None:
        burst = [noisy(pattern(640, 480)) for _ in range(8)]
        for place, row in ((1, 200), (4, 300), (7, 150)):
            burst[place][row:] = np.roll(burst[place][row:], 40, axis=1)
        assert [place for place, bad in enumerate(torn(burst)) if bad] == [1, 4, 7]

    def test_camera_that_trembles_before_an_edge_is_not_torn(self) -> None:
        rows = np.arange(480)
        table = np.where(rows < 300, 200, 60).astype(np.uint8)
        burst = []
        for shift in (-3, 2, 0, 1, -2, 3, -1, 2):
            moved = table[np.clip(rows + shift, 0, 479)]
            burst.append(noisy(np.repeat(moved[:, None], 640, axis=1)))
        assert not any(torn(burst))

    def test_person_who_nods_is_not_torn(self) -> None:
        head = pattern(640, 480)[:, :, 0]
        burst = []
        for shift in range(8):
            picture = np.full((480, 640), 120, np.uint8)
            face = cv2.ellipse(
                np.zeros_like(picture), (320, 200 + 5 * shift), (100, 140), 0, 0, 360, (1,), -1
            )
            picture[face > 0] = np.roll(head, 5 * shift, axis=0)[face > 0]
            burst.append(noisy(picture))
        assert not any(torn(burst))

    @pytest.mark.parametrize("count", [0, 1, 2])
    def test_short_burst_is_not_judged(self, count: int) -> None:
        assert torn([pattern()] * count) == [False] * count


class TestBands:
    def test_strength_is_a_share_of_the_brightness(self) -> None:
        rows = np.arange(480)[:, None]
        burst = []
        for phase in np.arange(12) * 2 * np.pi / 12:
            wave = 100 * (1 + 0.05 * np.sin(2 * np.pi * rows / 160 + phase))
            burst.append(np.repeat(np.round(wave), 640, axis=1).astype(np.uint8))
        assert band_strength(burst) == pytest.approx(5 / np.sqrt(2), abs=0.5)

    def test_brightness_of_whole_pictures_is_no_band(self) -> None:
        burst = [np.full((48, 64), level, np.uint8) for level in (90, 100, 110, 120)]
        assert band_strength(burst) == 0.0

    def test_black_has_no_bands(self) -> None:
        assert band_strength([np.zeros((48, 64), np.uint8)] * 4) == 0.0


class TestLight:
    @pytest.mark.parametrize(
        ("level", "verdict", "clipped"),
        [(0, "black", True), (128, "usable", False), (255, "overexposed", True)],
    )
    def test_verdict(self, level: int, verdict: str, clipped: bool) -> None:
        light = measure_light(np.full((40, 40, 3), level, np.uint8))
        assert (light.verdict, light.is_clipped) == (verdict, clipped)
        assert light.mean == level

    def test_white_wall_behind_a_face_is_usable(self) -> None:
        image = np.full((100, 100), 255, np.uint8)
        image[:, 20:80] = 120
        assert measure_light(image).verdict == "usable"


class TestMemory:
    def test_old_picture_is_known(self) -> None:
        memory = Memory()
        pictures = [grey_picture(noisy(pattern()[:, :, 0])) for _ in range(3)]
        assert all(p is not None for p in pictures)
        assert [memory.knows(p) for p in pictures if p is not None] == [False] * 3
        assert [memory.knows(p) for p in pictures if p is not None] == [True] * 3

    def test_memory_is_short(self) -> None:
        memory = Memory()
        first = grey_picture(noisy(pattern()[:, :, 0]))
        assert first is not None
        memory.knows(first)
        for _ in range(REMEMBERED):
            other = grey_picture(noisy(pattern()[:, :, 0]))
            assert other is not None
            memory.knows(other)
        assert not memory.knows(first)

    @pytest.mark.parametrize("level", [0, 255])
    def test_clipped_picture_is_never_old(self, level: int) -> None:
        memory = Memory()
        flat = np.full((40, 40, 3), level, np.uint8)
        picture = jpeg_picture(cv2.imencode(".jpg", flat)[1].reshape(1, -1).astype(np.uint8))
        assert picture is not None
        assert not any(memory.knows(picture) for _ in range(5))


class TestPace:
    def test_rate_is_measured(self) -> None:
        pace = Pace()
        assert pace.fps == 0.0
        assert sum(pace.arrived(k / 30) for k in range(40)) == 0
        assert pace.fps == pytest.approx(30)

    def test_gap_counts_what_is_missing(self) -> None:
        pace = Pace()
        for k in range(20):
            pace.arrived(k / 30)
        assert pace.arrived(23 / 30) == 3
        assert pace.arrived(24 / 30) == 0

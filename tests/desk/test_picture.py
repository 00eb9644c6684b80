"""The live picture: known rows, exact geometry, no work while it is covered."""

from __future__ import annotations

import numpy as np
import pytest
from textual.geometry import Region

from drivers.values import read_only
from station.desk.app import DeskApp
from station.desk.screens.choice import ChoiceDialogue
from station.desk.widgets.frame_view import FrameView, PrebuiltStrip, grey
from station.desk.widgets.glyphs import RESET, Framing, Glyphs, build_rows, fit, glyphs_for
from station.desk.widgets.quality_bar import bar_cells
from station.domain.plan import Step
from tests.desk.fake_station import FakeStation, frame
from tests.desk.scenes import capturing
from tests.desk.screen_text import settled, text_of, wait_for, wait_until

HALVES = np.repeat(np.array([[0], [255]], np.uint8), 8, axis=1).repeat(4, axis=0)
"""Eight columns, four dark rows over four light ones."""


def test_known_picture_gives_known_rows() -> None:
    half = build_rows(HALVES, 8, 4, Glyphs.HALF).ansi
    assert half[0] == "\x1b[38;5;16;48;5;16m" + "▀" * 8 + RESET
    assert half[3] == "\x1b[38;5;231;48;5;231m" + "▀" * 8 + RESET
    assert build_rows(HALVES, 8, 4, Glyphs.ASCII).ansi[3] == "\x1b[37;40m" + "@" * 8 + RESET


@pytest.mark.parametrize("glyphs", Glyphs)
@pytest.mark.parametrize("framing", Framing)
@pytest.mark.parametrize("area", [(60, 20), (1, 1), (32, 19), (7, 3)])
def test_every_row_has_the_width_of_the_area(
    glyphs: Glyphs, framing: Framing, area: tuple[int, int]
) -> None:
    rows = build_rows(frame().image, *area, glyphs, framing)
    assert len(rows.ansi) == area[1]
    for y in range(area[1]):
        assert sum(segment.cell_length for segment in rows.segments(y)) == area[0]


def test_whole_frame_is_shown_with_bars_and_never_stretched() -> None:
    wide = np.full((100, 400), 200, np.uint8)
    shown = fit(wide, 40, 20, Glyphs.HALF, Framing.WHOLE)
    lit_rows = np.flatnonzero(shown.any(axis=1))
    assert len(lit_rows) == 10, "400 x 100 in 40 columns is 10 half cells high"
    assert shown[lit_rows].min() == 200


def test_centre_shows_the_pixels_of_the_frame_one_to_one() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (480, 640), np.uint8)
    shown = fit(noise, 40, 10, Glyphs.BRAILLE, Framing.CENTRE)
    assert np.array_equal(shown, noise[220:260, 280:360])


def test_colour_frames_become_grey() -> None:
    red = read_only(np.zeros((2, 2, 3), np.uint8) + np.array([0, 0, 255], np.uint8))
    assert grey(red).shape == (2, 2)
    assert 70 <= int(grey(red)[0, 0]) <= 80


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"TERM": "xterm-256color"}, Glyphs.HALF),
        ({"TERM": "linux"}, Glyphs.ASCII),
        ({"TERM": "xterm", "NO_COLOR": ""}, Glyphs.ASCII),
        ({}, Glyphs.ASCII),
    ],
)
def test_glyphs_follow_the_terminal(environ: dict[str, str], expected: Glyphs) -> None:
    assert glyphs_for(environ) is expected


async def test_picture_costs_no_segments_until_a_dialogue_covers_it() -> None:
    station = FakeStation(capturing(Step.RIGHT_FOUR), picture=frame(1))
    app = DeskApp(station)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        view = app.screen.query_one(FrameView)
        await wait_until(lambda: view._shown is not None and view._shown[0] == 1, pilot)
        width, height = view.size
        strip = view.render_lines(Region(0, 0, width, height))[height // 2]
        assert isinstance(strip, PrebuiltStrip)
        assert strip.render(app.console) == view._rows.ansi[height // 2]
        assert strip._built is None
        await pilot.press("f8")
        await wait_until(lambda: isinstance(app.screen, ChoiceDialogue), pilot)
        station.picture = frame(2)
        for _ in range(12):
            await pilot.pause(0.01)
        assert view._shown is not None
        assert view._shown[0] == 1, "a covered picture is not repainted"
        rows = app.screen._compositor.render_strips()
        assert {row.cell_length for row in rows} == {80}
        assert {sum(segment.cell_length for segment in row) for row in rows} == {80}
        await pilot.press("escape")
        await wait_until(lambda: view._shown is not None and view._shown[0] == 2, pilot)


async def test_drawing_stands_in_while_there_is_no_picture() -> None:
    station = FakeStation(capturing(Step.IRISES))
    app = DeskApp(station)
    async with app.run_test(size=(80, 24)) as pilot:
        await wait_for("(    ◉    ) (    ◉    )", pilot)
        station.picture = frame()
        await wait_for("▀▀▀▀", pilot)
        assert "◉" not in text_of(app)


async def test_f7_goes_through_all_looks_and_back() -> None:
    app = DeskApp(FakeStation(capturing(Step.RIGHT_FOUR), picture=frame()), language="en")
    seen = []
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        for look in ("quarters", "dots", "1:1", "blocks"):
            await pilot.press("f7")
            await wait_for(f"F7 picture: {look}", pilot)
            seen.append(app.screen.query_one(FrameView).size)
    assert len(set(seen)) == 1


@pytest.mark.parametrize(
    ("value", "limit", "top", "expected"),
    [
        (0.0, 50.0, 100.0, "     │    "),
        (100.0, 50.0, 100.0, "█████┃████"),
        (25.0, 50.0, 100.0, "██▌  │    "),
        (float("nan"), 50.0, 100.0, "     │    "),
        (500.0, 100.0, 100.0, "█████████┃"),
        (-3.0, 0.0, 0.0, "│         "),
    ],
)
def test_bar_shows_value_and_limit(value: float, limit: float, top: float, expected: str) -> None:
    assert bar_cells(value, limit, top, 10) == expected

"""Every screen in both languages and two sizes, as committed text; nothing is cut off.

`pytest tests/desk/test_screens.py --update-screens` rewrites the pictures; read the difference.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widget import Widget
from textual.widgets import OptionList, Static

from station.desk.app import DeskApp
from station.desk.widgets.frame_view import FrameView
from station.desk.widgets.rows import Rows
from tests.desk.scenes import SCENES, station_of
from tests.desk.screen_text import lines_of, settled, wait_until

PICTURES = Path(__file__).parent / "screens"
SMALL, LARGE = (80, 24), (132, 43)
LOOKS = (("id", SMALL), ("id", LARGE), ("en", LARGE), ("en", SMALL))
"""Language and size, in the order in which one key or one resize leads to the next."""


@pytest.mark.parametrize("name", SCENES)
async def test_screen_looks_as_committed_and_nothing_is_cut(
    name: str, update_screens: bool
) -> None:
    scene = SCENES[name]
    app = DeskApp(station_of(scene), language="id")
    shown: dict[tuple[str, int], list[str]] = {}
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        if scene.keys:
            await pilot.press(*scene.keys)
        for language, size in LOOKS:
            if app.translate.language != language:
                await pilot.press("f2")
            if app.size != size:
                await pilot.resize_terminal(*size)
            await _laid_out(pilot, size)
            assert _cut_widgets(app) == []
            shown[language, size[0]] = [
                re.sub(r"\.py:\d+", ".py:###", row) for row in lines_of(app)
            ]
    for (language, columns), lines in shown.items():
        path = PICTURES / f"{name}.{language}.{columns}.txt"
        text = "\n".join(lines) + "\n"
        if update_screens:
            path.write_text(text, encoding="utf-8")
        assert text == path.read_text(encoding="utf-8"), f"{path.name} looks different"


def test_no_picture_is_left_over() -> None:
    expected = {f"{name}.{language}.{size[0]}.txt" for name in SCENES for language, size in LOOKS}
    assert {path.name for path in PICTURES.glob("*.txt")} == expected


async def _laid_out(pilot: Pilot[int], size: tuple[int, int]) -> None:
    """Wait until two looks in a row are the same."""
    before: list[str] = []

    def steady() -> bool:
        nonlocal before
        now = lines_of(pilot.app)
        calm = now == before and pilot.app.screen.size == size
        for view in pilot.app.screen.query(FrameView):
            painted = view._shown is not None and view._shown[1:3] == tuple(view.size)
            calm = calm and (painted or not view.display)
        before = now
        return calm

    await wait_until(steady, pilot)


def _cut_widgets(app: DeskApp) -> list[str]:
    """Texts that are only partly on the screen, or lower than their content."""
    cut = []
    for widget in app.screen.query(Widget):
        if not isinstance(widget, Static | Rows | OptionList) or not widget.display:
            continue
        place = app.screen.find_widget(widget)
        if not place.region:
            continue
        inside = place.clip.contains_region(place.region)
        if not inside or place.virtual_region.height < place.region.height:
            cut.append(f"{widget.id or type(widget).__name__} {place.region} in {place.clip}")
    return cut

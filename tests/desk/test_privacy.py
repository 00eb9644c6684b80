"""Foreign text does nothing on the screen, and nothing personal leaves it by another way."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from station.desk.app import DeskApp
from station.desk.environment import prepare
from station.desk.plain import plain
from station.desk.screens.home import HomeScreen
from station.domain.plan import Step
from station.recording.session import SessionState
from station.recording.view import DeviceView, Problem
from tests.desk.fake_station import NIK, FakeStation
from tests.desk.scenes import CAPTURING, HOME, capturing, steps
from tests.desk.screen_text import settled, text_of, wait_for

HOSTILE = "[/b] [red]X\x1b[31m\x9b31m\u202egnorw\x07"
LITERAL = "[/b] [red]X[31m31mgnorw"


def test_plain_keeps_brackets_and_drops_control_characters() -> None:
    assert plain(HOSTILE).plain == LITERAL
    assert plain("a\nb").plain == "a\nb"


@pytest.mark.parametrize("session", [SessionState.REVIEW, SessionState.IDLE])
async def test_hostile_text_is_shown_literally(session: SessionState) -> None:
    view = replace(
        CAPTURING,
        session=session,
        capture=None,
        steps=steps(None),
        biodata=(("full_name", HOSTILE),),
        devices=(
            DeviceView(HOSTILE, HOSTILE, HOSTILE, HOSTILE, problem=Problem(HOSTILE, HOSTILE)),
            DeviceView("face", "ready", "[red]model", HOSTILE),
        ),
        problem=Problem(HOSTILE, HOSTILE),
    )
    app = DeskApp(FakeStation(view))
    async with app.run_test(size=(132, 43)) as pilot:
        await settled(pilot)
        text = text_of(app)
    assert LITERAL in text
    assert not {"\x1b", "\x9b", "\x07", "\u202e"} & set(text)


async def test_name_and_whole_nik_stay_off_all_screens_but_the_review() -> None:
    app = DeskApp(FakeStation(capturing(Step.IRISES)))
    async with app.run_test(size=(132, 43)) as pilot:
        await settled(pilot)
        for key in ("f9", "escape", "f1", "escape", "escape"):
            await pilot.press(key)
            text = text_of(app)
            assert NIK not in text
            assert "SITI AMINAH" not in text
        assert "31**********0001" in text


async def test_crash_tells_the_place_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    def paint(self: HomeScreen) -> None:
        name = "SITI AMINAH"
        if self.desk.translate.language == "id":
            raise ValueError(f"{name} {NIK}")

    monkeypatch.setattr(HomeScreen, "paint", paint)
    station = FakeStation(HOME)
    app = DeskApp(station, language="en")

    async def switch_language() -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            await settled(pilot)
            await pilot.press("f2")

    with caplog.at_level(logging.DEBUG), pytest.raises(ValueError, match="SITI"):
        await switch_language()
    told = "".join(capsys.readouterr())
    assert "APP-901" in told
    assert "ValueError" in told
    for text in (told, caplog.text):
        assert "SITI" not in text
        assert NIK not in text
        assert "Traceback" not in text
    assert app.return_code == 1
    assert station.closed == 1, "the devices are released"


async def test_failed_command_tells_no_value(caplog: pytest.LogCaptureFixture) -> None:
    app = DeskApp(FakeStation(capturing(Step.IRISES), script=[KeyError(NIK)]))
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("f5")
        await wait_for("[APP-901]", pilot)
        text = text_of(app)
    assert "KeyError" in text
    assert NIK not in text
    assert NIK not in caplog.text


def test_app_offers_no_palette_no_selection_and_none_of_the_library_keys() -> None:
    app = DeskApp(FakeStation())
    assert not app.ENABLE_COMMAND_PALETTE
    assert not app.ALLOW_SELECT
    assert not app._bindings.key_to_bindings


def test_environment_cannot_steer_the_screens() -> None:
    environ = {"TEXTUAL_LOG": "keys.log", "TEXTUAL": "debug", "TERM": "xterm"}
    prepare(environ)
    assert environ == {"TERM": "xterm", "TEXTUAL_ANIMATIONS": "none"}

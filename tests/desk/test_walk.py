"""The keyboard alone: a whole recording, and every way beside the straight one."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import replace

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from drivers.errors import NotConnected
from station.desk.app import DeskApp
from station.desk.screens.capture import CaptureScreen
from station.desk.screens.home import HomeScreen
from station.desk.screens.identify import IdentifyScreen
from station.desk.screens.review import ReviewScreen
from station.desk.screens.sealed import SealedScreen
from station.desk.screens.suspended import SuspendedScreen
from station.desk.screens.unsaved import UnsavedScreen
from station.desk.services import Station
from station.domain.plan import CAPTURE_STEPS, Step
from station.errors import IllegalTransition
from station.recording.capture import CaptureState
from station.recording.station import RecordingStation
from station.recording.view import Problem, StationView
from tests.desk.fake_station import DEVICES, NIK, SESSION, FakeStation, Outcome, frame
from tests.desk.screen_text import settled, text_of, wait_for, wait_until

SIZE = (80, 24)


def test_recording_station_offers_what_the_screens_drive() -> None:
    driven: type[Station] = RecordingStation  # the types are compared by mypy
    assert {name for name in vars(Station) if not name.startswith("_")} <= set(dir(driven))


async def test_keyboard_records_two_residents_from_first_key_to_seal() -> None:
    station, seated = FakeStation(picture=frame()), []

    async def next_resident() -> None:
        seated.append(len(station.calls))

    app = DeskApp(station, on_next_resident=next_resident)
    async with app.run_test(size=SIZE) as pilot:
        for resident in range(2):
            await settled(pilot)
            await pilot.press("f5")
            await wait_until(lambda: isinstance(app.screen, IdentifyScreen), pilot)
            await pilot.press(*((*NIK, "enter") if resident == 0 else ("f5",)))
            for step in CAPTURE_STEPS:
                await wait_until(lambda step=step: app.view.step is step, pilot)  # type: ignore[misc]
                assert isinstance(app.screen, CaptureScreen)
                await pilot.press("f5")
                await settled(pilot)
            await wait_until(lambda: isinstance(app.screen, ReviewScreen), pilot)
            await pilot.press("f10")
            await wait_until(lambda: isinstance(app.screen, SealedScreen), pilot)
            await settled(pilot)
            assert "TERSIMPAN" in text_of(app)
            assert len(seated) == resident
    names = [call[0] for call in station.calls]
    captured = ["capture"] * 6 + ["seal"]
    assert names == ["open", "start", "typed", *captured, "start", "card", *captured]
    assert station.closed == 1


async def test_card_binds_the_session() -> None:
    station = FakeStation()
    app = DeskApp(station)
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await pilot.press("f5")
        await wait_until(lambda: isinstance(app.screen, IdentifyScreen), pilot)
        await pilot.press("f5")
        await wait_until(lambda: isinstance(app.screen, CaptureScreen), pilot)
    assert ("card",) in station.calls


async def test_function_keys_work_while_the_field_has_the_focus_and_wrong_nik_stays() -> None:
    station = FakeStation()
    app = DeskApp(station, language="en")
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await pilot.press("f5")
        await wait_until(lambda: isinstance(app.screen, IdentifyScreen), pilot)
        await pilot.press("1", "2", "x", "3", "enter")
        await wait_for("NIK-101", pilot)
        assert isinstance(app.focused, Input)
        await pilot.press("f2")
        await wait_for("NIK terdiri dari 16 angka", pilot)
        assert app.focused.value == "123", "changing the language keeps what was typed"
        await pilot.press("ctrl+a", "ctrl+c")
        assert app.clipboard == "", "a NIK never goes to the desktop"
        await pilot.press("f1")
        await wait_for("Kartu dibaca dengan F5", pilot)


async def test_third_poor_attempt_asks_and_the_reason_reaches_the_station() -> None:
    station = FakeStation(script=[Outcome.GOOD] + [Outcome.POOR] * 3)
    app = DeskApp(station, language="en")
    async with app.run_test(size=SIZE) as pilot:
        await _to_first_capture(app, pilot)
        await _captures(pilot, 4)
        await wait_for("How does it go on?", pilot)
        await pilot.press("1")
        await wait_for("The reason stays in the record", pilot)
        await pilot.press("escape")
        await wait_for("How does it go on?", pilot)
        await pilot.press("escape")
        await wait_for("F10  Decide", pilot)
        await pilot.press("ctrl+n", "enter")
        await wait_for("The reason stays in the record", pilot)
        await pilot.press("down", "enter")
        await wait_until(lambda: app.view.step is Step.LEFT_FOUR, pilot)
    assert ("decide", "use-best", "cannot-hold-still") in station.calls


async def test_other_index_changes_what_the_resident_is_asked_for() -> None:
    station = FakeStation(script=[Outcome.GOOD] * 5 + [Outcome.POOR] * 3)
    app = DeskApp(station, language="en")
    async with app.run_test(size=SIZE) as pilot:
        await _to_first_capture(app, pilot)
        await _captures(pilot, 5)
        await wait_for("Place the right index finger", pilot)
        await _captures(pilot, 3)
        await wait_for("Use the other index finger", pilot)
        await pilot.press("3")
        await wait_for("Place the left index finger", pilot)
    assert ("decide", "other-index", "") in station.calls


async def test_exception_needs_a_reason_and_is_not_offered_for_the_portrait() -> None:
    station = FakeStation()
    app = DeskApp(station, language="en")
    async with app.run_test(size=SIZE) as pilot:
        await _to_first_capture(app, pilot)
        assert "F8" not in text_of(app)
        await pilot.press("f8")
        await _captures(pilot, 1)
        await wait_for("F8  Exception", pilot)
        await pilot.press("f8", "escape", "f8", "2")
        await wait_until(lambda: app.view.step is Step.LEFT_FOUR, pilot)
    assert [call for call in station.calls if call[0] == "except"] == [("except", "bandaged")]


async def test_escape_ends_the_waiting_for_a_hand_and_not_the_recording() -> None:
    station = FakeStation()
    app = DeskApp(station)
    async with app.run_test(size=SIZE) as pilot:
        await _to_first_capture(app, pilot)
        station.hold = asyncio.Event()
        await pilot.press("f5")
        await wait_until(lambda: app.view.capture is CaptureState.ACQUIRE, pilot)
        await pilot.press("escape")
        await wait_until(lambda: ("interrupt",) in station.calls, pilot)
        assert isinstance(app.screen, CaptureScreen)
        await settled(pilot)


async def test_f6_connects_the_devices_again_between_residents() -> None:
    broken = replace(DEVICES[0], state="closed", problem=Problem("DEV-102", "refused"))
    station = FakeStation(StationView(devices=(broken, *DEVICES[1:])))
    app = DeskApp(station, language="en")
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        assert "Connect again" in text_of(app)
        await pilot.press("f6")
        await wait_until(lambda: ("connect",) in station.calls, pilot)
        await settled(pilot)
        assert "Connect again" not in text_of(app)


async def test_lost_device_suspends_and_f6_goes_on() -> None:
    station = FakeStation(script=[Outcome.LOST])
    app = DeskApp(station)
    async with app.run_test(size=SIZE) as pilot:
        await _to_first_capture(app, pilot)
        await pilot.press("f5")
        await wait_until(lambda: isinstance(app.screen, SuspendedScreen), pilot)
        assert "[DEV-103]" in text_of(app)
        await pilot.press("f6")
        await wait_until(lambda: isinstance(app.screen, CaptureScreen), pilot)


async def test_unsaved_capture_blocks_everything_but_saving_again() -> None:
    station = FakeStation(script=[Outcome.UNSAVED])
    app = DeskApp(station)
    async with app.run_test(size=SIZE) as pilot:
        await _to_first_capture(app, pilot)
        await pilot.press("f5")
        await wait_until(lambda: isinstance(app.screen, UnsavedScreen), pilot)
        assert "BELUM TERSIMPAN" in text_of(app)
        assert "[ST-101]" in text_of(app)
        await settled(pilot)
        await pilot.press("f5")
        await wait_until(lambda: app.view.step is Step.RIGHT_FOUR, pilot)
    assert [call[0] for call in station.calls][-2:] == ["capture", "save"]


async def test_review_reopens_the_chosen_step_with_a_reason() -> None:
    station = FakeStation()
    app = DeskApp(station, language="en")
    async with app.run_test(size=SIZE) as pilot:
        await _to_first_capture(app, pilot)
        await _captures(pilot, 6)
        await wait_until(lambda: isinstance(app.screen, ReviewScreen), pilot)
        await pilot.press("down", "f6")
        await wait_for("Capture this step again?", pilot)
        await pilot.press("1")
        await wait_until(lambda: app.view.step is Step.RIGHT_FOUR, pilot)
    assert ("reopen", "right_four", "quality") in station.calls


async def test_unfinished_session_is_offered_first_and_a_new_resident_stays_possible() -> None:
    view = StationView(devices=DEVICES, unfinished=(SESSION,))
    for key, expected in (("enter", "resume"), ("f5", "resume"), ("f10", "start")):
        station = FakeStation(view)
        app = DeskApp(station)
        async with app.run_test(size=SIZE) as pilot:
            await settled(pilot)
            assert isinstance(app.screen, HomeScreen)
            assert "Rekaman belum selesai: 1" in text_of(app)
            await pilot.press(key)
            await wait_until(lambda station=station: len(station.calls) > 1, pilot)  # type: ignore[misc]
        assert station.calls[1][0] == expected


async def test_escape_asks_before_anything_is_destroyed() -> None:
    station, seated = FakeStation(), []

    async def next_resident() -> None:
        seated.append(True)

    app = DeskApp(station, language="en", on_next_resident=next_resident)
    async with app.run_test(size=SIZE) as pilot:
        await _to_first_capture(app, pilot)
        await pilot.press("escape")
        await wait_for("will be destroyed", pilot)
        await pilot.press("escape")
        await wait_until(lambda: isinstance(app.screen, CaptureScreen), pilot)
        assert not any(call[0] == "cancel" for call in station.calls)
        await pilot.press("escape", "1")
        await wait_for("Recording cancelled", pilot)
        await settled(pilot)
        await pilot.press("f5")
        await wait_until(lambda: isinstance(app.screen, IdentifyScreen), pilot)
    assert ("cancel", "resident-left") in station.calls
    assert seated == [True]


async def test_second_command_is_refused_while_one_runs() -> None:
    station = FakeStation()
    station.hold = asyncio.Event()
    app = DeskApp(station)
    async with app.run_test(size=SIZE) as pilot:
        await _to_first_capture(app, pilot)
        await pilot.press("f5")
        await wait_for("mohon jangan bergerak", pilot)
        await pilot.press("f5", "escape", "1")
        station.hold.set()
        await settled(pilot)
    assert [call[0] for call in station.calls].count("capture") == 1
    assert not any(call[0] == "cancel" for call in station.calls)


@pytest.mark.parametrize(
    ("error", "code"),
    [(IllegalTransition("x"), "WF-001"), (NotConnected("iris"), "DEV-101"), (OSError(), "APP-901")],
)
async def test_failed_command_shows_its_code_and_goes_back(error: Exception, code: str) -> None:
    station = FakeStation(script=[error])
    app = DeskApp(station)
    async with app.run_test(size=SIZE) as pilot:
        await _to_first_capture(app, pilot)
        await pilot.press("f5")
        await wait_for(f"[{code}]", pilot)
        await pilot.press("enter")
        await wait_until(lambda: isinstance(app.screen, CaptureScreen), pilot)


async def test_store_that_does_not_open_ends_the_program() -> None:
    station = FakeStation()
    station.opened = IllegalTransition("store")
    app = DeskApp(station)
    async with app.run_test(size=SIZE) as pilot:
        await wait_for("[WF-001]", pilot)
        await pilot.press("enter")
    assert app.return_code == 1
    assert station.closed == 1


async def test_closing_asks_and_leaves_the_session_in_its_journal() -> None:
    station = FakeStation()
    app = DeskApp(station, language="en")
    async with app.run_test(size=SIZE) as pilot:
        await _to_first_capture(app, pilot)
        await pilot.press("ctrl+q")
        await wait_for("An open recording is kept", pilot)
        await pilot.press("2")
        await wait_until(lambda: station.closed == 1, pilot)
    assert app.return_code == 0
    assert not any(call[0] == "cancel" for call in station.calls)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
async def test_signals_close_in_order(number: signal.Signals) -> None:
    station = FakeStation()
    app = DeskApp(station)
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        os.kill(os.getpid(), number)
        await wait_until(lambda: station.closed == 1, pilot)
    assert app.return_code == 0


async def _to_first_capture(app: DeskApp, pilot: Pilot[int]) -> None:
    await settled(pilot)
    await pilot.press("f5")
    await wait_until(lambda: isinstance(app.screen, IdentifyScreen), pilot)
    await settled(pilot)
    await pilot.press("f5")
    await wait_until(lambda: isinstance(app.screen, CaptureScreen), pilot)
    await settled(pilot)


async def _captures(pilot: Pilot[int], count: int) -> None:
    for _ in range(count):
        await pilot.press("f5")
        await settled(pilot)

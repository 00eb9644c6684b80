"""Devices that go and come by themselves while a resident sits there; nobody presses a key."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from simulators.lab import Lab
from station.domain.plan import Step
from station.recording.capture import CaptureState
from station.recording.policy import Option
from station.recording.session import SessionState
from station.recording.station import RecordingStation
from station.recording.view import StationView
from tests.recording.opening import audit_of, problem_code, shown, struck, up_to_first_slap

PATIENCE_S = 20.0


async def until(station: RecordingStation, holds: Callable[[StationView], bool]) -> None:
    """Wait for a view of which `holds` is true."""
    came = asyncio.Event()

    def look(view: StationView) -> None:
        if holds(view):
            came.set()

    stop_looking = station.subscribe(look)
    look(station.view)
    try:
        await asyncio.wait_for(came.wait(), PATIENCE_S)
    finally:
        stop_looking()


async def test_a_device_that_leaves_and_returns_suspends_and_resumes_by_itself(
    station: RecordingStation, lab: Lab
) -> None:
    await up_to_first_slap(station)
    lab.sbi.stop()
    try:
        await until(station, lambda view: view.session is SessionState.SUSPENDED)
        assert problem_code(station).startswith("DEV-")
    finally:
        lab.sbi.start()
    await until(station, lambda view: view.capture is CaptureState.POSITION)
    assert shown(station).session is SessionState.CAPTURING
    assert shown(station).problem is None
    assert shown(station).step is Step.RIGHT_FOUR
    assert [name for name, _ in audit_of(station)][-2:] == [
        "recording.device-lost",
        "recording.device-back",
    ]
    await station.capture()
    assert [step.step for step in station.done] == [Step.PORTRAIT, Step.RIGHT_FOUR]


async def test_a_device_of_a_later_step_that_leaves_does_not_disturb_this_one(
    station: RecordingStation, lab: Lab
) -> None:
    await up_to_first_slap(station)
    lab.module.stop()
    try:
        await until(station, lambda view: any(device.problem for device in view.devices))
        assert shown(station).session is SessionState.CAPTURING
        await station.capture()
        assert shown(station).step is Step.LEFT_FOUR
    finally:
        lab.module.start()
    await until(station, lambda view: not any(device.problem for device in view.devices))


async def test_a_step_that_waits_for_its_device_begins_when_it_comes(
    station: RecordingStation, lab: Lab
) -> None:
    await up_to_first_slap(station)
    lab.module.stop()
    try:
        while shown(station).step is not Step.VERIFICATION:
            await station.capture()
        assert shown(station).capture is CaptureState.PREPARE
    finally:
        lab.module.start()
    await until(station, lambda view: view.capture is CaptureState.POSITION)
    assert shown(station).problem is None
    await station.capture()
    assert shown(station).session is SessionState.REVIEW


async def test_reset_ends_a_hanging_capture_and_the_same_step_goes_on(
    station: RecordingStation, lab: Lab
) -> None:
    await up_to_first_slap(station)
    with struck(lab, "scanner", "hang"):
        capturing = asyncio.create_task(station.capture())
        await until(station, lambda view: view.capture is CaptureState.ACQUIRE)
        resetting = asyncio.create_task(station.reset_device())
        await asyncio.wait_for(capturing, PATIENCE_S)
    assert await asyncio.wait_for(resetting, PATIENCE_S) or shown(station).problem is not None
    await until(station, lambda view: view.capture is CaptureState.POSITION)
    assert shown(station).attempt == 0
    assert [step.step for step in station.done] == [Step.PORTRAIT]
    assert ("device.reset", {"device": "scanner"}) in audit_of(station)
    await station.capture()
    assert shown(station).step is Step.LEFT_FOUR


async def test_another_device_in_the_place_of_the_scanner_needs_a_yes(
    station: RecordingStation, lab: Lab
) -> None:
    await up_to_first_slap(station)
    with struck(lab, "scanner", "other-device"):
        await until(station, lambda view: view.session is SessionState.SUSPENDED)
        await until(station, lambda view: problem_code(station) == "DEV-105")
        assert await station.reconnect()
        assert shown(station).session is SessionState.CAPTURING
        await station.capture()
        assert shown(station).step is Step.LEFT_FOUR
        assert [name for name, _ in audit_of(station)].count("recording.device-back") == 1


async def test_a_capture_repeated_after_a_decision_does_not_use_another_device_unasked(
    station: RecordingStation, lab: Lab
) -> None:
    await up_to_first_slap(station)
    with struck(lab, "scanner", "black-picture"):
        while shown(station).capture is not CaptureState.DECIDE:
            await station.capture()
    with struck(lab, "scanner", "other-device"):
        await until(
            station,
            lambda view: any(
                device.role == "scanner" and device.problem and device.problem.code == "DEV-105"
                for device in view.devices
            ),
        )
        await station.decide(Option.REPEAT)
        await station.capture()
        assert problem_code(station) == "DEV-105"
        assert [step.step for step in station.done] == [Step.PORTRAIT]
        assert await station.reconnect()
        await station.capture()
        assert shown(station).step is Step.LEFT_FOUR


async def test_reset_does_not_accept_a_device_that_nobody_has_seen(
    station: RecordingStation, lab: Lab
) -> None:
    await up_to_first_slap(station)
    await station.reset_device()
    with struck(lab, "scanner", "other-device"):
        for _ in range(2):
            await station.reset_device()
            assert problem_code(station) == "DEV-105"
        assert await station.reconnect()
        await until(station, lambda view: view.capture is CaptureState.POSITION)
        serial = next(d.serial for d in shown(station).devices if d.role == "scanner")
        told = {"device": "scanner", "before": serial.removesuffix("-SPARE"), "now": serial}
        assert ("device.accepted", told) in audit_of(station)


async def test_cancelling_does_not_wait_for_a_device_that_does_not_come(
    station: RecordingStation, lab: Lab
) -> None:
    await up_to_first_slap(station)
    with struck(lab, "scanner", "hang"):
        resetting = asyncio.create_task(station.reset_device())
        await until(station, lambda view: view.session is SessionState.CAPTURING)
        await asyncio.sleep(0.05)
        await asyncio.wait_for(station.cancel("resident-left"), 3.0)
        assert shown(station).session is SessionState.CANCELLED
        await resetting


async def test_a_capture_whose_caller_is_gone_leaves_the_step_usable(
    station: RecordingStation, lab: Lab
) -> None:
    await up_to_first_slap(station)
    with struck(lab, "scanner", "hang"):
        capturing = asyncio.create_task(station.capture())
        await until(station, lambda view: view.capture is CaptureState.ACQUIRE)
        capturing.cancel()
        await asyncio.wait({capturing})
    assert shown(station).capture in (CaptureState.POSITION, CaptureState.PREPARE)
    await until(station, lambda view: view.capture is CaptureState.POSITION)
    await station.capture()
    assert shown(station).step is Step.LEFT_FOUR

"""Devices that lie, vanish, never come, or wait too long: nothing is lost and somebody is told."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest

from drivers.api import CardReader
from drivers.card import identity
from drivers.card.signature import SignatureCheck
from simulators.lab import Lab
from simulators.sbi_faults import SbiFault
from station.compose import build_station
from station.config import StationConfig
from station.domain.plan import Step
from station.recording.capture import CaptureState
from station.recording.session import SessionState
from station.recording.station import RecordingStation
from station.recording.view import StationView
from tests.recording.opening import audit_of, problem_code, shown, up_to_first_slap


@pytest.mark.parametrize(
    ("fault", "code", "check"),
    [
        (SbiFault.TAMPERED, "DEV-211", "signature"),
        (SbiFault.WRONG_HASH, "DEV-222", "hash-chain"),
        (SbiFault.MISSING_FINGER, "DEV-221", "positions"),
        (SbiFault.FOREIGN_TRANSACTION, "DEV-218", "transaction"),
        (SbiFault.CLOCK_BEHIND, "DEV-220", "timestamp"),
    ],
)
async def test_a_lying_scanner_adds_nothing_to_the_record(
    station: RecordingStation, lab: Lab, fault: SbiFault, code: str, check: str
) -> None:
    await up_to_first_slap(station)
    lab.sbi.faults.inject(fault)
    try:
        await station.capture()
    finally:
        lab.sbi.faults.clear(fault)
    problem = shown(station).problem
    assert problem is not None
    assert problem.code == code
    assert problem.detail.startswith(check)
    assert shown(station).attempt == 0
    assert [step.step for step in station.done] == [Step.PORTRAIT]
    told = {"device": "scanner", "code": code, "check": check}
    assert ("capture.failed", told) in audit_of(station)
    await station.capture()
    assert shown(station).step is Step.LEFT_FOUR


async def test_a_lost_device_suspends_and_the_same_step_goes_on(
    station: RecordingStation, lab: Lab
) -> None:
    await up_to_first_slap(station)
    lab.sbi.stop()
    try:
        await station.capture()
        assert shown(station).session is SessionState.SUSPENDED
        assert not await station.reconnect()
        assert problem_code(station) == "DEV-102"
    finally:
        lab.sbi.start()
    assert await station.reconnect()
    assert shown(station).session is SessionState.CAPTURING
    assert shown(station).step is Step.RIGHT_FOUR
    await station.capture()
    assert [step.step for step in station.done] == [Step.PORTRAIT, Step.RIGHT_FOUR]


async def test_a_device_that_does_not_come_back_is_excepted_and_the_others_go_on(
    station: RecordingStation, lab: Lab
) -> None:
    await station.start()
    assert await station.identify_from_card()
    while shown(station).step is not Step.VERIFICATION:
        await station.capture()
    lab.module.stop()
    try:
        await station.capture()
        assert shown(station).session is SessionState.SUSPENDED
        assert not await station.reconnect()
        await station.except_step("not-captured")
        assert shown(station).session is SessionState.REVIEW
        assert await station.seal()
    finally:
        lab.module.start()


async def test_a_device_that_is_not_there_is_shown_and_does_not_stop_the_desk(
    config: StationConfig, lab: Lab
) -> None:
    lab.module.stop()
    desk = build_station(config)
    try:
        await desk.open()
        absent = {device.role: device.problem for device in shown(desk).devices}
        assert absent.pop("verifier") is not None
        assert absent == dict.fromkeys(absent)
        await up_to_first_slap(desk)
    finally:
        await desk.close()
        lab.module.start()


async def test_a_missing_device_is_never_shown_as_an_unsaved_capture(
    config: StationConfig, lab: Lab
) -> None:
    lab.module.stop()
    desk = build_station(config)
    seen: list[bool] = []
    try:
        await desk.open()
        desk.subscribe(lambda view: seen.append(view.unsaved))
        await desk.start()
        assert await desk.identify_from_card()
        while shown(desk).step is not Step.VERIFICATION:
            await desk.capture()
        assert problem_code(desk) == "DEV-102"
        assert not any(seen)
    finally:
        await desk.close()
        lab.module.start()


async def test_waiting_for_a_hand_can_be_interrupted(station: RecordingStation, lab: Lab) -> None:
    await up_to_first_slap(station)
    lab.sbi.faults.inject(SbiFault.HANG)
    try:
        waiting_for_a_hand = asyncio.Event()

        def look(view: StationView) -> None:
            busy = any(
                device.role == "scanner" and device.state == "busy" for device in view.devices
            )
            if busy and view.capture is CaptureState.ACQUIRE:
                waiting_for_a_hand.set()

        station.subscribe(look)
        capturing = asyncio.create_task(station.capture())
        await waiting_for_a_hand.wait()
    finally:
        lab.sbi.faults.clear(SbiFault.HANG)
    station.interrupt()
    await asyncio.wait_for(capturing, 10.0)
    assert problem_code(station) == "DEV-401"
    assert shown(station).attempt == 0
    assert shown(station).step is Step.RIGHT_FOUR


async def test_a_step_whose_device_never_comes_can_be_excepted(
    config: StationConfig, lab: Lab
) -> None:
    lab.module.stop()
    desk = build_station(config)
    try:
        await desk.open()
        await desk.start()
        assert await desk.identify_from_card()
        while shown(desk).step is not Step.VERIFICATION:
            await desk.capture()
        assert shown(desk).capture is CaptureState.PREPARE
        await desk.except_step("damaged")
        assert shown(desk).session is SessionState.REVIEW
        assert await desk.seal()
    finally:
        await desk.close()
        lab.module.start()


async def test_devices_can_be_connected_again_between_residents(
    config: StationConfig, lab: Lab
) -> None:
    lab.module.stop()
    desk = build_station(config)
    try:
        await desk.open()
        assert any(device.problem for device in shown(desk).devices)
        lab.module.start()
        await desk.connect_devices()
        assert not any(device.problem for device in shown(desk).devices)
    finally:
        await desk.close()
        lab.module.start()


async def test_a_test_card_identifies_nobody_on_a_real_desk(
    station: RecordingStation, lab: Lab
) -> None:
    station._identity = dataclasses.replace(station._identity, simulated=False)
    await station.start()
    assert not await station.identify_from_card()
    assert problem_code(station) == "CARD-104"
    assert shown(station).session is SessionState.IDENTIFY


async def test_a_card_that_nobody_vouches_for_identifies_with_a_warning(
    station: RecordingStation, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = identity.read_identity
    for verdict, code in (("UNSIGNED", "CARD-105"), ("INVALID", "CARD-103"), ("VALID", "")):

        async def judged(reader: CardReader, verdict: str = verdict) -> identity.CardReading:
            reading = await read(reader)
            return dataclasses.replace(reading, signature=SignatureCheck[verdict])

        with monkeypatch.context() as patch:
            patch.setattr(identity, "read_identity", judged)
            await station.start()
            assert await station.identify_from_card()
        assert problem_code(station) == code
        await station.cancel("test")

"""What a client meets in the field and has to survive, and how an idle device is looked after."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from drivers.api import IrisRequest, Slap, SlapRequest, State
from drivers.errors import DeviceError, DeviceTimeout, Disconnected
from drivers.sbi.errors import DeviceNotReady
from drivers.sbi.protocol import BioType, Status
from simulators.sbi import SbiServer
from simulators.sbi_answers import Scribe
from simulators.sbi_faults import SbiFault
from tests.protocol.sbi_rig import SbiDesk, SmallScene

RIGHT = SlapRequest(Slap.RIGHT_FOUR)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[SbiDesk]:
    scene = SmallScene()
    with SbiServer(scene, serials="SURVIVOR") as server:
        yield SbiDesk(server, scene, tmp_path)


async def test_hanging_service_is_dropped_and_its_restart_found_elsewhere(desk: SbiDesk) -> None:
    async with desk.scanner() as scanner:
        desk.server.faults.inject(SbiFault.HANG)
        with pytest.raises(DeviceTimeout):
            await scanner.capture(RIGHT, timeout=0.3)
        for _ in range(2):
            with pytest.raises(DeviceError):
                await scanner.check()
        assert scanner.state is State.LOST
        desk.server.faults.inject(SbiFault.SERVICE_MOVED)
        desk.server.faults.clear(SbiFault.HANG)
        await scanner.connect()
        assert len((await scanner.capture(RIGHT)).samples) == 4


async def test_status_that_changes_between_discovery_and_capture(desk: SbiDesk) -> None:
    device = desk.server.service.devices["2"]
    async with desk.scanner() as scanner:
        device.assigned = Status.NOT_READY
        with pytest.raises(DeviceNotReady):
            await scanner.capture(RIGHT)
        device.assigned = Status.READY
        assert len((await scanner.capture(RIGHT)).samples) == 4


@pytest.mark.parametrize("score", [61, 61.0, "61", "61.0"])
async def test_score_is_written_in_every_way(
    desk: SbiDesk, monkeypatch: pytest.MonkeyPatch, score: object
) -> None:
    content = Scribe._content

    def rewritten(*parts: Any) -> dict[str, object]:
        return content(*parts) | {"qualityScore": score, "vendorNote": {"unknown": [1, 2]}}

    monkeypatch.setattr(Scribe, "_content", rewritten)
    async with desk.scanner() as scanner:
        capture = await scanner.capture(RIGHT)
        assert [sample.scores[0].value for sample in capture.samples] == [61.0] * 4


async def test_sub_ids_as_numbers_and_unknown_keys(
    desk: SbiDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = Scribe._description

    def rewritten(*parts: Any) -> dict[str, object]:
        return told(*parts) | {"deviceSubId": [1, 2, 3], "vendorNote": None}

    monkeypatch.setattr(Scribe, "_description", rewritten)
    async with desk.iris_camera() as camera:
        assert len((await camera.capture(IrisRequest())).samples) == 2


async def test_answer_may_be_refused_and_the_chain_goes_on_from_the_last_good_one(
    desk: SbiDesk,
) -> None:
    async with desk.scanner() as scanner, desk.iris_camera() as camera:
        first = await scanner.capture(RIGHT)
        for fault in (SbiFault.WRONG_SIZE, SbiFault.EXTRACTION_FAILED, SbiFault.TRUNCATED_JSON):
            desk.server.faults_of(BioType.FINGER).inject(fault)
            with pytest.raises(DeviceError):
                await scanner.capture(RIGHT)
            desk.server.faults_of(BioType.FINGER).clear()
        second = await camera.capture(IrisRequest())
        assert second.attestation.previous_hashes[0] == first.attestation.hashes[-1]


async def test_look_at_an_idle_device_is_cheap_and_leaves_it_alone(desk: SbiDesk) -> None:
    async with desk.scanner() as scanner:
        states: list[State] = []
        scanner.subscribe(lambda _, state: states.append(state))
        started = time.monotonic()
        for _ in range(10):
            await scanner.check()
        assert (time.monotonic() - started) / 10 < 0.1
        assert states == []
        assert desk.server.service.devices["2"].status is Status.READY


@pytest.mark.parametrize("fault", [SbiFault.UNPLUG, SbiFault.SERVICE_KILLED])
async def test_device_that_was_pulled_is_noticed_at_the_first_look(
    desk: SbiDesk, fault: SbiFault
) -> None:
    async with desk.scanner() as scanner:
        desk.server.faults_of(BioType.FINGER).inject(fault)
        started = time.monotonic()
        with pytest.raises(Disconnected):
            await scanner.check()
        assert time.monotonic() - started < 0.5
        assert scanner.state is State.LOST
        desk.server.faults_of(BioType.FINGER).clear()
        await scanner.connect()


async def test_neighbour_that_was_pulled_is_no_concern(desk: SbiDesk) -> None:
    async with desk.scanner() as scanner:
        desk.server.faults_of(BioType.IRIS).inject(SbiFault.UNPLUG)
        await scanner.check()
        assert scanner.state is State.READY


async def test_hanging_service_is_noticed_within_a_second(desk: SbiDesk) -> None:
    async with desk.scanner() as scanner:
        desk.server.faults.inject(SbiFault.HANG)
        started = time.monotonic()
        for _ in range(2):
            with pytest.raises(DeviceTimeout):
                await scanner.check()
        assert time.monotonic() - started < 1.3
        assert scanner.state is State.LOST
        desk.server.faults.clear()


async def test_look_gives_way_to_a_capture(desk: SbiDesk) -> None:
    async with desk.scanner() as scanner:
        desk.server.faults.inject(SbiFault.HANG)
        looking = asyncio.create_task(scanner.check())
        await asyncio.sleep(0.02)
        capturing = asyncio.create_task(scanner.capture(RIGHT))
        started = time.monotonic()
        await looking
        assert time.monotonic() - started < 0.3
        desk.server.faults.clear()
        assert len((await capturing).samples) == 4

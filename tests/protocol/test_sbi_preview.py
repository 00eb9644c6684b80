"""The live picture: it may break off, stand still or jerk, and never takes the device with it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from drivers.api import FaceRequest, PreviewingDevice, Slap, SlapRequest, State
from drivers.errors import Untrusted
from drivers.sbi.device import SbiDevice
from simulators.sbi import SbiServer
from simulators.sbi_faults import SbiFault
from tests.protocol.sbi_rig import SbiDesk, SmallScene

RIGHT = SlapRequest(Slap.RIGHT_FOUR)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[SbiDesk]:
    scene = SmallScene()
    with SbiServer(scene) as server:
        yield SbiDesk(server, scene, tmp_path)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drivers.sbi.stream.STALL_S", 0.15)
    monkeypatch.setattr("drivers.sbi.stream.REOPEN_S", (0.02,))


async def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 5.0
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        await asyncio.sleep(0.005)


async def newer(device: PreviewingDevice) -> int:
    """Wait for a frame that is newer than what is there now."""
    frame = device.latest()
    seen = frame.sequence if frame else 0
    await until(lambda: (now := device.latest()) is not None and now.sequence > seen)
    latest = device.latest()
    assert latest is not None
    return latest.sequence


def notes(device: SbiDevice) -> str:
    return "\n".join(str(entry) for entry in device.recorder.dump())


@pytest.mark.parametrize("fault", [SbiFault.STREAM_DROPPED, SbiFault.STREAM_STALLED, SbiFault.HANG])
async def test_broken_picture_is_forgotten_and_opened_again(desk: SbiDesk, fault: SbiFault) -> None:
    async with desk.scanner() as scanner:
        await scanner.start_preview(RIGHT)
        await newer(scanner)
        desk.server.faults.inject(fault)
        await until(lambda: scanner.latest() is None)
        assert scanner.state is State.READY
        desk.server.faults.clear()
        await newer(scanner)
        assert "live picture broken" in notes(scanner)
        assert len((await scanner.capture(RIGHT)).samples) == 4


async def test_capture_does_not_wait_for_a_broken_picture(desk: SbiDesk) -> None:
    async with desk.scanner() as scanner:
        desk.server.faults.inject(SbiFault.STREAM_DROPPED)
        await scanner.start_preview(RIGHT)
        await until(lambda: "live picture broken" in notes(scanner))
        assert len((await scanner.capture(RIGHT)).samples) == 4
        await scanner.stop_preview()
        assert scanner.latest() is None


async def test_picture_that_the_capture_ended_stays_ended(desk: SbiDesk) -> None:
    async with desk.scanner() as scanner:
        await scanner.start_preview(RIGHT)
        await newer(scanner)
        await scanner.capture(RIGHT)
        await until(lambda: "ended by the device" in notes(scanner))
        assert scanner._preview is not None
        await until(lambda: scanner._preview is not None and not scanner._preview.running)


async def test_picture_of_a_service_that_comes_back(desk: SbiDesk) -> None:
    async with desk.scanner() as scanner:
        await scanner.start_preview(RIGHT)
        await newer(scanner)
        desk.server.faults.inject(SbiFault.SERVICE_KILLED)
        await until(lambda: "live picture refused: DEV-103" in notes(scanner))
        desk.server.faults.clear()
        await newer(scanner)


@pytest.mark.parametrize(
    "fault", [SbiFault.FRAMES_DROPPED, SbiFault.FRAMES_DAMAGED, SbiFault.STREAM_REPEATED]
)
async def test_jerking_picture_goes_on(desk: SbiDesk, fault: SbiFault) -> None:
    desk.server.faults.inject(fault)
    async with desk.face_camera() as camera:
        await camera.start_preview(FaceRequest())
        first = await newer(camera)
        assert await newer(camera) > first


async def test_black_picture_is_shown_as_it_is(desk: SbiDesk) -> None:
    desk.server.faults.inject(SbiFault.BLACK_PICTURE)
    async with desk.face_camera() as camera:
        await camera.start_preview(FaceRequest())
        await newer(camera)
        frame = camera.latest()
        assert frame is not None
        assert frame.image.ndim == 3
        assert not np.any(frame.image)


async def test_picture_that_reaches_its_limit_is_forgotten_and_opened_again(
    desk: SbiDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("drivers.sbi.stream.STREAM_LIMIT_S", 0.2)
    monkeypatch.setattr("drivers.sbi.stream.REOPEN_S", (0.1,))
    async with desk.scanner() as scanner:
        await scanner.start_preview(RIGHT)
        await newer(scanner)
        await until(lambda: scanner.latest() is None)
        await newer(scanner)
        assert "live picture ended" in notes(scanner)


async def test_picture_that_the_device_ended_is_forgotten_and_opened_again(desk: SbiDesk) -> None:
    device = desk.server.service.devices["2"]
    async with desk.scanner() as scanner:
        await scanner.start_preview(RIGHT)
        await newer(scanner)
        assert device.stream is not None
        device.stream.ended.set()
        await until(lambda: scanner.latest() is None)
        await newer(scanner)


async def test_capture_that_succeeded_leaves_no_old_picture(desk: SbiDesk) -> None:
    async with desk.scanner() as scanner:
        await scanner.start_preview(RIGHT)
        await newer(scanner)
        await scanner.capture(RIGHT)
        await until(lambda: scanner._preview is not None and not scanner._preview.running)
        assert scanner.latest() is None


async def test_picture_returns_after_a_capture_that_was_refused(desk: SbiDesk) -> None:
    async with desk.scanner() as scanner:
        await scanner.start_preview(RIGHT)
        await newer(scanner)
        desk.server.faults.inject(SbiFault.TAMPERED)
        with pytest.raises(Untrusted):
            await scanner.capture(RIGHT)
        desk.server.faults.clear()
        await until(lambda: "ended by the device" in notes(scanner))
        await newer(scanner)
        assert len((await scanner.capture(RIGHT)).samples) == 4

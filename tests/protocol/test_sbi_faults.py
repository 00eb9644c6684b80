"""Every lie and every failure of a service has its own error, and costs nothing but the capture."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from drivers.api import Eye, IrisRequest, Slap, SlapRequest, State
from drivers.clock import FastClock
from drivers.errors import (
    ConnectFailed,
    DeviceBusy,
    DeviceError,
    DeviceRefused,
    DeviceTimeout,
    Disconnected,
    ProtocolError,
    Untrusted,
)
from simulators.sbi_faults import SbiFault
from simulators.sbi import SbiServer
from tests.protocol.sbi_rig import SbiDesk, SmallScene

RIGHT = SlapRequest(Slap.RIGHT_FOUR)

LIES = {
    SbiFault.WRONG_HASH: "hash-chain",
    SbiFault.FOREIGN_ROOT: "certificate",
    SbiFault.EXPIRED_CERTIFICATE: "certificate",
    SbiFault.WEAK_ALGORITHM: "signature",
    SbiFault.TAMPERED: "signature",
    SbiFault.FOREIGN_DEVICE: "device-identity",
    SbiFault.FOREIGN_TRANSACTION: "transaction",
    SbiFault.STALE_TIME: "timestamp",
    SbiFault.WRONG_ENVIRONMENT: "environment",
    SbiFault.WRONG_PURPOSE: "purpose",
    SbiFault.WRONG_SPEC_VERSION: "spec-version",
    SbiFault.MISSING_FINGER: "positions",
    SbiFault.EXTRA_FINGER: "positions",
    SbiFault.SAME_FINGER_TWICE: "positions",
    SbiFault.SWAPPED_HAND: "record-position",
    SbiFault.IMPOSSIBLE_SCORE: "score",
    SbiFault.BROKEN_RECORD: "record",
    SbiFault.LOSSY_IMAGE: "compression",
    SbiFault.LOW_RESOLUTION: "resolution",
    SbiFault.WRONG_SIZE: "image",
}
FINGER_ONLY = {SbiFault.LOSSY_IMAGE, SbiFault.LOW_RESOLUTION}
FAILURES: dict[SbiFault, tuple[type[DeviceError], State]] = {
    SbiFault.TRUNCATED_JSON: (ProtocolError, State.READY),
    SbiFault.DROP: (Disconnected, State.LOST),
    SbiFault.NOT_READY: (DeviceRefused, State.READY),
    SbiFault.NO_DEVICES: (Disconnected, State.LOST),
}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[SbiDesk]:
    scene = SmallScene()
    with SbiServer(scene) as server:
        yield SbiDesk(server, scene, tmp_path)


@pytest.mark.parametrize("fault", LIES)
async def test_lie_of_the_scanner_is_named_and_nothing_is_kept(desk: SbiDesk, fault: SbiFault) -> None:
    async with desk.scanner() as scanner:
        await scanner.capture(RIGHT)
        before = desk.chain.last
        desk.server.faults.add(fault)
        with pytest.raises(Untrusted) as caught:
            await scanner.capture(RIGHT)
        assert caught.value.check == LIES[fault]
        assert desk.chain.last == before
        desk.server.faults.clear()
        assert scanner.state is State.READY
        await scanner.capture(RIGHT)


@pytest.mark.parametrize("fault", sorted(LIES.keys() - FINGER_ONLY))
async def test_lie_of_the_iris_camera_is_named(desk: SbiDesk, fault: SbiFault) -> None:
    async with desk.iris_camera() as camera:
        desk.server.faults.add(fault)
        with pytest.raises(Untrusted) as caught:
            await camera.capture(IrisRequest((Eye.LEFT, Eye.RIGHT)))
        assert caught.value.check == LIES[fault]
        assert desk.chain.last == ""


@pytest.mark.parametrize("fault", FAILURES)
async def test_failure_of_the_service(desk: SbiDesk, fault: SbiFault) -> None:
    error, state = FAILURES[fault]
    async with desk.scanner() as scanner:
        desk.server.faults.add(fault)
        with pytest.raises(error):
            await scanner.capture(RIGHT)
        assert scanner.state is state
        assert desk.chain.last == ""


async def test_refusal_keeps_the_code_of_the_device(desk: SbiDesk) -> None:
    async with desk.scanner() as scanner:
        desk.server.faults.add(SbiFault.NOT_READY)
        with pytest.raises(DeviceRefused) as caught:
            await scanner.capture(RIGHT)
        assert caught.value.device_code == "110"
        assert not (await scanner.self_test()).passed


async def test_slow_trickle_ends_with_the_deadline(desk: SbiDesk) -> None:
    async with desk.scanner() as scanner:
        desk.server.faults.add(SbiFault.SLOW_TRICKLE)
        started = time.monotonic()
        with pytest.raises(DeviceTimeout):
            await scanner.capture(RIGHT, timeout=0.4)
        assert time.monotonic() - started < 1.0
        assert scanner.state is State.READY


async def test_trickle_that_arrives_in_time_is_kept(desk: SbiDesk) -> None:
    async with desk.scanner() as scanner:
        desk.server.faults.add(SbiFault.SLOW_TRICKLE)
        running = asyncio.create_task(scanner.capture(RIGHT))
        await asyncio.sleep(0.05)
        # longer than one poll of the socket has passed at least once before the rest comes
        loop = asyncio.get_running_loop()
        loop.call_later(0.2, desk.server.faults.clear)
        assert len((await running).samples) == 4


async def test_busy_device_is_asked_again_for_five_seconds(desk: SbiDesk) -> None:
    clock = FastClock(datetime.now(UTC))
    async with desk.scanner(clock) as scanner:
        desk.server.faults.add(SbiFault.BUSY_FOREVER)
        started = clock.monotonic()
        with pytest.raises(DeviceBusy):
            await scanner.capture(RIGHT)
        assert 5.0 <= clock.monotonic() - started <= 5.5
        with pytest.raises(DeviceBusy):
            await scanner.start_preview(RIGHT, timeout=15.0)
        assert scanner.state is State.READY


async def test_device_that_becomes_free_is_used(desk: SbiDesk) -> None:
    class FreedOnWait(FastClock):
        def wait(self, event: object, seconds: float) -> bool:
            desk.server.faults.discard(SbiFault.BUSY_FOREVER)
            return super().wait(event, seconds)  # type: ignore[arg-type]

    async with desk.scanner(FreedOnWait(datetime.now(UTC))) as scanner:
        desk.server.faults.add(SbiFault.BUSY_FOREVER)
        assert len((await scanner.capture(RIGHT)).samples) == 4


async def test_broken_live_picture_leaves_the_device_usable(desk: SbiDesk) -> None:
    async with desk.scanner() as scanner:
        desk.server.faults.add(SbiFault.STREAM_DROPPED)
        await scanner.start_preview(RIGHT)
        assert len((await scanner.capture(RIGHT)).samples) == 4
        await scanner.stop_preview()
        assert scanner.latest() is None


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (SbiFault.FOREIGN_ROOT, Untrusted),
        (SbiFault.EXPIRED_CERTIFICATE, Untrusted),
        (SbiFault.FOREIGN_DEVICE, Untrusted),
        (SbiFault.NO_DEVICES, ConnectFailed),
        (SbiFault.DROP, ConnectFailed),
        (SbiFault.TRUNCATED_JSON, ProtocolError),
    ],
)
async def test_connecting_to_a_service_that_fails(
    desk: SbiDesk, fault: SbiFault, error: type[DeviceError]
) -> None:
    desk.server.faults.add(fault)
    scanner = desk.scanner()
    with pytest.raises(error):
        await scanner.connect()
    assert scanner.state is State.CLOSED
    desk.server.faults.clear()
    await scanner.connect()
    await scanner.close()


def test_every_fault_that_the_service_knows_is_in_a_table() -> None:
    elsewhere = {SbiFault.SLOW_TRICKLE, SbiFault.HANG, SbiFault.BUSY_FOREVER, SbiFault.STREAM_DROPPED}
    folder = Path(__file__).parents[2] / "simulators"
    source = "".join(path.read_text() for path in folder.glob("sbi*.py"))
    known = {SbiFault[name] for name in re.findall(r"SbiFault\.([A-Z_]+)", source)}
    assert LIES.keys() | FAILURES.keys() | elsewhere == known

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
from simulators.faults import Fault
from simulators.sbi import SbiServer
from tests.protocol.sbi_rig import SbiDesk, SmallScene

RIGHT = SlapRequest(Slap.RIGHT_FOUR)

LIES = {
    Fault.WRONG_HASH: "hash-chain",
    Fault.FOREIGN_ROOT: "certificate",
    Fault.EXPIRED_CERTIFICATE: "certificate",
    Fault.WEAK_ALGORITHM: "signature",
    Fault.TAMPERED: "signature",
    Fault.FOREIGN_DEVICE: "device-identity",
    Fault.FOREIGN_TRANSACTION: "transaction",
    Fault.STALE_TIME: "timestamp",
    Fault.WRONG_ENVIRONMENT: "environment",
    Fault.WRONG_PURPOSE: "purpose",
    Fault.WRONG_SPEC_VERSION: "spec-version",
    Fault.MISSING_FINGER: "positions",
    Fault.EXTRA_FINGER: "positions",
    Fault.SAME_FINGER_TWICE: "positions",
    Fault.SWAPPED_HAND: "record-position",
    Fault.IMPOSSIBLE_SCORE: "score",
    Fault.BROKEN_RECORD: "record",
    Fault.LOSSY_IMAGE: "compression",
    Fault.LOW_RESOLUTION: "resolution",
    Fault.WRONG_SIZE: "image",
}
FINGER_ONLY = {Fault.LOSSY_IMAGE, Fault.LOW_RESOLUTION}
FAILURES: dict[Fault, tuple[type[DeviceError], State]] = {
    Fault.TRUNCATED_JSON: (ProtocolError, State.READY),
    Fault.DROP: (Disconnected, State.LOST),
    Fault.NOT_READY: (DeviceRefused, State.READY),
    Fault.NO_DEVICES: (Disconnected, State.LOST),
}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[SbiDesk]:
    scene = SmallScene()
    with SbiServer(scene) as server:
        yield SbiDesk(server, scene, tmp_path)


@pytest.mark.parametrize("fault", LIES)
async def test_lie_of_the_scanner_is_named_and_nothing_is_kept(desk: SbiDesk, fault: Fault) -> None:
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
async def test_lie_of_the_iris_camera_is_named(desk: SbiDesk, fault: Fault) -> None:
    async with desk.iris_camera() as camera:
        desk.server.faults.add(fault)
        with pytest.raises(Untrusted) as caught:
            await camera.capture(IrisRequest((Eye.LEFT, Eye.RIGHT)))
        assert caught.value.check == LIES[fault]
        assert desk.chain.last == ""


@pytest.mark.parametrize("fault", FAILURES)
async def test_failure_of_the_service(desk: SbiDesk, fault: Fault) -> None:
    error, state = FAILURES[fault]
    async with desk.scanner() as scanner:
        desk.server.faults.add(fault)
        with pytest.raises(error):
            await scanner.capture(RIGHT)
        assert scanner.state is state
        assert desk.chain.last == ""


async def test_refusal_keeps_the_code_of_the_device(desk: SbiDesk) -> None:
    async with desk.scanner() as scanner:
        desk.server.faults.add(Fault.NOT_READY)
        with pytest.raises(DeviceRefused) as caught:
            await scanner.capture(RIGHT)
        assert caught.value.device_code == "110"
        assert not (await scanner.self_test()).passed


async def test_slow_trickle_ends_with_the_deadline(desk: SbiDesk) -> None:
    async with desk.scanner() as scanner:
        desk.server.faults.add(Fault.SLOW_TRICKLE)
        started = time.monotonic()
        with pytest.raises(DeviceTimeout):
            await scanner.capture(RIGHT, timeout=0.4)
        assert time.monotonic() - started < 1.0
        assert scanner.state is State.READY


async def test_trickle_that_arrives_in_time_is_kept(desk: SbiDesk) -> None:
    async with desk.scanner() as scanner:
        desk.server.faults.add(Fault.SLOW_TRICKLE)
        running = asyncio.create_task(scanner.capture(RIGHT))
        await asyncio.sleep(0.05)
        # longer than one poll of the socket has passed at least once before the rest comes
        loop = asyncio.get_running_loop()
        loop.call_later(0.2, desk.server.faults.clear)
        assert len((await running).samples) == 4


async def test_busy_device_is_asked_again_for_five_seconds(desk: SbiDesk) -> None:
    clock = FastClock(datetime.now(UTC))
    async with desk.scanner(clock) as scanner:
        desk.server.faults.add(Fault.BUSY_FOREVER)
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
            desk.server.faults.discard(Fault.BUSY_FOREVER)
            return super().wait(event, seconds)  # type: ignore[arg-type]

    async with desk.scanner(FreedOnWait(datetime.now(UTC))) as scanner:
        desk.server.faults.add(Fault.BUSY_FOREVER)
        assert len((await scanner.capture(RIGHT)).samples) == 4


async def test_broken_live_picture_leaves_the_device_usable(desk: SbiDesk) -> None:
    async with desk.scanner() as scanner:
        desk.server.faults.add(Fault.STREAM_DROPPED)
        await scanner.start_preview(RIGHT)
        assert len((await scanner.capture(RIGHT)).samples) == 4
        await scanner.stop_preview()
        assert scanner.latest() is None


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.FOREIGN_ROOT, Untrusted),
        (Fault.EXPIRED_CERTIFICATE, Untrusted),
        (Fault.FOREIGN_DEVICE, Untrusted),
        (Fault.NO_DEVICES, ConnectFailed),
        (Fault.DROP, ConnectFailed),
        (Fault.TRUNCATED_JSON, ProtocolError),
    ],
)
async def test_connecting_to_a_service_that_fails(
    desk: SbiDesk, fault: Fault, error: type[DeviceError]
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
    elsewhere = {Fault.SLOW_TRICKLE, Fault.HANG, Fault.BUSY_FOREVER, Fault.STREAM_DROPPED}
    folder = Path(__file__).parents[2] / "simulators"
    source = "".join(path.read_text() for path in folder.glob("sbi*.py"))
    known = {Fault[name] for name in re.findall(r"Fault\.([A-Z_]+)", source)}
    assert LIES.keys() | FAILURES.keys() | elsewhere == known

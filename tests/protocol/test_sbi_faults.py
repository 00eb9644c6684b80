"""Every lie and every failure of a service has its own error, and costs nothing but the capture."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from drivers.api import Eye, FaceRequest, Finger, IrisRequest, Slap, SlapRequest, State
from drivers.clock import FastClock
from drivers.errors import (
    ConnectFailed,
    DeviceBusy,
    DeviceError,
    DeviceTimeout,
    Disconnected,
    ProtocolError,
    Untrusted,
)
from drivers.sbi.errors import DeviceNotReady, OtherTransaction, Replayed
from drivers.sbi.protocol import BioType
from drivers.sbi.trust import ERROR_OF, Check
from simulators.injection import UnknownFault
from simulators.sbi import SbiServer
from simulators.sbi_faults import SBI_FAULTS, SbiFault
from simulators.sbi_service import CODE_FAULTS
from tests.protocol.sbi_rig import SbiDesk, SmallScene

RIGHT = SlapRequest(Slap.RIGHT_FOUR)
EYES = IrisRequest((Eye.LEFT, Eye.RIGHT))

LIES = {
    SbiFault.WRONG_HASH: Check.HASH_CHAIN,
    SbiFault.FOREIGN_ROOT: Check.CERTIFICATE,
    SbiFault.EXPIRED_CERTIFICATE: Check.VALIDITY,
    SbiFault.FUTURE_CERTIFICATE: Check.TIMESTAMP,
    SbiFault.WEAK_ALGORITHM: Check.SIGNATURE,
    SbiFault.TAMPERED: Check.SIGNATURE,
    SbiFault.FOREIGN_DEVICE: Check.DEVICE_IDENTITY,
    SbiFault.FOREIGN_SIGNER: Check.DEVICE_IDENTITY,
    SbiFault.FOREIGN_TRANSACTION: Check.TRANSACTION,
    SbiFault.CLOCK_BEHIND: Check.TIMESTAMP,
    SbiFault.CLOCK_AHEAD: Check.TIMESTAMP,
    SbiFault.WRONG_ENVIRONMENT: Check.ENVIRONMENT,
    SbiFault.WRONG_PURPOSE: Check.PURPOSE,
    SbiFault.WRONG_SPEC_VERSION: Check.SPEC_VERSION,
    SbiFault.MISSING_FINGER: Check.POSITIONS,
    SbiFault.EXTRA_FINGER: Check.POSITIONS,
    SbiFault.SAME_FINGER_TWICE: Check.POSITIONS,
    SbiFault.SWAPPED_HAND: Check.RECORD_POSITION,
    SbiFault.IMPOSSIBLE_SCORE: Check.SCORE,
    SbiFault.BROKEN_RECORD: Check.RECORD,
    SbiFault.LOSSY_IMAGE: Check.COMPRESSION,
    SbiFault.DISGUISED_LOSS: Check.COMPRESSION,
    SbiFault.LOW_RESOLUTION: Check.RESOLUTION,
    SbiFault.WRONG_SIZE: Check.IMAGE,
    SbiFault.WRONG_TYPE: Check.IMAGE,
}
FINGER_ONLY = {SbiFault.LOSSY_IMAGE, SbiFault.DISGUISED_LOSS, SbiFault.LOW_RESOLUTION}
FACE_HAS_NO = {
    SbiFault.MISSING_FINGER,
    SbiFault.SAME_FINGER_TWICE,
    SbiFault.SWAPPED_HAND,
    SbiFault.LOW_RESOLUTION,
}
FAILURES: dict[SbiFault, tuple[type[DeviceError], State]] = {
    SbiFault.TRUNCATED_JSON: (ProtocolError, State.READY),
    SbiFault.OTHER_JSON: (ProtocolError, State.READY),
    SbiFault.WRONG_LENGTH: (ProtocolError, State.READY),
    SbiFault.STRAY_BYTES: (ProtocolError, State.READY),
    SbiFault.HTTP_ERROR: (ProtocolError, State.READY),
    SbiFault.DROP: (Disconnected, State.LOST),
    SbiFault.NOT_READY: (DeviceNotReady, State.READY),
    SbiFault.UNPLUG: (Disconnected, State.LOST),
    SbiFault.SERVICE_KILLED: (Disconnected, State.LOST),
}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[SbiDesk]:
    scene = SmallScene()
    with SbiServer(scene, stranger=lambda: SmallScene(person=1)) as server:
        yield SbiDesk(server, scene, tmp_path)


@pytest.mark.parametrize("fault", LIES)
async def test_lie_of_the_scanner_is_named_and_nothing_is_kept(
    desk: SbiDesk, fault: SbiFault
) -> None:
    async with desk.scanner() as scanner:
        await scanner.capture(RIGHT)
        before = desk.chain.last
        desk.server.faults_of(BioType.FINGER).inject(fault)
        with pytest.raises(Untrusted) as caught:
            await scanner.capture(RIGHT)
        assert caught.value.check == LIES[fault]
        assert type(caught.value) is ERROR_OF[LIES[fault]]
        assert caught.value.code in SBI_FAULTS[fault].codes
        assert desk.chain.last == before
        desk.server.faults_of(BioType.FINGER).clear()
        assert scanner.state is State.READY
        await scanner.capture(RIGHT)


@pytest.mark.parametrize("fault", sorted(LIES.keys() - FINGER_ONLY))
async def test_lie_of_the_iris_camera_is_named(desk: SbiDesk, fault: SbiFault) -> None:
    async with desk.iris_camera() as camera:
        desk.server.faults.inject(fault)
        with pytest.raises(Untrusted) as caught:
            await camera.capture(EYES)
        assert caught.value.check == LIES[fault]
        assert desk.chain.last == ""


@pytest.mark.parametrize("fault", sorted(LIES.keys() - FACE_HAS_NO))
async def test_lie_of_the_face_camera_is_named(desk: SbiDesk, fault: SbiFault) -> None:
    async with desk.face_camera() as camera:
        desk.server.faults.inject(fault)
        with pytest.raises(Untrusted) as caught:
            await camera.capture(FaceRequest())
        assert caught.value.check == LIES[fault]


async def test_fault_of_one_device_leaves_its_neighbours_alone(desk: SbiDesk) -> None:
    desk.server.faults_of(BioType.FINGER).inject("tampered")
    async with desk.scanner() as scanner, desk.iris_camera() as camera:
        with pytest.raises(Untrusted):
            await scanner.capture(RIGHT)
        assert len((await camera.capture(EYES)).samples) == 2
    desk.server.faults_of(BioType.FINGER).inject("unplug")
    async with desk.iris_camera() as camera:
        assert camera.state is State.READY
    with pytest.raises(ConnectFailed):
        await desk.scanner().connect()


async def test_replayed_answer_is_known_by_its_old_number(desk: SbiDesk) -> None:
    async with desk.scanner() as scanner:
        await scanner.capture(RIGHT)
        desk.server.faults.inject(SbiFault.REPLAYED_ANSWER)
        with pytest.raises(Replayed):
            await scanner.capture(RIGHT)
        with pytest.raises(Replayed):
            await scanner.capture(SlapRequest(Slap.THUMBS))
    async with desk.iris_camera() as camera:
        with pytest.raises(OtherTransaction):
            await camera.capture(EYES)


@pytest.mark.parametrize("fault", FAILURES)
async def test_failure_of_the_service(desk: SbiDesk, fault: SbiFault) -> None:
    error, state = FAILURES[fault]
    async with desk.scanner() as scanner:
        desk.server.faults.inject(fault)
        with pytest.raises(error):
            await scanner.capture(RIGHT)
        assert scanner.state is state
        assert desk.chain.last == ""


@pytest.mark.parametrize(("fault", "device_code"), CODE_FAULTS.items())
async def test_refusal_keeps_the_code_of_the_device(
    desk: SbiDesk, fault: SbiFault, device_code: str
) -> None:
    async with desk.scanner() as scanner:
        desk.server.faults.inject(fault)
        with pytest.raises(DeviceError) as caught:
            await scanner.capture(RIGHT)
        assert getattr(caught.value, "device_code", "") == device_code
        assert (caught.value.code,) == SBI_FAULTS[fault].codes
        assert not caught.value.retryable
        assert scanner.state is State.READY


async def test_device_that_is_not_ready_fails_its_self_test(desk: SbiDesk) -> None:
    async with desk.scanner() as scanner:
        desk.server.faults.inject(SbiFault.NOT_READY)
        assert not (await scanner.self_test()).passed


async def test_slow_trickle_ends_with_the_deadline(desk: SbiDesk) -> None:
    async with desk.scanner() as scanner:
        desk.server.faults.inject(SbiFault.SLOW_TRICKLE)
        started = time.monotonic()
        with pytest.raises(DeviceTimeout):
            await scanner.capture(RIGHT, timeout=0.4)
        assert time.monotonic() - started < 1.0
        assert scanner.state is State.READY


async def test_trickle_that_arrives_in_time_is_kept(desk: SbiDesk) -> None:
    async with desk.scanner() as scanner:
        desk.server.faults.inject(SbiFault.SLOW_TRICKLE)
        running = asyncio.create_task(scanner.capture(RIGHT))
        await asyncio.sleep(0.05)
        # longer than one poll of the socket has passed at least once before the rest comes
        loop = asyncio.get_running_loop()
        loop.call_later(0.2, desk.server.faults.clear)
        assert len((await running).samples) == 4


@pytest.mark.parametrize(
    "fault", [SbiFault.NO_LENGTH, SbiFault.DUPLICATE_ANSWER, SbiFault.SLOW, SbiFault.STALE_IMAGE]
)
async def test_oddity_that_harms_nothing(desk: SbiDesk, fault: SbiFault) -> None:
    async with desk.scanner() as scanner:
        desk.server.faults.inject(fault)
        for _ in range(2):
            assert len((await scanner.capture(RIGHT)).samples) == 4
        assert (await scanner.self_test()).passed


async def test_late_answer_reaches_nobody(desk: SbiDesk) -> None:
    async with desk.scanner() as scanner:
        desk.server.faults.inject(SbiFault.LATE_ANSWER)
        with pytest.raises(DeviceTimeout):
            await scanner.capture(RIGHT, timeout=0.3)
        assert desk.chain.last == ""
        desk.server.faults.clear()
        assert len((await scanner.capture(RIGHT)).samples) == 4


async def test_pictures_of_somebody_and_something_else(desk: SbiDesk) -> None:
    async with desk.scanner() as scanner:

        async def index_finger(fault: SbiFault) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
            desk.server.faults.inject(fault)
            capture = await scanner.capture(RIGHT)
            desk.server.faults.clear()
            assert capture.samples[0].position is Finger.RIGHT_INDEX
            return capture.samples[0].image

        truth = desk.scene.print_of(Finger.RIGHT_INDEX)
        stranger = await index_finger(SbiFault.WRONG_PERSON)
        assert np.array_equal(stranger, SmallScene(person=1).print_of(Finger.RIGHT_INDEX))
        assert np.array_equal(await index_finger(SbiFault.STALE_IMAGE), stranger)
        neighbour = await index_finger(SbiFault.WRONG_FINGER)
        assert np.array_equal(neighbour, desk.scene.print_of(Finger.RIGHT_MIDDLE))
        assert not (await index_finger(SbiFault.BLACK_PICTURE)).any()
        capture = await scanner.capture(RIGHT)
        assert np.array_equal(capture.samples[0].image, truth)


async def test_busy_device_is_asked_again_for_five_seconds(desk: SbiDesk) -> None:
    clock = FastClock(datetime.now(UTC))
    async with desk.scanner(clock) as scanner:
        desk.server.faults.inject(SbiFault.BUSY_FOREVER)
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
            desk.server.faults.clear(SbiFault.BUSY_FOREVER)
            return super().wait(event, seconds)  # type: ignore[arg-type]

    async with desk.scanner(FreedOnWait(datetime.now(UTC))) as scanner:
        desk.server.faults.inject(SbiFault.BUSY_FOREVER)
        assert len((await scanner.capture(RIGHT)).samples) == 4


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (SbiFault.FOREIGN_ROOT, Untrusted),
        (SbiFault.EXPIRED_CERTIFICATE, Untrusted),
        (SbiFault.FOREIGN_DEVICE, Untrusted),
        (SbiFault.FOREIGN_CALLBACK, Untrusted),
        (SbiFault.UNKNOWN_LEVEL, Untrusted),
        (SbiFault.WRONG_ENVIRONMENT, Untrusted),
        (SbiFault.UNPLUG, ConnectFailed),
        (SbiFault.SERVICE_KILLED, ConnectFailed),
        (SbiFault.DROP, ConnectFailed),
        (SbiFault.TRUNCATED_JSON, ProtocolError),
    ],
)
async def test_connecting_to_a_service_that_fails(
    desk: SbiDesk, fault: SbiFault, error: type[DeviceError]
) -> None:
    desk.server.faults.inject(fault)
    scanner = desk.scanner()
    with pytest.raises(error):
        await scanner.connect()
    assert scanner.state is State.CLOSED
    desk.server.faults.clear()
    await scanner.connect()
    await scanner.close()


async def test_signed_address_must_be_the_one_of_discovery(desk: SbiDesk) -> None:
    async with desk.scanner() as scanner:
        desk.server.faults.inject(SbiFault.FOREIGN_CALLBACK)
        with pytest.raises(Untrusted) as caught:
            await scanner.self_test()
        assert caught.value.check == "callback"


def test_faults_are_told_apart_by_name(desk: SbiDesk) -> None:
    assert set(SBI_FAULTS) == set(SbiFault)
    with pytest.raises(UnknownFault, match="tampered"):
        desk.server.faults.inject("no such fault")


def test_same_seed_cuts_the_same_bytes() -> None:
    def draws(seed: int) -> list[float]:
        server = SbiServer(SmallScene(), seed=seed)
        return [server.service.faults.anywhere.random.random() for _ in range(3)]

    assert draws(1) == draws(1) != draws(2)

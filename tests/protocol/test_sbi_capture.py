"""Captures, the hash chain across devices, and the live picture beside them."""

from __future__ import annotations

import asyncio
import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from drivers.api import Eye, Finger, FingerRequest, IrisRequest, Slap, SlapRequest, State
from drivers.clock import FastClock
from drivers.device import Call
from drivers.errors import (
    Cancelled,
    DeviceBusy,
    DeviceTimeout,
    Unsupported,
)
from drivers.sbi.chain import HashChain, HashChains, next_hash
from drivers.sbi.device import SbiDevice
from drivers.sbi.iso19794.finger import parse_finger
from drivers.values import Capture
from simulators.sbi import SbiServer
from simulators.sbi_faults import SbiFault
from tests.protocol.sbi_rig import SbiDesk, SmallScene

RIGHT = SlapRequest(Slap.RIGHT_FOUR)
LEFT = SlapRequest(Slap.LEFT_FOUR)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[SbiDesk]:
    scene = SmallScene()
    with SbiServer(scene) as server:
        yield SbiDesk(server, scene, tmp_path)


async def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 5.0
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        await asyncio.sleep(0.005)


def positions(capture: Capture) -> list[object]:
    return [sample.position for sample in capture.samples]


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (LEFT, list(Slap.LEFT_FOUR.fingers)),
        (
            SlapRequest(Slap.RIGHT_FOUR, frozenset({Finger.RIGHT_RING, Finger.LEFT_THUMB})),
            [Finger.RIGHT_INDEX, Finger.RIGHT_MIDDLE, Finger.RIGHT_LITTLE],
        ),
        (SlapRequest(Slap.THUMBS), [Finger.LEFT_THUMB, Finger.RIGHT_THUMB]),
        (SlapRequest(Slap.THUMBS, frozenset({Finger.LEFT_THUMB})), [Finger.RIGHT_THUMB]),
        (FingerRequest(Finger.LEFT_RING), [Finger.LEFT_RING]),
    ],
)
async def test_fingers_come_in_the_order_of_the_interface(
    desk: SbiDesk, request_: SlapRequest | FingerRequest, expected: list[Finger]
) -> None:
    async with desk.scanner() as scanner:
        capture = await scanner.capture(request_)
        assert positions(capture) == expected
        for sample, finger in zip(capture.samples, expected, strict=True):
            assert np.array_equal(sample.image, desk.scene.print_of(finger))


async def test_record_is_kept_byte_for_byte_with_the_score_of_the_device(desk: SbiDesk) -> None:
    async with desk.scanner() as scanner:
        (sample, *_), info = (await scanner.capture(RIGHT)).samples, scanner.info
        assert sample.record is not None
        record = parse_finger(sample.record.data)
        assert record.image == sample.record.image_bytes
        assert record.position == Finger.RIGHT_INDEX
        assert sample.record.codec == "JP2"
        assert sample.record.format == "ISO/IEC 19794-4:2011"
        (score,) = sample.scores
        assert score.measure == "device quality"
        assert score.source == f"{info.model} {info.serial}"
        assert 0 < score.value < 100
        assert sample.resolution_ppi == 500


async def test_score_may_be_set_and_is_not_compared_with_the_wanted_one(desk: SbiDesk) -> None:
    device = desk.server.service.devices["1"]
    device.fixed_score = 12.5
    async with desk.iris_camera() as camera:
        capture = await camera.capture(IrisRequest(wanted_score=90))
        assert [sample.scores[0].value for sample in capture.samples] == [12.5, 12.5]
        assert positions(capture) == [Eye.LEFT, Eye.RIGHT]


async def test_attestation_can_be_repeated_from_what_is_kept(desk: SbiDesk) -> None:
    async with desk.scanner() as scanner:
        capture = await scanner.capture(RIGHT)
        proof = capture.attestation
        der = desk.server.pki.device.certificate.public_bytes(Encoding.DER)
        assert proof.level == "L0"
        assert proof.signer_sha256 == hashlib.sha256(der).hexdigest()
        assert len(proof.transaction_id) == 36
        assert all(token.count("..") == 1 for token in proof.tokens)
        last = ""
        for sample, digest in zip(capture.samples, proof.hashes, strict=True):
            assert sample.record is not None
            last = next_hash(last, sample.record.data)
            assert last == digest


async def test_chain_runs_on_across_requests_and_devices(desk: SbiDesk) -> None:
    async with desk.scanner() as scanner, desk.iris_camera() as camera:
        captures = [
            await scanner.capture(RIGHT),
            await camera.capture(IrisRequest()),
            await scanner.capture(SlapRequest(Slap.THUMBS)),
        ]
    last = ""
    for capture in captures:
        for sample, digest in zip(capture.samples, capture.attestation.hashes, strict=True):
            assert sample.record is not None
            last = next_hash(last, sample.record.data)
            assert digest == last
    assert desk.chain.last == last


async def test_simultaneous_captures_do_not_fork_the_chain(desk: SbiDesk) -> None:
    async with desk.scanner() as scanner, desk.iris_camera() as camera:
        both = await asyncio.gather(scanner.capture(RIGHT), camera.capture(IrisRequest()))
    first, second = both if len(both[0].attestation.hashes) == 4 else reversed(both)
    firsts = [s.record.data for s in first.samples if s.record]
    seconds = [s.record.data for s in second.samples if s.record]
    ends = set()
    for order in (firsts + seconds, seconds + firsts):
        last = ""
        for record in order:
            last = next_hash(last, record)
        ends.add(last)
    assert desk.chain.last in ends


def test_devices_of_one_address_share_a_chain() -> None:
    chains = HashChains()
    assert chains.of("127.0.0.1", 4501) is chains.of("127.0.0.1", 4501)
    assert chains.of("127.0.0.1", 4501) is not chains.of("127.0.0.1", 4502)


def test_chain_held_by_another_device_is_busy_after_five_seconds() -> None:
    chain, clock = HashChain(), FastClock()
    with chain.extend(Call("eyes", clock, 100.0)), pytest.raises(DeviceBusy):
        chain.extend(Call("slap", clock, 100.0)).__enter__()
    assert 5.0 <= clock.monotonic() <= 5.2


def test_chain_starts_at_the_hash_of_nothing() -> None:
    start = "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855"
    assert next_hash("", b"x") == next_hash(start, b"x")


async def test_nobody_lays_a_finger_down(tmp_path: Path) -> None:
    scene = SmallScene(obedient=False)
    with SbiServer(scene, clock=FastClock(datetime.now(UTC))) as server:
        desk = SbiDesk(server, scene, tmp_path)
        async with desk.scanner() as scanner:
            with pytest.raises(DeviceTimeout, match="701"):
                await scanner.capture(RIGHT)
            assert scanner.state is State.READY
            assert scene.asked == [Slap.RIGHT_FOUR]
            scene.place(Slap.RIGHT_FOUR, missing=(Finger.RIGHT_RING,))
            with pytest.raises(DeviceTimeout, match="701"):
                await scanner.capture(RIGHT)


async def test_capture_fires_when_the_hand_arrives(tmp_path: Path) -> None:
    scene = SmallScene(obedient=False)
    with SbiServer(scene) as server:
        desk = SbiDesk(server, scene, tmp_path)
        async with desk.scanner() as scanner:
            running = asyncio.create_task(scanner.capture(RIGHT))
            await until(lambda: scene.asked)
            scene.place(Slap.RIGHT_FOUR)
            assert len((await running).samples) == 4
            assert scene.looks == 1


async def test_wrong_hand_is_delivered_under_the_names_asked_for(tmp_path: Path) -> None:
    scene = SmallScene(obedient=False)
    scene.place(Slap.LEFT_FOUR)
    with SbiServer(scene) as server:
        desk = SbiDesk(server, scene, tmp_path)
        async with desk.scanner() as scanner:
            capture = await scanner.capture(RIGHT)
            assert positions(capture) == list(Slap.RIGHT_FOUR.fingers)
            # palms down, the left little finger lies where the right index finger would
            assert np.array_equal(capture.samples[0].image, scene.print_of(Finger.LEFT_LITTLE))


async def test_every_finger_missing_is_not_asked_for(desk: SbiDesk) -> None:
    async with desk.scanner() as scanner:
        with pytest.raises(Unsupported):
            await scanner.capture(SlapRequest(Slap.THUMBS, frozenset(Slap.THUMBS.fingers)))
        assert desk.scene.asked == []


async def test_one_eye_twice_is_not_asked_for(desk: SbiDesk) -> None:
    async with desk.iris_camera() as camera:
        with pytest.raises(Unsupported):
            await camera.capture(IrisRequest((Eye.LEFT, Eye.LEFT)))


async def test_live_picture_shows_grey_frames_until_the_capture(desk: SbiDesk) -> None:
    async with desk.scanner() as scanner:
        await scanner.start_preview(RIGHT)
        await until(scanner.latest)
        frame = scanner.latest()
        assert frame is not None
        assert frame.image.shape == (75, 80)
        assert frame.original is not None
        decoded = cv2.imdecode(np.frombuffer(frame.original, np.uint8), cv2.IMREAD_GRAYSCALE)
        assert decoded is not None
        assert np.array_equal(frame.image, decoded)
        assert len((await scanner.capture(RIGHT)).samples) == 4
        await until(lambda: not streaming(scanner))
        assert len((await scanner.capture(RIGHT)).samples) == 4


async def test_live_picture_of_another_target_is_closed_first(desk: SbiDesk) -> None:
    async with desk.scanner() as scanner:
        await scanner.start_preview(LEFT)
        await until(scanner.latest)
        capture = await scanner.capture(RIGHT)
        assert positions(capture) == list(Slap.RIGHT_FOUR.fingers)
        assert not streaming(scanner)


async def test_live_picture_moves_to_the_next_target(desk: SbiDesk) -> None:
    async with desk.scanner() as scanner, desk.iris_camera() as camera:
        for request in (LEFT, RIGHT, SlapRequest(Slap.THUMBS)):
            await scanner.start_preview(request)
        await camera.start_preview(IrisRequest())
        await until(camera.latest)
        assert desk.scene.asked == [Slap.LEFT_FOUR, Slap.RIGHT_FOUR, Slap.THUMBS]


async def test_closing_ends_the_live_picture(desk: SbiDesk) -> None:
    scanner = desk.scanner()
    await scanner.connect()
    await scanner.start_preview(RIGHT)
    await until(scanner.latest)
    await scanner.close()
    assert scanner.latest() is None
    await until(lambda: not [t for t in threading.enumerate() if "preview" in t.name])


async def test_cancelled_capture_lets_the_device_go(tmp_path: Path) -> None:
    scene = SmallScene(obedient=False)
    with SbiServer(scene) as server:
        desk = SbiDesk(server, scene, tmp_path)
        async with desk.scanner() as scanner:
            await scanner.start_preview(RIGHT)
            running = asyncio.create_task(scanner.capture(RIGHT))
            await until(lambda: server.service.devices["2"].capturing)
            scanner.cancel()
            with pytest.raises(Cancelled):
                await running
            await until(lambda: not server.service.devices["2"].capturing)
            scene.place(Slap.RIGHT_FOUR)
            assert len((await scanner.capture(RIGHT)).samples) == 4


async def test_live_picture_survives_a_capture_that_saw_nothing(tmp_path: Path) -> None:
    scene = SmallScene(obedient=False)
    with SbiServer(scene) as server:
        desk = SbiDesk(server, scene, tmp_path)
        async with desk.scanner() as scanner:
            await scanner.start_preview(RIGHT)
            with pytest.raises(DeviceTimeout, match="701"):
                await scanner.capture(RIGHT, timeout=0.3)
            assert streaming(scanner)


async def test_flight_recorder_holds_no_record(desk: SbiDesk) -> None:
    async with desk.scanner() as scanner:
        await scanner.capture(RIGHT)
        told = "\n".join(str(entry) for entry in scanner.recorder.dump())
        assert "RCAPTURE" in told
        assert "sha256:" in told
        assert "bioValue" not in told
        assert max(map(len, told.splitlines())) < 120


async def test_self_test_says_what_it_read(desk: SbiDesk) -> None:
    async with desk.scanner() as scanner:
        result = await scanner.self_test()
        assert result.passed
        assert result.facts["level"] == "L0"
        assert result.facts["certificate_days_left"] in (29, 30)
        await scanner.start_preview(RIGHT)
        assert (await scanner.self_test()).passed
        await scanner.stop_preview()
        desk.server.faults.inject(SbiFault.BUSY_FOREVER)
        assert not (await scanner.self_test()).passed


def streaming(device: SbiDevice) -> bool:
    return device._preview is not None and device._preview.running

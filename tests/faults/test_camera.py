"""Every fault of the camera's wire against every operation of both camera drivers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum

import pytest

from drivers.api import Device, FaceRequest, IrisRequest
from drivers.camera.iris import OpenCvIrisCamera
from drivers.camera.opencv import OpenCvCamera
from drivers.camera.streaming import StreamingCamera
from simulators.camera_faults import CAMERA_FAULTS, CameraFault
from simulators.camera_strangers import VISITORS
from simulators.stream_camera import StreamCamera
from tests.faults.matrix import SLACK_S, FaultRig, Hardware, Operation, check, run_matrix
from tests.protocol.camera_scenes import NumberedEyes, NumberedScene, face_driver, iris_driver

TIMEOUT_S = 2.0
LOOKS_FOR_S = 1.2
POLL_S = 0.02
FPS = 30
CASES_AT_ONCE = 12


async def capture(device: Device) -> object:
    """Take a burst."""
    if isinstance(device, OpenCvIrisCamera):
        return await device.capture(IrisRequest(), timeout=TIMEOUT_S)
    assert isinstance(device, OpenCvCamera)
    return await device.capture(FaceRequest(burst=4), timeout=TIMEOUT_S)


async def preview(device: Device) -> object:
    """Watch the live picture until it moves; when it does not, ask the device why."""
    assert isinstance(device, StreamingCamera)
    request = IrisRequest() if isinstance(device, OpenCvIrisCamera) else FaceRequest()
    await device.start_preview(request)
    deadline = time.monotonic() + TIMEOUT_S
    try:
        seen: set[int] = set()
        while len(seen) < 4:
            frame = device.latest()
            if frame is not None:
                seen.add(frame.sequence)
            await asyncio.sleep(POLL_S)
            if time.monotonic() > deadline:
                await device.check()
                assert time.monotonic() < deadline + SLACK_S, "no picture, and nothing is wrong"
    finally:
        if device.state.value == "ready":
            await device.stop_preview()
    return len(seen)


async def self_test(device: Device) -> object:
    """Run the device's own check; a poor picture is a result of it, not an error."""
    return await device.self_test(timeout=TIMEOUT_S)


async def look(device: Device) -> object:
    """Look at the idle device as the supervisor does, for a little longer than a second."""
    deadline = time.monotonic() + LOOKS_FOR_S
    while time.monotonic() < deadline:
        await device.check()
        await asyncio.sleep(POLL_S)
    return None


class CameraRig:
    """One of the two camera drivers on a small and quick simulated camera."""

    faults: Sequence[StrEnum] = tuple(CAMERA_FAULTS)
    operations: Mapping[str, Operation] = {
        "capture": capture,
        "preview": preview,
        "self_test": self_test,
        "check": look,
    }
    limits: Mapping[str, float] = dict.fromkeys(operations, TIMEOUT_S)

    def __init__(self, name: str) -> None:
        self.name = name

    @contextmanager
    def hardware(self) -> Iterator[Hardware]:
        make = iris_driver if self.name == "camera-iris" else face_driver
        with StreamCamera(NumberedScene(), fps=FPS, eyes=NumberedEyes(), seed=7) as camera:
            yield Hardware(camera.faults, lambda: make(camera))


@pytest.mark.parametrize("name", ["camera-face", "camera-iris"])
@pytest.mark.timeout(120)
async def test_every_fault_against_every_operation(name: str, update_matrix: bool) -> None:
    with StreamCamera(NumberedScene()) as camera:  # strangers are rendered once a process
        for fault in VISITORS:
            camera.faults.inject(fault)
    rig: FaultRig = CameraRig(name)
    outcomes = await run_matrix(rig, at_once=CASES_AT_ONCE)
    check(rig, outcomes, update=update_matrix)
    assert {outcome.fault for outcome in outcomes} == {fault.value for fault in CameraFault}

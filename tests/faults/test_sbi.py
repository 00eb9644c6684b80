"""Every fault of an SBI service against every operation of its three drivers."""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path

import pytest

from drivers.api import (
    Device,
    FaceRequest,
    Finger,
    FingerRequest,
    IrisRequest,
    PreviewingDevice,
    Slap,
    SlapRequest,
    State,
)
from drivers.errors import DeviceError, DeviceTimeout
from drivers.sbi.face import SbiFaceCamera
from drivers.sbi.iris import SbiIrisCamera
from drivers.sbi.protocol import BioType
from drivers.sbi.scanner import SbiScanner
from simulators.sbi import SbiServer
from simulators.sbi_faults import SbiFault
from simulators.sbi_pki import SimulatedPki
from tests.faults.matrix import FaultRig, Hardware, Operation, check, run_matrix
from tests.protocol.sbi_rig import SbiDesk, SmallScene

TIMEOUT_S = 0.8
POLL_S = 0.01
CHECK_S = 0.5
"""What one look at an idle device may take; two of them must fail before it is lost."""

PORTRAIT = FaceRequest()
EXCEPTION_PHOTO = FaceRequest(missing_fingers=frozenset({Finger.LEFT_THUMB}))
SERIALS = itertools.count()
PULLED = (SbiFault.UNPLUG, SbiFault.SERVICE_KILLED, SbiFault.SERVICE_MOVED)


async def slap(device: Device) -> object:
    assert isinstance(device, SbiScanner)
    return await device.capture(SlapRequest(Slap.RIGHT_FOUR), timeout=TIMEOUT_S)


async def single_finger(device: Device) -> object:
    assert isinstance(device, SbiScanner)
    return await device.capture(FingerRequest(Finger.LEFT_INDEX), timeout=TIMEOUT_S)


async def irises(device: Device) -> object:
    assert isinstance(device, SbiIrisCamera)
    return await device.capture(IrisRequest(), timeout=TIMEOUT_S)


async def portrait(device: Device) -> object:
    assert isinstance(device, SbiFaceCamera)
    return await device.capture(PORTRAIT, timeout=TIMEOUT_S)


async def exception_photo(device: Device) -> object:
    assert isinstance(device, SbiFaceCamera)
    return await device.capture(EXCEPTION_PHOTO, timeout=TIMEOUT_S)


def preview(
    request: SlapRequest | IrisRequest | FaceRequest,
) -> Callable[[Device], Awaitable[object]]:
    async def watch(device: Device) -> object:
        """Watch the live picture until it moves."""
        assert isinstance(device, PreviewingDevice)
        deadline = time.monotonic() + TIMEOUT_S
        await device.start_preview(request, timeout=TIMEOUT_S)
        try:
            while (frame := device.latest()) is None or frame.sequence < 2:
                await asyncio.sleep(POLL_S)
                if time.monotonic() > deadline:
                    raise DeviceTimeout(device.name, "no live picture")
        finally:
            if device.state is State.READY:
                await device.stop_preview()
        return frame.sequence

    return watch


async def self_test(device: Device) -> object:
    return await device.self_test(timeout=TIMEOUT_S)


async def look(device: Device) -> object:
    """Look at the idle device as the supervisor does, until two looks in a row have failed."""
    for _ in range(2):
        try:
            await device.check()
        except DeviceError:
            if device.state is State.LOST:
                raise
    return device.state


class SbiRig:
    """One device of a small and quick simulated service."""

    faults: Sequence[StrEnum] = tuple(SbiFault)

    def __init__(
        self,
        bio_type: BioType,
        operations: Mapping[str, Operation],
        driver: Callable[[SbiDesk], Device],
        folder: Path,
    ) -> None:
        self.name = f"sbi-{bio_type.lower()}"
        self.operations = operations
        self.limits: Mapping[str, float] = {
            name: 2 * CHECK_S if name == "check" else TIMEOUT_S for name in operations
        }
        self._bio_type = bio_type
        self._driver = driver
        self._folder = folder
        self._pki = SimulatedPki.create()

    @contextmanager
    def hardware(self) -> Iterator[Hardware]:
        serials = f"M{os.getpid()}-{next(SERIALS)}"
        server = SbiServer(
            SmallScene(),
            pki=self._pki,
            serials=serials,
            stranger=lambda: SmallScene(person=1),
            seed=7,
        )
        with server:
            desk = SbiDesk(server, SmallScene(), self._folder / serials)
            yield Hardware(server.faults_of(self._bio_type), lambda: self._driver(desk))


ALWAYS: Mapping[str, Operation] = {"self_test": self_test, "check": look}
RIGS: list[tuple[BioType, Mapping[str, Operation], Callable[[SbiDesk], Device]]] = [
    (
        BioType.FINGER,
        {
            "slap": slap,
            "single_finger": single_finger,
            "preview": preview(SlapRequest(Slap.RIGHT_FOUR)),
            **ALWAYS,
        },
        lambda desk: desk.scanner(),
    ),
    (
        BioType.IRIS,
        {"irises": irises, "preview": preview(IrisRequest()), "check": look},
        lambda desk: desk.iris_camera(),
    ),
    (
        BioType.FACE,
        {
            "portrait": portrait,
            "exception_photo": exception_photo,
            "preview": preview(PORTRAIT),
            "self_test": self_test,
        },
        lambda desk: desk.face_camera(),
    ),
]


@pytest.mark.parametrize("parts", RIGS, ids=lambda parts: str(parts[0]))
@pytest.mark.timeout(120)
async def test_every_fault_against_every_operation(
    parts: tuple[BioType, Mapping[str, Operation], Callable[[SbiDesk], Device]],
    tmp_path: Path,
    update_matrix: bool,
) -> None:
    rig: FaultRig = SbiRig(*parts, tmp_path)
    outcomes = await run_matrix(rig)
    check(rig, outcomes, update=update_matrix)
    assert {outcome.fault for outcome in outcomes} == {fault.value for fault in SbiFault}
    gone = [o.noticed_s for o in outcomes if o.fault in PULLED and o.operation == "check"]
    assert all(seconds < 1.0 for seconds in gone), "a pulled device is noticed within a second"

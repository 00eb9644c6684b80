"""What one step asks of its device and of the judge: request, live picture, capture, assessment."""

from __future__ import annotations

import asyncio
import logging

from drivers.api import (
    Capture,
    Device,
    FaceRequest,
    Finger,
    FingerRequest,
    IrisRequest,
    PreviewingDevice,
    SlapRequest,
    State,
)
from drivers.errors import DeviceError, Unsupported
from station.domain.plan import SLAP_OF, Step
from station.recording.attempt import Judgement
from station.recording.desk import DeskDevices
from station.recording.identity import finger_of, reference_finger
from station.recording.judging import Judge
from station.recording.policy import Policy
from station.recording.progress import Progress

log = logging.getLogger(__name__)

SERIAL_UPLOAD = 10.0
"""Seconds more for a single finger: its picture takes seven at 57600 baud."""
STOP_PREVIEW_S = 1.0
"""A device that hangs must not hold up what comes next; it is found out when it is used."""
NO_REFERENCE = "finger.no-reference"
INDEX_FINGERS = (Finger.RIGHT_INDEX, Finger.LEFT_INDEX)


class StepWork:
    """Drives the devices of one desk for one step at a time; decides nothing.

    `verify_with` is the index finger that the verification asks for.
    """

    def __init__(self, devices: DeskDevices, judge: Judge, limits: Policy) -> None:
        self._devices = devices
        self._judge = judge
        self._limits = limits
        self.verify_with = Finger.RIGHT_INDEX

    def use_other_index(self) -> None:
        """Verify with the index finger of the other hand from now on."""
        right = self.verify_with is Finger.RIGHT_INDEX
        self.verify_with = Finger.LEFT_INDEX if right else Finger.RIGHT_INDEX

    def choose_finger(self, progress: Progress) -> None:
        """Verify with the right index finger when it was captured, else with the left one."""
        held = {finger for finger in INDEX_FINGERS if finger_of(progress, finger) is not None}
        self.verify_with = Finger.RIGHT_INDEX
        if held == {Finger.LEFT_INDEX}:
            self.verify_with = Finger.LEFT_INDEX

    def has_other_index(self, progress: Progress) -> bool:
        """Whether the index finger of the other hand was captured."""
        right = self.verify_with is Finger.RIGHT_INDEX
        other = Finger.LEFT_INDEX if right else Finger.RIGHT_INDEX
        return finger_of(progress, other) is not None

    def can_verify(self, step: Step, progress: Progress) -> bool:
        """False for a verification without anything to verify against."""
        return step is not Step.VERIFICATION or finger_of(progress, self.verify_with) is not None

    def request(self, step: Step) -> SlapRequest | FingerRequest | IrisRequest | FaceRequest:
        """What is asked of the device of `step`."""
        if step in SLAP_OF:
            return SlapRequest(SLAP_OF[step])
        if step is Step.IRISES:
            return IrisRequest()
        return FaceRequest() if step is Step.PORTRAIT else FingerRequest(self.verify_with)

    async def start_preview(self, step: Step) -> None:
        """Start the live picture; a module without one is no error, the screen shows a drawing."""
        device = self._devices.of(step)
        try:
            await device.start_preview(self.request(step))
        except Unsupported:
            log.debug("%s has no live picture", device.name)

    async def stop_previews(self, except_for: Device | None = None) -> None:
        """Stop every live picture but that of `except_for`; a failure is logged, nothing more."""
        devices = self._devices
        others = (devices.face, devices.scanner, devices.iris, devices.verifier)
        await asyncio.gather(*(_stop(device) for device in others if device is not except_for))

    async def acquire(self, step: Step) -> Capture:
        """Capture once; raises what the driver raises."""
        devices, wait = self._devices, self._limits.capture_timeout
        match self.request(step):
            case SlapRequest() as slap:
                return await devices.scanner.capture(slap, timeout=wait)
            case FingerRequest() as finger:
                return await devices.verifier.capture(finger, timeout=wait + SERIAL_UPLOAD)
            case IrisRequest() as irises:
                return await devices.iris.capture(irises, timeout=wait)
            case FaceRequest() as face:
                return await devices.face.capture(face, timeout=wait)

    async def assess(
        self, step: Step, taken: Capture, progress: Progress
    ) -> tuple[Capture, Judgement]:
        """Judge a capture; a whole-slap picture comes back cut into fingers."""
        if step in SLAP_OF:
            return await self._judge.slap(taken, SlapRequest(SLAP_OF[step]))
        if step is Step.PORTRAIT:
            return taken, await self._judge.portrait(taken)
        if step is Step.IRISES:
            return taken, await self._judge.irises(taken)
        reference = await reference_finger(progress, self.verify_with, self._judge)
        if reference is None:
            return taken, Judgement(False, False, (), findings=(NO_REFERENCE,))
        return taken, await self._judge.finger(taken, reference)


async def _stop(device: PreviewingDevice) -> None:
    if device.state is not State.READY:
        return
    try:
        await device.stop_preview(STOP_PREVIEW_S)
    except DeviceError as error:
        log.warning("stopping the preview of %s failed: %s", device.name, error.code)

"""The devices of one desk by role, and how they are brought up."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from drivers.api import (
    CardReader,
    Device,
    FaceCamera,
    FingerprintScanner,
    IrisCamera,
    PreviewingDevice,
    State,
)
from drivers.errors import DeviceError
from station.domain.plan import SLAP_OF, Step
from station.recording.view import DeviceView, Problem

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DeskDevices:
    """One device a role; the card reader may be absent, then the NIK is typed."""

    scanner: FingerprintScanner
    verifier: FingerprintScanner
    iris: IrisCamera
    face: FaceCamera
    card: CardReader | None = None

    def by_role(self) -> dict[str, Device]:
        """Role to device, in the order in which they are shown."""
        roles: dict[str, Device | None] = {
            "face": self.face,
            "scanner": self.scanner,
            "iris": self.iris,
            "verifier": self.verifier,
            "card": self.card,
        }
        return {role: device for role, device in roles.items() if device is not None}

    def of(self, step: Step) -> PreviewingDevice:
        """The device that captures `step`; raises `KeyError` for a step that captures nothing."""
        if step in SLAP_OF:
            return self.scanner
        return {
            Step.PORTRAIT: self.face,
            Step.IRISES: self.iris,
            Step.VERIFICATION: self.verifier,
        }[step]


class DeskLine:
    """Connects the devices, remembers why one failed, and closes them all."""

    def __init__(self, devices: DeskDevices, changed: Callable[[], None]) -> None:
        self.devices = devices
        self._problems: dict[str, Problem] = {}
        self._changes: asyncio.Queue[str] = asyncio.Queue()
        self._unsubscribe = [
            device.subscribe(lambda _device, _state: changed())
            for device in devices.by_role().values()
        ]

    async def connect_all(self, timeout: float = 10.0) -> None:
        """Bring every device up in parallel; one that fails is shown and does not stop the desk."""
        roles = self.devices.by_role()
        results = await asyncio.gather(
            *(device.connect(timeout) for device in roles.values()), return_exceptions=True
        )
        for role, result in zip(roles, results, strict=True):
            if isinstance(result, DeviceError):
                log.warning("%s: %s: %s", role, result.code, result.detail)
                self._problems[role] = Problem(result.code, result.detail)
            elif isinstance(result, BaseException):
                raise result
            else:
                self._problems.pop(role, None)

    async def ensure(self, device: Device, timeout: float = 10.0) -> None:
        """Connect `device` when it is not; raises what `connect` raises."""
        role = self._role_of(device)
        try:
            if device.state in (State.CLOSED, State.LOST):
                await device.connect(timeout)
        except DeviceError as error:
            log.warning("%s: %s: %s", role, error.code, error.detail)
            self._problems[role] = Problem(error.code, error.detail)
            raise
        self._problems.pop(role, None)

    async def reset(self, device: Device, timeout: float = 10.0) -> None:
        """Close `device` and connect it anew; raises what `connect` raises."""
        await device.close()
        await self.ensure(device, timeout)

    def problem_of(self, device: Device) -> Problem | None:
        """What was wrong with `device` last; None when nothing was."""
        return self._problems.get(self._role_of(device))

    async def next_change(self) -> str:
        """Wait until a device came or went by itself, and return its role."""
        return await self._changes.get()

    def _role_of(self, device: Device) -> str:
        return next(role for role, known in self.devices.by_role().items() if known is device)

    def view(self) -> tuple[DeviceView, ...]:
        """Each device with its state, identity and last problem."""
        views = []
        for role, device in self.devices.by_role().items():
            known = device.state in (State.READY, State.BUSY)
            problem = None if known else self._problems.get(role)
            view = DeviceView(role, device.state.value, problem=problem)
            if known:
                info = device.info
                view = replace(view, model=info.model, serial=info.serial, trust=info.trust)
            views.append(view)
        return tuple(views)

    async def close(self) -> None:
        """Close every device; returns even when one hangs."""
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        await asyncio.gather(*(device.close() for device in self.devices.by_role().values()))

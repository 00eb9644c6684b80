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
from drivers.errors import DeviceError, OtherDevice
from drivers.supervisor import Event, EventQueue, Happening, Supervisor
from drivers.values import DeviceInfo
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


@dataclass(frozen=True, slots=True)
class Replacement:
    """Another device answers: the serial number of before, and the present one."""

    before: str
    now: str

    def __str__(self) -> str:
        return f"{self.before} → {self.now}"


class DeskLine:
    """The supervised devices of the desk: brought up, shown, reset, and closed at the end."""

    def __init__(self, devices: DeskDevices, changed: Callable[[], None]) -> None:
        self.devices = devices
        self._supervisor = Supervisor(devices.by_role())
        self._known: dict[str, DeviceInfo] = {}
        self._events = EventQueue()
        self._unsubscribe = [
            self._supervisor.subscribe(self._events),
            self._supervisor.subscribe(self._remember),
            self._supervisor.subscribe(lambda _event: changed()),
            *(
                device.subscribe(lambda _device, _state: changed())
                for device in devices.by_role().values()
            ),
        ]

    async def open(self, timeout: float = 10.0) -> None:
        """Bring every device up in parallel and look after them all from now on.

        A device that fails is shown, tried again, and does not stop the desk.
        """
        self._supervisor.start()
        await self.connect_all(timeout)

    async def connect_all(self, timeout: float = 10.0) -> None:
        """Try every device that is not connected."""
        results = await asyncio.gather(
            *(self._supervisor.ensure(role, timeout) for role in self.devices.by_role()),
            return_exceptions=True,
        )
        for role, result in zip(self.devices.by_role(), results, strict=True):
            if isinstance(result, DeviceError):
                log.warning("%s: %s: %s", role, result.code, result.detail)
            elif isinstance(result, BaseException):
                raise result

    async def ensure(self, device: Device, timeout: float = 10.0) -> None:
        """Connect `device` when it is not; raises what `connect` raises.

        Raises:
            OtherDevice: another one answers in its place, and nobody has accepted it yet.
        """
        role = self._role_of(device)
        await self._supervisor.ensure(role, timeout)
        if (replaced := self.replacement_of(device)) is not None:
            raise OtherDevice(device.name, str(replaced))

    def replacement_of(self, device: Device) -> Replacement | None:
        """Who answers in the place of whom; None while it is the device of before."""
        role = self._role_of(device)
        if not self._supervisor.status()[role].is_other_device:
            return None
        return Replacement(self._known[role].serial, device.info.serial)

    def accept(self, device: Device) -> None:
        """Take whoever answers now for the right device."""
        role = self._role_of(device)
        self._supervisor.accept(role)
        self._known[role] = device.info

    async def reset(self, device: Device, timeout: float = 10.0) -> None:
        """Close `device` and connect it anew; raises what `ensure` raises."""
        await self._supervisor.reset(self._role_of(device), timeout)
        await self.ensure(device, timeout)

    def problem_of(self, device: Device) -> Problem | None:
        """What keeps `device` from being used; None when nothing does."""
        role = self._role_of(device)
        if (replaced := self.replacement_of(device)) is not None:
            return Problem(OtherDevice.code, str(replaced), role)
        status = self._supervisor.status()[role]
        return Problem(status.code, status.detail, role) if status.code else None

    async def next_change(self) -> Device:
        """Wait until a device came or went by itself, and return it."""
        event = await self._events.get()
        return self.devices.by_role()[event.role]

    def view(self) -> tuple[DeviceView, ...]:
        """Each device with its state, identity and what is wrong with it."""
        views = []
        for role, device in self.devices.by_role().items():
            view = DeviceView(role, device.state.value, problem=self.problem_of(device))
            if device.state in (State.READY, State.BUSY):
                info = device.info
                view = replace(view, model=info.model, serial=info.serial, trust=info.trust)
            views.append(view)
        return tuple(views)

    async def close(self) -> None:
        """Close every device; returns even when one hangs."""
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        await self._supervisor.stop()
        await asyncio.gather(*(device.close() for device in self.devices.by_role().values()))

    def _remember(self, event: Event) -> None:
        if event.what in (Happening.CONNECTED, Happening.BACK) and event.device is not None:
            self._known[event.role] = event.device

    def _role_of(self, device: Device) -> str:
        return next(role for role, known in self.devices.by_role().items() if known is device)

"""Single-finger optical module R30x / ZFM-20 / AS608 / R503 on a serial line.

Its picture of 256 x 288 pixels with 16 grey levels is of verification grade: operator login, check
at card handover, and the fallback when the slap scanner is dead.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import ExitStack
from typing import ClassVar, TypeVar

from drivers.api import Call, FingerprintScanner
from drivers.clock import Clock
from drivers.device import DeviceSettings
from drivers.errors import (
    ConnectFailed,
    DeviceTimeout,
    Disconnected,
    NotConnected,
    ProtocolError,
    Unsupported,
)
from drivers.serial.commands import Confirmation
from drivers.serial.errors import ModuleBusy, StaleImage, WrongPixelOrder
from drivers.serial.link import R30xLink
from drivers.serial.module import R30xCommands
from drivers.serial.opening import PROBED_BAUDS, change_baud, detect_baud
from drivers.serial.parameters import ModuleParameters
from drivers.serial.picture import RESOLUTION_PPI, has_swapped_pixels, unpack_image
from drivers.serial.port import (
    Bridge,
    Port,
    bridge_at,
    find_bridge,
    lasting_name,
    open_port,
)
from drivers.serial.settings import R30xSettings
from drivers.values import (
    Capture,
    DeviceInfo,
    FingerRequest,
    Image,
    Kind,
    Sample,
    SelfTest,
    SlapRequest,
)

T = TypeVar("T")

POLL_INTERVAL_S = 0.1
BUSY_PATIENCE_S = 1.0
"""A command that an earlier owner of the port gave may still be running so long."""


class R30xScanner(FingerprintScanner):
    """One R30x module.

    The module has no serial number. `DeviceInfo.serial` begins with that of its USB bridge, where
    the bridge has one, and goes on with what ReadSysPara tells: system id, address and library
    capacity, e.g. "0009-FFFFFFFF-200". That is stable and tells models apart; two modules of one
    model on bridges without a serial number have the same one.
    """

    Settings: ClassVar[type[DeviceSettings]] = R30xSettings

    def __init__(self, name: str, settings: R30xSettings, *, clock: Clock | None = None) -> None:
        super().__init__(name, settings, clock=clock)
        self._settings = settings
        self._commands: R30xCommands | None = None
        self._last_image = b""
        self.wrap_port: Callable[[Port], Port] = lambda port: port
        """Put between link and port at the next connect; the recorder of wire tests uses it."""

    async def run(self, work: Callable[[R30xCommands, Call], T], timeout: float = 10.0) -> T:
        """Run `work` on the module's own thread as one verb and return what it returns.

        `work` is blocking code that hands its `Call` to every command; see `drivers.serial.library`
        for what is usually wanted.
        """
        return await self._verb(lambda call: work(self._connected(), call), timeout)

    async def change_baud(self, baud: int, timeout: float = 10.0) -> int:
        """Change the speed of the line, for good; return the speed that it then really has.

        Raises:
            ConnectFailed: the module is not found at any speed afterwards.
        """
        return await self.run(lambda commands, call: change_baud(commands, baud, call), timeout)

    def _do_connect(self, call: Call) -> DeviceInfo:
        path, bridge = self._address()
        with ExitStack() as undo:
            expected = self._settings.baud
            port = open_port(self.name, path, expected or PROBED_BAUDS[0])
            link = R30xLink(self.wrap_port(port), self.name, self.recorder)
            undo.callback(link.close)
            commands = R30xCommands(link, has_light=self._settings.model == "R503")
            baud = detect_baud(commands, expected, call)
            parameters = self._free_parameters(commands, call)
            undo.pop_all()
        self._commands = commands
        self.recorder.note(f"module at {baud} baud")
        return self._identity(parameters, bridge)

    def _do_close(self) -> None:
        commands, self._commands = self._commands, None
        if commands is not None:
            commands.link.close()

    def _do_check(self, call: Call) -> None:
        """Look at the port, which costs nothing, and ask the module for its parameters."""
        commands = self._connected()
        commands.link.look()
        call.check()
        if commands.parameters(call).is_busy:
            raise ModuleBusy(self.name, "busy without a command")

    def _do_self_test(self, call: Call) -> SelfTest:
        """Compare the echo and read parameters and library; the sensor needs a finger."""
        commands = self._connected()
        echo = commands.echo(call)
        parameters = commands.parameters(call)
        return SelfTest(
            passed=echo and not parameters.is_busy,
            facts={
                "echo": "55" if echo else "none",
                "system_id": f"{parameters.system_id:04X}",
                "status": parameters.status,
                "capacity": parameters.capacity,
                "templates": commands.count(call),
                "security_level": parameters.security_level,
                "packet_bytes": parameters.packet_bytes,
                "baud": parameters.baud,
            },
        )

    def _do_capture(self, request: SlapRequest | FingerRequest, call: Call) -> Capture:
        if isinstance(request, SlapRequest):
            raise Unsupported(self.name, "one finger at a time")
        commands = self._connected()
        started_at = self.clock.utc_now()
        while (image := self._take_picture(commands, call)) is None:
            call.sleep(POLL_INTERVAL_S)
        sample = Sample(request.finger, image, RESOLUTION_PPI)
        return Capture((sample,), self.info, started_at, self.clock.utc_now())

    def _do_finger_present(self, call: Call) -> bool:
        return self._connected().look(call) is not Confirmation.NO_FINGER

    def _take_picture(self, commands: R30xCommands, call: Call) -> Image | None:
        """Look at the sensor once; None where no usable finger lies."""
        if commands.look(call) is not Confirmation.OK:
            return None
        packed = commands.upload_image(call)
        if not packed:
            return None
        digest = hashlib.sha256(packed).digest()
        if digest == self._last_image:
            raise StaleImage(self.name, "the same picture as before")
        image = unpack_image(packed)
        if has_swapped_pixels(image):
            raise WrongPixelOrder(self.name, "neighbouring pixels are exchanged")
        self._last_image = digest
        return image

    def _address(self) -> tuple[str, Bridge]:
        settings = self._settings
        if settings.port:
            return settings.port, bridge_at(settings.port)
        bridge = find_bridge(self.name, settings.usb_serial, settings.usb_path)
        return lasting_name(bridge.path), bridge

    def _free_parameters(self, commands: R30xCommands, call: Call) -> ModuleParameters:
        """Read the settings of a module that is not busy.

        Raises:
            ConnectFailed: it gives no readable answer.
            ModuleBusy: it stays busy.
        """
        patience = call.clock.monotonic() + BUSY_PATIENCE_S
        try:
            while (parameters := commands.parameters(call)).is_busy:
                if call.clock.monotonic() >= patience:
                    raise ModuleBusy(self.name, "busy without a command")
                call.sleep(POLL_INTERVAL_S)
        except (DeviceTimeout, ProtocolError, Disconnected) as error:
            call.check()
            raise ConnectFailed(self.name, f"no R30x module: {error.detail}") from error
        return parameters

    def _identity(self, parameters: ModuleParameters, bridge: Bridge) -> DeviceInfo:
        module = f"{parameters.system_id:04X}-{parameters.address:08X}-{parameters.capacity}"
        serial = f"{bridge.serial_number}-{module}" if bridge.serial_number else module
        capabilities = {"single-finger", "finger-present", "library"}
        if self._settings.model == "R503":
            capabilities.add("light")
        return DeviceInfo(
            kind=Kind.FINGERPRINT,
            driver="r30x",
            model=self._settings.model,
            serial=serial,
            firmware=f"{parameters.system_id:04X}",
            capabilities=frozenset(capabilities),
        )

    def _connected(self) -> R30xCommands:
        if self._commands is None:
            raise NotConnected(self.name)
        return self._commands

"""Single-finger optical module R30x / ZFM-20 / AS608 / R503 on a serial line.

Its picture of 256 x 288 pixels with 16 grey levels is of verification grade: operator login, check
at card handover, and the fallback when the slap scanner is dead.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import ClassVar

from pydantic import Field

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
from drivers.serial.commands import (
    BAUD_UNIT,
    GEN_IMG,
    GET_ECHO,
    IMAGE_BYTES,
    POOR_PICTURE,
    READ_SYS_PARA,
    RESOLUTION_PPI,
    TEMPLETE_NUM,
    UP_IMAGE,
    VFY_PWD,
    Confirmation,
    ModuleParameters,
    unpack_image,
)
from drivers.serial.link import OK_ONLY, R30xLink, open_port
from drivers.values import (
    Capture,
    DeviceInfo,
    FingerRequest,
    Kind,
    Sample,
    SelfTest,
    SlapRequest,
)

FACTORY_PASSWORD = bytes(4)
POLL_INTERVAL_S = 0.1

_LOOK = OK_ONLY | POOR_PICTURE | {Confirmation.NO_FINGER}


class R30xSettings(DeviceSettings):
    """`port` is a path that survives replugging (by-id); `baud` in bit/s, 9600 x 1 to 12."""

    port: str = Field(min_length=1)
    baud: int = Field(default=57600, ge=BAUD_UNIT, le=12 * BAUD_UNIT, multiple_of=BAUD_UNIT)


class R30xScanner(FingerprintScanner):
    """One R30x module.

    The module has no serial number. `DeviceInfo.serial` is made of what ReadSysPara tells: system
    id, address and library capacity, e.g. "0009-FFFFFFFF-200". It is stable and tells models apart;
    two modules of one model with factory settings have the same one.
    """

    Settings: ClassVar[type[DeviceSettings]] = R30xSettings

    def __init__(self, name: str, settings: R30xSettings, *, clock: Clock | None = None) -> None:
        super().__init__(name, settings, clock=clock)
        self._settings = settings
        self._link: R30xLink | None = None

    def _do_connect(self, call: Call) -> DeviceInfo:
        with ExitStack() as undo:
            port = open_port(self.name, self._settings.port, self._settings.baud)
            link = R30xLink(port, self.name, self.recorder)
            undo.callback(link.close)
            try:
                link.exchange(VFY_PWD, call, arguments=FACTORY_PASSWORD)
                parameters = self._read_parameters(link, call)
            except (DeviceTimeout, ProtocolError, Disconnected) as error:
                call.check()
                reason = f"no R30x module at {self._settings.baud} baud: {error.detail}"
                raise ConnectFailed(self.name, reason) from error
            undo.pop_all()
        self._link = link
        return DeviceInfo(
            kind=Kind.FINGERPRINT,
            driver="r30x",
            model="R30x",
            serial=f"{parameters.system_id:04X}-{parameters.address:08X}-{parameters.capacity}",
            firmware=f"{parameters.system_id:04X}",
            capabilities=frozenset({"single-finger", "finger-present"}),
        )

    def _do_close(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            link.close()

    def _do_check(self, call: Call) -> None:
        self._read_parameters(self._connected(), call)

    def _do_self_test(self, call: Call) -> SelfTest:
        """Compare the echo and read parameters and library; the sensor needs a finger."""
        link = self._connected()
        echo, _ = link.exchange(
            GET_ECHO, call, accept=frozenset({Confirmation.ECHO, Confirmation.RECEIVE_ERROR})
        )
        parameters = self._read_parameters(link, call)
        _, templates = link.exchange(TEMPLETE_NUM, call)
        return SelfTest(
            passed=echo is Confirmation.ECHO,
            facts={
                "echo": f"{echo:02X}",
                "system_id": f"{parameters.system_id:04X}",
                "status": parameters.status,
                "capacity": parameters.capacity,
                "templates": int.from_bytes(templates, "big"),
                "security_level": parameters.security_level,
                "packet_bytes": parameters.packet_bytes,
                "baud": parameters.baud,
            },
        )

    def _do_capture(self, request: SlapRequest | FingerRequest, call: Call) -> Capture:
        if isinstance(request, SlapRequest):
            raise Unsupported(self.name, "one finger at a time")
        link = self._connected()
        started_at = self.clock.utc_now()
        while not (packed := self._take_picture(link, call)):
            call.sleep(POLL_INTERVAL_S)
        sample = Sample(request.finger, unpack_image(packed), RESOLUTION_PPI)
        return Capture((sample,), self.info, started_at, self.clock.utc_now())

    def _do_finger_present(self, call: Call) -> bool:
        code, _ = self._connected().exchange(GEN_IMG, call, accept=_LOOK)
        return code is not Confirmation.NO_FINGER

    def _take_picture(self, link: R30xLink, call: Call) -> bytes:
        """Look at the sensor once; return 36 864 bytes, or none where no usable finger lies."""
        code, _ = link.exchange(GEN_IMG, call, accept=_LOOK)
        if code is not Confirmation.OK:
            return b""
        _, packed = link.fetch(UP_IMAGE, IMAGE_BYTES, call, accept=OK_ONLY | POOR_PICTURE)
        return packed

    def _read_parameters(self, link: R30xLink, call: Call) -> ModuleParameters:
        _, data = link.exchange(READ_SYS_PARA, call)
        try:
            return ModuleParameters.decode(data)
        except ValueError as error:
            raise ProtocolError(self.name, f"ReadSysPara: {error}") from error

    def _connected(self) -> R30xLink:
        if self._link is None:
            raise NotConnected(self.name)
        return self._link

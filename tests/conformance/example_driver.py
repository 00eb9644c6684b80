"""A whole driver, to copy from: a toy scanner that answers lines on a serial port.

`docs/reference/devices.md` explains it; `test_example_driver` has its simulated hardware.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import Final

import numpy as np
import serial
from pydantic import Field

from drivers.api import (
    Call,
    Capture,
    DeviceInfo,
    DeviceSettings,
    FingerprintScanner,
    FingerRequest,
    Kind,
    SelfTest,
    SlapRequest,
)
from drivers.clock import Clock
from drivers.errors import ConnectFailed, Disconnected, NotConnected, ProtocolError, Unsupported
from drivers.recorder import Direction
from drivers.values import Sample

SIDE: Final = 16
"""Pixels along each edge of the toy's picture."""


class ToySettings(DeviceSettings):
    """`port` is the path of the serial port, one that survives replugging."""

    port: str = Field(min_length=1)


class ToyScanner(FingerprintScanner):
    """Asks `NUMBER COMMAND` and waits for `NUMBER ANSWER`; a late answer has an old number."""

    Settings = ToySettings

    def __init__(self, name: str, settings: ToySettings, *, clock: Clock | None = None) -> None:
        super().__init__(name, settings, clock=clock)
        self._path = settings.port
        self._port: serial.Serial | None = None
        self._number = 0

    def _do_connect(self, call: Call) -> DeviceInfo:
        with ExitStack() as undo:
            undo.callback(self._do_close)  # whatever goes wrong, the port is free again
            try:
                self._port = serial.Serial(self._path, 115200, timeout=0.1, exclusive=True)
                model, number, firmware = self._ask("ID", call).split()
            except (OSError, ValueError, Disconnected) as error:
                raise ConnectFailed(self.name, f"no toy: {type(error).__name__}") from error
            undo.pop_all()
        return DeviceInfo(Kind.FINGERPRINT, "toy", model, number, firmware)

    def _do_close(self) -> None:
        port, self._port = self._port, None
        if port is not None:
            port.close()

    def _do_check(self, call: Call) -> None:
        self._ask("OK?", call)

    def _do_self_test(self, call: Call) -> SelfTest:
        answer = self._ask("OK?", call)
        return SelfTest(answer == "OK", {"answer": answer})

    def _do_capture(self, request: SlapRequest | FingerRequest, call: Call) -> Capture:
        if isinstance(request, SlapRequest):
            raise Unsupported(self.name, "one finger at a time")
        started_at = self.clock.utc_now()
        while (answer := self._ask("PICTURE", call)) == "NONE":
            call.sleep(0.1)
        try:
            image = np.frombuffer(bytes.fromhex(answer), np.uint8).reshape(SIDE, SIDE)
        except ValueError as error:
            raise ProtocolError(self.name, f"picture of {len(answer)} digits") from error
        sample = Sample(request.finger, image, resolution_ppi=500.0)
        return Capture((sample,), self.info, started_at, self.clock.utc_now())

    def _ask(self, command: str, call: Call) -> str:
        port = self._port
        if port is None:
            raise NotConnected(self.name)
        self._number += 1
        self.recorder.note(command, Direction.SENT)
        try:
            port.write(f"{self._number} {command}\n".encode())
            line = b""
            while not (line.endswith(b"\n") and line.startswith(b"%d " % self._number)):
                call.check()
                line = b"" if line.endswith(b"\n") else line
                line += port.read_until(b"\n")  # returns after 0.1 s at the latest
        except OSError as error:
            raise Disconnected(self.name, type(error).__name__) from error
        self.recorder.payload(Direction.RECEIVED, command, line)
        return line.decode("ascii", "replace").strip().partition(" ")[2]

"""What the configuration says of an R30x module."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from drivers.device import DeviceSettings
from drivers.serial.parameters import BAUD_UNIT, MAX_BAUD_MULTIPLE


class R30xSettings(DeviceSettings):
    """Where the module is; exactly one of `port`, `usb_serial` and `usb_path`.

    Attributes:
        port: a path that survives replugging, best a link below /dev/serial/by-id.
        usb_serial: serial number of the USB bridge.
        usb_path: place in the USB tree, as the kernel ("1-2.3") or udev
            ("pci-0000:00:14.0-usb-0:2:1.0") names it.
        baud: the expected speed in bit/s, 9600 times 1 to 12; 0 expects the factory's 57600. The
            others are tried when the module does not answer.
        model: "R503" has a ring of light and a reset command.
    """

    port: str = ""
    usb_serial: str = ""
    usb_path: str = ""
    baud: int = Field(default=0, ge=0, le=MAX_BAUD_MULTIPLE * BAUD_UNIT, multiple_of=BAUD_UNIT)
    model: Literal["R30x", "R503"] = "R30x"

    @model_validator(mode="after")
    def _has_one_address(self) -> Self:
        if sum(map(bool, (self.port, self.usb_serial, self.usb_path))) != 1:
            raise ValueError("give exactly one of port, usb_serial and usb_path")
        return self

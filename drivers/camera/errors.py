"""What only a camera can do wrong, beside what all devices can (`drivers.errors`)."""

from __future__ import annotations

from drivers.errors import ConnectFailed, DeviceTimeout, ProtocolError


class PictureStopped(DeviceTimeout):
    """The camera is there and no new picture comes from it."""

    code = "DEV-261"


class PictureFrozen(DeviceTimeout):
    """The camera sends the same picture again and again; a live sensor has noise."""

    code = "DEV-262"


class PictureBroken(ProtocolError):
    """Pictures come and none of them is whole, or they have another size than agreed."""

    code = "DEV-263"


class ControlRefused(ConnectFailed):
    """The camera does not take a value that the configuration asks for; `control` is its name."""

    code = "DEV-264"
    retryable = False

    def __init__(self, device: str, control: str, detail: str) -> None:
        super().__init__(device, f"{control}: {detail}")
        self.control = control

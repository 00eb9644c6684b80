"""What is known about the camera's end of the line, and the error that says so."""

from __future__ import annotations

from enum import StrEnum

from drivers.camera.errors import ControlRefused, PictureBroken, PictureFrozen, PictureStopped
from drivers.errors import ConnectFailed, DeviceBusy, DeviceError, Disconnected


class Link(StrEnum):
    """State of the line between camera and grab thread."""

    OPENING = "opening"
    STREAMING = "streaming"
    SILENT = "silent"
    """Something accepts connections and sends no picture."""
    FROZEN = "frozen"
    """The same picture comes again and again."""
    BROKEN = "broken"
    """Only pictures come that are not whole."""
    GONE = "gone"
    """Unplugged, refused or unreachable."""
    TAKEN = "taken"
    """Another program uses the camera."""
    REFUSED = "refused"
    """The camera does not take a value that the configuration asks for."""

    @property
    def hopeless(self) -> bool:
        """Whether the camera cannot be opened at all now; the others may heal by themselves."""
        return self in (Link.GONE, Link.TAKEN, Link.REFUSED)


class SourceUnavailable(Exception):
    """The camera could not be opened; `control` names what a camera refused to take."""

    def __init__(self, reason: str, link: Link = Link.GONE, control: str = "") -> None:
        super().__init__(reason)
        self.link = link
        self.control = control


def verb_error(device: str, link: Link, reason: str, control: str = "") -> DeviceError:
    """Say why a connected camera gave no picture."""
    match link:
        case Link.GONE:
            return Disconnected(device, reason)
        case Link.FROZEN:
            return PictureFrozen(device, reason)
        case Link.BROKEN:
            return PictureBroken(device, reason)
        case Link.TAKEN:
            return DeviceBusy(device, reason)
        case Link.REFUSED:
            return ControlRefused(device, control, reason)
        case _:
            return PictureStopped(device, reason if link is Link.SILENT else "no new picture came")


def connect_error(device: str, link: Link, reason: str, control: str = "") -> DeviceError:
    """Say why a camera could not be connected."""
    match link:
        case Link.TAKEN | Link.REFUSED | Link.FROZEN:
            return verb_error(device, link, reason, control)
        case _:
            return ConnectFailed(device, reason)

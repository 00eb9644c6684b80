"""The serial port under a module: which one it is, how it is opened, and how it says it is gone.

A module has no serial number, so that it is known by its USB bridge: the bridge's serial number,
its place in the USB tree, or a link of udev that stands for one of them.
"""

from __future__ import annotations

import errno
import os
import termios
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import serial
from serial.tools import list_ports

from drivers.errors import ConnectFailed, DeviceBusy, DeviceTimeout, Disconnected

READ_TIMEOUT_S = 0.1
WRITE_TIMEOUT_S = 0.6
"""A packet of 267 bytes takes 0.28 s at 9600 bit/s, and the kernel may hold one already."""

BY_ID = Path("/dev/serial/by-id")
BY_PATH = Path("/dev/serial/by-path")


class Port(Protocol):
    """What the link needs of a serial port; `read` returns early, with less, after 0.1 s."""

    baudrate: int
    """Speed of the line in bit/s; setting it takes effect at once."""

    @property
    def in_waiting(self) -> int:
        """Bytes that can be read at once."""
        ...

    @property
    def out_waiting(self) -> int:
        """Bytes that have not been sent yet."""
        ...

    def read(self, size: int = 1, /) -> bytes:
        """Return up to `size` bytes."""
        ...

    def write(self, data: bytes, /) -> int | None:
        """Send all bytes."""
        ...

    def reset_input_buffer(self) -> None:
        """Drop what has arrived."""
        ...

    def close(self) -> None:
        """Release the port."""
        ...


@dataclass(frozen=True, slots=True)
class Bridge:
    """One USB bridge: `path` opens it, `serial_number` and `usb_path` are empty where unknown."""

    path: str
    serial_number: str = ""
    usb_path: str = ""


def open_port(device: str, path: str, baud: int) -> Port:
    """Open a serial port, 8N1 without flow control, for us alone.

    Raises:
        ConnectFailed: there is no such port, or it cannot be opened.
        DeviceBusy: another program owns it.
    """
    try:
        return serial.Serial(
            path, baud, timeout=READ_TIMEOUT_S, write_timeout=WRITE_TIMEOUT_S, exclusive=True
        )
    except (OSError, ValueError, termios.error) as error:
        number = getattr(error, "errno", None)
        if number in (errno.EAGAIN, errno.EBUSY):
            raise DeviceBusy(device, "another program owns the port") from error
        reason = errno.errorcode.get(number or 0, "not a serial port")
        raise ConnectFailed(device, f"port: {reason}") from error


@contextmanager
def port_errors(device: str) -> Iterator[None]:
    """Say `Disconnected` for all the ways in which a port reports that it is gone."""
    try:
        yield
    except serial.SerialTimeoutException as error:
        raise DeviceTimeout(device, "port accepts no bytes") from error
    except (OSError, termios.error) as error:  # SerialException is an OSError
        raise Disconnected(device, "port is gone") from error


def bridges() -> list[Bridge]:
    """Return the USB bridges that are plugged in now."""
    return [
        Bridge(port.device, port.serial_number or "", port.location or "")
        for port in list_ports.comports()
        if port.serial_number or port.location
    ]


def find_bridge(device: str, usb_serial: str, usb_path: str) -> Bridge:
    """Return the one bridge with this serial number, or at this place of the USB tree.

    `usb_path` is the kernel's ("1-2.3", the same for every interface of a device) or udev's
    ("pci-0000:00:14.0-usb-0:2:1.0").

    Raises:
        ConnectFailed: no bridge fits, or several do.
    """
    found = bridges()
    if usb_serial:
        found = [bridge for bridge in found if bridge.serial_number == usb_serial]
    else:
        found = [bridge for bridge in found if _lies_at(bridge, usb_path)]
    if len(found) != 1:
        told = f"serial number {usb_serial}" if usb_serial else f"USB path {usb_path}"
        raise ConnectFailed(device, f"{len(found)} serial bridges with {told}")
    return found[0]


def bridge_at(path: str) -> Bridge:
    """Return what is known of the bridge behind a port; only its path for anything else."""
    target = os.path.realpath(path)
    for bridge in bridges():
        if os.path.realpath(bridge.path) == target:
            return bridge
    return Bridge(path)


def lasting_name(path: str) -> str:
    """Return the by-id link that leads to a port, which outlives replugging, or `path` itself."""
    links = _links_to(path, BY_ID)
    return str(links[0]) if links else path


def _lies_at(bridge: Bridge, usb_path: str) -> bool:
    if usb_path in (bridge.usb_path, bridge.usb_path.partition(":")[0]):
        return True
    return any(link.name.startswith(usb_path) for link in _links_to(bridge.path, BY_PATH))


def _links_to(path: str, folder: Path) -> Sequence[Path]:
    if not folder.is_dir():
        return ()
    target = os.path.realpath(path)
    return sorted(link for link in folder.iterdir() if os.path.realpath(link) == target)

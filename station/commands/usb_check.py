"""USB below a device node: sleep, and who takes devices that are not theirs.

Source of the file names: Documentation/ABI/testing/sysfs-bus-usb and sysfs-devices-power of the
kernel; the udev database lies in /run/udev/data, one file a device, properties as `E:NAME=value`.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from drivers.ownership import processes_named
from station.commands.findings import Cause, CauseCode
from station.commands.host import Host
from station.commands.node_check import GRABBERS, INSTALL_RULES

BRIDGES: Final = {"10c4": "CP210x", "1a86": "CH34x", "0403": "FTDI", "067b": "PL2303"}
"""USB vendor -> kind of serial bridge."""
ACR122U: Final = ("072f", "2200")
KERNEL_NFC: Final = "pn533_usb"
MODEM_IGNORED: Final = ("E:ID_MM_PORT_IGNORE=1", "E:ID_MM_DEVICE_IGNORE=1")


def usb_device_of(node: Path, host: Host) -> Path | None:
    """Return the folder of the USB device behind a device node; None where there is none."""
    try:
        found = node.stat()
    except OSError:
        return None
    if not stat.S_ISCHR(found.st_mode):
        return None
    number = f"{os.major(found.st_rdev)}:{os.minor(found.st_rdev)}"
    here = (host.sys / "dev" / "char" / number).resolve()
    return next((folder for folder in (here, *here.parents) if _read(folder / "idVendor")), None)


def sleeps(node: Path, host: Host) -> Cause | None:
    """The system may suspend the device to save power."""
    device = usb_device_of(node, host)
    if device is None or _read(device / "power" / "control") != "auto":
        return None
    status = _read(device / "power" / "runtime_status") or "unknown"
    found = f"USB autosuspend is on for {node} (now {status})"
    return Cause(CauseCode.USB_SLEEPS, found, INSTALL_RULES)


def is_probed_as_modem(node: Path, host: Host) -> Cause | None:
    """ModemManager runs, and nothing tells it to leave this serial port alone."""
    running = processes_named("ModemManager", host.proc)
    if not running or usb_device_of(node, host) is None:
        return None
    number = node.stat().st_rdev
    database = host.root / "run/udev/data" / f"c{os.major(number)}:{os.minor(number)}"
    properties = _read(database).splitlines()
    if any(line in properties for line in MODEM_IGNORED):
        return None
    code, action = GRABBERS["ModemManager"]
    return Cause(code, f"{running[0]} probes {node} whenever it is plugged in", action)


def taken_by_braille(host: Host) -> Cause | None:
    """A serial bridge is on the bus without a port while the Braille service runs."""
    running = processes_named("brltty", host.proc)
    if not running:
        return None
    for device in _usb_devices(host):
        kind = BRIDGES.get(_read(device / "idVendor"))
        if kind is not None and not _has_port(device):
            code, action = GRABBERS["brltty"]
            return Cause(code, f"{running[0]} has taken the {kind} bridge at {device.name}", action)
    return None


def taken_by_kernel_nfc(host: Host) -> Cause | None:
    """The kernel's NFC driver owns the ACR122U, so that pcscd cannot."""
    for device in _usb_devices(host):
        if (_read(device / "idVendor"), _read(device / "idProduct")) != ACR122U:
            continue
        drivers = {_driver_of(interface) for interface in device.glob(f"{device.name}:*")}
        if KERNEL_NFC in drivers:
            return Cause(
                CauseCode.USB_KERNEL_NFC,
                f"the kernel module {KERNEL_NFC} owns the ACR122U at {device.name}",
                f"`rekam system-files /`, then sudo modprobe -r {KERNEL_NFC}, and plug it in again",
            )
    return None


def _usb_devices(host: Host) -> Iterator[Path]:
    bus = host.sys / "bus/usb/devices"
    if bus.is_dir():
        yield from (entry for entry in sorted(bus.iterdir()) if ":" not in entry.name)


def _has_port(device: Path) -> bool:
    return any(True for pattern in ("*/tty*", "*/tty/tty*") for _ in device.glob(pattern))


def _driver_of(interface: Path) -> str:
    link = interface / "driver"
    return link.resolve().name if link.exists() else ""


def _read(file: Path) -> str:
    """The contents without white space around; empty where it cannot be read."""
    try:
        return file.read_text(errors="replace").strip()
    except OSError:
        return ""

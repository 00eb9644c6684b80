"""Device nodes: is it there, may we open it, who else has it open."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from drivers.errors import DeviceBusy, DeviceError
from drivers.ownership import Ownership, holders_of
from station.commands.findings import Cause, CauseCode
from station.commands.host import Host

INSTALL_RULES: Final = "Install the udev rules: `rekam system-files /`, then plug it in again."
GRABBERS: Final = {
    "ModemManager": (
        CauseCode.USB_MODEM_MANAGER,
        "Install the udev rules (`rekam system-files /`), or remove the package modemmanager.",
    ),
    "brltty": (
        CauseCode.USB_BRAILLE,
        "Remove the package brltty, unless a Braille display is used at this desk.",
    ),
}
"""Programs that open every serial bridge they find: name of the process -> cause and action."""


def find_cause(path: Path, error: DeviceError, host: Host) -> Cause | None:
    """Say what is wrong with the node at `path`, if something is."""
    return (
        absent(path)
        or forbidden(path, host)
        or busy(path, host)
        or (busy_unseen(path, host) if isinstance(error, DeviceBusy) else None)
    )


def absent(path: Path) -> Cause | None:
    """There is no such node; name those that lie beside the missing link."""
    if path.exists():
        return None
    others = sorted(entry.name for entry in path.parent.iterdir()) if path.parent.is_dir() else []
    there = f"; there instead: {', '.join(others)}" if others and "/by-" in str(path) else ""
    return Cause(
        CauseCode.NODE_ABSENT,
        f"{path} does not exist: nothing is plugged in under this name{there}",
        "Plug the device in, or correct its path in the configuration.",
    )


def forbidden(path: Path, host: Host) -> Cause | None:
    """The node is there and this user may not open it."""
    if not path.exists() or host.may_use(path):
        return None
    group = host.group_of(path)
    if group in host.groups:
        found = f"{path} belongs to group {group}, of which {host.user} is, and is closed to it"
        return Cause(CauseCode.NODE_FORBIDDEN, found, INSTALL_RULES)
    if group in host.listed_groups:
        found = f"{host.user} was added to group {group} after this session began"
        return Cause(CauseCode.NODE_LOGIN_AGAIN, found, "Log out and in again, or restart.")
    return Cause(
        CauseCode.NODE_NO_GROUP,
        f"{path} is for group {group}, and {host.user} is not in it",
        f"sudo usermod -aG {group} {host.user}, then log out and in again.",
    )


def busy(path: Path, host: Host) -> Cause | None:
    """Another process that we can see has the node open."""
    ownership = _ownership(path, host)
    others = [holder for holder in ownership.holders if holder.pid != host.pid]
    for holder in others:
        if holder.name in GRABBERS:
            code, action = GRABBERS[holder.name]
            return Cause(code, f"{holder} has opened {path}", action)
    if not others:
        return None
    names = ", ".join(map(str, others))
    return Cause(
        CauseCode.NODE_BUSY,
        f"{path} is open in {names}",
        f"Close {others[0].name}; if it does not answer: kill {others[0].pid}",
    )


def busy_unseen(path: Path, host: Host) -> Cause | None:
    """The node is busy, and whoever holds it is out of our sight."""
    ownership = _ownership(path, host)
    if not ownership.hidden or any(holder.pid != host.pid for holder in ownership.holders):
        return None
    return Cause(
        CauseCode.NODE_BUSY_UNSEEN,
        f"{path} is busy; {ownership}",
        f"Ask again with more rights: sudo fuser -v {path}",
    )


def _ownership(path: Path, host: Host) -> Ownership:
    try:
        return holders_of(path, host.proc)
    except (OSError, ValueError):
        return Ownership((), 0)  # absent, or no device node: other checks say so

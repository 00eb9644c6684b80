"""Device nodes: is it there, may we open it, who else has it open."""

from __future__ import annotations

import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from drivers.errors import DeviceBusy, DeviceError
from drivers.ownership import Holder, Ownership, holders_of
from station.commands.findings import Cause, CauseCode
from station.commands.host import Host

INSTALL_RULES: Final = "Install the udev rules: `rekam system-files /`, then plug it in again."
GROUP_MAY_USE: Final = stat.S_IRGRP | stat.S_IWGRP
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
    mode = stat.S_IMODE(path.stat().st_mode)
    if group == "root" or mode & GROUP_MAY_USE != GROUP_MAY_USE:
        found = f"{path} has mode {mode:04o} and group {group}: no group of a desk may use it"
        return Cause(CauseCode.NODE_FORBIDDEN, found, INSTALL_RULES)
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
    """Other processes that we can see have the node open; all of them have to let it go."""
    others = _others(path, host)
    if not others:
        return None
    grabbers = [holder for holder in others if holder.name in GRABBERS]
    rest = [holder for holder in others if holder.name not in GRABBERS]
    code, advice = GRABBERS[grabbers[0].name] if grabbers else (CauseCode.NODE_BUSY, "")
    found = f"{path} is open in {_listed(others)}"
    return Cause(code, found, f"{advice} {_close(rest)}".strip() if rest else advice)


def _close(holders: Sequence[Holder]) -> str:
    who = "it does" if len(holders) == 1 else "they do"
    numbers = " ".join(str(holder.pid) for holder in holders)
    return f"Close {_listed(holders)}; if {who} not answer: kill {numbers}"


def _listed(holders: Sequence[Holder]) -> str:
    *first, last = map(str, holders)
    return f"{', '.join(first)} and {last}" if first else last


def busy_unseen(path: Path, host: Host) -> Cause | None:
    """The node is busy, and whoever holds it is out of our sight."""
    ownership = _ownership(path, host)
    if not ownership.hidden or _others(path, host):
        return None
    return Cause(
        CauseCode.NODE_BUSY_UNSEEN,
        f"{path} is busy; {ownership}",
        f"Ask again with more rights: sudo fuser -v {path}",
    )


def _others(path: Path, host: Host) -> list[Holder]:
    """Who else holds the node; not whoever is the device, as a simulated one at a pseudo terminal.

    The owner of the other end of /dev/pts/N has the master open and usually N itself.
    """
    holders = [holder for holder in _ownership(path, host).holders if holder.pid != host.pid]
    if path.resolve().parent.name != "pts":
        return holders
    return [holder for holder in holders if not _is_master(holder, path.resolve().name, host)]


def _is_master(holder: Holder, number: str, host: Host) -> bool:
    """Say whether a process owns the master of a pseudo terminal. Source: proc(5), `tty-index`."""
    try:
        descriptors = list((host.proc / str(holder.pid) / "fdinfo").iterdir())
        return any(
            line.split() == ["tty-index:", number]
            for descriptor in descriptors
            for line in descriptor.read_text(errors="replace").splitlines()
        )
    except OSError:
        return False  # it has ended, or we may not look


def _ownership(path: Path, host: Host) -> Ownership:
    try:
        return holders_of(path, host.proc)
    except (OSError, ValueError):
        return Ownership((), 0)  # absent, or no device node: other checks say so

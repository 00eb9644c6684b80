"""Which process holds a device node or listens on a port of this machine (Linux, /proc).

A node is compared by its device number, so that a by-id link and the node behind it are the same.
What the processes of other users have open can be seen by root only: how many were not looked into
is part of every answer, because "nobody holds it" would be a guess otherwise.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PROC: Final = Path("/proc")
_LISTENING: Final = "0A"
"""Column `st` of /proc/net/tcp: TCP_LISTEN in the kernel's include/net/tcp_states.h."""


@dataclass(frozen=True, slots=True)
class Holder:
    """One process; `name` is what the kernel calls it, at most 15 characters."""

    pid: int
    name: str

    def __str__(self) -> str:
        return f"{self.name} (pid {self.pid})"


@dataclass(frozen=True, slots=True)
class Ownership:
    """Who holds something, and how many processes this user was not permitted to look into."""

    holders: tuple[Holder, ...]
    hidden: int

    def __str__(self) -> str:
        if self.holders:
            return ", ".join(map(str, self.holders))
        if self.hidden:
            return f"not permitted to see: {self.hidden} processes belong to other users"
        return "nobody"


def holders_of(path: Path, proc: Path = PROC) -> Ownership:
    """Find the processes that have a device node open.

    Raises:
        OSError: there is nothing at `path`.
        ValueError: what is there is no device node.
    """
    node = path.stat()
    if not _is_device(node):
        raise ValueError("not a device node")
    wanted = stat.S_IFMT(node.st_mode), node.st_rdev

    def is_wanted(link: Path) -> bool:
        if not str(link.readlink()).startswith("/dev/"):
            return False  # looking at files of a dead network mount could block
        found = link.stat()
        return (stat.S_IFMT(found.st_mode), found.st_rdev) == wanted

    return _search(is_wanted, proc)


def listeners_on(port: int, proc: Path = PROC) -> Ownership:
    """Find the processes that listen on a TCP port of this machine."""
    sockets = {f"socket:[{inode}]" for inode in _listening_sockets(port, proc)}
    return _search(lambda link: str(link.readlink()) in sockets, proc)


def users_of_library(name: str, proc: Path = PROC) -> Ownership:
    """Find the processes that have loaded a shared library, by the beginning of its file name."""
    users, hidden = [], 0
    for process in _processes(proc):
        try:
            mapped = (proc / str(process.pid) / "maps").read_text(errors="replace")
        except PermissionError:
            hidden += 1
            continue
        except OSError:
            continue  # it has ended
        if any(line.rpartition("/")[2].startswith(name) for line in mapped.splitlines()):
            users.append(process)
    return Ownership(tuple(users), hidden)


def processes_named(name: str, proc: Path = PROC) -> tuple[Holder, ...]:
    """Find the running processes with a name; the kernel keeps its first 15 characters."""
    return tuple(holder for holder in _processes(proc) if holder.name == name[:15])


def _search(is_wanted: Callable[[Path], bool], proc: Path) -> Ownership:
    holders, hidden = [], 0
    for process in _processes(proc):
        try:
            links = list((proc / str(process.pid) / "fd").iterdir())
        except PermissionError:
            hidden += 1
            continue
        except OSError:
            continue  # it has ended
        if any(_holds(link, is_wanted) for link in links):
            holders.append(process)
    return Ownership(tuple(holders), hidden)


def _holds(link: Path, is_wanted: Callable[[Path], bool]) -> bool:
    try:
        return is_wanted(link)
    except OSError:
        return False  # closed meanwhile


def _processes(proc: Path) -> Iterator[Holder]:
    for pid in sorted(int(entry.name) for entry in proc.iterdir() if entry.name.isdecimal()):
        try:
            yield Holder(pid, (proc / str(pid) / "comm").read_text(errors="replace").strip())
        except OSError:
            continue  # it has ended


def _listening_sockets(port: int, proc: Path) -> set[str]:
    """Socket inodes from /proc/net/tcp and tcp6: local address, state and inode of every line."""
    found = set()
    for table in ("tcp", "tcp6"):
        try:
            lines = (proc / "net" / table).read_text().splitlines()[1:]
        except OSError:
            continue  # a kernel without IPv6
        for fields in map(str.split, lines):
            if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                found.add(fields[9])
    return found


def _is_device(node: os.stat_result) -> bool:
    return stat.S_ISCHR(node.st_mode) or stat.S_ISBLK(node.st_mode)

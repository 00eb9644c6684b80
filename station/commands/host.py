"""What the doctor may ask of the machine; tests hand in a machine of their own."""

from __future__ import annotations

import grp
import os
import pwd
import re
import socket
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

Address = tuple[str, int] | Path
"""Host and TCP port, or the path of a UNIX socket."""

ROOT: Final = Path("/")
REACH_TIMEOUT_S: Final = 1.0
RTSP_PORT: Final = 554
LONGEST_STATUS_LINE: Final = 256
PCSC_SOCKET: Final = ROOT / "run/pcscd/pcscd.comm"
PCSC_SOCKET_VARIABLE: Final = "PCSCLITE_CSOCK_NAME"


def may_use(path: Path) -> bool:
    """Say whether this process may read and write `path`."""
    return os.access(path, os.R_OK | os.W_OK)


def group_of(path: Path) -> str:
    """Return the name of the group that owns `path`, or its number where it has no name."""
    return _name_of(path.stat().st_gid)


def why_unreachable(address: Address) -> str:
    """Connect and hang up; return what the system says when that fails, otherwise nothing."""
    family = socket.AF_UNIX if isinstance(address, Path) else socket.AF_INET
    target = str(address) if isinstance(address, Path) else address
    try:
        with socket.socket(family) as probe:
            probe.settimeout(REACH_TIMEOUT_S)
            probe.connect(target)
    except TimeoutError:
        return "no answer"
    except OSError as error:
        return error.strerror or type(error).__name__
    return ""


@dataclass(frozen=True, slots=True)
class StreamAnswer:
    """How a server answers to one address: status (200 is well) and kind of content."""

    status: int
    content_type: str = ""


def stream_answer(url: str) -> StreamAnswer | None:
    """Ask an http, https or rtsp address as a viewer does, and read the head of the answer only.

    None where nothing comes that could be understood; what follows the head is not read, because
    a stream has no end.
    """
    parts = urlsplit(url)
    headers = _login(parts)
    if parts.scheme == "rtsp":
        return _rtsp_answer(parts, headers)
    headers["Connection"] = "close"
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    link = kind(parts.hostname or "", parts.port, timeout=REACH_TIMEOUT_S)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        link.request("GET", target, headers=headers)
        answer = link.getresponse()
        return StreamAnswer(answer.status, answer.headers.get_content_type())
    except (OSError, HTTPException):
        return None
    finally:
        link.close()


def _login(parts: SplitResult) -> dict[str, str]:
    if parts.username is None:
        return {}
    secret = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
    return {"Authorization": f"Basic {b64encode(secret).decode()}"}


def _rtsp_answer(parts: SplitResult, headers: Mapping[str, str]) -> StreamAnswer | None:
    """Ask for the description of a stream. Source: RFC 2326 clauses 7.1 and 10.2."""
    where = (parts.hostname or "", parts.port or RTSP_PORT)
    lines = [f"DESCRIBE rtsp://{where[0]}:{where[1]}{parts.path} RTSP/1.0", "CSeq: 1"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    try:
        with socket.create_connection(where, REACH_TIMEOUT_S) as link:
            link.sendall("\r\n".join([*lines, "", ""]).encode())
            head = link.makefile("rb").readline(LONGEST_STATUS_LINE)
    except OSError:
        return None
    status = re.match(rb"RTSP/1\.0 (\d{3})\b", head)
    return None if status is None else StreamAnswer(int(status[1]))


@dataclass(frozen=True, slots=True)
class Host:
    """One machine and the user who asks.

    Attributes:
        root: folder below which proc, sys, run, usr and etc lie.
        user: name of the user of this process.
        groups: groups that this process has.
        listed_groups: groups that a new login of the user would have.
        pcsc_socket: where libpcsclite looks for its daemon.
    """

    root: Path = ROOT
    user: str = ""
    is_root: bool = False
    pid: int = 0
    groups: frozenset[str] = frozenset()
    listed_groups: frozenset[str] = frozenset()
    pcsc_socket: Path = PCSC_SOCKET
    may_use: Callable[[Path], bool] = field(default=may_use)
    group_of: Callable[[Path], str] = field(default=group_of)
    why_unreachable: Callable[[Address], str] = field(default=why_unreachable)
    stream_answer: Callable[[str], StreamAnswer | None] = field(default=stream_answer)

    @property
    def proc(self) -> Path:
        """Where the kernel shows processes."""
        return self.root / "proc"

    @property
    def sys(self) -> Path:
        """Where the kernel shows devices."""
        return self.root / "sys"


def this_host() -> Host:
    """The machine that this process runs on."""
    account = pwd.getpwuid(os.geteuid())
    listed = os.getgrouplist(account.pw_name, account.pw_gid)
    return Host(
        user=account.pw_name,
        is_root=os.geteuid() == 0,
        pid=os.getpid(),
        groups=_names([*os.getgroups(), os.getegid()]),
        listed_groups=_names(listed),
        pcsc_socket=Path(os.environ.get(PCSC_SOCKET_VARIABLE, PCSC_SOCKET)),
    )


def _names(numbers: Iterable[int]) -> frozenset[str]:
    return frozenset(map(_name_of, numbers))


def _name_of(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)

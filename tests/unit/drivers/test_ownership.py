"""Who holds a device: looked up on a real pty, and in folders that look like /proc."""

from __future__ import annotations

import os
import pty
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers.ownership import (
    Holder,
    Ownership,
    holders_of,
    listeners_on,
    processes_named,
    users_of_library,
)

HOLD = "import sys; held = open(sys.argv[1], 'r+b', 0); print('held', flush=True); sys.stdin.read()"


@pytest.fixture
def node() -> Iterator[Path]:
    """The slave side of a pty, a device node that nobody holds."""
    master, slave = pty.openpty()
    path = Path(os.ttyname(slave))
    os.close(slave)
    yield path
    os.close(master)


@pytest.fixture
def holder(node: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that has the node open."""
    command = [sys.executable, "-c", HOLD, str(node)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        assert process.stdin is not None
        process.stdin.close()


def test_a_free_node_has_no_holder(node: Path) -> None:
    assert holders_of(node).holders == ()


def test_the_holding_process_is_named(node: Path, holder: subprocess.Popen[str]) -> None:
    (found,) = holders_of(node).holders
    assert found.pid == holder.pid
    assert found.name == Path(f"/proc/{holder.pid}/comm").read_text().strip()


def test_a_link_leads_to_the_same_holder(
    node: Path, holder: subprocess.Popen[str], tmp_path: Path
) -> None:
    link = tmp_path / "usb-1a86_USB_Serial-if00-port0"
    link.symlink_to(node)
    assert [found.pid for found in holders_of(link).holders] == [holder.pid]


def test_another_node_of_the_same_driver_is_not_meant(
    node: Path, holder: subprocess.Popen[str]
) -> None:
    master, slave = pty.openpty()
    try:
        pids = [found.pid for found in holders_of(Path(os.ttyname(slave))).holders]
    finally:
        os.close(master)
        os.close(slave)
    assert pids == [os.getpid()]
    assert holder.pid not in pids


def test_a_holder_that_ended_holds_nothing(node: Path, holder: subprocess.Popen[str]) -> None:
    holder.terminate()
    holder.wait()
    assert holders_of(node).holders == ()


def test_absent_nodes_and_ordinary_files_are_errors(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        holders_of(tmp_path / "ttyUSB0")
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="not a device node"):
        holders_of(tmp_path / "file")


def test_the_listener_of_a_port_is_found_until_it_stops() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert os.getpid() in [found.pid for found in listeners_on(port).holders]
    assert listeners_on(port).holders == ()


def process(proc: Path, pid: int, name: str, *open_files: str) -> None:
    folder = proc / str(pid) / "fd"
    folder.mkdir(parents=True)
    (proc / str(pid) / "comm").write_text(f"{name}\n")
    for number, target in enumerate(open_files):
        (folder / str(number)).symlink_to(target)


def test_what_other_users_hold_is_said_to_be_unseen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process(tmp_path, 7, "brltty", "/dev/full")
    process(tmp_path, 8, "sh", "/dev/null", "/nowhere")
    forbidden = tmp_path / "7" / "fd"
    listing = Path.iterdir

    def iterdir(folder: Path) -> Iterator[Path]:
        if folder == forbidden:
            raise PermissionError(13, "Permission denied")
        return listing(folder)

    monkeypatch.setattr(Path, "iterdir", iterdir)
    found = holders_of(Path("/dev/full"), tmp_path)
    assert found == Ownership((), hidden=1)
    assert str(found) == "not permitted to see: 1 processes belong to other users"
    assert str(holders_of(Path("/dev/null"), tmp_path)) == "sh (pid 8)"


def test_nobody_is_said_only_when_everything_was_seen(tmp_path: Path) -> None:
    process(tmp_path, 8, "sh", "/dev/null")
    assert str(holders_of(Path("/dev/full"), tmp_path)) == "nobody"


def test_listener_without_a_process_in_sight(tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    row = "   0: 0100007F:1195 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 4711 1"
    (tmp_path / "net" / "tcp").write_text(f"  sl  local_address\n{row}\n")
    process(tmp_path, 5, "sbi", "socket:[4711]")
    process(tmp_path, 6, "other", "socket:[4712]")
    assert listeners_on(4501, tmp_path).holders == (Holder(5, "sbi"),)
    assert listeners_on(4502, tmp_path).holders == ()


def test_processes_are_found_by_name(tmp_path: Path) -> None:
    process(tmp_path, 5, "ModemManager")
    (tmp_path / "self").mkdir()
    assert processes_named("ModemManager", tmp_path) == (Holder(5, "ModemManager"),)
    assert processes_named("brltty", tmp_path) == ()


def test_users_of_a_library_are_found(tmp_path: Path) -> None:
    process(tmp_path, 5, "opensc-tool")
    process(tmp_path, 6, "sh")
    line = "7f00-7f01 r-xp 00000000 08:01 42 /usr/lib/x86_64-linux-gnu/{}\n"
    (tmp_path / "5" / "maps").write_text(line.format("libpcsclite.so.1.0.0"))
    (tmp_path / "6" / "maps").write_text(line.format("libc.so.6"))
    assert users_of_library("libpcsclite.so", tmp_path).holders == (Holder(5, "opensc-tool"),)


def test_our_own_libraries_are_found_in_the_real_proc() -> None:
    assert os.getpid() in [user.pid for user in users_of_library("libc.so").holders]
    assert os.getpid() not in [user.pid for user in users_of_library("libnothing.so").holders]

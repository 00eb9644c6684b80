"""A machine in a folder: /proc, /sys, /run and /etc as the kernel and udev lay them out."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from station.commands.host import Address, Host, StreamAnswer

FREE_NODE = Path("/dev/full")
"""A real character device that nobody in a fake /proc holds."""


class FakeHost:
    """Builds the folder; `host` is what the checks are given, `change` alters what it says."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for folder in ("proc", "sys/bus/usb/devices", "sys/dev/char", "run/udev/data"):
            (root / folder).mkdir(parents=True)
        self.host = Host(
            root=root,
            user="siti",
            pid=4,
            groups=frozenset({"users"}),
            listed_groups=frozenset({"users"}),
            pcsc_socket=root / "run/pcscd/pcscd.comm",
            may_use=lambda _path: True,
            group_of=lambda _path: "dialout",
            why_unreachable=self._why_unreachable,
            stream_answer=lambda url: self.web.get(url),
        )
        self.unreachable: dict[Address, str] = {}
        self.web: dict[str, StreamAnswer] = {}

    def _why_unreachable(self, address: Address) -> str:
        return self.unreachable.get(address, "")

    def change(self, **changes: object) -> Host:
        """Return the same machine with other answers."""
        return replace(self.host, **changes)  # type: ignore[arg-type]  # names of its fields

    def file(self, path: str, text: str = "") -> Path:
        """Write a file below the root."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def process(self, pid: int, name: str, *open_files: str) -> None:
        """Run a process that has `open_files` open."""
        self.file(f"proc/{pid}/comm", f"{name}\n")
        folder = self.root / f"proc/{pid}/fd"
        folder.mkdir()
        for number, target in enumerate(open_files):
            (folder / str(number)).symlink_to(target)

    def pty_master(self, pid: int, number: str) -> None:
        """Let a process own the other end of the pseudo terminal with this number."""
        self.file(f"proc/{pid}/fdinfo/9", f"pos:\t0\nflags:\t02\ntty-index:\t{number}\n")

    def usb_device(
        self, vendor: str, product: str, *, driver: str = "", control: str = "on", port: str = ""
    ) -> Path:
        """Plug in a USB device with one interface; `port` gives it a tty of that name."""
        device = self.root / "sys/devices/pci0000:00/usb1/1-2"
        self.file(f"{device.relative_to(self.root)}/idVendor", f"{vendor}\n")
        (device / "idProduct").write_text(f"{product}\n")
        (device / "power").mkdir()
        (device / "power/control").write_text(f"{control}\n")
        (device / "power/runtime_status").write_text("suspended\n")
        interface = device / "1-2:1.0"
        interface.mkdir()
        if driver:
            target = self.root / "sys/bus/usb/drivers" / driver
            target.mkdir(parents=True)
            (interface / "driver").symlink_to(target)
        (self.root / "sys/bus/usb/devices/1-2").symlink_to(device)
        (self.root / "sys/bus/usb/devices/1-2:1.0").symlink_to(interface)
        if port:
            (interface / port).mkdir()
            number = number_of(FREE_NODE)
            (self.root / "sys/dev/char" / number).symlink_to(interface / port)
        return device

    def udev_property(self, line: str) -> None:
        """Let the udev database say something about `FREE_NODE`."""
        self.file(f"run/udev/data/c{number_of(FREE_NODE)}", f"S:serial/by-id/x\n{line}\n")


def number_of(node: Path) -> str:
    """Device number as the kernel writes it."""
    rdev = node.stat().st_rdev
    return f"{os.major(rdev)}:{os.minor(rdev)}"

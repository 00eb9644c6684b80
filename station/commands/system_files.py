"""`rekam system-files DIR`: what the operating system needs, laid out below DIR as below /.

udev rules, the unit of the desk, its user, the kernel module that must stay away, the right to use
card readers. `station/system` mirrors the places where they belong. A file that is there with other
contents is a technician's: it is kept, and ours is laid beside it as `NAME.new`.
"""

from __future__ import annotations

import sysconfig
from collections.abc import Iterator
from enum import StrEnum
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath

import typer

SCRIPTS_PLACEHOLDER = b"@BIN@"
AFTERWARDS = (
    "systemd-sysusers",
    "systemctl daemon-reload",
    "udevadm control --reload",
    "udevadm trigger --subsystem-match=usb --subsystem-match=tty --subsystem-match=video4linux",
)
"""What makes the system read the files; run by the technician, as root."""
START = "systemctl enable --now rekam@tty1"
"""Takes the first console for the desk; without a configuration it would only fail there."""
CONFIGURATION = Path("/etc/rekam/station.toml")
READABLE_BY_ALL = 0o644
HIDDEN_FROM_UNIT = ("/home/", "/root/")
"""The unit has ProtectHome=yes."""


class Written(StrEnum):
    """What became of one file."""

    NEW = "new"
    SAME = "same"
    KEPT = "kept"


def contents(scripts: str | None = None) -> dict[PurePosixPath, bytes]:
    """Return the files by their path below /; `scripts` is the folder of the command `rekam`."""
    where = (scripts or sysconfig.get_path("scripts")).encode()
    return {
        path: source.read_bytes().replace(SCRIPTS_PLACEHOLDER, where)
        for path, source in sorted(_walk(files("station") / "system", PurePosixPath()))
    }


def write(folder: Path, scripts: str | None = None) -> dict[PurePosixPath, Written]:
    """Lay the files out below `folder`; nothing that somebody changed is overwritten.

    Raises:
        OSError: a folder cannot be made or a file cannot be written.
    """
    return {path: _write_one(folder / path, content) for path, content in contents(scripts).items()}


def run(folder: Path) -> int:
    """Write the files and say what has to happen next."""
    for path, written in write(folder).items():
        typer.echo(f"{written:<5} {folder / path}")
        if written is Written.KEPT:
            typer.echo(f"      differs from ours, which is beside it: {path.name}.new")
    scripts = sysconfig.get_path("scripts")
    if scripts.startswith(HIDDEN_FROM_UNIT):
        typer.echo(f"! {scripts} cannot be seen by the unit: install rekam outside home folders")
    for line in next_steps(folder, CONFIGURATION):
        typer.echo(line)
    return 0


def next_steps(folder: Path, configuration: Path) -> Iterator[str]:
    """What the technician does after the files lie below `folder`, a line each."""
    if folder.resolve() != Path("/"):
        yield f"Nothing on this machine reads files below {folder}."
        yield "Where they lie below / (`rekam system-files /` puts them there), as root:"
        yield from (f"  {command}" for command in AFTERWARDS)
        return
    yield "Then, as root:"
    yield from (f"  {command}" for command in AFTERWARDS)
    if not configuration.exists():
        yield f"Then write {configuration} and its keys; when `rekam doctor` is content:"
    else:
        yield f"When `rekam doctor --config {configuration}` is content:"
    yield f"  {START}"


def _walk(folder: Traversable, path: PurePosixPath) -> Iterator[tuple[PurePosixPath, Traversable]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _walk(entry, path / entry.name)
        else:
            yield path / entry.name, entry


def _write_one(path: Path, content: bytes) -> Written:
    path.parent.mkdir(parents=True, exist_ok=True)
    written, target = Written.NEW, path
    if path.exists():
        if path.read_bytes() == content:
            return Written.SAME
        written, target = Written.KEPT, path.with_name(f"{path.name}.new")
    target.write_bytes(content)
    target.chmod(READABLE_BY_ALL)  # the readers are other users, whatever the mask of this shell
    return written

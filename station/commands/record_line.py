"""`rekam devices record`: write down a serial line, byte for byte, to be replayed as a test."""

from __future__ import annotations

import asyncio
from pathlib import Path

import typer

from drivers.device import Device
from drivers.errors import DeviceError
from drivers.values import State
from station.commands.reporting import explain
from station.compose import build_devices
from station.config import StationConfig
from station.errors import ConfigError, StationError


class FileThere(StationError):
    """The file to be written exists: somebody's record is not overwritten."""

    code = "CLI-102"


def run(config: StationConfig, role: str, file: Path, *, with_finger: bool) -> int:
    """Record opening, self-test and one capture of a serial module; 0 when all of it worked.

    Images and templates are masked unless the desk is a simulated one.

    Raises:
        ConfigError: no such role, or its device is not on a serial line.
        FileThere: `file` exists.
    """
    from drivers.serial.r30x import R30xScanner
    from drivers.serial.recording import record_line

    device = build_devices(config).by_role().get(role)
    if not isinstance(device, R30xScanner):
        raise ConfigError(f"{role}: not the role of a device on a serial line")
    if file.exists():
        raise FileThere(str(file))
    simulated = config.station.simulated
    if with_finger:
        _ask_for_finger(device)
    try:
        exchanges = asyncio.run(
            record_line(device, file, simulated=simulated, with_finger=with_finger)
        )
    except DeviceError as error:
        typer.echo(explain(error.code, error.detail), err=True)
        typer.echo(_what_is_left(file), err=True)
        return 1
    masked = "" if simulated else ", biometric data masked"
    typer.echo(f"{file}: {exchanges} exchanges{masked}")
    return 0


def _ask_for_finger(device: Device) -> None:
    """Ask as soon as the module answers, and once; before that nobody would look at the finger."""

    def moved(_device: Device, state: State) -> None:
        if state is State.READY:
            unsubscribe()
            typer.echo("Place a finger.")

    unsubscribe = device.subscribe(moved)


def _what_is_left(file: Path) -> str:
    """Say what was recorded of a failure; a line on which nothing came is no recording."""
    if not file.exists():
        return "nothing was recorded"
    if any(line.startswith("< ") for line in file.read_text(encoding="ascii").splitlines()):
        return f"{file}: the line until then"
    file.unlink()
    return "nothing was recorded: the module never answered"

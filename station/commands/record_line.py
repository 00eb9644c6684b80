"""`rekam devices record`: write down a serial line, byte for byte, to be replayed as a test."""

from __future__ import annotations

import asyncio
from pathlib import Path

import typer

from drivers.errors import DeviceError
from station.commands.reporting import explain
from station.compose import build_devices
from station.config import StationConfig
from station.errors import ConfigError


def run(config: StationConfig, role: str, file: Path, *, with_finger: bool) -> int:
    """Record opening, self-test and one capture of a serial module; 0 when all of it worked.

    Images and templates are masked unless the desk is a simulated one.

    Raises:
        ConfigError: no such role, or its device is not on a serial line.
    """
    from drivers.serial.r30x import R30xScanner
    from drivers.serial.recording import record_line

    device = build_devices(config).by_role().get(role)
    if not isinstance(device, R30xScanner):
        raise ConfigError(f"{role}: not the role of a device on a serial line")
    if file.exists():
        raise ConfigError(f"{file}: exists already")
    simulated = config.station.simulated
    if with_finger:
        typer.echo("Place a finger.")
    try:
        exchanges = asyncio.run(
            record_line(device, file, simulated=simulated, with_finger=with_finger)
        )
    except DeviceError as error:
        typer.echo(explain(error.code, error.detail), err=True)
        typer.echo(f"{file}: the line until then", err=True)
        return 1
    masked = "" if simulated else ", biometric data masked"
    typer.echo(f"{file}: {exchanges} exchanges{masked}")
    return 0

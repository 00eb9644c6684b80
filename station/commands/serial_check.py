"""Serial modules: which port the configuration means, whether anything answers, at which speed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from drivers.errors import DeviceError
from drivers.serial.port import Bridge, bridges, find_bridge
from drivers.serial.settings import R30xSettings
from station.commands.findings import Cause, CauseCode


def node_of(
    settings: R30xSettings, plugged: Callable[[], Sequence[Bridge]] = bridges
) -> Path | Cause:
    """Return the port that the configuration means, or say that no plugged bridge fits it."""
    if settings.port:
        return Path(settings.port)
    try:
        found = find_bridge("doctor", settings.usb_serial, settings.usb_path)
    except DeviceError as error:
        there = ", ".join(
            f"{bridge.path} (serial {bridge.serial_number or 'none'}, USB {bridge.usb_path})"
            for bridge in plugged()
        )
        return Cause(
            CauseCode.NODE_ABSENT,
            f"{error.detail}; plugged in: {there or 'none'}",
            "Plug the module in, or correct usb_serial or usb_path in the configuration.",
        )
    return Path(found.path)


def silent(node: Path, error: DeviceError) -> Cause:
    """The port can be opened and no module answers at any speed."""
    return Cause(
        CauseCode.SERIAL_SILENT,
        f"{node} opens and no module answers: {error.detail}",
        "Check the power of the module (3.3 or 5 V) and that TX and RX are crossed.",
    )


def baud_differs(settings: R30xSettings, facts: Mapping[str, object]) -> Cause | None:
    """The module was found at another speed than the configured one, which costs time."""
    real = facts.get("baud")
    if not settings.baud or real is None or real == settings.baud:
        return None
    return Cause(
        CauseCode.SERIAL_BAUD,
        f"the module talks at {real} baud, the configuration says {settings.baud}",
        f"Write baud = {real} in the configuration.",
    )

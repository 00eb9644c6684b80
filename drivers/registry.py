"""Drivers are found by entry-point name: swapping one is a line of configuration."""

from __future__ import annotations

from importlib.metadata import EntryPoints, entry_points

from drivers.device import Device

GROUP = "rekam.drivers"


class UnknownDriver(LookupError):
    """The configuration names a driver that no installed package offers."""


def installed() -> EntryPoints:
    """Return the entry points of our group; nothing is imported."""
    return entry_points(group=GROUP)


def names(points: EntryPoints | None = None) -> list[str]:
    """Return the sorted names; nothing is imported, so a broken driver cannot hide others."""
    return sorted((installed() if points is None else points).names)


def load(name: str, points: EntryPoints | None = None) -> type[Device]:
    """Import one driver class.

    Raises:
        UnknownDriver: no entry point has this name; the message lists those that exist.
        TypeError: the entry point leads to something that is not a `Device`.
    """
    points = installed() if points is None else points
    if name not in points.names:
        raise UnknownDriver(f"{name!r} is not one of: {', '.join(names(points))}")
    loaded = points[name].load()
    if not (isinstance(loaded, type) and issubclass(loaded, Device)):
        raise TypeError(f"driver {name!r} is not a Device class")
    return loaded

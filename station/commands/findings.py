"""One line of a report about this machine: what was looked at, found, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from drivers.errors import DeviceError
from station.commands.reporting import sentences
from station.errors import StationError


class Health(StrEnum):
    """How a check ended."""

    GOOD = "ok"
    WARNING = "warning"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's report."""

    name: str
    health: Health
    found: str
    action: str = ""


def bad(name: str, error: StationError | DeviceError) -> Finding:
    """What an error says, with the action that the catalogue knows for it."""
    message, action = sentences(error.code)
    detail = f" ({error.detail})" if error.detail else ""
    return Finding(name, Health.BAD, f"[{error.code}] {message}{detail}", action)

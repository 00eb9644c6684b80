"""What a supervisor tells of its devices: events as they happen, and how each one stands now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from drivers.health import Health
from drivers.values import DeviceInfo, State

ABSENCE_TOLD_AFTER_S: Final = 5.0
"""Seconds after a loss from which it is told that the device is still away and tried in vain."""


class Happening(StrEnum):
    """What has become of a device."""

    CONNECTED = "connected"
    """It answers for the first time."""
    BACK = "back"
    """It answers again after an outage."""
    OTHER_DEVICE = "other-device"
    """Something answers in its place with another model or serial number."""
    LOST = "lost"
    """It was connected and is gone: cable, power, service."""
    HUNG = "hung"
    """It is there and does not answer any more."""
    REFUSED = "refused"
    """It cannot be connected. Each reason is told once an outage, and one that only says that
    nobody is there or answers not at all while its loss is younger than `ABSENCE_TOLD_AFTER_S`:
    a short unplug is one `LOST` and one `BACK`, whatever the attempts in between have found."""
    RESET = "reset"
    """Somebody asked for it to be closed and connected anew."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to the device of `role`.

    `at` is UTC. `code` is the error code, empty where nothing is wrong; `detail` is for the
    technician. `attempt` counts the attempts to connect in this outage. `outage_s` are the seconds
    since the known device was lost: about 0 for its loss, and while another one answers in its
    place they go on. `device` is who answers now, None where nobody does.
    """

    at: datetime
    role: str
    what: Happening
    code: str = ""
    detail: str = ""
    attempt: int = 0
    outage_s: float = 0.0
    device: DeviceInfo | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """How one device stands.

    `health` are the device's own counters. `code` and `detail` say why it is not usable, empty when
    it is. `next_attempt_s` are the seconds until the supervisor tries again, None while it has no
    reason to or is trying. `is_other_device`: the one that answers is not the one known before, and
    nobody has accepted it. `attempts` counts attempts to connect, `downtime_s` the seconds since
    the start in which the known device could not be used, also while another one answered, and
    `longest_outage_s` the longest such time, the present one included.
    """

    state: State
    health: Health
    code: str = ""
    detail: str = ""
    next_attempt_s: float | None = None
    is_other_device: bool = False
    attempts: int = 0
    downtime_s: float = 0.0
    longest_outage_s: float = 0.0


EventListener = Callable[[Event], None]

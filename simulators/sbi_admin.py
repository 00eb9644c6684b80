"""The knobs of the reference service: POST /admin/{status,score,delay,profile}."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from drivers.sbi.protocol import ANY_TYPE, BioType, Status
from simulators.sbi_answers import Json, error
from simulators.sbi_devices import SbiDeviceModel

VERBS: Final = ("MOSIPDISC", "MOSIPDINFO", "RCAPTURE", "STREAM")
PROFILES: Final = ("Default", "Automatic")

Devices = Iterable[SbiDeviceModel]


def turn(path: str, request: object, devices: Devices) -> Json:
    """Turn one knob for the devices of a type; the other types fall back to what is normal."""
    knobs: dict[str, Callable[[Json, Devices, Devices], str]] = {
        "/admin/status": _status,
        "/admin/score": _score,
        "/admin/delay": _delay,
        "/admin/profile": _profile,
    }
    knob = knobs.get(path.rstrip("/"))
    if knob is None:
        return error("500")
    if not isinstance(request, dict) or request.get("type") not in (ANY_TYPE, *BioType):
        return error("502")
    every = list(devices)
    meant = [d for d in every if request["type"] in (ANY_TYPE, d.bio_type)]
    return error(knob(request, meant, [d for d in every if d not in meant]))


def _status(request: Json, meant: Devices, others: Devices) -> str:
    value = request.get("deviceStatus")
    if value not in tuple(Status):
        return "504"
    for device in meant:
        device.assigned = Status(str(value))
    for device in others:
        device.assigned = Status.READY
    return "0"


def _score(request: Json, meant: Devices, others: Devices) -> str:
    """Fix the score; `fromIso` goes back to the score inside the record, the device's own."""
    value = _number(request.get("qualityScore"))
    if value is None or not 0.0 <= value <= 100.0:
        return "505"
    from_record = request.get("fromIso") in (True, "true")
    for device in meant:
        device.fixed_score = None if from_record else value
    for device in others:
        device.fixed_score = None
    return "0"


def _delay(request: Json, meant: Devices, others: Devices) -> str:
    value = _number(request.get("delay"))
    if value is None or value < 0:
        return "506"
    verbs = request.get("method") or list(VERBS)
    if not isinstance(verbs, list) or not all(verb in VERBS for verb in verbs):
        return "507"
    for device in meant:
        device.delays_s = dict.fromkeys(verbs, value / 1000)
    for device in others:
        device.delays_s = {}
    return "0"


def _profile(request: Json, meant: Devices, others: Devices) -> str:
    """Accept the profiles that every service has; the pictures come from the scene anyway."""
    return "0" if request.get("profileId") in PROFILES else "551"


def _number(value: object) -> float | None:
    try:
        return float(value)  # type: ignore[arg-type]  # else TypeError, below
    except (TypeError, ValueError):
        return None

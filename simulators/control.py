"""The way into a running simulated desk from another process: a small HTTP service on loopback.

GET /world           whose world it is
GET /scene           who sits there and what lies on the glass
GET /faults          every role with its faults, and which of them are active
POST /seat           {"resident": 3}
POST /faults         {"role": "verifier", "fault": "unplug", "active": true}; with "active": false
                     the fault is cleared, and with "fault": null all of them
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Protocol

from simulators.injection import Injector, UnknownFault
from simulators.json_service import (
    JsonHandler,
    JsonService,
    NothingThere,
    RefusedRequest,
    parse_object,
)
from simulators.people.person import Person
from simulators.scene import Scene


class ControlledDesk(Protocol):
    """What the service asks of a desk."""

    scene: Scene

    @property
    def world(self) -> dict[str, Any]:
        """Which people live here."""
        ...

    @property
    def injectors(self) -> Mapping[str, Injector[Any]]:
        """Role to the faults of its device."""
        ...

    def seat(self, number: int) -> Person:
        """Seat resident `number`, from 1."""
        ...


class Control(JsonService[ControlledDesk]):
    """Serve `desk` on a free port of 127.0.0.1 while the block lasts."""

    def __init__(self, desk: ControlledDesk) -> None:
        super().__init__(_Handler, desk, "desk-control")


class _Handler(JsonHandler[ControlledDesk]):
    def reply(self, verb: str) -> Mapping[str, Any]:
        desk = self.subject
        match verb, self.path:
            case "GET", "/world":
                return desk.world
            case "GET", "/scene":
                return _describe_scene(desk.scene)
            case "GET", "/faults":
                return _describe_faults(desk.injectors)
            case "POST", "/seat":
                return _seat(desk, parse_object(self.read_body()))
            case "POST", "/faults":
                return _change_fault(desk, parse_object(self.read_body()))
        raise NothingThere("GET /world, /scene or /faults; POST /seat or /faults")


def _describe_scene(scene: Scene) -> dict[str, Any]:
    return {
        "seated": scene.person.name if scene.person is not None else None,
        "placed": scene.placed.name if scene.placed is not None else None,
        "card": scene.card_inserted,
    }


def _describe_faults(injectors: Mapping[str, Injector[Any]]) -> dict[str, Any]:
    return {
        role: {
            "faults": {fault.value: asdict(note) for fault, note in injector.notes.items()},
            "active": [fault.value for fault in injector.active],
        }
        for role, injector in injectors.items()
    }


def _seat(desk: ControlledDesk, body: Mapping[str, Any]) -> dict[str, Any]:
    match body:
        case {"resident": bool()}:
            pass
        case {"resident": int(number)} if number >= 1:
            return {"seated": desk.seat(number).name}
    raise RefusedRequest("resident: a whole number from 1")


def _change_fault(desk: ControlledDesk, body: Mapping[str, Any]) -> dict[str, Any]:
    match body:
        case {"role": str(role), "fault": str() | None as fault, "active": bool(active)}:
            pass
        case _:
            raise RefusedRequest('{"role": "verifier", "fault": "unplug", "active": true}')
    injector = desk.injectors.get(role)
    if injector is None:
        raise RefusedRequest(f"{role!r} is not one of: {', '.join(desk.injectors)}")
    try:
        if not active:
            injector.clear(fault)
        elif fault is not None:
            injector.inject(fault)
        else:
            raise RefusedRequest("which fault?")
    except UnknownFault as error:
        raise RefusedRequest(f"{role}: {error}") from error
    return {"role": role, "active": [fault.value for fault in injector.active]}

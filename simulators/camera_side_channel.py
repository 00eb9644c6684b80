"""The side channel of a simulated camera: controls and faults by name, on a port of its own.

`GET /control` gives everything, `PUT /control` changes some, both as JSON:
`{"exposure": 0.5, "auto_exposure": false, "faults": ["frozen"]}`. `faults` is the list of those
that are active afterwards. What is wrong is answered by 400, and nothing changes. It is no part of
the camera: no driver knows of it, and pulling the camera's cable leaves it alone.
"""

from __future__ import annotations

from typing import Final, Protocol

from simulators.camera_controls import CameraControls
from simulators.camera_faults import CameraFault
from simulators.injection import Injector
from simulators.json_service import JsonHandler, JsonService, NothingThere, parse_object

PATH: Final = "/control"


class Controlled(Protocol):
    """A camera with controls and faults."""

    faults: Injector[CameraFault]

    @property
    def controls(self) -> CameraControls:
        """The controls now."""
        ...

    def set_controls(self, **changes: object) -> CameraControls:
        """Change some controls; raises `ValueError`."""
        ...


def apply(camera: Controlled, body: bytes) -> None:
    """Do what the body of a PUT asks for.

    Raises:
        ValueError: it is no JSON object, or something in it is unknown or out of range; nothing was
            changed.
    """
    controls, faults = parse(body, camera.controls, camera.faults)
    camera.set_controls(**controls.as_json())
    if faults is None:
        return
    for fault in camera.faults.active:
        if fault not in faults:
            camera.faults.clear(fault)
    for fault in faults:
        camera.faults.inject(fault)


def parse(
    body: bytes, before: CameraControls, known: Injector[CameraFault]
) -> tuple[CameraControls, tuple[CameraFault, ...] | None]:
    """Read a change of controls and the faults that are wanted, None when they stay."""
    changes = parse_object(body)
    names = changes.pop("faults", None)
    if names is None:
        return before.changed(changes), None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError("faults must be a list of names")
    faults = {fault.value: fault for fault in known.notes}
    unknown = [name for name in names if name not in faults]
    if unknown:
        raise ValueError(f"unknown fault {unknown[0][:40]!r}")
    return before.changed(changes), tuple(faults[name] for name in names)


class SideChannel(JsonService[Controlled]):
    """The server of one camera's side channel, on 127.0.0.1."""

    def __init__(self, camera: Controlled) -> None:
        super().__init__(_Handler, camera, "camera-control")

    @property
    def url(self) -> str:
        """Address of the side channel."""
        return f"{super().url}{PATH}"


class _Handler(JsonHandler[Controlled]):
    def reply(self, verb: str) -> dict[str, object]:
        camera = self.subject
        if self.path != PATH or verb not in ("GET", "PUT"):
            raise NothingThere(f"GET or PUT {PATH}")
        if verb == "PUT":
            apply(camera, self.read_body())
        active = [fault.value for fault in camera.faults.active]
        return camera.controls.as_json() | {"faults": active}

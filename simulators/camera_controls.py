"""The controls of a simulated camera, as its side channel knows them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import Final

LIMITS: Final = {
    "exposure": (0.0, 16.0),
    "gain": (0.0, 16.0),
    "white_balance_k": (2000.0, 12000.0),
    "focus": (0.0, 1.0),
    "ambient": (0.0, 1.0),
}


@dataclass(frozen=True, slots=True)
class CameraControls:
    """What can be set; everything starts as a camera on automatic.

    Attributes:
        exposure, gain: factors of brightness, 1.0 is right; gain brings noise with it. Without
            effect while `auto_exposure` is on.
        white_balance_k: what the camera takes for white, in kelvin; the lamps have 6500. Without
            effect while `auto_white_balance` is on, and on a grey camera.
        focus: 0.0 near to 1.0 far, 0.5 is sharp. Without effect while `auto_focus` is on.
        led: the near-infrared lamps of the iris camera.
        ambient: near-infrared light of the room as a share of that of the lamps.
        eye: which eye the stream of a single eye shows, "right" or "left".
    """

    exposure: float = 1.0
    gain: float = 1.0
    white_balance_k: float = 6500.0
    focus: float = 0.5
    auto_exposure: bool = True
    auto_white_balance: bool = True
    auto_focus: bool = True
    led: bool = True
    ambient: float = 0.05
    eye: str = "right"

    def changed(self, changes: dict[str, object]) -> CameraControls:
        """Return a copy with some controls changed.

        Raises:
            ValueError: a name is unknown, a type is wrong or a value is out of range.
        """
        kinds = {control.name: type(getattr(self, control.name)) for control in fields(self)}
        checked: dict[str, object] = {}
        for name, value in changes.items():
            if name not in kinds:
                raise ValueError(f"unknown control {name[:40]!r}")
            if kinds[name] is float and type(value) is int:
                value = float(value)  # JSON does not tell 1 from 1.0
            if type(value) is not kinds[name]:
                raise ValueError(f"{name} must be {kinds[name].__name__}")
            low, high = LIMITS.get(name, (0.0, 1.0))
            if isinstance(value, float) and not low <= value <= high:
                raise ValueError(f"{name} must be within {low:g} and {high:g}")
            if name == "eye" and value not in ("right", "left"):
                raise ValueError("eye must be right or left")
            checked[name] = value
        return replace(self, **checked)  # type: ignore[arg-type]  # names and types were checked above

    def as_json(self) -> dict[str, object]:
        """Return all controls by name."""
        return asdict(self)

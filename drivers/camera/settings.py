"""What the configuration says of a camera, and the identity that follows from it."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, field_validator, model_validator

from drivers.device import DeviceSettings

V4L_BY_ID: Final = "/dev/v4l/by-id/"
V4L_BY_PATH: Final = "/dev/v4l/by-path/"
LAMP_PERIOD_100US: Final = 100
"""Lamps on 50 Hz mains flicker at 100 Hz: 1/100 s, in units of 100 us."""

_BY_ID_NAME = re.compile(r"usb-(?P<model>.+)_(?P<serial>[^_]+)-video-index\d+")
_SCHEMES = ("http", "https", "rtsp")

Control = Annotated[int | None, Field(ge=0, le=2**31 - 1)]
OtherControl = Literal[
    "brightness",
    "contrast",
    "saturation",
    "sharpness",
    "gamma",
    "backlight",
    "zoom",
    "pan",
    "tilt",
    "iris",
    "iso_speed",
]


class Eyes(StrEnum):
    """What one picture of an iris camera shows."""

    BOTH = "both"
    ONE = "one"


class GreyFormat(StrEnum):
    """How a V4L2 camera sends grey pictures."""

    GREY = "grey"
    Y16 = "y16"


class CameraSettings(DeviceSettings):
    """Address, identity and picture of one camera.

    Attributes:
        source: `http://`, `https://` or `rtsp://` URL of a stream, or a link below /dev/v4l/by-id
            or /dev/v4l/by-path. Never an index: indices move at each replug.
        width, height: expected size in pixels, both or none; 0 takes what the camera gives at
            its first connection, and holds it to that until the program ends.
        fps: frames per second asked for; 0 takes what the camera gives.
        model, serial: identity of a network camera, which has none of its own. A by-id link names
            both; what is given here wins.
        open_timeout_s, read_timeout_s: bounded so that a stall is seen within 1 s and `close`
            returns within 2 s whatever the network does.
        exposure_100us: V4L2 only, like all that follow; a multiple of 100 (1/100 s) under 50 Hz
            lamps, otherwise bands drift through the picture. Each value turns its automatic off.
        gain, focus: in the camera's own units.
        white_balance_k: colour temperature in kelvin.
        controls: further controls by name, in the camera's own units.
    """

    model_config = ConfigDict(hide_input_in_errors=True)  # a URL may hold a password

    source: str
    width: int = Field(default=0, ge=0, le=8192)
    height: int = Field(default=0, ge=0, le=8192)
    fps: int = Field(default=0, ge=0, le=240)
    model: str = ""
    serial: str = ""
    open_timeout_s: float = Field(default=1.5, ge=0.1, le=1.5)
    read_timeout_s: float = Field(default=0.7, ge=0.1, le=0.8)
    exposure_100us: Control = None
    gain: Control = None
    focus: Control = None
    white_balance_k: Control = None
    controls: dict[OtherControl, int] = Field(default_factory=dict)

    @field_validator("source")
    @classmethod
    def _is_an_address(cls, source: str) -> str:
        if source.startswith((V4L_BY_ID, V4L_BY_PATH)):
            return source
        if source.isdigit() or source.startswith("/dev/video"):
            raise ValueError("camera numbers move at each replug: give a /dev/v4l/by-id/ link")
        parts = urlsplit(source)
        if parts.scheme not in _SCHEMES or not parts.hostname or parts.port == 0:
            raise ValueError("source must be an http, https or rtsp URL or a /dev/v4l/by-id/ link")
        return source

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if bool(self.width) != bool(self.height):
            raise ValueError("give width and height, or neither")
        if not self.identity[1]:
            raise ValueError("this camera has no serial number of its own: give `serial`")
        if self.is_network and self.asked_controls:
            names = ", ".join(self.asked_controls)
            raise ValueError(f"a network stream has no controls; set them in the camera: {names}")
        return self

    @property
    def is_network(self) -> bool:
        """Whether the camera is reached over the network."""
        return not self.source.startswith("/dev/")

    @property
    def identity(self) -> tuple[str, str]:
        """(model, serial) from the configuration or from the name of the by-id link."""
        model, serial = "network camera" if self.is_network else "V4L2 camera", ""
        if self.source.startswith(V4L_BY_ID) and (
            match := _BY_ID_NAME.fullmatch(self.source.removeprefix(V4L_BY_ID))
        ):
            model, serial = match["model"], match["serial"]
        return self.model or model, self.serial or serial

    @property
    def asked_controls(self) -> dict[str, int]:
        """The controls that the configuration gives a value, by the name of their setting."""
        named = {
            "exposure_100us": self.exposure_100us,
            "gain": self.gain,
            "white_balance_k": self.white_balance_k,
            "focus": self.focus,
        }
        asked = {name: value for name, value in named.items() if value is not None}
        asked.update(self.controls.items())
        return asked

    @property
    def remarks(self) -> tuple[str, ...]:
        """What is allowed and will disappoint, in sentences for the technician."""
        exposure = self.exposure_100us
        if exposure is None or (exposure > 0 and exposure % LAMP_PERIOD_100US == 0):
            return ()
        return (
            f"exposure of {exposure / 10:g} ms: bands drift under 50 Hz lamps, "
            "take a multiple of 10 ms",
        )


class OpenCvSettings(CameraSettings):
    """A colour camera that sends JPEG."""


class OpenCvIrisSettings(CameraSettings):
    """A near-infrared camera that sends grey pictures without losses.

    Attributes:
        eyes: "both" when one picture shows both eyes side by side, the right eye in the left half
            of the picture (the camera looks at the resident); "one" when it shows a single eye,
            which is then the eye that was asked for: the camera cannot tell which one it saw.
        grey_format: V4L2 only; of "y16" the high byte of every pixel is kept.
    """

    eyes: Annotated[Eyes, Field(strict=False)] = Eyes.BOTH
    grey_format: Annotated[GreyFormat, Field(strict=False)] = GreyFormat.GREY

    @model_validator(mode="after")
    def _can_be_halved(self) -> Self:
        if self.eyes is Eyes.BOTH and self.width % 2:
            raise ValueError("a picture of both eyes has an even width")
        return self

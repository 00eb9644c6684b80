"""What the configuration says of a face camera, and the identity that follows from it."""

from __future__ import annotations

import re
from typing import Annotated, Final, Self
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, field_validator, model_validator

from drivers.device import DeviceSettings

V4L_BY_ID: Final = "/dev/v4l/by-id/"
V4L_BY_PATH: Final = "/dev/v4l/by-path/"
_BY_ID_NAME = re.compile(r"usb-(?P<model>.+)_(?P<serial>[^_]+)-video-index\d+")

Optional32 = Annotated[int | None, Field(ge=0, le=2**31 - 1)]


class OpenCvSettings(DeviceSettings):
    """Address, identity and picture of one camera.

    Attributes:
        source: `http://` or `https://` URL of an MJPEG stream, or a link below /dev/v4l/by-id or
            /dev/v4l/by-path. Never an index: indices move at each replug.
        width, height: expected size in pixels, both or none; 0 takes what the camera gives.
        fps: frames per second asked for; 0 takes what the camera gives.
        model, serial: identity of a network camera, which has none of its own. A by-id link names
            both; what is given here wins.
        open_timeout_s, read_timeout_s: bounded so that a stall is seen within 1 s and `close`
            returns within 2 s whatever the network does.
        exposure_100us: V4L2 only, like the following; a multiple of 100 (1/100 s) under 50 Hz
            lamps, otherwise bands drift through the picture. Each value turns its automatic off.
        gain, focus: in the camera's own units.
        white_balance_k: colour temperature in kelvin.
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
    exposure_100us: Optional32 = None
    gain: Optional32 = None
    focus: Optional32 = None
    white_balance_k: Optional32 = None

    @field_validator("source")
    @classmethod
    def _is_an_address(cls, source: str) -> str:
        if source.startswith((V4L_BY_ID, V4L_BY_PATH)):
            return source
        if source.isdigit() or source.startswith("/dev/video"):
            raise ValueError("camera numbers move at each replug: give a /dev/v4l/by-id/ link")
        parts = urlsplit(source)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
            raise ValueError("source must be an http(s) URL or a /dev/v4l/by-id/ link")
        return source

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if bool(self.width) != bool(self.height):
            raise ValueError("give width and height, or neither")
        if not self.identity[1]:
            raise ValueError("this camera has no serial number of its own: give `serial`")
        return self

    @property
    def is_network(self) -> bool:
        """Whether the camera is reached over HTTP."""
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

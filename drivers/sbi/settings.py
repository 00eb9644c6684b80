"""What the configuration says of an SBI device."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field

from drivers.device import DeviceSettings

# the configuration file knows texts and arrays only; the other fields stay strict
PathFromText = Annotated[Path, Field(strict=False)]

MAX_CUSTOM_OPTIONS: Final = 50
"""SBI 1.0: at most so many pairs."""


class SbiSettings(DeviceSettings):
    """Where the service is and whom to believe.

    `port` 0 searches all ports of the interface for the device; at another port that does not
    answer any more, the device is searched by its serial number. `version` "" takes the one that
    the service offers. `device_roots` are PEM files with the certificates that may issue device
    keys; `chip_roots` those that may issue the keys inside level 1 devices. `least_trust` "L1"
    refuses devices that sign in host software. `custom_options` go to the device with each capture
    where the version has a place for them (1.0). `service_limit_s` is how long one silent service
    may delay the search.
    """

    port: int = Field(default=0, ge=0, le=65535)
    version: Literal["", "0.9.5", "1.0"] = ""
    environment: Literal["Staging", "Developer", "Pre-Production", "Production"] = "Developer"
    device_roots: tuple[PathFromText, ...] = Field(min_length=1, strict=False)
    chip_roots: tuple[PathFromText, ...] = Field(default=(), strict=False)
    least_trust: Literal["L0", "L1"] = "L0"
    custom_options: dict[str, str] = Field(default_factory=dict, max_length=MAX_CUSTOM_OPTIONS)
    service_limit_s: float = Field(default=1.0, gt=0.0, le=10.0)

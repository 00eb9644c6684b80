"""What the configuration says of an SBI device."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from drivers.device import DeviceSettings

# the configuration file knows texts and arrays only; the other fields stay strict
PathFromText = Annotated[Path, Field(strict=False)]


class SbiSettings(DeviceSettings):
    """Where the service is and whom to believe.

    `port` 0 searches all ports of the interface for the device. `device_roots` are PEM files with
    the certificates that may issue device keys; `chip_roots` those that may issue the keys inside
    level 1 devices.
    """

    port: int = Field(default=0, ge=0, le=65535)
    environment: Literal["Staging", "Developer", "Pre-Production", "Production"] = "Developer"
    device_roots: tuple[PathFromText, ...] = Field(min_length=1, strict=False)
    chip_roots: tuple[PathFromText, ...] = Field(default=(), strict=False)

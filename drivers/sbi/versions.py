"""The versions of the interface, as data: what each calls things and what it sends along.

Everything that differs on the wire between SBI 0.9.5 and 1.0 stands here; code asks a `Version`.
Source: MOSIP Secure Biometric Interface 0.9.5 and 1.0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

Verb = tuple[str, str]
"""HTTP method and path."""


@dataclass(frozen=True, slots=True)
class Version:
    """One version of the interface.

    `device_key` names the device in requests and descriptions. `introduces_itself` tells that
    requests for information carry the type and `specVersion`; `has_device_code` that descriptions
    and captures repeat a `deviceCode`; `has_custom_options` that a capture may carry settings of
    the vendor; `has_dimensions` that a live picture may be asked for in a size; `levels` how the
    service writes L0 and L1.
    """

    name: str
    discover: Verb
    info: Verb
    device_key: str
    introduces_itself: bool
    has_device_code: bool
    has_custom_options: bool
    has_dimensions: bool
    levels: tuple[str, str]


V095: Final = Version(
    name="0.9.5",
    discover=("MOSIPDISC", "/device"),
    info=("MOSIPDINFO", "/info"),
    device_key="deviceId",
    introduces_itself=False,
    has_device_code=True,
    has_custom_options=False,
    has_dimensions=False,
    levels=("L0", "L1"),
)
V10: Final = Version(
    name="1.0",
    discover=("SBIDISC", "/device"),
    info=("SBIINFO", "/info"),
    device_key="serialNo",
    introduces_itself=True,
    has_device_code=False,
    has_custom_options=True,
    has_dimensions=True,
    levels=("SBI 1.0", "SBI 2.0"),
)
VERSIONS: Final = (V095, V10)
"""In the order in which a service is asked: most of those in the field speak the older one."""

RCAPTURE: Final[Verb] = ("RCAPTURE", "/capture")
STREAM: Final[Verb] = ("STREAM", "/stream")
"""The same in every version."""


def version_named(name: str) -> Version | None:
    """Return the version with this `specVersion`, None when it is unknown here."""
    return next((version for version in VERSIONS if version.name == name), None)


def level_named(certification: str) -> str | None:
    """Return "L0" or "L1" for a `certification` of any version, None when it is neither."""
    for version in VERSIONS:
        if certification in version.levels:
            return f"L{version.levels.index(certification)}"
    return None

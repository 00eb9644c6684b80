"""Error codes of the interface: what they say, and which of our errors each becomes.

Source: MOSIP Secure Biometric Interface 0.9.5 and 1.0, section of error codes, and the codes of the
reference service. 5xx are free for vendors.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from drivers.errors import DeviceBusy, DeviceError, DeviceRefused, DeviceTimeout, Disconnected
from drivers.sbi.errors import (
    DeviceNotReady,
    ExtractionFailed,
    KeyInvalid,
    NothingDetected,
    OrientationWrong,
    PictureStopped,
    RequestRefused,
    ServerUnreachable,
    TamperDetected,
)

SUCCESS: Final = "0"

ERROR_TEXTS: Final[Mapping[str, str]] = {
    "0": "Success",
    "100": "Device not registered",
    "101": "Unable to detect a biometric object",
    "102": "Technical error during extraction",
    "103": "Device tamper detected",
    "104": "Unable to connect to management server",
    "105": "Image orientation error",
    "106": "Device not found",
    "107": "Device public key expired",
    "108": "Domain public key missing",
    "109": "Requested number of biometric (Finger/IRIS) not supported",
    "110": "Device is not ready",
    "111": "Device is busy",
    "112": "Invalid Transaction ID",
    "113": "Biometric count mismatch",
    "114": "Biometric type mismatch",
    "115": "Env values mismatch",
    "116": "Biometric count value mismatch",
    "117": "Biometric exception value mismatch",
    "118": "Biometric exception does not fit the target",
    "119": "Biometric sub type value mismatch",
    "120": "Biometric type does not fit the device",
    "121": "Purpose values mismatch",
    "122": "Biometric sub type or exception does not fit the type",
    "123": "No Description available.",
    "202": "No device connected",
    "500": "Invalid URL",
    "501": "Invalid type value in discovery",
    "502": "Biometric type values mismatch",
    "503": "No devices connected",
    "504": "Invalid status value",
    "505": "Invalid score value",
    "506": "Invalid delay value",
    "507": "Invalid method value",
    "551": "Profile not set",
    "601": "Live stream not available for this device",
    "604": "Device ID is missing",
    "605": "Device is not connected or not registered",
    "606": "Live stream not allowed for this purpose",
    "607": "Device is not ready or busy",
    "608": "No image for the live stream",
    "609": "Live stream timeout",
    "610": "Live stream: unknown error",
    "700": "Live stream was stopped before the capture ended",
    "701": "Capture timeout",
    "702": "Device ID or sub ID differs from the live stream",
    "703": "RCapture process already in progress, try after sometime",
    "704": "Device ID is missing",
    "705": "Device is not connected or not registered",
    "706": "Capture not allowed for this purpose",
    "707": "No data for this sub type",
    "708": "No data for this sub type",
    "709": "Registration capture not available for this device",
    "710": "Capture: unknown error",
    "999": "Unknown error",
}

BUSY_CODES: Final = frozenset({"111", "607", "702", "703"})
"""702 too: the device has not noticed yet that the live picture of another target was closed."""

TIMEOUT_CODES: Final = frozenset({"609", "701"})
GONE_CODES: Final = frozenset({"106", "202", "503", "605", "705"})
"""The service runs, but the device behind it has been taken away."""

_REFUSALS: Final[Mapping[type[DeviceRefused], frozenset[str]]] = {
    NothingDetected: frozenset({"101"}),
    ExtractionFailed: frozenset({"102", "608", "610", "707", "708", "710"}),
    OrientationWrong: frozenset({"105"}),
    DeviceNotReady: frozenset({"110"}),
    KeyInvalid: frozenset({"100", "107", "108"}),
    TamperDetected: frozenset({"103"}),
    ServerUnreachable: frozenset({"104"}),
    RequestRefused: frozenset(
        {"109", *(str(code) for code in range(112, 124)), "500", "501", "502"}
        | {"601", "604", "606", "704", "706", "709"}
    ),
    PictureStopped: frozenset({"700"}),
}


def error_for(code: str, device: str) -> DeviceError:
    """Return the error to raise for a code that is not "0"; unknown ones stay `DeviceRefused`."""
    # our own wording: the service's text is foreign and may name anything
    detail = ERROR_TEXTS.get(code, "code of the vendor")
    if code in BUSY_CODES:
        return DeviceBusy(device, f"{code} {detail}")
    if code in TIMEOUT_CODES:
        return DeviceTimeout(device, f"{code} {detail}")
    if code in GONE_CODES:
        return Disconnected(device, f"{code} {detail}")
    kind = next((kind for kind, codes in _REFUSALS.items() if code in codes), DeviceRefused)
    return kind(device, code, detail)

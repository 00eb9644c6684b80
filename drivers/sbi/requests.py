"""Bodies of requests: every scalar is a JSON string, and no key may be added.

Source: MOSIP Secure Biometric Interface 0.9.5 and 1.0; what the versions differ in comes from
`drivers.sbi.versions`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from drivers.sbi.protocol import ANY_TYPE, PURPOSE, BioType, Target, name_of, utc_text
from drivers.sbi.versions import Version

JsonObject = dict[str, object]

EXCEPTION_PHOTO_SIZE: Final = "6040"
"""Width and height of an exception photo in millimetres, as `dimensions` writes them."""


def discovery_request(version: Version, bio_type: BioType) -> JsonObject:
    """Ask for the devices of one modality."""
    return {"type": bio_type.value} | _spec_version(version)


def info_request(version: Version) -> JsonObject:
    """Ask for the signed descriptions of all devices."""
    return {"type": ANY_TYPE} | _spec_version(version) if version.introduces_itself else {}


def stream_request(version: Version, device: str, target: Target, timeout_ms: int) -> JsonObject:
    """Ask for a live picture of what will be captured; `device` is what the version calls it."""
    body: JsonObject = {
        version.device_key: device,
        "deviceSubId": target.sub_id,
        "timeout": str(timeout_ms),
    }
    if version.introduces_itself:
        body |= {"type": target.bio_type.value} | _spec_version(version)
    if version.has_dimensions and target.bio_type is BioType.FACE and target.exceptions:
        body["dimensions"] = EXCEPTION_PHOTO_SIZE
    return body


@dataclass(frozen=True, slots=True)
class CaptureOrder:
    """One RCAPTURE: what is asked of which device, and what the answer must repeat.

    `device` is the device under the name that the version uses; `custom_options` are settings of
    the vendor, sent where the version has a place for them.
    """

    version: Version
    device: str
    target: Target
    environment: str
    transaction_id: str
    previous_hash: str
    wanted_score: int
    timeout_ms: int
    at: datetime
    custom_options: Mapping[str, str]

    def request(self) -> JsonObject:
        """Build the body."""
        target = self.target
        bio = {
            "type": target.bio_type.value,
            "count": str(len(target.expected)),
            "bioSubType": [],
            "exception": [name_of(position) for position in target.exceptions],
            "requestedScore": str(self.wanted_score),
            self.version.device_key: self.device,
            "deviceSubId": target.sub_id,
            "previousHash": self.previous_hash,
        }
        options = dict(self.custom_options) if self.version.has_custom_options else {}
        return {
            "env": self.environment,
            "purpose": PURPOSE,
            "specVersion": self.version.name,
            "timeout": str(self.timeout_ms),
            "captureTime": utc_text(self.at),
            "transactionId": self.transaction_id,
            "bio": [bio],
            "customOpts": options or None,
        }


def _spec_version(version: Version) -> JsonObject:
    return {"specVersion": version.name} if version.introduces_itself else {}

"""Lowest NFIQ 2 score that each finger of a plain capture needs, by profile."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from drivers.positions import Finger

NFIQ2_FAILED: Final = 255
"""ISO/IEC 29794-1: the score could not be computed."""


class Profile(StrEnum):
    """A named set of thresholds.

    KTPEL_STRICT: working values for a national set that is searched 1:N (MOSIP asks for 40 as the
    average of a slap, which hides a bad finger; here each finger counts).
    TR03121: BSI TR-03121-3 volume 6 version 5.3, plain enrolment.
    TR03121_CONTROL: the same table, plain control and identification (the index verification).
    """

    KTPEL_STRICT = "ktpel-strict"
    TR03121 = "tr03121"
    TR03121_CONTROL = "tr03121-control"

    @property
    def source(self) -> str:
        """Where the numbers come from, as printed beside a verdict."""
        return _SOURCE[self]


_SOURCE = {
    Profile.KTPEL_STRICT: "station profile ktpel-strict",
    Profile.TR03121: "BSI TR-03121-3 vol. 6 v5.3, plain enrolment",
    Profile.TR03121_CONTROL: "BSI TR-03121-3 vol. 6 v5.3, plain control",
}

_THUMB_TO_LITTLE = {
    Profile.KTPEL_STRICT: (40, 40, 40, 30, 20),
    Profile.TR03121: (30, 30, 20, 10, 10),
    Profile.TR03121_CONTROL: (20, 20, 20, 10, 10),
}

THRESHOLD: Final[Mapping[Profile, Mapping[Finger, int]]] = MappingProxyType(
    {
        profile: MappingProxyType({finger: scores[(finger - 1) % 5] for finger in Finger})
        for profile, scores in _THUMB_TO_LITTLE.items()
    }
)


def threshold(profile: Profile, position: Finger | None) -> int:
    """Give the threshold of a finger; a finger of unknown position needs the profile's highest."""
    if position is None:
        return max(THRESHOLD[profile].values())
    return THRESHOLD[profile][position]

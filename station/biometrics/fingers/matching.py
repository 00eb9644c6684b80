"""Templates of single prints and their 1:1 comparison."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from drivers.positions import Finger

SAME_FROM: Final = 80
SUSPECT_FROM: Final = 50
"""bozorth3 bands, working values: impostors reach 53 on synthetic slap crops, genuine pairs 184 and
more between slaps, 107 to 214 between a 4-bit single-finger module and a slap. To be measured again
on consenting people."""

MIN_MODULE_MINUTIAE: Final = 40
"""A capture of a small single-finger module with fewer minutiae should be taken again."""

_MAGIC: Final = b"FMR\x00 20\x00"
_RECORD_HEADER: Final = struct.Struct(">8sIHHHHHBB")
_VIEW_HEADER: Final = struct.Struct(">BBBB")
_MINUTIA_BYTES: Final = 6
_PIXELS_PER_CM: Final = 197  # 500 ppi
_NBIS_HEADER: Final = struct.Struct(">8sI2xHHBBB4xB")


class InvalidTemplate(ValueError):
    """Bytes are not one finger view of ISO/IEC 19794-2:2005."""


class MatchVerdict(StrEnum):
    """What a bozorth3 score means; a low score is not proof of another finger."""

    SAME = "same"
    SUSPECT = "suspect"
    DIFFERENT = "different"


@dataclass(frozen=True, slots=True, eq=False)
class FingerTemplate:
    """Minutiae of one print; biometric data, so its `repr` shows a count only.

    `native` is the matcher's own object, `quality` an NFIQ 2 score or 255.
    """

    position: Finger | None
    minutiae: int
    quality: int
    native: Any = field(repr=False)

    def __repr__(self) -> str:
        """Show the number of minutiae and nothing of the finger."""
        return f"FingerTemplate(minutiae={self.minutiae}, ...)"

    def to_iso(self) -> bytes:
        """Give the ISO/IEC 19794-2:2005 record format with one finger view.

        The matcher's own writer leaves out the resolution, the view count and the extended data
        block, so only its minutiae are taken over.
        """
        own = bytes(self.native.to_iso_19794_2_2005())
        *_, width, height, _, _, _, count = _NBIS_HEADER.unpack_from(own)
        body = own[_NBIS_HEADER.size :]
        if len(body) != count * _MINUTIA_BYTES:
            raise InvalidTemplate(f"{len(body)} bytes for {count} minutiae")
        length = _RECORD_HEADER.size + _VIEW_HEADER.size + len(body) + 2
        header = _RECORD_HEADER.pack(
            _MAGIC, length, 0, width, height, _PIXELS_PER_CM, _PIXELS_PER_CM, 1, 0
        )
        # quality is 0 to 100 in this edition; 0 for one that could not be computed
        quality = self.quality if self.quality <= 100 else 0
        view = _VIEW_HEADER.pack(self.position or 0, 0, quality, count)
        return header + view + body + b"\x00\x00"


def from_iso(data: bytes) -> FingerTemplate:
    """Read back what `FingerTemplate.to_iso` wrote, so that a restarted session can match.

    Raises:
        InvalidTemplate: any other bytes.
    """
    head = _RECORD_HEADER.size + _VIEW_HEADER.size
    if len(data) < head + 2:
        raise InvalidTemplate(f"{len(data)} bytes, at least {head + 2} expected")
    magic, length, _, width, height, x_res, y_res, views, _ = _RECORD_HEADER.unpack_from(data)
    position, _, quality, count = _VIEW_HEADER.unpack_from(data, _RECORD_HEADER.size)
    body = data[head:-2]
    if magic != _MAGIC or length != len(data) or views != 1 or position > Finger.LEFT_LITTLE:
        raise InvalidTemplate("not a single finger view")
    if (x_res, y_res) != (_PIXELS_PER_CM, _PIXELS_PER_CM):
        raise InvalidTemplate(f"{x_res} x {y_res} pixels per cm, {_PIXELS_PER_CM} expected")
    if len(body) != count * _MINUTIA_BYTES or data[-2:] != b"\x00\x00":
        raise InvalidTemplate(f"{len(body)} bytes for {count} minutiae")
    if count == 0:
        raise InvalidTemplate("no minutiae")
    total = _NBIS_HEADER.size + len(body)
    own = _NBIS_HEADER.pack(_MAGIC, total, width, height, 0, 0, 0, count) + body
    from station.biometrics.fingers.extraction import load_minutiae

    try:
        native = load_minutiae(own)
    except ValueError as error:
        raise InvalidTemplate(str(error)) from error
    return FingerTemplate(Finger(position) if position else None, count, quality, native)


def compare(a: FingerTemplate, b: FingerTemplate) -> int:
    """Score the likeness of two prints by bozorth3, symmetric, 0 upwards without an upper bound.

    May be called from any thread: the library releases the interpreter lock, but compares one pair
    at a time (4 to 60 ms).
    """
    return int(a.native.compare(b.native))


def verdict(score: int) -> MatchVerdict:
    """Put a bozorth3 score into its band."""
    if score >= SAME_FROM:
        return MatchVerdict.SAME
    return MatchVerdict.SUSPECT if score >= SUSPECT_FROM else MatchVerdict.DIFFERENT

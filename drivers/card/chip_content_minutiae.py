"""Minutiae templates of ISO/IEC 19794-2:2005 record format, read strictly, as typed minutiae.

Source: ISO/IEC 19794-2:2005 clauses 7 and 8 (record format with one finger view; angles in units of
360/256 degrees, anticlockwise from the right; extended data are skipped).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from drivers.card.chip_content import ChipContentError
from drivers.positions import Finger

MAGIC: Final = b"FMR\x00 20\x00"
MAX_TEMPLATE_BYTES: Final = 8192
ANGLE_STEP_DEG: Final = 360 / 256
COORDINATE_MASK: Final = 0x3FFF

_RECORD: Final = struct.Struct(">8sIHHHHHBB")
_VIEW: Final = struct.Struct(">BBBB")
_MINUTIA: Final = struct.Struct(">HHBB")
_EXTENDED: Final = struct.Struct(">H")
_MAX_QUALITY: Final = 100


class MinutiaKind(IntEnum):
    """What a minutia is; the two upper bits of its first word."""

    OTHER = 0
    RIDGE_ENDING = 1
    BIFURCATION = 2


@dataclass(frozen=True, slots=True, repr=False)
class Minutia:
    """One minutia; biometric data, so its `repr` shows nothing.

    `x`, `y` in pixels from the upper left corner; `angle_deg` 0 to below 360, anticlockwise from
    the right; `quality` 1 to 100, None where the record states none.
    """

    x: int
    y: int
    angle_deg: float
    kind: MinutiaKind
    quality: int | None

    def __repr__(self) -> str:
        return "Minutia(...)"


@dataclass(frozen=True, slots=True)
class MinutiaeTemplate:
    """One finger of a chip.

    `position` is None where the record states none; `width` and `height` in pixels, resolutions in
    pixels per centimetre; `quality` 1 to 100, None where the record states none; `iso` is the
    record itself, for a matcher.
    """

    position: Finger | None
    width: int
    height: int
    x_per_cm: int
    y_per_cm: int
    quality: int | None
    minutiae: tuple[Minutia, ...] = field(repr=False)
    iso: bytes = field(repr=False)


def parse_template(data: bytes) -> MinutiaeTemplate:
    """Read a record with exactly one finger view.

    Raises:
        ChipContentError: another format or length, no or several views, an impossible position,
            kind or resolution, or a minutia outside of the picture.
    """
    head_bytes = _RECORD.size + _VIEW.size
    if not head_bytes + _EXTENDED.size <= len(data) <= MAX_TEMPLATE_BYTES:
        raise ChipContentError(f"template of {len(data)} bytes")
    magic, length, _, width, height, x_per_cm, y_per_cm, views, _ = _RECORD.unpack_from(data)
    position, _, quality, count = _VIEW.unpack_from(data, _RECORD.size)
    if magic != MAGIC or length != len(data) or views != 1:
        raise ChipContentError(f"no template with one view in {len(data)} bytes")
    if position > Finger.LEFT_LITTLE:
        raise ChipContentError(f"finger position {position}")
    if 0 in (width, height, x_per_cm, y_per_cm):
        raise ChipContentError("template without size or resolution")
    end = head_bytes + count * _MINUTIA.size
    if count == 0 or len(data) < end + _EXTENDED.size:
        raise ChipContentError(f"{count} minutiae in {len(data)} bytes")
    (extended,) = _EXTENDED.unpack_from(data, end)
    if end + _EXTENDED.size + extended != len(data):
        raise ChipContentError(f"{extended} bytes of extended data in {len(data)} bytes")
    minutiae = tuple(
        _minutia(fields, width, height) for fields in _MINUTIA.iter_unpack(data[head_bytes:end])
    )
    return MinutiaeTemplate(
        position=Finger(position) if position else None,
        width=width,
        height=height,
        x_per_cm=x_per_cm,
        y_per_cm=y_per_cm,
        quality=_quality(quality),
        minutiae=minutiae,
        iso=data,
    )


def _minutia(fields: tuple[int, ...], width: int, height: int) -> Minutia:
    first, second, angle, quality = fields
    x, y, kind = first & COORDINATE_MASK, second & COORDINATE_MASK, first >> 14
    if x >= width or y >= height:
        raise ChipContentError(f"a minutia outside of {width} x {height} pixels")
    if kind > MinutiaKind.BIFURCATION:
        raise ChipContentError(f"minutia of kind {kind}")
    return Minutia(x, y, angle * ANGLE_STEP_DEG, MinutiaKind(kind), _quality(quality))


def _quality(value: int) -> int | None:
    return value if 0 < value <= _MAX_QUALITY else None

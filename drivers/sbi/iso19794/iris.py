"""Iris image records, ISO/IEC 19794-6:2011."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from drivers.sbi.iso19794.fields import (
    UNKNOWN_ORIGIN,
    Origin,
    RecordMalformed,
    close_record,
    member,
    open_record,
)

FORMAT: Final = "ISO/IEC 19794-6:2011"
MAGIC: Final = b"IIR\x00020\x00"
UNDEFINED_ANGLE: Final = 0xFFFF


class IrisFormat(IntEnum):
    """How the image is stored."""

    MONO_RAW = 2
    RGB_RAW = 4
    MONO_JPEG = 6
    RGB_JPEG = 8
    MONO_JP2 = 10
    RGB_JP2 = 12
    MONO_PNG = 14
    RGB_PNG = 16

    @property
    def is_mono(self) -> bool:
        """Whether the picture has one channel."""
        return self in (self.MONO_RAW, self.MONO_JPEG, self.MONO_JP2, self.MONO_PNG)

    @property
    def codec(self) -> str:
        """The compression as `DeviceRecord.codec` names it."""
        return self.name.split("_")[1]


class IrisImageType(IntEnum):
    """How the picture is framed."""

    UNCROPPED = 1
    VGA = 2
    CROPPED = 3
    CROPPED_MASKED = 7


@dataclass(frozen=True, slots=True)
class IrisRecord:
    """One eye in a record of its own.

    `eye` is 0 unknown, 1 right, 2 left. `properties` holds, from the high bits, two each:
    horizontal and vertical orientation, reserved, compression history. `range_mm` is 0 when not
    stated; angles are 65535 when undefined; the iris centre and diameter are (min, max) in pixels,
    0 when undefined.
    """

    eye: int
    width: int
    height: int
    image: bytes = field(repr=False)
    format: IrisFormat = IrisFormat.MONO_JP2
    image_type: IrisImageType = IrisImageType.VGA
    origin: Origin = UNKNOWN_ORIGIN
    representation_number: int = 1
    properties: int = 0x40
    bit_depth: int = 8
    range_mm: int = 0
    roll_angle: int = UNDEFINED_ANGLE
    roll_uncertainty: int = UNDEFINED_ANGLE
    centre_x: tuple[int, int] = (0, 0)
    centre_y: tuple[int, int] = (0, 0)
    diameter: tuple[int, int] = (0, 0)

    @property
    def codec(self) -> str:
        """The compression as `DeviceRecord.codec` names it."""
        return self.format.codec

    def to_bytes(self) -> bytes:
        """Build the record.

        Raises:
            RecordMalformed: a value does not fit its field.
        """
        label = (self.representation_number, self.eye, self.image_type, self.format)
        size = (self.properties, self.width, self.height, self.bit_depth)
        optics = (self.range_mm, self.roll_angle, self.roll_uncertainty)
        iris = (*self.centre_x, *self.centre_y, *self.diameter)
        try:
            head = struct.pack(">HBBBBHHB", *label, *size) + struct.pack(">9H", *optics, *iris)
            body = self.origin.to_bytes() + head + struct.pack(">I", len(self.image)) + self.image
        except struct.error as error:
            raise RecordMalformed(f"a value does not fit its field: {error}") from error
        return close_record(MAGIC, struct.pack(">BB", 0, 1), body)


def parse_iris(data: bytes) -> IrisRecord:
    """Read a record with one representation.

    Raises:
        RecordMalformed: the bytes are no such record; nothing else is ever raised.
    """
    fields, (_, eyes) = open_record(data, MAGIC, "BB")
    if eyes > 2:
        raise RecordMalformed(f"{eyes} eyes")
    origin = Origin.read(fields)
    number, eye, image_type, image_format = fields.numbers("HBBB", "representation header")
    properties, width, height, depth = fields.numbers("BHHB", "image header")
    range_mm, roll, uncertainty, *iris = fields.numbers("9H", "iris geometry")
    image = fields.take(fields.number("I", "image length"), "image")
    if fields.left:
        raise RecordMalformed(f"{fields.left} bytes behind the image")
    return IrisRecord(
        eye,
        width,
        height,
        image,
        member(IrisFormat, image_format, "image format"),
        member(IrisImageType, image_type, "image type"),
        origin,
        number,
        properties,
        depth,
        range_mm,
        roll,
        uncertainty,
        (iris[0], iris[1]),
        (iris[2], iris[3]),
        (iris[4], iris[5]),
    )

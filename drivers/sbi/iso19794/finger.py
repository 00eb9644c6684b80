"""Finger image records, ISO/IEC 19794-4:2011."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from drivers.sbi.iso19794.fields import (
    UNKNOWN_ORIGIN,
    FieldReader,
    Origin,
    RecordMalformed,
    close_record,
    member,
    open_record,
)

FORMAT: Final = "ISO/IEC 19794-4:2011"
MAGIC: Final = b"FIR\x00020\x00"
CENTIMETRES_PER_INCH: Final = 2.54


class FingerCompression(IntEnum):
    """How the image is stored; 0, 5 and 6 lose nothing (1, packed bits, is not for 8-bit grey)."""

    RAW = 0
    PACKED = 1
    WSQ = 2
    JPEG = 3
    JP2_LOSSY = 4
    JP2_LOSSLESS = 5
    PNG = 6

    @property
    def is_lossless(self) -> bool:
        """Whether the pixels are those that the sensor delivered."""
        return self in (self.RAW, self.JP2_LOSSLESS, self.PNG)


CODECS: Final = {
    FingerCompression.RAW: "RAW",
    FingerCompression.WSQ: "WSQ",
    FingerCompression.JPEG: "JPEG",
    FingerCompression.JP2_LOSSY: "JP2",
    FingerCompression.JP2_LOSSLESS: "JP2",
    FingerCompression.PNG: "PNG",
}


class ScaleUnit(IntEnum):
    """What the sampling rates count against."""

    PER_INCH = 1
    PER_CENTIMETRE = 2


@dataclass(frozen=True, slots=True)
class ExtendedBlock:
    """A block behind the image (segmentation, annotation, comment); kept, not interpreted."""

    block_type: int
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Certification:
    """A certification of the device: who issued it under which scheme."""

    authority: int
    scheme: int


@dataclass(frozen=True, slots=True)
class FingerRecord:
    """One finger, or one slap, in a record of its own.

    `position` is the code of table 6 (0 unknown, 1 to 10 fingers, 13 to 15 slaps); samplings are
    (horizontal, vertical) in `scale_unit`; `impression` 0 is live plain, 24 contactless.
    """

    position: int
    width: int
    height: int
    image: bytes = field(repr=False)
    compression: FingerCompression = FingerCompression.JP2_LOSSLESS
    origin: Origin = UNKNOWN_ORIGIN
    certifications: tuple[Certification, ...] = ()
    impression: int = 0
    representation_number: int = 0
    scale_unit: ScaleUnit = ScaleUnit.PER_INCH
    scan_sampling: tuple[int, int] = (500, 500)
    image_sampling: tuple[int, int] = (500, 500)
    bit_depth: int = 8
    extended: tuple[ExtendedBlock, ...] = ()

    @property
    def resolution_ppi(self) -> float:
        """Pixels per inch of the image, horizontally."""
        factor = CENTIMETRES_PER_INCH if self.scale_unit is ScaleUnit.PER_CENTIMETRE else 1.0
        return self.image_sampling[0] * factor

    @property
    def codec(self) -> str:
        """The compression as `DeviceRecord.codec` names it.

        Raises:
            RecordMalformed: packed bits, which hold no 8-bit picture.
        """
        if self.compression not in CODECS:
            raise RecordMalformed("bit-packed image")
        return CODECS[self.compression]

    def to_bytes(self) -> bytes:
        """Build the record.

        Raises:
            RecordMalformed: a value does not fit its field.
        """
        try:
            return self._build()
        except struct.error as error:
            raise RecordMalformed(f"a value does not fit its field: {error}") from error

    def _build(self) -> bytes:
        body = [self.origin.to_bytes()]
        if self.certifications:
            body.append(struct.pack(">B", len(self.certifications)))
            body += [struct.pack(">HB", c.authority, c.scheme) for c in self.certifications]
        samplings = (*self.scan_sampling, *self.image_sampling)
        head = (self.position, self.representation_number, self.scale_unit, *samplings)
        kind = (self.bit_depth, self.compression, self.impression)
        size = (self.width, self.height, len(self.image))
        body.append(struct.pack(">BBB4HBBBHHI", *head, *kind, *size))
        body.append(self.image)
        for block in self.extended:
            body.append(struct.pack(">HH", block.block_type, 4 + len(block.body)) + block.body)
        flag = 1 if self.certifications else 0
        return close_record(MAGIC, struct.pack(">BB", flag, 1), b"".join(body))


def parse_finger(data: bytes) -> FingerRecord:
    """Read a record with one representation; blocks of unknown type are kept unread.

    Raises:
        RecordMalformed: the bytes are no such record; nothing else is ever raised.
    """
    fields, (certified, positions) = open_record(data, MAGIC, "BB")
    if positions != 1 or certified > 1:
        raise RecordMalformed("general header of several positions")
    origin = Origin.read(fields)
    certifications: tuple[Certification, ...] = ()
    if certified:
        count = fields.number("B", "certifications")
        certifications = tuple(
            Certification(*fields.numbers("HB", "certification")) for _ in range(count)
        )
    position, number, unit, *samplings = fields.numbers("BBB4H", "representation header")
    depth, compression, impression = fields.numbers("BBB", "image header")
    width, height, length = fields.numbers("HHI", "image size")
    image = fields.take(length, "image")
    return FingerRecord(
        position,
        width,
        height,
        image,
        member(FingerCompression, compression, "compression"),
        origin,
        certifications,
        impression,
        number,
        member(ScaleUnit, unit, "scale unit"),
        (samplings[0], samplings[1]),
        (samplings[2], samplings[3]),
        depth,
        _extended_blocks(fields),
    )


def _extended_blocks(fields: FieldReader) -> tuple[ExtendedBlock, ...]:
    blocks = []
    while fields.left:
        block_type, length = fields.numbers("HH", "extended block")
        if length < 4:
            raise RecordMalformed(f"extended block of {length} bytes")
        blocks.append(ExtendedBlock(block_type, fields.take(length - 4, "extended block")))
    return tuple(blocks)

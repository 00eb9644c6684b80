"""Parts that the three records share: a checked reader, the date block and the quality blocks.

Source: ISO/IEC 19794-1:2011; layouts confirmed on sample records. All numbers are big-endian.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from typing import Final, TypeVar

E = TypeVar("E", bound=IntEnum)

MAX_RECORD_BYTES: Final = 16 * 1024 * 1024
"""A lossless 1000 ppi slap stays below 10 MB; longer records are refused unread."""


class RecordMalformed(ValueError):
    """The bytes are no record of the expected kind; says which field, never its content."""


class FieldReader:
    """Reads big-endian fields from a record and refuses to run past its end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        """Bytes not read yet."""
        return len(self._data) - self._at

    def take(self, count: int, what: str) -> bytes:
        """Return the next `count` bytes."""
        if count > self.left:
            raise RecordMalformed(f"{what}: {count} bytes announced, {self.left} left")
        self._at += count
        return self._data[self._at - count : self._at]

    def numbers(self, layout: str, what: str) -> tuple[int, ...]:
        """Unpack integers; `layout` is a `struct` format without byte order."""
        return struct.unpack(">" + layout, self.take(struct.calcsize(">" + layout), what))

    def number(self, layout: str, what: str) -> int:
        """Unpack one integer."""
        return self.numbers(layout, what)[0]


def member(kind: type[E], value: int, what: str) -> E:
    """Return the enum member with this code.

    Raises:
        RecordMalformed: the table has no such code.
    """
    try:
        return kind(value)
    except ValueError as error:
        raise RecordMalformed(f"{what} {value}") from error


@dataclass(frozen=True, slots=True)
class RecordTime:
    """The date block as it stands; the default is what an encoder without a clock writes.

    `month` is kept as found, because one widely used encoder adds 1 to it on every re-write: 0 and
    13 occur in the field.
    """

    year: int = 0
    month: int = 0
    day: int = 0
    hour: int = 0
    minute: int = 0
    second: int = 0
    millisecond: int = 0

    @classmethod
    def of(cls, moment: datetime) -> RecordTime:
        """Take the parts of a timezone-aware moment, in UTC."""
        utc = moment.astimezone(UTC)
        clock = (utc.hour, utc.minute, utc.second, utc.microsecond // 1000)
        return cls(utc.year, utc.month, utc.day, *clock)

    @classmethod
    def read(cls, fields: FieldReader) -> RecordTime:
        """Read the 9 bytes of the block."""
        return cls(*fields.numbers("HBBBBBH", "capture date"))

    def to_bytes(self) -> bytes:
        """Return the 9 bytes of the block."""
        date = (self.year, self.month, self.day)
        clock = (self.hour, self.minute, self.second, self.millisecond)
        return struct.pack(">HBBBBBH", *date, *clock)

    @property
    def moment(self) -> datetime | None:
        """The moment in UTC, or None when the parts are no date."""
        date = (self.year, self.month, self.day)
        clock = (self.hour, self.minute, self.second, self.millisecond * 1000)
        try:
            return datetime(*date, *clock, tzinfo=UTC)
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class QualityBlock:
    """A quality of 0 to 100 (255: could not be computed) and who computed it how."""

    score: int
    vendor: int = 0
    algorithm: int = 0


@dataclass(frozen=True, slots=True)
class Origin:
    """What every representation starts with: when, with what, and how good.

    `technology`, `vendor` and `device_type` are codes of the part of the standard concerned; 0
    means not stated.
    """

    captured: RecordTime = RecordTime()
    technology: int = 0
    vendor: int = 0
    device_type: int = 0
    qualities: tuple[QualityBlock, ...] = ()

    @classmethod
    def read(cls, fields: FieldReader) -> Origin:
        """Read the date block, three codes and the quality blocks."""
        captured = RecordTime.read(fields)
        technology, vendor, device_type, count = fields.numbers("BHHB", "capture device")
        qualities = tuple(QualityBlock(*fields.numbers("BHH", "quality")) for _ in range(count))
        return cls(captured, technology, vendor, device_type, qualities)

    def to_bytes(self) -> bytes:
        """Return the bytes that `read` reads."""
        codes = (self.technology, self.vendor, self.device_type, len(self.qualities))
        blocks = (struct.pack(">BHH", q.score, q.vendor, q.algorithm) for q in self.qualities)
        return self.captured.to_bytes() + struct.pack(">BHHB", *codes) + b"".join(blocks)


UNKNOWN_ORIGIN: Final = Origin()


def open_record(data: bytes, magic: bytes, tail: str) -> tuple[FieldReader, tuple[int, ...]]:
    """Check the general header and return a reader of the one representation in the record.

    `magic` is format identifier and version (8 bytes); `tail` is the layout of the header fields
    behind the number of representations, which are returned. The reader stands behind the
    representation length and ends where the representation ends.

    Raises:
        RecordMalformed: wrong identifier, more than one representation, or lengths that disagree.
    """
    if len(data) > MAX_RECORD_BYTES:
        raise RecordMalformed(f"record of {len(data)} bytes")
    fields = FieldReader(data)
    if fields.take(8, "format identifier") != magic:
        raise RecordMalformed("another format identifier or version")
    total, count = fields.numbers("IH", "general header")
    if total != len(data):
        raise RecordMalformed(f"total length {total}, record has {len(data)} bytes")
    if count != 1:
        raise RecordMalformed(f"{count} representations, expected 1")
    rest = fields.numbers(tail, "general header")
    announced = fields.left
    length = fields.number("I", "representation length")
    if length != announced:
        raise RecordMalformed(f"representation length {length}, {announced} bytes present")
    return fields, rest


def close_record(magic: bytes, tail: bytes, body: bytes) -> bytes:
    """Put the general header before the body of one representation."""
    representation = struct.pack(">I", 4 + len(body)) + body
    total = len(magic) + 6 + len(tail) + len(representation)
    return magic + struct.pack(">IH", total, 1) + tail + representation

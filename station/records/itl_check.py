"""Reading an ANSI/NIST record back, and the checks that the library does not make."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import nistitl

from drivers.positions import Finger, Slap
from station.records.content import Codec
from station.records.errors import StructureInvalid
from station.records.image_header import image_size
from station.records.itl import COMPRESSION, TRANSACTION, VERIFICATION_COMMENT, VERSION

Values = tuple[tuple[str, ...], ...]
"""A field: subfields, each a tuple of items."""

_FIELD_SEPARATOR_END = 0x1C
_LENGTH = re.compile(rb"(\d{1,2})\.0{0,2}1:(\d{1,10})\x1d")
_KNOWN_TYPES = frozenset({1, 2, 10, 14, 17})
_IMAGE_FIELD = 999
_CODEC_OF = {code: codec for codec, code in COMPRESSION.items()}
# what nistitl raises on bytes that are no record: it checks nothing itself
_GARBAGE = (
    nistitl.NistException,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    NameError,
    OverflowError,
    struct.error,
)

MIN_PPI, MAX_PPI = 490, 1010
"""Sampling that enrolment accepts, ISO/IEC 19794-4 and the registration profile."""

MANDATORY: Final[Mapping[int, tuple[int, ...]]] = {
    1: (2, 3, 4, 5, 7, 8, 9, 11, 12, 14),
    2: (2, 3),
    10: (2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 20, 999),
    14: (2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 999),
    17: (2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 999),
}
"""Fields that must be there and not empty; what is missing has no image to describe."""
MISSING_EYE: Final = (2, 3, 4, 5, 28)
MISSING_FINGER: Final = (2, 4, 5, 13, 18)
AMPUTATION_CODES: Final = frozenset({"XX", "UP"})
"""14.018: amputated, unable to print."""


@dataclass(frozen=True, slots=True)
class ItlRecord:
    """One record of the file: fields by number, and the image where there is one."""

    kind: int
    fields: Mapping[int, Values] = field(repr=False)
    image: bytes | None = field(default=None, repr=False)

    def text(self, number: int) -> str:
        """The only value of a field, "" when it is absent or has several."""
        values = self.fields.get(number, ())
        return values[0][0] if len(values) == 1 and len(values[0]) == 1 else ""


def parse(data: bytes) -> list[ItlRecord]:
    """Read all records of an ANSI/NIST file.

    Raises:
        StructureInvalid: lengths do not add up, a type is unknown, or the bytes are no such file.
    """
    kinds = _walk(data)
    message = nistitl.Message()
    try:
        message.parse(data)
        records = [_read(record) for record in message]
    except _GARBAGE as error:
        raise StructureInvalid(f"ANSI/NIST file of {len(data)} bytes is malformed") from error
    if [record.kind for record in records] != kinds:
        raise StructureInvalid("ANSI/NIST records differ from their lengths")
    return records


def _walk(data: bytes) -> list[int]:
    """Follow the LEN fields from record to record and return the types."""
    kinds = []
    position = 0
    while position < len(data):
        match = _LENGTH.match(data, position)
        if match is None or int(match[1]) not in _KNOWN_TYPES:
            raise StructureInvalid(f"no ANSI/NIST record at byte {position}")
        end = position + int(match[2])
        if not match.end() <= end <= len(data) or data[end - 1] != _FIELD_SEPARATOR_END:
            raise StructureInvalid(f"LEN of the record at byte {position} is wrong")
        kinds.append(int(match[1]))
        position = end
    if not kinds:
        raise StructureInvalid("ANSI/NIST file is empty")
    return kinds


def _read(record: nistitl.AsciiRecord) -> ItlRecord:
    fields: dict[int, Values] = {}
    image = None
    for entry in record._fields:  # the library offers no other way to list them
        if isinstance(entry, nistitl.BinaryField):
            image = bytes(entry.value)
        else:
            fields[entry.tag] = _values(entry.value)
    return ItlRecord(record.type, fields, image)


def _values(value: object) -> Values:
    if not isinstance(value, list):
        return ((str(value),),)
    return tuple(
        tuple(str(item) for item in subfield) if isinstance(subfield, list) else (str(subfield),)
        for subfield in value
    )


def validate(data: bytes) -> list[str]:
    """Check a record against its profile and return what is wrong, [] when nothing is.

    Messages name records and fields, never values that describe a person.
    """
    try:
        records = parse(data)
    except StructureInvalid as error:
        return [error.detail]
    problems = list(_head_problems(records))
    for number, record in enumerate(records[1:], start=1):
        check = _CHECKS.get(record.kind)
        found = [*_absent(record), *(check(record) if check else ())]
        problems += [f"record {number}, Type-{record.kind}: {problem}" for problem in found]
    problems += _repeated_positions(records)
    return problems


def _absent(record: ItlRecord) -> Iterator[str]:
    mandatory = MANDATORY.get(record.kind, ())
    if record.kind == 17 and 28 in record.fields:
        mandatory = MISSING_EYE
    if _is_missing_finger(record):
        mandatory = MISSING_FINGER
    for number in mandatory:
        if number == _IMAGE_FIELD:
            present = bool(record.image)
        else:
            present = any(item for values in record.fields.get(number, ()) for item in values)
        if not present:
            yield f"field {record.kind}.{number:03d} is missing"


def _head_problems(records: list[ItlRecord]) -> Iterator[str]:
    head = records[0]
    if head.kind != 1 or any(record.kind == 1 for record in records[1:]):
        yield "the first record, and no other, must be Type-1"
        return
    yield from (f"record 0, Type-1: {problem}" for problem in _absent(head))
    if head.text(2) != VERSION:
        yield "1.002 VER is not the version of this profile"
    if head.text(4) != TRANSACTION:
        yield "1.004 TOT is not an enrolment"
    if not re.fullmatch(r"\d{8}", head.text(5)):
        yield "1.005 DAT is no date"
    if not re.fullmatch(r"\d{14}Z", head.text(14)):
        yield "1.014 GMT is no time"
    counted: list[tuple[str, ...]] = [("1", str(len(records) - 1))]
    counted += [(str(record.kind), record.text(2)) for record in records[1:]]
    if list(head.fields.get(3, ())) != counted:
        yield "1.003 CNT does not list the records that follow"
    idcs = [record.text(2) for record in records[1:]]
    if len(set(idcs)) != len(idcs):
        yield "an IDC is used twice"
    references = [record for record in records if record.kind == 2]
    if len(references) != 1 or references[0].text(3) != head.text(9):
        yield "2.003 does not repeat the record id of 1.009"


def _is_missing_finger(record: ItlRecord) -> bool:
    """Whether a Type-14 record states a missing finger instead of showing one."""
    fingers = {str(int(finger)) for finger in Finger}
    return record.kind == 14 and record.text(13) in fingers and 18 in record.fields


def _missing_finger_problems(record: ItlRecord) -> Iterator[str]:
    if [row[:1] for row in record.fields[18]] != [(record.text(13),)]:
        yield "14.018 AMP names another finger than 14.013 FGP"
    if record.image is not None:
        yield "the image shows a finger that 14.018 AMP states as missing"
    unfitting = sorted(set(record.fields) - {1, *MISSING_FINGER})
    if unfitting:
        yield f"field 14.{unfitting[0]:03d} describes an image that is not there"


def _amputation_problems(record: ItlRecord) -> Iterator[str]:
    for row in record.fields.get(18, ()):
        if len(row) != 2 or row[1] not in AMPUTATION_CODES:
            yield "14.018 AMP is no pair of finger and code"


def _finger_problems(record: ItlRecord) -> Iterator[str]:
    yield from _amputation_problems(record)
    if _is_missing_finger(record):
        yield from _missing_finger_problems(record)
        return
    known = {str(int(position)) for position in (*Finger, *Slap)}
    if record.text(13) not in known:
        yield "14.013 FGP is no finger position of this profile"
    if record.text(8) != "1":
        yield "14.008 SLC is not pixels per inch"
    for number in (9, 10):
        value = record.text(number)
        if not value.isdecimal() or not MIN_PPI <= int(value) <= MAX_PPI:
            yield f"14.{number:03d} is outside {MIN_PPI} to {MAX_PPI} ppi"
    if record.text(9) != record.text(10):
        yield "14.009 and 14.010 differ"
    if record.text(12) != "8":
        yield "14.012 BPX is not 8"
    for row in record.fields.get(24, ()):
        if len(row) != 4 or not row[1].isdecimal() or int(row[1]) > 100:
            yield "14.024 FQM is no quality row"
    yield from _image_problems(record, allowed=("JP2", "PNG", "WSQ", "RAW"))


def _iris_problems(record: ItlRecord) -> Iterator[str]:
    if record.text(3) not in {"1", "2"}:
        yield "17.003 ELR is no eye"
    if 28 in record.fields:
        return
    if record.text(12) != "8" or record.text(13) != "GRAY":
        yield "17.012 and 17.013 are not 8-bit grey"
    yield from _image_problems(record, allowed=("JP2", "PNG", "RAW"))


def _face_problems(record: ItlRecord) -> Iterator[str]:
    if record.text(3) != "FACE":
        yield "10.003 IMT is not FACE"
    yield from _image_problems(record, allowed=("JP2", "PNG", "JPEG"))


def _image_problems(record: ItlRecord, allowed: tuple[Codec, ...]) -> Iterator[str]:
    """Compare HLL and VLL with what the image says about itself."""
    codec = _CODEC_OF.get(record.text(11))
    if codec not in allowed:
        yield f"{record.kind}.011 CGA is not allowed here"
        return
    width, height = record.text(6), record.text(7)
    if not (width.isdecimal() and height.isdecimal()):
        yield f"{record.kind}.006 and {record.kind}.007 are no sizes"
        return
    stated = int(width), int(height)
    image = record.image or b""
    if codec == "RAW":
        if len(image) != stated[0] * stated[1]:
            yield "raw image has not HLL x VLL bytes"
        return
    try:
        found = image_size(image, codec)
    except StructureInvalid as error:
        yield error.detail
        return
    if found != stated:
        yield f"image of {found[0]} x {found[1]} pixels is stated as {stated[0]} x {stated[1]}"


def _repeated_positions(records: list[ItlRecord]) -> Iterator[str]:
    seen: set[tuple[str, bool]] = set()
    for record in records:
        if record.kind not in (14, 17):
            continue
        position = f"{record.kind}-{record.text(13 if record.kind == 14 else 3)}"
        key = (position, record.text(20) == VERIFICATION_COMMENT)
        if key in seen:
            yield f"position {position} is there twice"
        seen.add(key)


_CHECKS: Final[Mapping[int, Callable[[ItlRecord], Iterator[str]]]] = {
    10: _face_problems,
    14: _finger_problems,
    17: _iris_problems,
}

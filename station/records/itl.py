"""The ANSI/NIST-ITL record of one recording: Type-1, 2, 10, 14 and 17, images byte for byte.

Source of field numbers and values: ANSI/NIST-ITL 1-2011 Update 2015; `VER` 0502 because that is
what receiving tools read. Text is ASCII only; biodata travels beside this record, never in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

import nistitl

from drivers.positions import Eye, Finger, Slap
from station.records.content import (
    Codec,
    FaceImage,
    FingerImage,
    IrisImage,
    Missing,
    RecordContent,
)

VERSION: Final = "0502"
TRANSACTION: Final = "ENROL"
DESTINATION_AGENCY: Final = "DUKCAPIL"
DOMAIN: Final = ("IDN-KTPEL", "1.0")
VERIFICATION_COMMENT: Final = "VERIFICATION"
"""14.020 of the extra finger, whose position may repeat."""
SIMULATED_MARK: Final = "SIMULATED"

COMPRESSION: Final[dict[Codec, str]] = {
    "JP2": "JP2L",
    "PNG": "PNG",
    "WSQ": "WSQ20",
    "JPEG": "JPEGB",
    "RAW": "NONE",
}
"""Codes of CGA, ANSI/NIST-ITL table 15."""

# 14.018 AMP: XX amputated, UP unable to print; 17.028 DME: MA missing, UC unable to capture
_AMPUTATION: Final = {
    Missing.AMPUTATED: "XX",
    Missing.BANDAGED: "UP",
    Missing.DAMAGED: "UP",
    Missing.NOT_CAPTURED: "UP",
}
_EYE_MISSING: Final = {
    Missing.AMPUTATED: "MA",
    Missing.BANDAGED: "UC",
    Missing.DAMAGED: "UC",
    Missing.NOT_CAPTURED: "UC",
}
# 14.024 FQM: owner and product of the algorithm in the IBIA registry, NIST and its NFIQ 2
_NFIQ2_OWNER, _NFIQ2_PRODUCT = "000F", "0002"

_Items = str | list[list[str]]


def build(content: RecordContent) -> bytes:
    """Build the record; order: face, fingers as given, missing fingers, irises, missing eyes.

    A finger left out is listed in 14.018 of its slap, and in a Type-14 record of its own, without
    an image, when there is no such slap.

    Raises:
        ValueError: a code that must be ASCII is not.
    """
    message = nistitl.Message()
    head = message[0]
    for name, value in _head_fields(content).items():
        setattr(head, name, value)
    head += nistitl.Field(1, 13, [list(DOMAIN)])
    head += nistitl.Field(1, 14, content.created_at.astimezone(UTC).strftime("%Y%m%d%H%M%SZ"))
    head += nistitl.Field(1, 15, [["3", "UTF-8"]])
    records = [_reference(content)]
    if content.face is not None:
        records.append(_face(content.face, content))
    records += [_finger(finger, content) for finger in content.fingers]
    records += _missing_alone(content)
    records += [_iris(iris, content) for iris in content.irises]
    records += _missing_eyes(content)
    for idc, record in enumerate(records):
        record.IDC = idc
        message += record
    return bytes(message.NIST)


def _head_fields(content: RecordContent) -> dict[str, str]:
    return {
        "VER": VERSION,
        "TOT": TRANSACTION,
        "DAT": _date(content.created_at),
        "DAI": DESTINATION_AGENCY,
        "ORI": _code(content.station),
        "TCN": _code(content.record_id),
    }


def _record(kind: int, fields: dict[int, _Items], image: bytes | None) -> nistitl.AsciiRecord:
    record = nistitl.AsciiRecord(kind)
    for number, value in sorted(fields.items()):
        record += nistitl.Field(kind, number, value)
    if image is not None:
        record += nistitl.BinaryField(kind, 999, image)
    return record


def _reference(content: RecordContent) -> nistitl.AsciiRecord:
    fields: dict[int, _Items] = {3: _code(content.record_id)}
    if content.simulated:
        fields[4] = SIMULATED_MARK
    return _record(2, fields, None)


def _face(face: FaceImage, content: RecordContent) -> nistitl.AsciiRecord:
    fields: dict[int, _Items] = {
        3: "FACE",
        4: _code(content.station),
        5: _date(face.captured_at or content.created_at),
        6: str(face.width),
        7: str(face.height),
        8: "0",
        9: "1",
        10: "1",
        11: COMPRESSION[face.codec],
        12: "SRGB",
        13: "50",
        20: "F",
    }
    return _record(10, fields, face.image_bytes)


def _finger(finger: FingerImage, content: RecordContent) -> nistitl.AsciiRecord:
    fields: dict[int, _Items] = {
        3: "0",
        4: _code(content.station),
        5: _date(finger.captured_at or content.created_at),
        6: str(finger.width),
        7: str(finger.height),
        8: "1",
        9: str(finger.resolution_ppi),
        10: str(finger.resolution_ppi),
        11: COMPRESSION[finger.codec],
        12: "8",
        13: str(int(finger.position)),
    }
    if missing := _missing_fingers(finger, content):
        fields[18] = missing
    if finger.verification:
        fields[20] = VERIFICATION_COMMENT
    if finger.segments:
        fields[21] = [
            [str(int(s.finger)), str(s.left), str(s.right), str(s.top), str(s.bottom)]
            for s in finger.segments
        ]
    if scores := list(_scores(finger)):
        fields[24] = [
            [str(int(position)), str(score), _NFIQ2_OWNER, _NFIQ2_PRODUCT]
            for position, score in scores
        ]
    return _record(14, fields, finger.image_bytes)


def _missing_fingers(finger: FingerImage, content: RecordContent) -> list[list[str]]:
    if not isinstance(finger.position, Slap):
        return []
    return [
        [str(int(exception.position)), _AMPUTATION[exception.reason]]
        for exception in content.exceptions
        if isinstance(exception.position, Finger) and exception.position in finger.position.fingers
    ]


def _missing_alone(content: RecordContent) -> Iterator[nistitl.AsciiRecord]:
    """Records of missing fingers outside every slap; fields about an image are absent."""
    slaps = [f.position for f in content.fingers if isinstance(f.position, Slap)]
    stated = {finger for slap in slaps for finger in slap.fingers}
    for exception in content.exceptions:
        if isinstance(exception.position, Finger) and exception.position not in stated:
            position = str(int(exception.position))
            fields: dict[int, _Items] = {
                4: _code(content.station),
                5: _date(content.created_at),
                13: position,
                18: [[position, _AMPUTATION[exception.reason]]],
            }
            yield _record(14, fields, None)


def _scores(finger: FingerImage) -> Iterator[tuple[int, int]]:
    if finger.nfiq2 is not None and isinstance(finger.position, Finger):
        yield int(finger.position), finger.nfiq2
    for segment in finger.segments:
        if segment.nfiq2 is not None:
            yield int(segment.finger), segment.nfiq2


def _iris(iris: IrisImage, content: RecordContent) -> nistitl.AsciiRecord:
    fields: dict[int, _Items] = {
        3: str(int(iris.eye)),
        4: _code(content.station),
        5: _date(iris.captured_at or content.created_at),
        6: str(iris.width),
        7: str(iris.height),
        8: "0",
        9: "1",
        10: "1",
        11: COMPRESSION[iris.codec],
        12: "8",
        13: "GRAY",
    }
    return _record(17, fields, iris.image_bytes)


def _missing_eyes(content: RecordContent) -> Iterator[nistitl.AsciiRecord]:
    for exception in content.exceptions:
        if isinstance(exception.position, Eye):
            fields: dict[int, _Items] = {
                3: str(int(exception.position)),
                4: _code(content.station),
                5: _date(content.created_at),
                28: _EYE_MISSING[exception.reason],
            }
            yield _record(17, fields, None)


def _date(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y%m%d")


def _code(text: str) -> str:
    """Refuse text that could end a field early or that Latin-1 cannot carry."""
    if not text or not text.isascii() or not text.isprintable():
        raise ValueError("station and record codes are printable ASCII")
    return text

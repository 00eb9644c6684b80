"""Records of fingers, irises and faces: layout byte by byte, round trips, and garbage."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.sbi.iso19794.face import (
    ColourSpace,
    FaceDataType,
    FaceImageType,
    FaceRecord,
    parse_face,
)
from drivers.sbi.iso19794.fields import (
    Origin,
    QualityBlock,
    RecordMalformed,
    RecordTime,
)
from drivers.sbi.iso19794.finger import (
    Certification,
    ExtendedBlock,
    FingerCompression,
    FingerRecord,
    ScaleUnit,
    parse_finger,
)
from drivers.sbi.iso19794.iris import IrisFormat, IrisImageType, IrisRecord, parse_iris

U8, U16 = st.integers(0, 0xFF), st.integers(0, 0xFFFF)
PAIR = st.tuples(U16, U16)
IMAGE = st.binary(max_size=64)
TIMES = st.builds(RecordTime, U16, U8, U8, U8, U8, U8, U16)
ORIGINS = st.builds(
    Origin,
    TIMES,
    U8,
    U16,
    U16,
    st.lists(st.builds(QualityBlock, U8, U16, U16), max_size=3).map(tuple),
)
FINGERS = st.builds(
    FingerRecord,
    U8,
    U16,
    U16,
    IMAGE,
    st.sampled_from(FingerCompression),
    ORIGINS,
    st.lists(st.builds(Certification, U16, U8), max_size=3).map(tuple),
    U8,
    U8,
    st.sampled_from(ScaleUnit),
    PAIR,
    PAIR,
    U8,
    st.lists(st.builds(ExtendedBlock, U16, st.binary(max_size=9)), max_size=3).map(tuple),
)
IRISES = st.builds(
    IrisRecord,
    U8,
    U16,
    U16,
    IMAGE,
    st.sampled_from(IrisFormat),
    st.sampled_from(IrisImageType),
    ORIGINS,
    U16,
    U8,
    U8,
    U16,
    U16,
    U16,
    PAIR,
    PAIR,
    PAIR,
)
FACES = st.builds(
    FaceRecord,
    U16,
    U16,
    IMAGE,
    st.sampled_from(FaceDataType),
    st.sampled_from(FaceImageType),
    ORIGINS,
    U8,
    U8,
    U8,
    U8,
    st.integers(0, 0xFFFFFF),
    U16,
    st.tuples(*[st.integers(-128, 127)] * 3),
    st.tuples(U8, U8, U8),
    st.lists(st.binary(min_size=8, max_size=8), max_size=3).map(tuple),
    U8,
    U16,
    U8,
    st.sampled_from(ColourSpace),
    U16,
)

Parser = Callable[[bytes], object]
SMALL: list[tuple[Parser, FingerRecord | IrisRecord | FaceRecord]] = [
    (parse_finger, FingerRecord(2, 4, 3, bytes(12), FingerCompression.RAW)),
    (parse_iris, IrisRecord(1, 4, 3, bytes(12), IrisFormat.MONO_RAW)),
    (parse_face, FaceRecord(4, 3, b"\xff\xd8\xff\xd9", FaceDataType.JPEG)),
]


@given(FINGERS)
def test_finger_round_trip(record: FingerRecord) -> None:
    assert parse_finger(record.to_bytes()) == record


@given(IRISES)
def test_iris_round_trip(record: IrisRecord) -> None:
    assert parse_iris(record.to_bytes()) == record


@given(FACES)
def test_face_round_trip(record: FaceRecord) -> None:
    assert parse_face(record.to_bytes()) == record


@pytest.mark.parametrize(("parse", "record"), SMALL)
def test_random_bytes_are_malformed(
    parse: Parser, record: FingerRecord | IrisRecord | FaceRecord
) -> None:
    magic = record.to_bytes()[:8]

    @given(st.binary(max_size=120), st.booleans())
    def check(data: bytes, with_magic: bool) -> None:
        with pytest.raises(RecordMalformed):
            parse((magic if with_magic else b"") + data)

    check()


@pytest.mark.parametrize(("parse", "record"), SMALL)
def test_changed_bytes_never_raise_anything_else(
    parse: Parser, record: FingerRecord | IrisRecord | FaceRecord
) -> None:
    good = record.to_bytes()

    @given(st.lists(st.tuples(st.integers(0, len(good) - 1), U8), min_size=1, max_size=4))
    def check(changes: list[tuple[int, int]]) -> None:
        data = bytearray(good)
        for at, value in changes:
            data[at] = value
        try:
            parse(bytes(data))
        except RecordMalformed:
            return

    check()


@pytest.mark.parametrize(("parse", "record"), SMALL)
def test_every_truncation_and_every_surplus_is_malformed(
    parse: Parser, record: FingerRecord | IrisRecord | FaceRecord
) -> None:
    good = record.to_bytes()
    for length in range(len(good)):
        with pytest.raises(RecordMalformed):
            parse(good[:length])
    with pytest.raises(RecordMalformed):
        parse(good + b"\0")


@pytest.mark.parametrize(("parse", "record"), SMALL)
def test_several_representations_are_malformed(
    parse: Parser, record: FingerRecord | IrisRecord | FaceRecord
) -> None:
    data = bytearray(record.to_bytes())
    data[13] = 2
    with pytest.raises(RecordMalformed, match="2 representations"):
        parse(bytes(data))


def test_finger_layout() -> None:
    origin = Origin(RecordTime(2026, 11, 23, 9, 8, 7, 654), 1, 3, 4, (QualityBlock(61, 0x40, 15),))
    record = FingerRecord(7, 416, 560, b"image", origin=origin)
    data = record.to_bytes()
    assert data[:8] == b"FIR\x00020\x00"
    assert struct.unpack_from(">IHBBI", data, 8) == (len(data), 1, 0, 1, len(data) - 16)
    assert struct.unpack_from(">HBBBBBH", data, 20) == (2026, 11, 23, 9, 8, 7, 654)
    assert struct.unpack_from(">BHHB", data, 29) == (1, 3, 4, 1)
    assert struct.unpack_from(">BHH", data, 35) == (61, 0x40, 15)
    assert struct.unpack_from(">BBB4H", data, 40) == (7, 0, 1, 500, 500, 500, 500)
    assert struct.unpack_from(">BBBHHI", data, 51) == (8, 5, 0, 416, 560, 5)
    assert data[62:] == b"image"


def test_iris_layout() -> None:
    origin = Origin(technology=1, qualities=(QualityBlock(44),))
    data = IrisRecord(2, 640, 480, b"image", origin=origin, diameter=(210, 220)).to_bytes()
    assert data[:8] == b"IIR\x00020\x00"
    assert struct.unpack_from(">IHBBI", data, 8) == (len(data), 1, 0, 1, len(data) - 16)
    assert struct.unpack_from(">HBBBB", data, 40) == (1, 2, 2, 10, 0x40)
    assert struct.unpack_from(">HHBHHH", data, 46) == (640, 480, 8, 0, 65535, 65535)
    assert struct.unpack_from(">6HI", data, 57) == (0, 0, 0, 0, 210, 220, 5)
    assert data[73:] == b"image"


def test_face_layout() -> None:
    """With one quality block the facial block starts at byte 41."""
    origin = Origin(technology=6, qualities=(QualityBlock(90),))
    data = FaceRecord(640, 480, b"image", origin=origin, gender=2, features=1).to_bytes()
    assert data[:8] == b"FAC\x00030\x00"
    assert struct.unpack_from(">IHBHI", data, 8) == (len(data), 1, 0, 0, len(data) - 17)
    assert struct.unpack_from(">HBBBB3s", data, 41) == (0, 2, 255, 255, 0, b"\x00\x00\x01")
    assert struct.unpack_from(">BBHHBHBBI", data, 58) == (1, 2, 640, 480, 0, 0, 0, 1, 5)
    assert data[73:] == b"image"


@pytest.mark.parametrize("month", [0, 13])
def test_impossible_months_are_tolerated(month: int) -> None:
    time = RecordTime(2026, month, 23)
    record = FingerRecord(1, 1, 1, b"x", origin=Origin(captured=time))
    assert parse_finger(record.to_bytes()).origin.captured == time
    assert time.moment is None


def test_time_goes_there_and_back() -> None:
    moment = datetime(2026, 11, 23, 2, 3, 4, 567_000, tzinfo=UTC)
    assert RecordTime.of(moment).moment == moment


def test_unknown_extended_blocks_are_kept_and_skipped() -> None:
    blocks = (ExtendedBlock(3, b"comment"), ExtendedBlock(0xFFEE, b""))
    record = FingerRecord(1, 1, 1, b"x", extended=blocks)
    assert parse_finger(record.to_bytes()).extended == blocks


def test_extended_block_shorter_than_its_head() -> None:
    data = bytearray(FingerRecord(1, 1, 1, b"x", extended=(ExtendedBlock(3, b""),)).to_bytes())
    data[-1] = 3
    with pytest.raises(RecordMalformed, match="extended block of 3 bytes"):
        parse_finger(bytes(data))


@pytest.mark.parametrize(
    ("unit", "sampling", "ppi"),
    [(ScaleUnit.PER_INCH, 500, 500.0), (ScaleUnit.PER_CENTIMETRE, 197, 500.38)],
)
def test_resolution_in_pixels_per_inch(unit: ScaleUnit, sampling: int, ppi: float) -> None:
    record = FingerRecord(1, 1, 1, b"", scale_unit=unit, image_sampling=(sampling, sampling))
    assert record.resolution_ppi == pytest.approx(ppi)


@pytest.mark.parametrize(("parse", "record"), SMALL)
def test_values_that_do_not_fit_are_not_built(
    parse: Parser, record: FingerRecord | IrisRecord | FaceRecord
) -> None:
    with pytest.raises(RecordMalformed):
        replace(record, width=70_000).to_bytes()


def test_landmark_of_wrong_length_is_not_built() -> None:
    with pytest.raises(RecordMalformed, match="8 bytes"):
        FaceRecord(1, 1, b"", landmarks=(b"short",)).to_bytes()


@pytest.mark.parametrize(("parse", "record"), SMALL)
def test_image_is_not_printed(
    parse: Parser, record: FingerRecord | IrisRecord | FaceRecord
) -> None:
    assert "image=" not in repr(record)
    assert "\\x" not in repr(record)

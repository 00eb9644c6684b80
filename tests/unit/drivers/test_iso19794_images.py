"""Pictures inside records: every codec, sizes that disagree, bombs and garbage."""

from __future__ import annotations

import struct
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.sbi.iso19794.face import ColourSpace, FaceDataType, FaceRecord
from drivers.sbi.iso19794.fields import RecordMalformed
from drivers.sbi.iso19794.finger import FingerCompression, FingerRecord
from drivers.sbi.iso19794.images import declared_size, decode_image, decode_preview
from drivers.sbi.iso19794.iris import IrisFormat, IrisRecord
from drivers.values import Image

LOSSLESS = (cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, 1000)
ENDINGS = {"JPEG": ".jpg", "PNG": ".png", "JP2": ".jp2"}
SIZE = (80, 60)


def picture(colour: bool = False) -> Image:
    """Return 80 x 60 pixels, smooth, so that JPEG changes little."""
    y, x = np.mgrid[:60, :80]
    grey = (3 * x + y // 4).astype(np.uint8)
    return np.dstack([grey, grey[::-1], 255 - grey]) if colour else grey


def encoded(codec: str, image: Image) -> bytes:
    options = LOSSLESS if codec == "JP2" else ()
    return cv2.imencode(ENDINGS[codec], image, options)[1].tobytes()


@pytest.mark.parametrize("compression", [FingerCompression.JP2_LOSSLESS, FingerCompression.PNG])
def test_lossless_finger(compression: FingerCompression) -> None:
    codec = FingerRecord(1, *SIZE, b"", compression).codec
    decoded = decode_image(FingerRecord(1, *SIZE, encoded(codec, picture()), compression))
    assert np.array_equal(decoded, picture())
    assert not decoded.flags.writeable


def test_raw_finger() -> None:
    record = FingerRecord(1, *SIZE, picture().tobytes(), FingerCompression.RAW)
    decoded = decode_image(record)
    assert np.array_equal(decoded, picture())
    assert not decoded.flags.writeable
    with pytest.raises(RecordMalformed, match="4799 bytes"):
        decode_image(replace(record, image=record.image[1:]))


@pytest.mark.parametrize("kind", [f for f in IrisFormat if f.codec != "RAW"])
def test_every_iris_format_becomes_grey(kind: IrisFormat) -> None:
    image = picture(colour=not kind.is_mono)
    decoded = decode_image(IrisRecord(1, *SIZE, encoded(kind.codec, image), kind))
    expected = picture() if kind.is_mono else cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    assert decoded.shape == (60, 80)
    assert np.abs(decoded.astype(int) - expected).mean() < 3


def test_raw_colour_iris_becomes_grey() -> None:
    rgb = picture(colour=True)[:, :, ::-1]
    decoded = decode_image(IrisRecord(1, *SIZE, rgb.tobytes(), IrisFormat.RGB_RAW))
    assert np.array_equal(decoded, cv2.cvtColor(picture(colour=True), cv2.COLOR_BGR2GRAY))


@pytest.mark.parametrize("data_type", [FaceDataType.JP2_LOSSLESS, FaceDataType.PNG])
def test_face_keeps_its_colours(data_type: FaceDataType) -> None:
    image = encoded(data_type.codec, picture(colour=True))
    record = FaceRecord(*SIZE, image, data_type)
    assert np.array_equal(decode_image(record), picture(colour=True))
    grey = replace(record, image=encoded(data_type.codec, picture()))
    grey = replace(grey, colour_space=ColourSpace.GREY8)
    assert decode_image(grey).shape == (60, 80)
    with pytest.raises(RecordMalformed, match="3 channels"):
        decode_image(replace(record, colour_space=ColourSpace.GREY8))


@pytest.mark.parametrize("codec", ENDINGS)
@pytest.mark.parametrize("colour", [False, True])
def test_size_is_read_without_decoding(codec: str, colour: bool) -> None:
    assert declared_size(codec, encoded(codec, picture(colour))) == SIZE


@pytest.mark.parametrize("size", [(81, 60), (80, 59), (60, 80)])
def test_size_in_the_header_must_agree(size: tuple[int, int]) -> None:
    record = FingerRecord(1, *size, encoded("JP2", picture()))
    with pytest.raises(RecordMalformed, match="80 x 60"):
        decode_image(record)


@pytest.mark.parametrize("size", [(0, 60), (65535, 65535), (16_001, 1000)])
def test_no_or_too_many_pixels(size: tuple[int, int]) -> None:
    with pytest.raises(RecordMalformed, match="image of"):
        decode_image(FingerRecord(1, *size, encoded("PNG", picture()), FingerCompression.PNG))


def bomb(codec: str) -> bytes:
    """Return a picture whose own header says 65000 x 65000."""
    data = encoded(codec, picture())
    if codec == "PNG":
        return data[:16] + struct.pack(">II", 65_000, 65_000) + data[24:]
    if codec == "JPEG":
        return data.replace(struct.pack(">HH", 60, 80), struct.pack(">HH", 65_000, 65_000), 1)
    siz = data.index(b"\xff\x4f\xff\x51")
    return data[: siz + 8] + struct.pack(">II", 65_000, 65_000) + data[siz + 16 :]


@pytest.mark.parametrize("codec", ENDINGS)
def test_bomb_is_not_given_to_the_decoder(codec: str) -> None:
    with pytest.raises(RecordMalformed, match="65000 x 65000"):
        declared_size(codec, bomb(codec))
    with pytest.raises(RecordMalformed):
        decode_preview(bomb(codec))


def test_code_stream_with_many_channels_is_refused() -> None:
    data = encoded("JP2", picture())
    siz = data.index(b"\xff\x4f\xff\x51")
    changed = data[: siz + 40] + struct.pack(">H", 16_384) + data[siz + 42 :]
    with pytest.raises(RecordMalformed, match="16384 channels"):
        declared_size("JP2", changed)


def test_bare_code_stream_is_read_too() -> None:
    data = encoded("JP2", picture())
    bare = data[data.index(b"\xff\x4f\xff\x51") :]
    assert declared_size("JP2", bare) == SIZE
    assert np.array_equal(decode_image(FingerRecord(1, *SIZE, bare)), picture())


@pytest.mark.parametrize("compression", [FingerCompression.WSQ, FingerCompression.PACKED])
def test_codecs_that_are_not_decoded(compression: FingerCompression) -> None:
    with pytest.raises(RecordMalformed):
        decode_image(FingerRecord(1, *SIZE, b"\xff\xa0", compression))


def test_other_depths_are_refused() -> None:
    with pytest.raises(RecordMalformed, match="16 bits"):
        decode_image(FingerRecord(1, *SIZE, b"", bit_depth=16))


@pytest.mark.parametrize("codec", ENDINGS)
def test_broken_pictures_are_malformed(codec: str, capfd: pytest.CaptureFixture[str]) -> None:
    good = encoded(codec, picture())

    @settings(max_examples=60, deadline=None)
    @given(
        st.lists(st.tuples(st.integers(0, len(good) - 1), st.integers(0, 255)), max_size=3),
        st.integers(0, len(good)),
    )
    def check(changes: list[tuple[int, int]], length: int) -> None:
        data = bytearray(good)
        for at, value in changes:
            data[at] = value
        kind = {"JPEG": IrisFormat.MONO_JPEG, "PNG": IrisFormat.MONO_PNG}.get(codec)
        record = IrisRecord(1, *SIZE, bytes(data[:length]), kind or IrisFormat.MONO_JP2)
        try:
            decoded = decode_image(record)
        except RecordMalformed:
            return
        assert decoded.shape == (60, 80)

    check()


@given(st.sampled_from(sorted(ENDINGS)), st.binary(max_size=80))
def test_garbage_has_no_size(codec: str, data: bytes) -> None:
    start = {"JPEG": b"\xff\xd8\xff", "PNG": b"\x89PNG\r\n\x1a\n", "JP2": b"\xff\x4f\xff\x51"}
    for head in (b"", start[codec]):
        try:
            declared_size(codec, head + data)
        except RecordMalformed:
            continue


def test_preview_is_grey_and_read_only() -> None:
    frame = decode_preview(encoded("JPEG", picture(colour=True)))
    assert frame.shape == (60, 80)
    assert not frame.flags.writeable
    for garbage in (b"", b"\xff\xd8\xff\xd9", encoded("PNG", picture())):
        with pytest.raises(RecordMalformed):
            decode_preview(garbage)

from __future__ import annotations

import io
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image as Pillow

from station.biometrics import isolated_wsq
from station.biometrics.codecs import (
    MAX_SIDE_PX,
    EncodingFailed,
    UnreadableImage,
    decode,
    encode_jp2_lossless,
    encode_png,
    read_image,
    to_grey,
)
from station.biometrics.image_headers import declared_size

GREY = np.arange(40 * 50, dtype=np.uint16).reshape(40, 50).astype(np.uint8)
COLOUR = np.dstack([GREY, GREY[::-1], np.full_like(GREY, 7)])
STARTS = [
    b"",
    b"\x89PNG\r\n\x1a\n",
    b"BM",
    b"\xff\xd8\xff",
    b"II*\x00",
    b"MM\x00*",
    b"P5\n",
    b"P6 9 9 255\n",
    b"\x00\x00\x00\x0cjP  \r\n\x87\n",
    b"\xff\x4f\xff\x51",
    b"\xff\xa0",
]


def wsq_of(image: NDArray[np.uint8]) -> bytes:
    import wsq  # registers the format

    buffer = io.BytesIO()
    Pillow.fromarray(image).save(buffer, wsq.WsqImagePlugin.WsqImageFile.format)
    return buffer.getvalue()


def png_header(width: int, height: int) -> bytes:
    """Nothing but a header that claims a size, and an end."""
    import zlib

    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    checksum = struct.pack(">I", zlib.crc32(chunk))
    end = bytes.fromhex("0000000049454e44ae426082")
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + checksum + end


@pytest.mark.parametrize("image", [GREY, COLOUR], ids=["grey", "colour"])
@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tiff", ".pgm", ".jp2"])
def test_lossless_files_come_back_unchanged(
    tmp_path: Path, suffix: str, image: NDArray[np.uint8]
) -> None:
    if suffix == ".pgm" and image.ndim == 3:
        suffix = ".ppm"
    path = tmp_path / f"picture{suffix}"
    # OpenCV 5 writes JPEG 2000 with losses unless told otherwise
    assert cv2.imwrite(str(path), image, [cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, 1000])
    read = read_image(path)
    assert read.dtype == np.uint8
    assert np.array_equal(read, image)


def test_jpeg_is_read_in_its_own_colours() -> None:
    flat = np.full((32, 32, 3), (200, 40, 90), np.uint8)
    read = decode(cv2.imencode(".jpg", flat)[1].tobytes())
    assert np.abs(read.astype(int) - flat).max() < 8


@pytest.mark.parametrize("pillow_format", ["PNG", "BMP", "TIFF", "JPEG", "JPEG2000", "PPM"])
def test_the_size_is_read_from_the_header_of_other_writers(pillow_format: str) -> None:
    buffer = io.BytesIO()
    Pillow.fromarray(COLOUR).save(buffer, pillow_format)
    assert declared_size(buffer.getvalue()) == (50, 40)
    assert decode(buffer.getvalue()).shape == COLOUR.shape


def test_a_netpbm_header_may_hold_comments() -> None:
    assert declared_size(b"P5 # made by\n# hand\n 50 40\n255\n") == (50, 40)


@pytest.mark.parametrize("image", [GREY, COLOUR], ids=["grey", "colour"])
def test_own_encoders_are_lossless(image: NDArray[np.uint8]) -> None:
    assert np.array_equal(decode(encode_png(image)), image)
    assert np.array_equal(decode(encode_jp2_lossless(image)), image)


def test_an_array_that_is_no_picture_is_refused_by_the_encoders() -> None:
    with pytest.raises(EncodingFailed):
        encode_png(np.zeros((0, 5), np.uint8))


def test_sixteen_bit_samples_are_reduced_to_eight() -> None:
    deep = GREY.astype(np.uint16) * 257
    read = decode(cv2.imencode(".png", deep)[1].tobytes())
    assert read.dtype == np.uint8
    assert np.abs(read.astype(int) - GREY).max() <= 1


def test_wsq_is_decoded_close_to_the_original() -> None:
    y, x = np.mgrid[0:96, 0:128]
    waves = (127 + 90 * np.sin((x + y) / 2.0)).astype(np.uint8)
    read = decode(wsq_of(waves))
    assert read.shape == waves.shape
    assert np.abs(read.astype(int) - waves).mean() < 6


def test_a_crash_of_the_wsq_decoder_stays_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolated_wsq, "_PROGRAM", "import os; os.abort()")
    with pytest.raises(UnreadableImage, match="damaged WSQ"):
        decode(wsq_of(GREY))


@pytest.mark.parametrize("keep", [3, 30, 200])
def test_a_truncated_wsq_is_unreadable(keep: int) -> None:
    with pytest.raises(UnreadableImage):
        decode(wsq_of(GREY)[:keep])


@pytest.mark.parametrize(
    ("width", "height"), [(MAX_SIDE_PX + 1, 4), (4, MAX_SIDE_PX + 1), (60_000, 60_000), (0, 5)]
)
def test_absurd_sizes_are_refused_from_the_header(width: int, height: int) -> None:
    with pytest.raises(UnreadableImage):
        decode(png_header(width, height))


def test_a_hundred_megapixels_out_of_a_header_are_refused() -> None:
    with pytest.raises(UnreadableImage, match="out of"):
        decode(png_header(MAX_SIDE_PX, MAX_SIDE_PX))


def test_a_png_chunk_longer_than_the_file_is_refused_before_decoding() -> None:
    whole = bytearray(encode_png(COLOUR))
    whole[33] = 0x7F
    with pytest.raises(UnreadableImage, match="without an end"):
        decode(bytes(whole))


def test_wsq_of_absurd_size_is_refused_from_the_header() -> None:
    frame = b"\xff\xa0\xff\xa2" + struct.pack(">HBBHH", 17, 0, 255, 65_000, 65_000) + bytes(20)
    with pytest.raises(UnreadableImage, match="65000 x 65000"):
        decode(frame)


def test_a_missing_file_and_a_folder_are_unreadable_and_named(tmp_path: Path) -> None:
    for path in (tmp_path / "none.png", tmp_path):
        with pytest.raises(UnreadableImage) as caught:
            read_image(path)
        assert caught.value.path == path


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "broken.png"
    path.write_bytes(encode_png(GREY)[:30])
    with pytest.raises(UnreadableImage) as caught:
        read_image(path)
    assert caught.value.path == path


def test_grey_of_colour_has_one_channel_and_grey_stays_itself() -> None:
    assert to_grey(COLOUR).shape == GREY.shape
    assert to_grey(GREY) is GREY


@given(st.sampled_from(STARTS[:-1]), st.binary(max_size=300))
@settings(max_examples=150, deadline=None)
def test_garbage_raises_nothing_but_unreadable(start: bytes, rest: bytes) -> None:
    try:
        image = decode(start + rest)
    except UnreadableImage:
        return
    assert image.dtype == np.uint8


@given(st.data())
@settings(max_examples=120, deadline=None)
def test_a_damaged_picture_raises_nothing_but_unreadable(data: st.DataObject) -> None:
    suffix = data.draw(st.sampled_from([".png", ".bmp", ".tiff", ".jpg", ".jp2", ".ppm"]))
    whole = bytearray(cv2.imencode(suffix, COLOUR)[1].tobytes())
    for _ in range(data.draw(st.integers(1, 6))):
        whole[data.draw(st.integers(0, min(len(whole) - 1, 600)))] = data.draw(st.integers(0, 255))
    try:
        image = decode(bytes(whole[: data.draw(st.integers(1, len(whole)))]))
    except UnreadableImage:
        return
    assert image.dtype == np.uint8


@given(st.binary(max_size=60))
@settings(max_examples=6, deadline=None)
def test_garbage_after_a_wsq_frame_header_is_unreadable(rest: bytes) -> None:
    frame = b"\xff\xa0\xff\xa2" + struct.pack(">HBBHH", 17, 0, 255, 40, 50)
    with pytest.raises(UnreadableImage):
        decode(frame + rest)

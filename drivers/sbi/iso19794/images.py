"""Decoding of the image inside a record, which nobody vouches for yet.

What the compressed image says of itself is read before a decoder sees it: a picture of 65535 x
65535 pixels must not cost four gigabytes, and one whose size, depth or channels disagree with its
record is not decoded, because a decoder silently makes grey of colour and 8 bits of 16.
WSQ is not decoded: registration forbids it, and its native decoder is not made for foreign bytes.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

import numpy as np

from drivers.sbi.iso19794.face import ColourSpace, FaceRecord
from drivers.sbi.iso19794.fields import RecordMalformed
from drivers.sbi.iso19794.finger import FingerRecord
from drivers.sbi.iso19794.iris import IrisRecord
from drivers.values import Image, read_only

MAX_PIXELS: Final = 16_000_000
"""A 1000 ppi platen of 3.2 x 3.0 inches has 9.6 million."""

_DEPTH: Final = 8
_PNG_CHANNELS: Final = {0: 1, 2: 3, 4: 2, 6: 4}
_PNG_MAGIC: Final = b"\x89PNG\r\n\x1a\n"
_JP2_MAGIC: Final = b"\x00\x00\x00\x0cjP  \r\n\x87\n"
_J2K_START: Final = b"\xff\x4f\xff\x51"
_J2K_CODING_STYLE: Final = 0x52
_J2K_TRANSFORM_AT: Final = 13
_J2K_MAIN_END: Final = frozenset({0x90, 0xD9})
_JPEG_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_BARE: Final = frozenset({0x01, *range(0xD0, 0xD9)})


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """What a compressed image says of itself: pixels, channels, bits a channel.

    Grey is 1 channel, colour 3; a channel that says how transparent a pixel is counts too. Signed
    pixels and channels of lower resolution have no depth that registration knows: 0.
    """

    width: int
    height: int
    channels: int
    depth: int


def decode_image(record: FingerRecord | IrisRecord | FaceRecord) -> Image:
    """Decode the picture of a record.

    Returns:
        Read-only (height, width) uint8; (height, width, 3) blue-green-red for a colour face.

    Raises:
        RecordMalformed: undecodable, not 8 bit, too large, or not of the size or the channels of
            the record.
    """
    depth = _DEPTH if isinstance(record, FaceRecord) else record.bit_depth
    if depth != _DEPTH:
        raise RecordMalformed(f"{depth} bits a pixel, expected 8")
    size = (record.width, record.height)
    if not 0 < size[0] * size[1] <= MAX_PIXELS:
        raise RecordMalformed(f"image of {size[0]} x {size[1]} pixels")
    if record.codec == "RAW":
        return read_only(_from_raw(record.image, size, _has_colour(record)))
    header = header_of(record.codec, record.image)
    if (header.width, header.height) != size:
        raise RecordMalformed(
            f"image of {header.width} x {header.height} pixels, header says {size[0]} x {size[1]}"
        )
    channels = 3 if _has_colour(record) else 1
    if (header.channels, header.depth) != (channels, _DEPTH):
        raise RecordMalformed(
            f"image of {header.channels} channels of {header.depth} bits, expected {channels} of 8"
        )
    picture = _decode(record.image, isinstance(record, FaceRecord) and channels == 3)
    if picture.shape[:2] != (size[1], size[0]):
        raise RecordMalformed("decoded image has another size than its header")
    return read_only(picture)


def declared_size(codec: str, image: bytes) -> tuple[int, int]:
    """Return (width, height) in pixels as the compressed image itself announces them.

    Raises:
        RecordMalformed: no or a broken header, or more than four channels.
    """
    header = header_of(codec, image)
    return header.width, header.height


def header_of(codec: str, image: bytes) -> ImageHeader:
    """Read what the compressed image announces, without decoding it.

    Raises:
        RecordMalformed: no or a broken header, a palette, or more than four channels.
    """
    readers = {"JPEG": _jpeg_header, "PNG": _png_header, "JP2": _jp2_header}
    if codec not in readers:
        raise RecordMalformed(f"no decoder for {codec}")
    try:
        header = readers[codec](image)
    except (struct.error, IndexError) as error:
        raise RecordMalformed(f"{codec} header is cut short") from error
    if not 0 < header.width * header.height <= MAX_PIXELS:
        raise RecordMalformed(f"{codec} image of {header.width} x {header.height} pixels")
    return header


def is_reversible(image: bytes) -> bool:
    """Say whether a JPEG 2000 image uses the wavelet transform that can be lossless (5-3).

    Source: ISO/IEC 15444-1 A.6.1, table A.20: the last byte of the coding style, 1 is 5-3. That an
    encoder then also left bits of the coefficients out cannot be seen without decoding packet by
    packet; it is not looked for.

    Raises:
        RecordMalformed: no code stream, or one without coding style.
    """
    try:
        at = _stream_start(image) + 2
        while image[at] == 0xFF and image[at + 1] not in _J2K_MAIN_END:
            if image[at + 1] == _J2K_CODING_STYLE:
                return image[at + _J2K_TRANSFORM_AT] == 1
            at += 2 + max(2, struct.unpack_from(">H", image, at + 2)[0])
    except (struct.error, IndexError) as error:
        raise RecordMalformed("JPEG 2000 header is cut short") from error
    raise RecordMalformed("JPEG 2000 image without coding style")


def decode_preview(jpeg: bytes, *, colour: bool = False) -> Image:
    """Decode one frame of a live picture.

    Returns:
        Read-only (height, width) uint8; (height, width, 3) blue-green-red in `colour`.

    Raises:
        RecordMalformed: no JPEG, or one of more than `MAX_PIXELS`.
    """
    declared_size("JPEG", jpeg)
    return read_only(_decode(jpeg, colour))


def _has_colour(record: FingerRecord | IrisRecord | FaceRecord) -> bool:
    if isinstance(record, FaceRecord):
        return record.colour_space is not ColourSpace.GREY8
    return isinstance(record, IrisRecord) and not record.format.is_mono


def _from_raw(data: bytes, size: tuple[int, int], colour: bool) -> Image:
    channels = 3 if colour else 1
    if len(data) != size[0] * size[1] * channels:
        raise RecordMalformed(f"raw image of {len(data)} bytes for {size[0]} x {size[1]} pixels")
    pixels = np.frombuffer(data, np.uint8)
    if not colour:
        return pixels.reshape(size[1], size[0]).copy()
    import cv2

    rgb = pixels.reshape(size[1], size[0], 3)
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8)


def _decode(data: bytes, colour: bool) -> Image:
    import cv2

    mode = cv2.IMREAD_COLOR if colour else cv2.IMREAD_GRAYSCALE
    try:
        # orientation hints of a camera would swap width and height behind our back
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), mode | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error as error:
        raise RecordMalformed("image does not decode") from error
    if picture is None:
        raise RecordMalformed("image does not decode")
    return np.asarray(picture, np.uint8)


def _png_header(data: bytes) -> ImageHeader:
    """Read the IHDR chunk (ISO/IEC 15948 clause 11.2.1)."""
    if data[:8] != _PNG_MAGIC or data[12:16] != b"IHDR":
        raise RecordMalformed("no PNG header")
    width, height, depth, kind = struct.unpack_from(">IIBB", data, 16)
    if kind not in _PNG_CHANNELS:
        raise RecordMalformed(f"PNG image of colour type {kind}")
    return ImageHeader(width, height, _PNG_CHANNELS[kind], depth)


def _jpeg_header(data: bytes) -> ImageHeader:
    """Walk the marker segments to the frame header (ITU-T T.81 annex B)."""
    if data[:2] != b"\xff\xd8":
        raise RecordMalformed("no JPEG header")
    at = 2
    while data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
        elif marker in _JPEG_BARE:
            at += 2
        elif marker in _JPEG_FRAMES:
            depth, height, width, channels = struct.unpack_from(">BHHB", data, at + 4)
            return ImageHeader(width, height, channels, depth)
        else:
            at += 2 + max(2, struct.unpack_from(">H", data, at + 2)[0])
    raise RecordMalformed("no JPEG frame header")


def _jp2_header(data: bytes) -> ImageHeader:
    """Walk the boxes to the code stream and read its SIZ segment (ISO/IEC 15444-1 A.5, I.4)."""
    start = _stream_start(data)
    grid_x, grid_y, offset_x, offset_y = struct.unpack_from(">4I", data, start + 8)
    (channels,) = struct.unpack_from(">H", data, start + 40)
    if not 1 <= channels <= 4:
        raise RecordMalformed(f"JPEG 2000 image of {channels} channels")
    parts = struct.unpack_from(f">{3 * channels}B", data, start + 42)
    # the high bit means signed; the steps are those of a channel of lower resolution
    depths = {
        0 if sign_and_depth & 0x80 or (step_x, step_y) != (1, 1) else sign_and_depth + 1
        for sign_and_depth, step_x, step_y in zip(*(parts[i::3] for i in range(3)), strict=True)
    }
    depth = depths.pop() if len(depths) == 1 else 0
    return ImageHeader(grid_x - offset_x, grid_y - offset_y, channels, depth)


def _stream_start(data: bytes) -> int:
    start = 0 if data[:4] == _J2K_START else _code_stream(data)
    if data[start : start + 4] != _J2K_START:
        raise RecordMalformed("no JPEG 2000 code stream")
    return start


def _code_stream(data: bytes) -> int:
    if data[:12] != _JP2_MAGIC:
        raise RecordMalformed("no JPEG 2000 header")
    at = 0
    while True:
        length, kind = struct.unpack_from(">I4s", data, at)
        head = 8
        if length == 1:
            (length,) = struct.unpack_from(">Q", data, at + 8)
            head = 16
        if kind == b"jp2c":
            return at + head
        if length < head:
            raise RecordMalformed("JPEG 2000 box without end")
        at += length

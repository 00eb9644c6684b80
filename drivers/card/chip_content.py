"""The pictures inside a KTP-el chip as arrays: photo and signature image.

The inner framing of the photo file is not public (one public client drops two bytes at each end):
the JPEG inside it is found by its own marks.

Source: file layouts as in public KTP-el clients; JPEG marks ITU-T T.81 annex B.
"""

from __future__ import annotations

import io
import struct
from typing import Final

import numpy as np

from drivers.sbi.iso19794.fields import RecordMalformed
from drivers.sbi.iso19794.images import declared_size
from drivers.values import Image, read_only

MAX_PHOTO_BYTES: Final = 8192
MAX_PHOTO_PIXELS: Final = 1_000_000
"""A photo of at most 8 KB has some 200 x 300 pixels; more is no photo but an attack on memory."""

SIGNATURE_WIDTH: Final = 168
SIGNATURE_HEIGHT: Final = 44
SIGNATURE_BYTES: Final = SIGNATURE_WIDTH * SIGNATURE_HEIGHT // 8
WHITE: Final = 255

_START: Final = b"\xff\xd8\xff"
_END: Final = b"\xff\xd9"

# what Pillow was seen to raise for damaged bytes
_DAMAGE: Final = (
    *(OSError, EOFError, SyntaxError, ValueError, TypeError),
    *(LookupError, AttributeError, OverflowError, struct.error),
)


class ChipContentError(ValueError):
    """A file of the chip is not what it should be; the text names sizes and counts only."""


def find_jpeg(data: bytes) -> bytes:
    """Cut the JPEG out of the photo file, from its first start to its last end mark.

    Raises:
        ChipContentError: no such marks, or more than 8192 bytes.
    """
    if len(data) > MAX_PHOTO_BYTES:
        raise ChipContentError(f"photo of {len(data)} bytes")
    start, end = data.find(_START), data.rfind(_END)
    if start < 0 or end < start:
        raise ChipContentError(f"no JPEG in {len(data)} bytes")
    return data[start : end + len(_END)]


def decode_photo(data: bytes) -> Image:
    """Decode the photo file of a chip.

    Returns:
        (height, width, 3) uint8 blue-green-red, read-only, at most 1,000,000 pixels.

    Raises:
        ChipContentError: no JPEG inside, too large, or undecodable.
    """
    jpeg = find_jpeg(data)
    try:
        width, height = declared_size("JPEG", jpeg)
    except RecordMalformed as error:
        raise ChipContentError(f"photo: {error}") from error
    if width * height > MAX_PHOTO_PIXELS:
        raise ChipContentError(f"photo of {width} x {height} pixels")
    # Pillow, because OpenCV's decoder writes about damaged pictures to stderr, on the screen
    from PIL.JpegImagePlugin import JpegImageFile

    try:
        with JpegImageFile(io.BytesIO(jpeg)) as picture:
            if picture.size != (width, height):
                raise ChipContentError("photo states two sizes")
            pixels = np.asarray(picture.convert("RGB"), np.uint8)
    except _DAMAGE as error:
        if isinstance(error, ChipContentError):
            raise
        raise ChipContentError(f"photo undecodable: {type(error).__name__}") from error
    return read_only(pixels[..., ::-1].copy())


def decode_signature_image(data: bytes) -> Image:
    """Decode the signature image: 924 bytes, one bit a pixel, 21 bytes a row, 1 is white.

    Returns:
        (44, 168) uint8, 255 where the paper is, 0 on the pen stroke, read-only.

    Raises:
        ChipContentError: not 924 bytes.
    """
    if len(data) != SIGNATURE_BYTES:
        raise ChipContentError(f"signature image of {len(data)} bytes")
    bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="big")
    return read_only(bits.reshape(SIGNATURE_HEIGHT, SIGNATURE_WIDTH) * np.uint8(WHITE))

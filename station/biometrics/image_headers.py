"""Width and height as an image file declares them, read before anything is unpacked.

Image libraries either unpack first or warn on standard error while they look; a header is a few
fixed fields. Sources: PNG (ISO/IEC 15948), BMP, Netpbm, TIFF 6.0, JPEG (ISO/IEC 10918-1), JPEG 2000
(ISO/IEC 15444-1, marker SIZ), WSQ (FBI IAFIS-IC-0110, frame header).
"""

from __future__ import annotations

import re
import struct
from typing import Final

PNG_START: Final = b"\x89PNG\r\n\x1a\n"
WSQ_START: Final = b"\xff\xa0"

_PNM: Final = re.compile(
    rb"P[1-6](?:\s+|#[^\n]*\n)+(\d{1,9})(?:\s+|#[^\n]*\n)+(\d{1,9})(?=\s|#)", re.ASCII
)
_PNM_WINDOW: Final = 4096
_JPEG_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_BARE: Final = frozenset((0x01, *range(0xD0, 0xD8)))
_JP2_STARTS: Final = (b"\x00\x00\x00\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51")
_SIZ: Final = b"\xff\x4f\xff\x51"
_TIFF_WIDTH, _TIFF_HEIGHT = 256, 257
_WSQ_FRAME: Final = 0xA2


class UnknownHeader(ValueError):
    """Not the beginning of a supported image format, or cut off within its header."""


def declared_size(data: bytes) -> tuple[int, int]:
    """Give width and height in px as the header states them, whatever they are.

    Raises:
        UnknownHeader: another format, or too few bytes.
    """
    try:
        return _size_of(data)
    except struct.error as error:
        raise UnknownHeader("cut off within the header") from error


def _size_of(data: bytes) -> tuple[int, int]:
    if data.startswith(PNG_START):
        return _png(data)
    if data.startswith(WSQ_START):
        return _wsq(data)
    if data.startswith(b"BM"):
        return _bmp(data)
    if data.startswith((b"II*\x00", b"MM\x00*")):
        return _tiff(data)
    if data.startswith(b"\xff\xd8\xff"):
        return _jpeg(data)
    if data.startswith(_JP2_STARTS):
        return _jpeg_2000(data)
    match = _PNM.match(data[:_PNM_WINDOW])
    if match is None:
        raise UnknownHeader("not a known image format")
    return int(match[1]), int(match[2])


def _fields(layout: str, data: bytes, at: int) -> tuple[int, int]:
    first, second = struct.unpack_from(layout, data, at)
    return first, second


def _png(data: bytes) -> tuple[int, int]:
    """Walk the chunks too: OpenCV sets aside whatever length a damaged one claims, up to 2 GB."""
    at = len(PNG_START)
    while at + 8 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        if data[at + 4 : at + 8] == b"IEND":
            return _fields(">II", data, 16)
        at += 12 + length
    raise UnknownHeader("PNG without an end")


def _bmp(data: bytes) -> tuple[int, int]:
    (header,) = struct.unpack_from("<I", data, 14)
    if header == 12:
        return _fields("<HH", data, 18)
    width, height = _fields("<ii", data, 18)
    return width, abs(height)


def _tiff(data: bytes) -> tuple[int, int]:
    order = "<" if data.startswith(b"II") else ">"
    (at,) = struct.unpack_from(f"{order}I", data, 4)
    (entries,) = struct.unpack_from(f"{order}H", data, at)
    found: dict[int, int] = {}
    for entry in range(entries):
        tag, kind, count = struct.unpack_from(f"{order}HHI", data, at + 2 + 12 * entry)
        if tag in (_TIFF_WIDTH, _TIFF_HEIGHT) and kind in (3, 4) and count == 1:
            layout = f"{order}{'H' if kind == 3 else 'I'}"
            (found[tag],) = struct.unpack_from(layout, data, at + 10 + 12 * entry)
    if len(found) != 2:
        raise UnknownHeader("TIFF without a size")
    return found[_TIFF_WIDTH], found[_TIFF_HEIGHT]


def _jpeg(data: bytes) -> tuple[int, int]:
    at = 2
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            break
        marker = data[at + 1]
        if marker == 0xFF or marker in _JPEG_BARE:
            at += 1 if marker == 0xFF else 2
        elif marker in _JPEG_FRAMES:
            height, width = _fields(">HH", data, at + 5)
            return width, height
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    raise UnknownHeader("JPEG without a frame header")


def _jpeg_2000(data: bytes) -> tuple[int, int]:
    at = data.find(_SIZ)
    if at < 0:
        raise UnknownHeader("JPEG 2000 without a code stream")
    right, bottom, left, top = struct.unpack_from(">IIII", data, at + 8)
    return right - left, bottom - top


def _wsq(data: bytes) -> tuple[int, int]:
    at = len(WSQ_START)
    while at + 4 <= len(data) and data[at] == 0xFF:
        if data[at + 1] == _WSQ_FRAME:
            height, width = _fields(">HH", data, at + 6)
            return width, height
        # tables and comments come first
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    raise UnknownHeader("WSQ without a frame header")

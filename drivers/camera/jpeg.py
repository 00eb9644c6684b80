"""Tell a whole JPEG from a broken one, read its size, and decode it."""

from __future__ import annotations

from typing import Final

import numpy as np

from drivers.values import Image, read_only

START_OF_IMAGE: Final = b"\xff\xd8"
END_OF_IMAGE: Final = b"\xff\xd9"

_SHORTEST = 4
_START_OF_SCAN = 0xDA
_FRAME_HEADERS = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
"""SOF0 to SOF15 without DHT, JPG and DAC; ISO/IEC 10918-1, table B.1."""


def is_whole_jpeg(data: bytes) -> bool:
    """Say whether the data begins and ends as a JPEG does; zero padding after the end is allowed.

    V4L2 drivers pad their buffers. A picture cut on the way would otherwise be decoded with a grey
    lower part by some decoders.
    """
    return (
        len(data) >= _SHORTEST
        and data.startswith(START_OF_IMAGE)
        and data.rstrip(b"\0").endswith(END_OF_IMAGE)
    )


def jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Read (width, height) in pixels from the frame header; None when there is none.

    Source: ISO/IEC 10918-1, B.1.1.4 (segments) and B.2.2 (frame header).
    """
    at = len(START_OF_IMAGE)
    while at + 9 <= len(data):
        if data[at] != 0xFF:
            return None
        marker = data[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
            continue
        if marker == _START_OF_SCAN:
            return None
        if marker in _FRAME_HEADERS:
            height = int.from_bytes(data[at + 5 : at + 7], "big")
            width = int.from_bytes(data[at + 7 : at + 9], "big")
            return (width, height) if width and height else None
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if length < 2:
            return None
        at += 2 + length
    return None


def decode_jpeg(data: bytes) -> Image | None:
    """Decode to (height, width, 3) uint8 blue-green-red, read-only; None when it is no picture."""
    import cv2

    if not is_whole_jpeg(data):
        return None
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:  # e.g. a header that claims more pixels than OpenCV allows
        return None
    # the stubs do not know that a broken picture gives None
    return None if image is None else read_only(np.asarray(image, np.uint8))

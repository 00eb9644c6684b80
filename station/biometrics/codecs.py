"""Image codecs: compressed bytes to uint8 arrays and back, for pictures only (no ISO records)."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from station.biometrics.image_headers import WSQ_START, UnknownHeader, declared_size

Image = NDArray[np.uint8]
"""(height, width) grey or (height, width, 3) in OpenCV's blue-green-red order."""

MIN_SIDE_PX: Final = 1
MAX_SIDE_PX: Final = 10_000
MAX_FILE_BYTES: Final = 3 * MAX_SIDE_PX * MAX_SIDE_PX + 100_000

UNSUSPICIOUS_PX: Final = 4_000_000
MAX_PX_PER_BYTE: Final = 2_000
"""Above 4 megapixels: no picture worth judging shrinks further than this."""


class UnreadableImage(Exception):
    """A file or byte string is not a picture this program can read."""

    def __init__(self, path: Path | str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class EncodingFailed(Exception):
    """An encoder refused an image, or a lossless one did not give back the same pixels."""


def read_image(path: Path | str) -> Image:
    """Read a PNG, PGM/PPM, BMP, TIFF, JPEG, JPEG 2000 or WSQ file.

    Returns:
        uint8, (height, width) grey or (height, width, 3) BGR, as stored in the file.

    Raises:
        UnreadableImage: no such file, too large, not one of these formats, damaged, or a side
            outside 1 to 10000 px.
    """
    path = Path(path)
    try:
        if not path.is_file():
            raise UnreadableImage(path, "not a file")
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise UnreadableImage(path, f"file of {size} bytes, at most {MAX_FILE_BYTES}")
        data = path.read_bytes()
    except OSError as error:
        raise UnreadableImage(path, error.strerror or "cannot be opened") from error
    try:
        return decode(data)
    except UnreadableImage as error:
        raise UnreadableImage(path, error.reason) from error


def decode(data: bytes) -> Image:
    """Decode one compressed picture; formats and errors as in `read_image`."""
    try:
        width, height = declared_size(data)
    except UnknownHeader as error:
        raise UnreadableImage("bytes", str(error)) from error
    _check_size(width, height, len(data))
    if data.startswith(WSQ_START):
        return _decode_wsq(data)
    import cv2

    try:
        # ANYCOLOR keeps grey as grey and reduces 16-bit samples to 8
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_ANYCOLOR)
    except cv2.error as error:
        raise UnreadableImage("bytes", "damaged image data") from error
    if image is None or image.dtype != np.uint8 or image.size == 0:
        raise UnreadableImage("bytes", "damaged image data")
    return np.asarray(image, np.uint8)


def encode_png(image: Image) -> bytes:
    """Encode (height, width) or (height, width, 3) uint8 as PNG, fast rather than small."""
    import cv2

    return _encode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, 1])


def encode_jp2_lossless(image: Image) -> bytes:
    """Encode as lossless JPEG 2000 (JP2) and prove it by decoding again.

    Raises:
        EncodingFailed: the pixels did not come back unchanged.
    """
    import cv2

    data = _encode(".jp2", image, [cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, 1000])
    if not np.array_equal(decode(data), image):
        raise EncodingFailed(f"JPEG 2000 of {image.shape} is not lossless")
    return data


def to_grey(image: Image) -> Image:
    """Give (height, width) uint8: the image itself when grey, else its luma (ITU-R BT.601)."""
    if image.ndim == 2:
        return image
    import cv2

    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)


def _encode(suffix: str, image: Image, options: list[int]) -> bytes:
    import cv2

    try:
        done, buffer = cv2.imencode(suffix, image, options)
    except cv2.error as error:
        raise EncodingFailed(f"{suffix} encoder refused {image.shape} {image.dtype}") from error
    if not done:
        raise EncodingFailed(f"{suffix} encoder refused {image.shape} {image.dtype}")
    return buffer.tobytes()


def _check_size(width: int, height: int, size: int) -> None:
    if not (MIN_SIDE_PX <= width <= MAX_SIDE_PX and MIN_SIDE_PX <= height <= MAX_SIDE_PX):
        raise UnreadableImage(
            "bytes", f"{width} x {height} px, allowed {MIN_SIDE_PX} to {MAX_SIDE_PX} a side"
        )
    if width * height > max(UNSUSPICIOUS_PX, MAX_PX_PER_BYTE * size):
        raise UnreadableImage("bytes", f"{width} x {height} px out of {size} bytes")


def _decode_wsq(data: bytes) -> Image:
    from station.biometrics.isolated_wsq import DamagedWsq, decode_wsq

    try:
        return decode_wsq(data)
    except DamagedWsq as error:
        raise UnreadableImage("bytes", f"damaged WSQ data ({error})") from error

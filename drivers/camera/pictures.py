"""One picture as it came over the line, compressed or not, before anybody looks at it."""

from __future__ import annotations

import zlib
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from drivers.camera.jpeg import decode_jpeg, is_whole_jpeg, jpeg_size
from drivers.values import Image, read_only

Raw = NDArray[np.uint8] | NDArray[np.uint16]


class Picture(Protocol):
    """A whole picture; `mark` is equal for equal bytes, `size` is (width, height) in pixels."""

    size: tuple[int, int]
    mark: tuple[int, int]
    original: bytes | None

    def decode(self) -> Image | None:
        """Return the pixels, read-only; None when the picture proves to be broken."""
        ...


class JpegPicture:
    """A JPEG as the camera sent it."""

    def __init__(self, data: bytes, size: tuple[int, int]) -> None:
        self.size = size
        self.original: bytes | None = data
        self.mark = (len(data), zlib.crc32(data))
        self._data = data

    def decode(self) -> Image | None:
        """Return (height, width, 3) uint8 blue-green-red."""
        return decode_jpeg(self._data)


class GreyPicture:
    """Grey pixels as the camera sent them; there are no compressed bytes to be kept.

    `pixels` may be overwritten by the next picture: what is kept is what `decode` returned.
    """

    original: bytes | None = None

    def __init__(self, pixels: Image) -> None:
        self.size = (pixels.shape[1], pixels.shape[0])
        self.mark = (pixels.size, zlib.crc32(pixels.data))
        self._pixels = pixels

    def decode(self) -> Image:
        """Return (height, width) uint8."""
        return read_only(self._pixels.copy())


def jpeg_picture(raw: Raw) -> JpegPicture | None:
    """Take what a colour camera sent; None when it is no whole JPEG."""
    data = raw.tobytes()
    size = jpeg_size(data) if is_whole_jpeg(data) else None
    return None if size is None else JpegPicture(data, size)


def grey_picture(raw: Raw) -> GreyPicture | None:
    """Take (height, width) pixels of a grey camera; of 16 bits the high byte is kept.

    None when they are no grey picture, e.g. because the stream turned out to have colours.
    """
    if raw.ndim != 2 or min(raw.shape) < 2:
        return None
    if raw.dtype == np.uint16:
        return GreyPicture((raw >> 8).astype(np.uint8))
    return GreyPicture(np.ascontiguousarray(raw)) if raw.dtype == np.uint8 else None

"""The picture of an R30x module on the wire: 256 x 288 pixels of 4 bits, two in a byte."""

from __future__ import annotations

from typing import Final

import numpy as np

from drivers.values import Image, read_only

IMAGE_WIDTH: Final = 256
IMAGE_HEIGHT: Final = 288
IMAGE_BYTES: Final = IMAGE_WIDTH * IMAGE_HEIGHT // 2
RESOLUTION_PPI: Final = 500.0

ROUGHER_THAN_SWAPPED: Final = 1.5
"""How much rougher than after exchanging the pixels of each byte a picture must be, measured at the
borders of the bytes. Prints in the right order: 0.34 to 0.44; wrong order: 2.3 to 2.9; noise: 1."""


def unpack_image(packed: bytes) -> Image:
    """Return the uploaded image as (288, 256) uint8, read-only, 500 ppi.

    Two pixels a byte, the high nibble is the left one; 16 levels are spread over 0 to 255 (value
    x 17).

    Raises:
        ValueError: not 36 864 bytes.
    """
    if len(packed) != IMAGE_BYTES:
        raise ValueError(f"image of {len(packed)} bytes, expected {IMAGE_BYTES}")
    pairs = np.frombuffer(packed, np.uint8)
    levels = np.stack((pairs >> 4, pairs & 0x0F), axis=1) * np.uint8(17)
    return read_only(levels.reshape(IMAGE_HEIGHT, IMAGE_WIDTH))


def pack_image(image: Image) -> bytes:
    """Return (288, 256) uint8 as 36 864 bytes; the upper four bits of each pixel survive.

    Raises:
        ValueError: another size.
    """
    if image.shape != (IMAGE_HEIGHT, IMAGE_WIDTH):
        raise ValueError(f"image of {image.shape}, expected {(IMAGE_HEIGHT, IMAGE_WIDTH)}")
    return ((image[:, 0::2] & 0xF0) | (image[:, 1::2] >> 4)).tobytes()


def has_swapped_pixels(image: Image) -> bool:
    """Say whether the two pixels of every byte stand in the wrong order.

    Ridges are several pixels wide, so neighbours are alike; in the wrong order they are not. A
    picture without ridges says nothing and passes.
    """
    steps = image.astype(np.int16)
    swapped = steps.reshape(IMAGE_HEIGHT, -1, 2)[:, :, ::-1].reshape(steps.shape)
    # only the steps between bytes change: those within a byte turn round and stay as large
    as_sent = int(np.abs(np.diff(steps, axis=1))[:, 1::2].sum())
    as_swapped = int(np.abs(np.diff(swapped, axis=1))[:, 1::2].sum())
    return as_sent > ROUGHER_THAN_SWAPPED * as_swapped

"""Tell a whole JPEG from a broken one, decode it, and measure how sharp it is."""

from __future__ import annotations

from typing import Final

import numpy as np

from drivers.values import Image, Score, read_only

START_OF_IMAGE: Final = b"\xff\xd8"
END_OF_IMAGE: Final = b"\xff\xd9"
SHARPNESS_MEASURE: Final = "sharpness: variance of Laplacian, centre"
SHARPNESS_SCALE: Final = (0.0, 1020.0**2)
"""The 4-neighbour Laplacian of 8-bit values lies within -1020 and 1020."""

_SHORTEST = 4


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


def sharpness(image: Image) -> Score:
    """Measure the sharpness of the centre, where the face is.

    The variance of the 4-neighbour Laplacian of the grey values in the middle half of width and
    height, in squared grey levels. It compares frames of one scene under one light and is no
    quality of its own: noise and texture raise it.

    Args:
        image: (height, width, 3) uint8 blue-green-red, at least 6 x 6 pixels.

    Source: Pech-Pacheco et al. 2000, "Diatom autofocusing in brightfield microscopy", measure LAPV.
    """
    import cv2

    height, width = image.shape[:2]
    centre = image[height // 4 : height - height // 4, width // 4 : width - width // 4]
    grey = cv2.cvtColor(centre, cv2.COLOR_BGR2GRAY)
    _, deviation = cv2.meanStdDev(cv2.Laplacian(grey, cv2.CV_16S, ksize=1))
    return Score(SHARPNESS_MEASURE, float(deviation[0, 0]) ** 2, "rekam", SHARPNESS_SCALE)

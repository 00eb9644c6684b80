"""The size that a compressed image states about itself, without decoding its pixels."""

from __future__ import annotations

import io
import struct
import warnings

from station.records.content import Codec
from station.records.errors import StructureInvalid

_PILLOW_FORMATS = {"JP2": "JPEG2000", "PNG": "PNG", "WSQ": "WSQ", "JPEG": "JPEG"}
# what Pillow's header readers raise on damaged bytes; NameError is the WSQ reader's, at the end
_UNREADABLE = (
    OSError,
    SyntaxError,
    ValueError,
    LookupError,
    TypeError,
    NameError,
    OverflowError,
    struct.error,
)


def image_size(data: bytes, codec: Codec) -> tuple[int, int]:
    """Return (width, height) in pixels from the header of a compressed image.

    Raises:
        StructureInvalid: the bytes are no image of that codec.
        ValueError: `codec` is "RAW", which has no header.
    """
    if codec == "RAW":
        raise ValueError("raw pixels have no header")
    # imported here: Pillow takes 35 ms, and `wsq` adds its format to Pillow when imported
    import wsq  # noqa: F401
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with Image.open(io.BytesIO(data), formats=[_PILLOW_FORMATS[codec]]) as image:
                return image.width, image.height
        except (
            *_UNREADABLE,
            Image.DecompressionBombError,
            Image.DecompressionBombWarning,
        ) as error:
            raise StructureInvalid(f"no readable {codec} header in {len(data)} bytes") from error

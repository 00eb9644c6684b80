"""The fingers as a simulated module knows them: real minutiae in a form of our own.

Real modules keep their form secret, so that nothing of it could be copied. Ours has the same size
and really carries what mindtct finds; bozorth3 compares. The same pictures always give the same
templates and scores.

    "RKT1" | width 2 | height 2 | views 1 | count 1 | count 1 | 0 | 4 bytes a minutia ... | CRC-32 4

A minutia is 9 bits of x, 9 of y, 8 of angle (256ths of a turn), 5 of quality and 1 of kind. A
template made of two takes keeps both as views: takes of one finger overlap in part only.
"""

from __future__ import annotations

import struct
import threading
import zlib
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Any, Final

import numpy as np

from drivers.values import Image

TEMPLATE_BYTES: Final = 512
MAX_MINUTIAE: Final = 62
"""A view keeps the best ones; a print on this small sensor has 40 to 60."""
FEWEST_MINUTIAE: Final = 12
MESSY_QUALITY: Final = 16
"""Mean quality (0 to 100) of the minutiae: noise and unreadable skin 9 to 14, worn skin from 18 up,
healthy skin 45."""

THRESHOLDS: Final = {1: 40, 2: 50, 3: 60, 4: 80, 5: 110}
"""Lowest bozorth3 score of one finger, by security level. Synthetic prints on this sensor: 175 and
more for takes of one finger, up to 53 for different ones."""

_HEADER = struct.Struct(">4sHHBBBx")
_MAGIC = b"RKT1"
_MINUTIA = struct.Struct(">I")
_CRC = struct.Struct(">I")
_NBIS_HEADER = struct.Struct(">8sI2xHHBBB4xB")  # ISO/IEC 19794-2:2005 as nbis reads it
_NBIS_MINUTIA = struct.Struct(">HHBB")
_NBIS_MAGIC = b"FMR\x00 20\x00"
_BIFURCATION = 0x8000
_ENDING = 0x4000
_loading = threading.Lock()


class TooFewFeatures(ValueError):
    """The picture shows too little of a finger."""


class TooMessy(ValueError):
    """The picture is noise."""


class NoTemplate(ValueError):
    """Bytes are not a template of this simulated module."""


@dataclass(frozen=True, slots=True)
class Template:
    """One finger: each view is a tuple of packed minutiae; `width` and `height` in pixels."""

    width: int
    height: int
    views: tuple[tuple[int, ...], ...] = field(repr=False)

    def encode(self) -> bytes:
        """Return the 512 bytes that go over the wire."""
        counts = [*map(len, self.views), 0][:2]
        body = _HEADER.pack(_MAGIC, self.width, self.height, len(self.views), *counts)
        body += b"".join(_MINUTIA.pack(minutia) for view in self.views for minutia in view)
        body = body.ljust(TEMPLATE_BYTES - _CRC.size, b"\0")
        return body + _CRC.pack(zlib.crc32(body))

    @classmethod
    def decode(cls, data: bytes) -> Template:
        """Read what `encode` wrote.

        Raises:
            NoTemplate: anything else.
        """
        if len(data) != TEMPLATE_BYTES:
            raise NoTemplate(f"{len(data)} bytes, expected {TEMPLATE_BYTES}")
        body = data[: -_CRC.size]
        magic, width, height, views, *counts = _HEADER.unpack_from(body)
        if magic != _MAGIC or _CRC.unpack(data[-_CRC.size :])[0] != zlib.crc32(body):
            raise NoTemplate("damaged, or made by another module")
        if views not in (1, 2) or max(counts) > MAX_MINUTIAE or not all(counts[:views]):
            raise NoTemplate(f"{views} views of {counts} minutiae")
        found, start = [], _HEADER.size
        for count in counts[:views]:
            end = start + count * _MINUTIA.size
            found.append(tuple(value for (value,) in _MINUTIA.iter_unpack(body[start:end])))
            start = end
        return cls(width, height, tuple(found))


def extract(image: Image) -> Template:
    """Find the minutiae of a (height, width) uint8 picture, 500 ppi, ridges dark.

    Raises:
        TooFewFeatures, TooMessy: there is no usable finger.
    """
    height, width = image.shape
    return _extract(image.tobytes(), height, width)


@lru_cache(maxsize=256)
def _extract(pixels: bytes, height: int, width: int) -> Template:
    import cv2
    import nbis

    image = np.frombuffer(pixels, np.uint8).reshape(height, width)
    encoded = cv2.imencode(".png", image)[1].tobytes()
    try:
        iso = bytes(_extractor().extract_minutiae(encoded).to_iso_19794_2_2005())
    except nbis.NbisError as error:
        raise TooFewFeatures(type(error).__name__) from error
    found = list(_NBIS_MINUTIA.iter_unpack(iso[_NBIS_HEADER.size :]))
    if len(found) < FEWEST_MINUTIAE:
        raise TooFewFeatures(f"{len(found)} minutiae")
    quality = sum(minutia[3] for minutia in found) / len(found)
    if quality < MESSY_QUALITY:
        raise TooMessy(f"mean quality {quality:.0f}")
    best = sorted(found, key=lambda minutia: -minutia[3])[:MAX_MINUTIAE]
    return Template(width, height, (tuple(sorted(_packed(*minutia) for minutia in best)),))


def merge(first: Template, second: Template) -> Template:
    """Make one template of two takes of one finger."""
    return Template(first.width, first.height, (first.views[0], second.views[0]))


def score(a: Template, b: Template) -> int:
    """Compare two fingers by bozorth3: the best of all pairs of views, 0 upwards."""
    return max(_score(a.width, a.height, one, other) for one in a.views for other in b.views)


def _packed(x: int, y: int, angle: int, quality: int) -> int:
    """Pack a minutia as nbis gives it: the kind stands in the upper two bits of x."""
    is_bifurcation = int(bool(x & _BIFURCATION))
    place = (x & 0x1FF) << 23 | (y & 0x1FF) << 14
    return place | angle << 6 | min(quality * 31 // 100, 31) << 1 | is_bifurcation


def _unpacked(minutia: int) -> bytes:
    kind = _BIFURCATION if minutia & 1 else _ENDING
    quality = (minutia >> 1 & 0x1F) * 100 // 31
    return _NBIS_MINUTIA.pack(
        minutia >> 23 | kind, minutia >> 14 & 0x1FF, minutia >> 6 & 0xFF, quality
    )


@cache
def _new_extractor() -> Any:
    import nbis

    return nbis.new_nbis_extractor(
        nbis.NbisExtractorSettings(
            min_quality=0.0,
            get_center=False,
            check_fingerprint=False,
            compute_nfiq2=False,
            ppi=500.0,
        )
    )


def _extractor() -> Any:
    with _loading:
        return _new_extractor()


@lru_cache(maxsize=4096)
def _score(width: int, height: int, one: tuple[int, ...], other: tuple[int, ...]) -> int:
    return int(_native(width, height, one).compare(_native(width, height, other)))


@lru_cache(maxsize=512)
def _native(width: int, height: int, view: tuple[int, ...]) -> Any:
    body = b"".join(map(_unpacked, view))
    total = _NBIS_HEADER.size + len(body)
    header = _NBIS_HEADER.pack(_NBIS_MAGIC, total, width, height, 0, 0, 0, len(view))
    return _extractor().load_iso_19794_2_2005(header + body)

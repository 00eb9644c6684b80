"""Finger pictures from files, in place of grown fingers: e.g. the public-domain sample prints."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Final

import numpy as np

from drivers.positions import Finger
from drivers.values import Image

MIN_SIDE_PX: Final = 200
"""NFIQ 2 needs 197 x 197 pixels; anything smaller is no finger picture at 500 ppi."""

MAX_SIDE_PX: Final = 2000
"""The largest glass for one finger or a slap is 1600 pixels wide."""

_FORMATS = ("PPM", "PNG", "BMP", "WSQ")
_SUFFIXES = frozenset({".pgm", ".png", ".bmp", ".wsq"})


class FingerFileError(ValueError):
    """A folder or file of finger pictures cannot be used; the message names it."""


class FingerFiles:
    """Ten fingers served from the pictures of one folder, byte for byte as they are.

    PGM, PNG, BMP and WSQ files are read, others are ignored. The fingers get the files sorted by
    name in the order of their codes; fewer than ten files are used again.

    Raises:
        FingerFileError: no picture in the folder, or one that is unreadable, deeper
            than 8 bits, or not 200 to 2000 pixels a side.
    """

    def __init__(self, folder: Path) -> None:
        try:
            paths = sorted(p for p in folder.iterdir() if p.suffix.lower() in _SUFFIXES)
        except OSError as error:
            raise FingerFileError(f"{folder}: {error.strerror}") from error
        if not paths:
            raise FingerFileError(f"{folder}: no finger picture (PGM, PNG, BMP or WSQ)")
        pictures = {path: _read(path) for path in paths[: len(Finger)]}
        self._paths = {f: paths[(f - 1) % len(paths)] for f in Finger}
        self._images = {f: pictures[path] for f, path in self._paths.items()}

    def image(self, finger: Finger) -> Image:
        """Return the picture of one finger, (height, width) uint8, read-only."""
        return self._images[finger]

    def path(self, finger: Finger) -> Path:
        """Return the file that a finger comes from."""
        return self._paths[finger]


def _read(path: Path) -> Image:
    """Read one picture as (height, width) uint8; colours become grey, deeper grey is refused."""
    from PIL import Image as Pillow

    importlib.import_module("wsq")  # registers the WSQ decoder with Pillow
    try:
        with Pillow.open(path, formats=_FORMATS) as picture:
            (width, height), mode = picture.size, picture.mode
            if min(width, height) < MIN_SIDE_PX or max(width, height) > MAX_SIDE_PX:
                size = f"{width} x {height} pixels"
                raise FingerFileError(f"{path}: {size}, wanted {MIN_SIDE_PX} to {MAX_SIDE_PX}")
            if mode.startswith(("I", "F")):
                raise FingerFileError(f"{path}: more than 8 bits a pixel")
            image = np.array(picture.convert("L"), np.uint8)
    except FingerFileError:
        raise
    # Pillow raises half a dozen types for damaged files, the WSQ decoder plain Exception
    except Exception as error:
        raise FingerFileError(f"{path}: not a readable picture") from error
    image.flags.writeable = False
    return image

"""A grey picture as terminal rows: ready-made ANSI text, and Segments on demand. Pure.

Making the text of a row in one pass over a table costs a quarter of what Segments cost; Segments
are built only when the terminal library must cut, dim or export a row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray
from rich.color import Color
from rich.segment import Segment
from rich.style import Style

Grey = NDArray[np.uint8]
"""(height, width) uint8."""

GREYS: Final = (16, *range(232, 256), 231)
"""The 26 greys of the 256-colour palette, dark to light; themes do not move them."""
LEVELS: Final = len(GREYS)
RESET: Final = "\x1b[0m"
QUADRANTS: Final = " ▘▝▀▖▌▞▛▗▚▐▜▄▙▟█"
ASCII_RAMP: Final = np.frombuffer(" .:-=+*#%@".encode("utf-32-le"), "<u4")
BRAILLE_BITS: Final = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]], np.uint32)
NEIGHBOURHOOD: Final = 15
"""Side in dots of the mean that a braille dot is compared with: about four ridge periods."""

_COLOURS = [f"\x1b[38;5;{top};48;5;{bottom}m" for top in GREYS for bottom in GREYS]
_HALF_BLOCKS = [colour + "▀" for colour in _COLOURS]
_REPEAT = len(_HALF_BLOCKS)
_HALF_BLOCKS.append("▀")
_STYLES = [
    Style(color=Color.from_ansi(top), bgcolor=Color.from_ansi(bottom))
    for top in GREYS
    for bottom in GREYS
]
_PLAIN = Style(color="white", bgcolor="black")  # explicit, or a dialogue does not dim the row
_PLAIN_ON = "\x1b[37;40m"


class Glyphs(StrEnum):
    """How one character cell shows several pixels."""

    HALF = "half"
    """1x2 pixels, 26 greys: framing and distance of a face."""
    QUADRANT = "quadrant"
    """2x2 pixels, two greys: sharper eyes, if the font has U+2596 to U+259F."""
    BRAILLE = "braille"
    """2x4 dots by local threshold: ridges."""
    ASCII = "ascii"
    """One character, no colour: serial consoles, NO_COLOR, TERM=linux."""


PIXELS_PER_CELL: Final = {
    Glyphs.HALF: (1, 2),
    Glyphs.QUADRANT: (2, 2),
    Glyphs.BRAILLE: (2, 4),
    Glyphs.ASCII: (1, 1),
}


class Framing(StrEnum):
    """Which part of the frame is shown; it is never stretched (a cell is about 1:2)."""

    FILL = "fill"
    """The centre, cut to the shape of the area."""
    WHOLE = "whole"
    """All of it, with bars at the sides: no finger may be out of sight."""
    CENTRE = "centre"
    """The centre, one pixel of the frame a dot."""


@dataclass(frozen=True, slots=True)
class Rows:
    """One picture: the ANSI text of each row, and what builds the Segments of row `y`."""

    ansi: list[str]
    segments: Callable[[int], list[Segment]]


def glyphs_for(environ: Mapping[str, str]) -> Glyphs:
    """Choose what a terminal can show; ready-made rows bypass the library's colour fallback."""
    if "NO_COLOR" in environ or environ.get("TERM", "dumb") in ("dumb", "linux", "vt100", "vt220"):
        return Glyphs.ASCII
    return Glyphs.HALF


def build_rows(
    frame: Grey, columns: int, rows: int, glyphs: Glyphs, framing: Framing = Framing.FILL
) -> Rows:
    """Turn a frame into `rows` rows of exactly `columns` cells; both at least 1."""
    pixels = fit(frame, columns, rows, glyphs, framing)
    match glyphs:
        case Glyphs.HALF:
            return _half_rows(pixels)
        case Glyphs.QUADRANT:
            return _quadrant_rows(pixels)
        case Glyphs.BRAILLE:
            return _plain_rows(_braille_codes(pixels))
        case Glyphs.ASCII:
            return _plain_rows(ASCII_RAMP[pixels.astype(np.uint16) * len(ASCII_RAMP) >> 8])


def fit(frame: Grey, columns: int, rows: int, glyphs: Glyphs, framing: Framing) -> Grey:
    """Cut, pad and reduce a frame to the pixels of an area, (rows * down, columns * across)."""
    import cv2

    across, down = PIXELS_PER_CELL[glyphs]
    size = (columns * across, rows * down)
    match framing:
        case Framing.FILL:
            part = _centre(frame, columns / (2 * rows))
        case Framing.WHOLE:
            return _letterbox(frame, columns, rows, size)
        case Framing.CENTRE:
            # braille dots are square, the other pixels are not: cut the shape, then fit it
            wide = min(size[0], frame.shape[1])
            high = min(round(wide * 2 * rows / columns), frame.shape[0])
            top, left = (frame.shape[0] - high) // 2, (frame.shape[1] - wide) // 2
            part = _centre(frame[top : top + high, left : left + wide], columns / (2 * rows))
    return np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.uint8)


def _centre(frame: Grey, shape: float) -> Grey:
    """The largest centred part whose width is `shape` times its height."""
    height, width = frame.shape
    if width > height * shape:
        cut = max(1, round(height * shape))
        left = (width - cut) // 2
        return frame[:, left : left + cut]
    cut = max(1, round(width / shape))
    top = (height - cut) // 2
    return frame[top : top + cut]


def _letterbox(frame: Grey, columns: int, rows: int, size: tuple[int, int]) -> Grey:
    import cv2

    height, width = frame.shape
    scale = min(columns / width, 2 * rows / height)  # in columns a pixel: a cell is 1 by 2 of them
    wide = max(1, round(width * scale * size[0] / columns))
    high = max(1, round(height * scale * size[1] / (2 * rows)))
    small = cv2.resize(frame, (wide, high), interpolation=cv2.INTER_AREA)
    area = np.zeros((size[1], size[0]), np.uint8)
    top, left = (size[1] - high) // 2, (size[0] - wide) // 2
    area[top : top + high, left : left + wide] = small
    return area


def _half_rows(pixels: Grey) -> Rows:
    level = pixels.astype(np.uint16) * LEVELS >> 8
    pair = level[0::2] * LEVELS + level[1::2]
    coded = pair.copy()
    coded[:, 1:][pair[:, 1:] == pair[:, :-1]] = _REPEAT
    text = ["".join(map(_HALF_BLOCKS.__getitem__, row)) + RESET for row in coded.tolist()]
    return Rows(text, lambda y: [Segment("▀", _STYLES[index]) for index in pair[y].tolist()])


def _quadrant_rows(pixels: Grey) -> Rows:
    rows, columns = pixels.shape[0] // 2, pixels.shape[1] // 2
    cells = pixels.reshape(rows, 2, columns, 2).transpose(0, 2, 1, 3).reshape(rows, columns, 4)
    cells = cells.astype(np.int32)
    low, high = cells.min(2), cells.max(2)
    lit = cells > ((low + high + 1) // 2)[..., None]
    count = lit.sum(2)
    lit_sum = (cells * lit).sum(2)
    front = np.where(count > 0, lit_sum // np.maximum(count, 1), high)
    back = np.where(count < 4, (cells.sum(2) - lit_sum) // np.maximum(4 - count, 1), low)
    colour = (front * LEVELS >> 8) * LEVELS + (back * LEVELS >> 8)
    shape = (lit * np.array([1, 2, 4, 8])).sum(2)
    text = [
        "".join([_COLOURS[c] + QUADRANTS[g] for c, g in zip(colours, shapes, strict=True)]) + RESET
        for colours, shapes in zip(colour.tolist(), shape.tolist(), strict=True)
    ]

    def segments(y: int) -> list[Segment]:
        pairs = zip(colour[y].tolist(), shape[y].tolist(), strict=True)
        return [Segment(QUADRANTS[glyph], _STYLES[index]) for index, glyph in pairs]

    return Rows(text, segments)


def _braille_codes(pixels: Grey) -> NDArray[np.uint32]:
    import cv2

    rows, columns = pixels.shape[0] // 4, pixels.shape[1] // 2
    mean = np.asarray(cv2.blur(pixels, (NEIGHBOURHOOD, NEIGHBOURHOOD)), np.uint8)
    cells = (pixels > mean).reshape(rows, 4, columns, 2).transpose(0, 2, 1, 3)
    return np.asarray((cells * BRAILLE_BITS).sum((2, 3)) + 0x2800, np.uint32)


def _plain_rows(codes: NDArray[np.uint32]) -> Rows:
    text = [row.astype("<u4").tobytes().decode("utf-32-le") for row in codes]
    return Rows([_PLAIN_ON + row + RESET for row in text], lambda y: [Segment(text[y], _PLAIN)])

"""The live picture in character cells, as strips whose terminal text is ready.

Built on internals of `textual.strip.Strip`: the exact version pin and the geometry test guard it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from rich.console import Console
from rich.segment import Segment
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from drivers.values import Frame
from station.desk.widgets.glyphs import Framing, Glyphs, Grey, Rows, build_rows


@dataclass(frozen=True, slots=True)
class Look:
    """How a frame is shown."""

    glyphs: Glyphs = Glyphs.HALF
    framing: Framing = Framing.FILL


class PrebuiltStrip(Strip):
    """A strip that knows its ANSI text and builds Segments only when someone reads them."""

    __slots__ = ("_ansi", "_build", "_built")

    def __init__(self, ansi: str, width: int, build: Callable[[], list[Segment]]) -> None:
        self._ansi = ansi
        self._build = build
        self._built: list[Segment] | None = None
        super().__init__((), width)

    @property
    def _segments(self) -> list[Segment]:
        if self._built is None:
            self._built = self._build()
        return self._built

    @_segments.setter
    def _segments(self, value: list[Segment]) -> None:
        """Ignore the empty list that `Strip.__init__` assigns."""

    def render(self, console: Console) -> str:
        return self._ansi


class FrameView(Widget):
    """Shows one frame at a time; give it no border and no padding, a parent carries those."""

    def __init__(self) -> None:
        super().__init__()
        self._rows = Rows([], lambda y: [])
        self._shown: tuple[int, int, int, Look] | None = None

    def show(self, frame: Frame, look: Look) -> None:
        """Paint `frame`; the same frame in the same size and look costs nothing."""
        columns, rows = self.size
        shown = (frame.sequence, columns, rows, look)
        if not columns or not rows or shown == self._shown:
            return
        self._shown = shown
        self._rows = build_rows(grey(frame.image), columns, rows, look.glyphs, look.framing)
        self.refresh()

    def render_lines(self, crop: Region) -> list[Strip]:
        """Bypass the style cache of the library, which would rebuild every strip."""
        return [self._strip(y).crop(crop.x, crop.right) for y in range(crop.y, crop.bottom)]

    def _strip(self, y: int) -> Strip:
        rows = self._rows
        if self._shown is None or self._shown[1] != self.size.width or y >= len(rows.ansi):
            return Strip.blank(self.size.width)  # just resized: the next frame comes in a moment
        return PrebuiltStrip(rows.ansi[y], self.size.width, lambda: rows.segments(y))


def grey(image: Grey) -> Grey:
    """(height, width) uint8 from a grey or a blue-green-red picture."""
    if image.ndim == 2:
        return image
    import cv2

    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)

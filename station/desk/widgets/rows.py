"""Text that is laid out for the width it gets, so that no repaint is needed after a resize."""

from __future__ import annotations

from collections.abc import Callable

from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget

Build = Callable[[int], list[Content]]
"""Makes the rows for a width in cells."""


class Rows(Widget):
    """As high as its rows are many; without rows it takes no room."""

    def __init__(self, *, id: str | None = None) -> None:  # the library's name
        super().__init__(id=id)
        self._build: Build = lambda width: []

    def show(self, build: Build) -> None:
        """Lay out what `build` gives, now and after every resize."""
        self._build = build
        self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self._build(width))

    def render(self) -> Content:
        return Content("\n").join(self._build(self.content_size.width))

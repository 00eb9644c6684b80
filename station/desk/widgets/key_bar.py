"""The line (or two) of keys at the foot of a screen, in the operator's language, never cut."""

from __future__ import annotations

from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget

from station.desk.keys import shown_keys
from station.desk.plain import plain
from station.i18n import Translator


class KeyBar(Widget):
    """Shows the keys that work now; takes as many lines as they need."""

    def __init__(self, translate: Translator) -> None:
        super().__init__()
        self._translate = translate

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, lambda _screen: self.repaint())

    def repaint(self) -> None:
        """Read the keys anew."""
        self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self._rows(width))

    def render(self) -> Content:
        return Content("\n").join(self._rows(self.size.width))

    def _rows(self, width: int) -> list[Content]:
        rows, used = [Content("")], 0
        for key, description in shown_keys(self.screen.active_bindings):
            label = self._translate(description)
            item = plain(f" {key} ", "bold $background on $primary") + plain(f" {label} ")
            if used and used + item.cell_length > width:
                rows.append(Content(""))
                used = 0
            rows[-1] += item
            used += item.cell_length
        return rows

"""The line (or two) of keys at the foot of a screen, in the operator's language, never cut."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from station.desk.keys import shown_keys
from station.desk.plain import plain
from station.desk.widgets.rows import Rows
from station.i18n import Translator


class KeyBar(Rows):
    """Shows the keys that work now; takes as many lines as they need."""

    def __init__(self, translate: Translator) -> None:
        super().__init__()
        self._translate = translate

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, lambda _screen: self.repaint())
        self.repaint()

    def repaint(self) -> None:
        """Read the keys anew."""
        keys = shown_keys(self.screen.active_bindings)
        items = [
            plain(f" {face} ", "bold $background on $primary")
            + plain(f" {self._translate(description)} ")
            for face, description in keys
        ]
        self.show(lambda width: flowed(items, width))


def flowed(items: Sequence[Content], width: int) -> list[Content]:
    """Put items side by side and begin a new row where the next one would be cut."""
    rows = [Content("")]
    for item in items:
        if rows[-1].cell_length and rows[-1].cell_length + item.cell_length > width:
            rows.append(Content(""))
        rows[-1] += item
    return rows

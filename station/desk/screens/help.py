"""F1: what the screen under it is for, and every key with its meaning."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from station.desk.keys import Bindings, key, shown_keys
from station.desk.plain import plain
from station.desk.screens.common import CommonScreen, Dialogue, ResultT
from station.desk.services import Desk
from station.desk.widgets.key_bar import KeyBar
from station.i18n import N_

_FURTHER = (
    ("Ctrl+N", N_("the same as F10")),
    ("Ctrl+Q", N_("Close the program")),
)


class HelpDialogue(Dialogue[None]):
    """Any of its keys closes it."""

    BINDINGS: ClassVar[Bindings] = [
        key("escape", "back", N_("Back")),
        key("enter", "back", N_("Back"), show=False),
        key("f1", "back", N_("Back"), show=False),
    ]

    def __init__(self, desk: Desk, about: CommonScreen[ResultT]) -> None:
        super().__init__(desk)
        self._text = about.HELP_TEXT
        self._keys = shown_keys(about.active_bindings)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialogue"):
            yield Static(id="about", markup=False)
            yield Static(id="keys", markup=False)
            yield Static(id="legend", markup=False)
            yield KeyBar(self.desk.translate)

    def paint(self) -> None:
        _ = self.desk.translate
        self.write("#about", _(self._text))
        keys = (*((face, text) for face, text in self._keys), *_FURTHER)
        self.query_one("#keys", Static).update(
            Content("\n").join(
                plain(f"{face:<8}", "bold $primary") + plain(_(text)) for face, text in keys
            )
        )
        self.write("#legend", _("Steps: ✓ captured  ● now  ○ not yet  ⊘ exception"))

    def action_back(self) -> None:
        self.dismiss(None)

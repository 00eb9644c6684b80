"""F9 while capturing: all steps so far, to look at only."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from station.desk.keys import Bindings, key
from station.desk.screens.common import Dialogue
from station.desk.widgets.key_bar import KeyBar
from station.desk.widgets.step_table import step_header, step_line
from station.i18n import N_


class OverviewDialogue(Dialogue[None]):
    """Goes back to the capture; steps are reopened at the review."""

    BINDINGS: ClassVar[Bindings] = [
        key("escape", "back", N_("Back")),
        key("f9,enter", "back", N_("Back"), show=False),
    ]
    HELP_TEXT = N_("The steps so far. A step can be captured again at the review.")

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialogue"):
            yield Static(id="question", markup=False)
            yield Static(id="steps", markup=False)
            yield KeyBar(self.desk.translate)

    def paint(self) -> None:
        _, view = self.desk.translate, self.desk.view
        self.write("#question", _("Review so far"))
        rows = [step_header(_), *(step_line(step, _) for step in view.steps)]
        self.query_one("#steps", Static).update(Content("\n").join(rows))

    def action_back(self) -> None:
        self.dismiss(None)

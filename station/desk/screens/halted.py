"""A promise about data could not be kept: nothing goes on, nothing is deleted."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from station.desk.keys import Bindings, key
from station.desk.screens.base import DeskScreen
from station.desk.widgets.problem_box import ProblemBox
from station.i18n import N_


class HaltedScreen(DeskScreen):
    """Only the end of the program is left."""

    BINDINGS: ClassVar[Bindings] = [key("escape", "close", N_("Close the program"))]
    HELP_TEXT = N_("The recording stopped to protect its data. Call the supervisor.")

    def body(self) -> ComposeResult:
        with Vertical(classes="card"):
            yield Static(id="heading", markup=False)
            yield ProblemBox(markup=False)
            yield Static(id="state", markup=False)

    def paint(self) -> None:
        _ = self.desk.translate
        self.write("#heading", _("The recording is halted. Nothing was deleted."), "bold $error")
        self.query_one(ProblemBox).paint(self.desk.view.problem, _)
        self.write("#state", _("Call the supervisor, then close the program."))

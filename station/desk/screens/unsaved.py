"""The disk refused an accepted capture: it is not durable and nothing goes on before it is."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from station.desk.keys import Bindings, key
from station.desk.screens.base import DeskScreen
from station.desk.widgets.problem_box import ProblemBox
from station.i18n import N_


class UnsavedScreen(DeskScreen):
    """F5 saves again; the capture itself is not repeated."""

    BINDINGS: ClassVar[Bindings] = [
        key("f5", "save", N_("Save again")),
        key("escape", "cancel", N_("Cancel")),
    ]
    HELP_TEXT = N_(
        "The capture is good but not on the disk yet. Free some space or call the technician, "
        "then press F5. Do not switch off."
    )

    def body(self) -> ComposeResult:
        with Vertical(classes="card"):
            yield Static(id="heading", markup=False)
            yield Static(id="step", markup=False)
            yield ProblemBox(markup=False)
            yield Static(id="state", markup=False)

    def paint(self) -> None:
        _, view = self.desk.translate, self.desk.view
        self.write("#heading", _("✗ NOT SAVED YET"), "bold $error")
        self.write("#step", _("The capture is good, but the disk did not take it."))
        self.query_one(ProblemBox).paint(view.problem, _)
        text = _("Saving ...") if self.desk.busy else _("F5: save again. Do not switch off.")
        self.write("#state", text, "bold")

    def action_save(self) -> None:
        self.desk.command(self.desk.station.save_again)

    def action_cancel(self) -> None:
        self.ask_to_cancel()

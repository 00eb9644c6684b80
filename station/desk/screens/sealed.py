"""The record is durable: its number, its size, and the next resident."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from station.desk.keys import Bindings, key
from station.desk.screens.base import DeskScreen
from station.desk.widgets.problem_box import ProblemBox
from station.i18n import N_


class SealedScreen(DeskScreen):
    """Says TERSIMPAN (SAVED): only a durable record brings this screen."""

    BINDINGS: ClassVar[Bindings] = [
        key("f5", "next", N_("Next resident")),
        key("f10,ctrl+n,enter", "next", N_("Next resident"), show=False),
        key("escape", "close", N_("Close")),
    ]
    HELP_TEXT = N_("The record is sealed on this computer. It is not sent yet.")

    def body(self) -> ComposeResult:
        with Vertical(classes="card"):
            yield Static(id="saved", markup=False)
            yield Static(id="record", markup=False)
            yield Static(id="size", markup=False)
            yield Static(id="hash", markup=False)
            yield Static(id="thanks", markup=False)
            yield ProblemBox(markup=False)
            yield Static(id="state", markup=False)

    def paint(self) -> None:
        _, view = self.desk.translate, self.desk.view
        record = view.record
        self.write("#saved", _("✓ SAVED"), "bold $success")
        if record is not None:
            self.write("#record", _("Record: {id}", id=record.record_id), "bold")
            size = _.number(record.size / 1000)
            self.write("#size", _("Size: {size} kB, sealed and durable", size=size))
            self.write("#hash", _("SHA-256: {hash} ...", hash=record.sha256[:16]), "$muted")
        thanks = _("Good. Done")
        self.write("#thanks", f"“{thanks}”", "bold $accent")
        self.query_one(ProblemBox).paint(view.problem, _)
        busy = self.desk.busy
        self.write("#state", _("Please wait ...") if busy else _("F5: record the next resident."))

    def action_next(self) -> None:
        self.desk.next_resident()

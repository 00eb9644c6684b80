"""The one screen for a command that failed with an exception: code, what to do, where it was."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from drivers.errors import DeviceError
from station.desk.crash import place_of
from station.desk.keys import Bindings, key
from station.desk.screens.common import Dialogue
from station.desk.services import Desk
from station.desk.widgets.key_bar import KeyBar
from station.desk.widgets.problem_box import problem_text
from station.errors import StationError
from station.i18n import N_
from station.messages import INTERNAL_ERROR
from station.recording.view import Problem


def problem_of(error: BaseException) -> Problem:
    """What may be told of an exception: its code, its place; details only of errors of ours."""
    if isinstance(error, StationError | DeviceError):
        return Problem(error.code, error.detail)
    return Problem(INTERNAL_ERROR)


class FailureDialogue(Dialogue[None]):
    """Goes back to the recording, which is as it was before the command."""

    BINDINGS: ClassVar[Bindings] = [
        key("enter", "back", N_("Back")),
        key("escape", "back", N_("Back"), show=False),
    ]
    HELP_TEXT = N_("A command failed. Note the code and the place for the technician.")

    def __init__(self, desk: Desk, error: BaseException) -> None:
        super().__init__(desk)
        self._problem = problem_of(error)
        self._place = place_of(error)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialogue failure"):
            yield Static(id="problem", markup=False)
            yield Static(id="place", markup=False)
            yield KeyBar(self.desk.translate)

    def paint(self) -> None:
        _ = self.desk.translate
        self.query_one("#problem", Static).update(problem_text(self._problem, _))
        self.write("#place", _("For the technician: {place}", place=self._place), "$muted")

    def action_back(self) -> None:
        self.dismiss(None)


class CannotStart(FailureDialogue):
    """Store, keys or models cannot be used: the desk must not record, only close."""

    HELP_TEXT = N_("The desk cannot record. Note the code for the technician.")
    BINDINGS: ClassVar[Bindings] = [key("enter", "back", N_("Close the program"))]

    def action_back(self) -> None:
        self.app.exit(1, return_code=1)

"""Who sits there: read the card, or type the NIK."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.widgets import Static

from station.desk.keys import Bindings, key
from station.desk.screens.base import DeskScreen
from station.desk.widgets.nik_input import NikInput
from station.desk.widgets.problem_box import ProblemBox
from station.i18n import N_


class IdentifyScreen(DeskScreen):
    """The only screen on which a whole NIK is typed; everywhere else it is masked."""

    BINDINGS: ClassVar[Bindings] = [
        key("f5", "card", N_("Read the card")),
        key("f10", "typed", N_("Next")),
        key("ctrl+n,enter", "typed", N_("Next"), show=False),
        key("escape", "cancel", N_("Cancel")),
    ]
    HELP_TEXT = N_(
        "The card is read with F5. Without a card type the 16 digits from the family card. "
        "The NIK is shown in full only here."
    )

    def body(self) -> ComposeResult:
        yield Static(id="heading", markup=False)
        yield Static(id="card", markup=False)
        yield Static(id="type", markup=False)
        yield NikInput()
        yield ProblemBox(markup=False)
        yield Static(id="state", markup=False)

    def paint(self) -> None:
        _ = self.desk.translate
        self.write("#heading", _("Who is recorded?"), "bold")
        self.write("#card", _("Place the KTP-el on the reader, then press F5."))
        self.write("#type", _("Or type the NIK (16 digits), then press Enter:"))
        self.query_one(ProblemBox).paint(self.desk.view.problem, _)
        self.write("#state", _("Please wait ...") if self.desk.busy else "", "$accent")
        self.query_one(NikInput).focus()

    def action_card(self) -> None:
        self.desk.command(self.desk.station.identify_from_card)

    def action_typed(self) -> None:
        typed = self.query_one(NikInput).value
        self.desk.command(lambda: self.desk.station.identify_typed(typed))

    def action_cancel(self) -> None:
        self.ask_to_cancel()

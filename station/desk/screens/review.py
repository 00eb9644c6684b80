"""Everything that will be sealed: the person, the steps, the scores; the last chance to redo."""

from __future__ import annotations

import textwrap
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Container, VerticalScroll
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from station.desk.keys import Bindings, key
from station.desk.names import BIODATA, REOPEN_REASONS
from station.desk.plain import plain
from station.desk.screens.base import DeskScreen
from station.desk.screens.choice import ChoiceDialogue
from station.desk.widgets.problem_box import ProblemBox
from station.desk.widgets.rows import Rows
from station.desk.widgets.step_table import step_header, step_line
from station.i18n import N_, Translator
from station.recording.view import StationView


class ReviewScreen(DeskScreen):
    """Biodata are shown here in full: the operator reads them to the resident."""

    BINDINGS: ClassVar[Bindings] = [
        key("f6", "reopen", N_("Redo the step")),
        key("f10", "seal", N_("Seal")),
        key("ctrl+n", "seal", N_("Seal"), show=False),
        key("escape", "cancel", N_("Cancel")),
        key("pageup", "scroll_biodata(-1)", "", show=False),
        key("pagedown", "scroll_biodata(1)", "", show=False),
    ]
    HELP_TEXT = N_(
        "Read the biodata aloud. Choose a step with the arrow keys and press F6 to capture it "
        "again. F10 seals the record: after that nothing can be changed."
    )

    def body(self) -> ComposeResult:
        yield Static(id="heading", markup=False)
        with Container(id="both"):
            with VerticalScroll(id="biodata-side", can_focus=False):
                yield Rows(id="biodata")
            with Container(id="steps-side"):
                yield Static(id="steps-header", markup=False)
                yield OptionList(id="steps")
        yield ProblemBox(markup=False)
        yield Static(id="state", markup=False)

    def paint(self) -> None:
        _, view = self.desk.translate, self.desk.view
        self.write("#heading", _("Read the biodata aloud, let the resident confirm"), "bold")
        self.query_one("#biodata", Rows).show(lambda width: biodata_lines(view, width, _))
        self.query_one("#steps-header", Static).update(step_header(_))
        steps = self.query_one(OptionList)
        highlighted = steps.highlighted or 0
        steps.clear_options()
        steps.add_options(Option(step_line(step, _), id=step.step.value) for step in view.steps)
        steps.highlighted = highlighted if view.steps else None
        steps.focus()
        self.query_one(ProblemBox).paint(view.problem, _)
        self.write("#state", _("Sealing ...") if self.desk.busy else "", "$accent")

    def action_reopen(self) -> None:
        highlighted = self.query_one(OptionList).highlighted
        if highlighted is None:
            return
        step = self.desk.view.steps[highlighted].step

        def reopen(reason: str | None) -> None:
            if reason is not None:
                self.desk.command(lambda: self.desk.station.reopen(step, reason))

        question = N_("Capture this step again? Its present pictures are dropped.")
        self.app.push_screen(ChoiceDialogue(self.desk, question, REOPEN_REASONS), reopen)

    def action_scroll_biodata(self, pages: int) -> None:
        side = self.query_one("#biodata-side", VerticalScroll)
        side.scroll_relative(y=pages * side.size.height, animate=False)

    def action_seal(self) -> None:
        self.desk.command(self.desk.station.seal)

    def action_cancel(self) -> None:
        self.ask_to_cancel()


LABEL_WIDTH = 26


def biodata_lines(view: StationView, width: int, translate: Translator) -> list[Content]:
    """A line for each line of the card; fields that are not known are left out.

    Values longer than `width` cells go on under themselves.
    """
    values = dict(view.biodata)
    rows = []
    for label, fields, between in BIODATA:
        known = between.join(values[field] for field in fields if field in values)
        if not known:
            continue
        name = translate(label)
        for part in textwrap.wrap(known, max(20, width - LABEL_WIDTH)):
            rows.append(plain(f"{name:<{LABEL_WIDTH}}", "$muted") + plain(part))
            name = ""
    return rows

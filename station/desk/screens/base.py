"""A full screen: title, steps, a body, keys."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical

from station.desk.names import CANCEL_REASONS, EXCEPTION_REASONS
from station.desk.screens.choice import ChoiceDialogue
from station.desk.screens.common import CommonScreen
from station.desk.widgets.key_bar import KeyBar
from station.desk.widgets.step_strip import StepStrip
from station.desk.widgets.title_bar import TitleBar
from station.domain.plan import Step
from station.i18n import N_
from station.recording import policy
from station.recording.policy import Option


class DeskScreen(CommonScreen[None]):
    """`body` composes empty widgets, `paint` fills them."""

    def compose(self) -> ComposeResult:
        yield TitleBar()
        yield StepStrip(markup=False)
        with Vertical(id="body"):
            yield from self.body()
        yield KeyBar(self.desk.translate)

    def body(self) -> ComposeResult:
        """Compose the middle of the screen."""
        raise NotImplementedError

    def repaint(self) -> None:
        self.query_one(TitleBar).paint(self.desk.view, self.desk.translate)
        self.query_one(StepStrip).paint(self.desk.view, self.desk.translate)
        super().repaint()

    def ask_to_except(self) -> None:
        """Ask why the current step cannot be captured, and end it so."""

        def with_reason(reason: str | None) -> None:
            if reason is not None:
                self.desk.command(lambda: self.desk.station.except_step(reason))

        question = N_("Why can this not be captured?")
        self.app.push_screen(ChoiceDialogue(self.desk, question, EXCEPTION_REASONS), with_reason)

    def ask_to_cancel(self) -> None:
        """Ask why the recording ends without a record, and end it; Esc goes back to it."""

        def cancel(reason: str | None) -> None:
            if reason is not None:
                self.desk.command(lambda: self.desk.station.cancel(reason))

        question = N_("Cancel this recording? What was captured will be destroyed.")
        self.app.push_screen(ChoiceDialogue(self.desk, question, CANCEL_REASONS), cancel)


def may_except(step: Step) -> bool:
    """The core's own rule, asked before any attempt was made."""
    return Option.EXCEPT in policy.options(step, ())

"""A question with numbered answers, chosen by digit or by arrows and Enter."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.events import Key
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from station.desk.keys import Bindings, key
from station.desk.plain import plain
from station.desk.screens.common import Dialogue, ResultT
from station.desk.services import Desk
from station.desk.widgets.key_bar import KeyBar
from station.i18n import N_


class NumberedDialogue(Dialogue[ResultT]):
    """Shows a question and its answers; `chosen` says what an answer does, Esc ends with None."""

    BINDINGS: ClassVar[Bindings] = [
        key("escape", "back", N_("Back")),
        key("enter", "choose", N_("Choose")),
    ]
    HELP_TEXT = N_("Press the number of an answer, or choose with the arrow keys and Enter.")

    def __init__(self, desk: Desk, question: str, answers: Mapping[str, str]) -> None:
        super().__init__(desk)
        self._question = question
        self._answers = dict(answers)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialogue"):
            yield Static(id="question", markup=False)
            yield OptionList(id="answers")
            yield KeyBar(self.desk.translate)

    @abstractmethod
    def chosen(self, answer: str) -> None:
        """Act on the key of an answer."""

    def ask(self, question: str, answers: Mapping[str, str]) -> None:
        """Ask something else in the same dialogue."""
        self._question, self._answers = question, dict(answers)
        self.query_one(OptionList).clear_options()
        self.repaint()

    def paint(self) -> None:
        _ = self.desk.translate
        self.write("#question", _(self._question))
        answers = self.query_one(OptionList)
        highlighted = answers.highlighted or 0
        answers.clear_options()
        answers.add_options(
            Option(plain(f"{number}  {_(text)}"), id=answer)
            for number, (answer, text) in enumerate(self._answers.items(), 1)
        )
        answers.highlighted = highlighted
        answers.focus()

    def on_key(self, event: Key) -> None:
        """A digit chooses its answer at once."""
        if event.character and event.character in "123456789":
            number = int(event.character)
            if number <= len(self._answers):
                event.stop()
                self.chosen(list(self._answers)[number - 1])

    def action_choose(self) -> None:
        highlighted = self.query_one(OptionList).highlighted
        if highlighted is not None:
            self.chosen(list(self._answers)[highlighted])

    def action_back(self) -> None:
        self.dismiss(None)


class ChoiceDialogue(NumberedDialogue[str]):
    """Ends with the key of the chosen answer."""

    def chosen(self, answer: str) -> None:
        self.dismiss(answer)

"""After the last attempt: how to go on, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from station.desk.names import BEST_REASONS, EXCEPTION_REASONS, OPTIONS
from station.desk.screens.choice import NumberedDialogue
from station.desk.services import Desk
from station.i18n import N_
from station.recording.policy import Option

REASONS = {Option.USE_BEST: BEST_REASONS, Option.EXCEPT: EXCEPTION_REASONS}
"""The options that need a reason, and the reasons there are."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What the operator chose; `reason` is empty where none is asked for."""

    option: Option
    reason: str = ""


class DecideDialogue(NumberedDialogue[Decision]):
    """Offers what the core offers; Esc in the reasons goes back to the options."""

    QUESTION: ClassVar[str] = N_("The attempts are used up. How does it go on?")

    def __init__(self, desk: Desk) -> None:
        self._options = {option.value: OPTIONS[option] for option in desk.view.options}
        self._option: Option | None = None
        super().__init__(desk, self.QUESTION, self._options)

    def chosen(self, answer: str) -> None:
        if self._option is not None:
            self.dismiss(Decision(self._option, answer))
            return
        option = Option(answer)
        if option in REASONS:
            self._option = option
            self.ask(N_("Why? The reason stays in the record."), REASONS[option])
        else:
            self.dismiss(Decision(option))

    def action_back(self) -> None:
        if self._option is None:
            self.dismiss(None)
        else:
            self._option = None
            self.ask(self.QUESTION, self._options)

"""What went wrong: cause, what to do, and the code for the telephone."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static

from station.desk.plain import lines, plain
from station.i18n import Translator
from station.messages import explain
from station.recording.view import Problem

OTHER_DEVICE = "DEV-105"


class ProblemBox(Static):
    """Hidden while there is no problem."""

    def paint(self, problem: Problem | None, translate: Translator) -> None:
        """Show `problem`."""
        self.display = problem is not None
        self.update(problem_text(problem, translate) if problem else "")


def problem_text(problem: Problem, translate: Translator) -> Content:
    """Cause and code, then what to do; details stay in the log, but for which device it is."""
    message, action = explain(problem.code, translate)
    which = problem.detail if problem.code == OTHER_DEVICE else ""
    return lines(
        plain(f"⚠ {message}. [{problem.code}]", "bold $error"),
        plain(which, "$error"),
        plain(f"→ {action}.", "$accent"),
    )

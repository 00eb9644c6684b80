"""The second line: where in the plan the recording stands, in signs and words."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static

from station.desk.names import SHORT_STEPS, STATUS_SIGNS
from station.desk.plain import plain
from station.domain.plan import Step
from station.i18n import Translator
from station.recording.session import SessionState
from station.recording.view import StationView

_STYLES = {"current": "bold $background on $accent", "pending": "$muted"}


class StepStrip(Static):
    """Hidden while nobody is being recorded."""

    def paint(self, view: StationView, translate: Translator) -> None:
        """Show the steps of `view`."""
        parts = steps_of(view)
        self.display = bool(parts)
        self.update(
            Content(" ").join(
                plain(
                    f"{STATUS_SIGNS[status]} {translate(SHORT_STEPS[step])}",
                    _STYLES.get(status, "$success"),
                )
                for step, status in parts
            )
        )


def steps_of(view: StationView) -> list[tuple[Step, str]]:
    """Identity, the plan and the review, each with its status; empty without a session."""
    if not view.steps:
        return []
    identify = view.session is SessionState.IDENTIFY
    review = view.session is SessionState.REVIEW
    sealed = view.session is SessionState.SEALED
    return [
        (Step.IDENTIFY, "current" if identify else "done"),
        *((step.step, "pending" if identify else step.status) for step in view.steps),
        (Step.REVIEW, "current" if review else "done" if sealed else "pending"),
    ]

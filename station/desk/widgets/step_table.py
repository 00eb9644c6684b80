"""All steps of a recording as a table: status in words, attempts, scores."""

from __future__ import annotations

from textual.content import Content

from station.desk.names import STATUS_SIGNS, STATUSES, STEPS
from station.desk.plain import plain
from station.i18n import Translator
from station.recording.view import StepView

FAILED_SCORE = 255
"""NFIQ 2 has no score for this finger."""

_STYLES = {"done": "$success", "best": "$accent", "excepted": "$accent", "current": "bold"}


def step_line(step: StepView, translate: Translator) -> Content:
    """One step on one line of at most 66 cells."""
    scores = _scores(step)
    attempts = f"{step.attempts}x" if step.attempts else ""
    style = _STYLES.get(step.status, "$muted")
    return Content.assemble(
        plain(f"{STATUS_SIGNS[step.status]} ", style),
        plain(f"{translate(STEPS[step.step]):<22.22} "),
        plain(f"{translate(STATUSES[step.status]):<17.17} ", style),
        plain(f"{attempts:>4}  "),
        plain(f"{scores:<16}", "bold"),
    )


def step_header(translate: Translator) -> Content:
    """The heading over `step_line`."""
    _ = translate
    step, status, tries, scores = _("Step"), _("Status"), _("Try"), _("Scores")
    return plain(f"  {step:<22} {status:<17} {tries:>4}  {scores:<16}", "$muted")


def step_result(step: StepView, translate: Translator) -> Content:
    """How a finished step went, in few words."""
    style = _STYLES.get(step.status, "$muted")
    name, status = translate(STEPS[step.step]), translate(STATUSES[step.status])
    text = f"{STATUS_SIGNS[step.status]} {name}: {status}"
    return plain(f"{text}  {_scores(step)}".rstrip(), style)


def _scores(step: StepView) -> str:
    return " ".join("-" if score == FAILED_SCORE else str(score) for score in step.scores)

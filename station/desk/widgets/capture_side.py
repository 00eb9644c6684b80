"""The side of the capture screen: what to say, how the last attempt was, what to do about it."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from drivers.positions import Finger
from station.desk.names import CAPTURE_STATES, FINGERS, STEPS
from station.desk.plain import lines, plain
from station.desk.prompts import drawing, prompt, wanted_fingers
from station.desk.widgets.problem_box import ProblemBox
from station.desk.widgets.quality_bar import bar_lines, worst_first
from station.desk.widgets.rows import Rows
from station.desk.widgets.step_table import step_result
from station.domain.plan import Step
from station.i18n import Translator
from station.messages import guidance
from station.recording.view import StationView, StepView

MAX_GUIDANCE = 2
"""Findings shown at once: more is not read."""
FEWEST_BARS = 6
FEWEST_BARS_WITH_PROBLEM = 4
"""What fits into 24 rows without and with a problem below the bars."""
ROWS_OF_THE_REST = 30
"""Rows that title, prompt, drawing, guidance and keys need at most."""


class CaptureSide(VerticalScroll, can_focus=False):
    """Texts under one another; empty ones take no room."""

    def compose(self) -> ComposeResult:
        for name in ("step", "prompt", "fingers", "state", "small-drawing", "last", "attempt"):
            yield Static(id=name, markup=False)
        yield Rows(id="bars")
        yield Static(id="guidance", markup=False)
        yield ProblemBox(markup=False)

    def paint(
        self, view: StationView, step: Step, verify_with: Finger, translate: Translator
    ) -> None:
        """Show `view`, which stands at `step`."""
        _ = translate
        fingers = wanted_fingers(step, verify_with)
        names = ", ".join(_(FINGERS[finger]) for finger in fingers).capitalize()
        small = drawing(step, verify_with) if fingers else ""
        sentence = _(prompt(step, verify_with))
        self._put("step", plain(_(STEPS[step]), "bold"))
        self._put("prompt", plain(f"“{sentence}”", "bold $accent"))
        self._put("fingers", plain(names, "$muted"))
        self._put("small-drawing", plain(small, "$primary"))
        state = CAPTURE_STATES[view.capture] if view.capture else ""
        self._put("state", plain(_(state), "bold"))
        self._paint_attempt(view, _)
        self.query_one(ProblemBox).paint(view.problem, _)

    def _paint_attempt(self, view: StationView, translate: Translator) -> None:
        _ = translate
        last = None if view.attempt else last_finished(view)
        attempt = _("Attempt {n} of {m}", n=view.attempt, m=view.max_attempts)
        self._put("last", step_result(last, _) if last else plain(""))
        self._put("attempt", plain(attempt if view.attempt else ""))
        self._put("guidance", lines(*_guidance(view, _)))
        self.set_class(bool(view.bars), "-measured")

        def bars(width: int) -> list[Content]:
            fewest = FEWEST_BARS if view.problem is None else FEWEST_BARS_WITH_PROBLEM
            fitting = max(fewest, self.screen.size.height - ROWS_OF_THE_REST)
            return bar_lines(worst_first(view.bars, fitting), width, _)

        self.query_one("#bars", Rows).show(bars)

    def _put(self, name: str, content: Content) -> None:
        widget = self.query_one(f"#{name}", Static)
        widget.set_class(not content.plain, "-empty")
        widget.update(content)


def _guidance(view: StationView, translate: Translator) -> list[Content]:
    """What was seen and what to say; a problem is newer than the last attempt and hides it."""
    shown: list[Content] = []
    for finding in view.findings[:MAX_GUIDANCE] if view.problem is None else ():
        message, action = guidance(finding, translate)
        shown += [plain(f"• {message}"), plain(f"→ {action}", "bold $accent")]
    return shown


def last_finished(view: StationView) -> StepView | None:
    """The finished step just before the current one, so that the operator sees how it went."""
    last = None
    for step in view.steps:
        if step.status == "current":
            break
        last = step if step.status != "pending" else last
    return last

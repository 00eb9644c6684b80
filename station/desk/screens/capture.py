"""One step of the plan: the live picture, what to say, what was measured, what comes next."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Horizontal

from station.desk.keys import Bindings, key
from station.desk.looks import look_name, looks_for
from station.desk.plain import plain
from station.desk.prompts import drawing
from station.desk.screens.base import DeskScreen, may_except
from station.desk.screens.decide import DecideDialogue, Decision
from station.desk.screens.overview import OverviewDialogue
from station.desk.services import Desk
from station.desk.widgets.capture_side import CaptureSide
from station.desk.widgets.live_picture import LivePicture
from station.desk.widgets.problem_box import OTHER_DEVICE
from station.domain.plan import Step
from station.i18n import N_
from station.recording import capture as table
from station.recording.capture import CaptureEvent, CaptureState
from station.recording.view import Problem


class CaptureScreen(DeskScreen):
    """The same for face, slaps, irises and the verification finger."""

    BINDINGS: ClassVar[Bindings] = [
        key("f4", "reset", N_("Reset device")),
        key("f5", "capture", N_("Capture")),
        key("f6", "again", N_("Retake")),
        key("f6", "accept", N_("Accept this device")),
        key("f7", "look", N_("Picture")),
        key("f8", "except", N_("Exception")),
        key("f9", "review", N_("Review")),
        key("f10", "decide", N_("Decide")),
        key("ctrl+n", "decide", N_("Decide"), show=False),
        key("escape", "cancel", N_("Cancel")),
    ]
    HELP_TEXT = N_(
        "Say the sentence to the resident, then press F5. After the last attempt you choose how "
        "to go on. The number beside a bar counts, not how sharp the picture looks here. "
        "F4 resets a device that hangs; nothing that was captured is lost."
    )

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._picture = LivePicture(desk.station.preview)
        self._look = 0
        self._step: Step | None = None
        self._asked = False

    def body(self) -> ComposeResult:
        with Horizontal():
            yield self._picture
            yield CaptureSide()

    def paint(self) -> None:
        view, step = self.desk.view, self.desk.view.step
        if step is None:
            return  # the next view already belongs to another screen
        if step is not self._step:
            self._step, self._look = step, 0
        verify_with = view.verify_with
        self._picture.draw(drawing(step, verify_with))
        self.query_one(CaptureSide).paint(view, step, verify_with, self.desk.translate)
        self._paint_look(step)
        self._ask_to_decide()

    def _ask_to_decide(self) -> None:
        """Open the decision by itself, once; Esc goes back to the bars and F10 opens it again."""
        deciding = self.desk.view.capture is CaptureState.DECIDE
        ask = deciding and not self._asked and self.is_active
        self._asked = deciding and (self._asked or ask)
        if ask:
            self.action_decide()

    def on_screen_resume(self) -> None:
        self.call_after_refresh(self.repaint)

    def _paint_look(self, step: Step) -> None:
        _ = self.desk.translate
        looks = looks_for(step, self.desk.glyphs)
        look = looks[self._look % len(looks)]
        self._picture.look = look
        self._picture.border_subtitle = plain(_("F7 picture: {look}", look=_(look_name(look))))

    # ---------------------------------------------------------------- keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        view = self.desk.view
        deciding = view.capture is CaptureState.DECIDE
        match action:
            case "accept":
                return _is_other(view.problem)
            case "again" if _is_other(view.problem):
                return False
            case "capture" | "again":
                ready = view.capture in (CaptureState.PREPARE, CaptureState.POSITION)
                return ready and (action == "capture" or view.attempt > 0)
            case "reset":
                hangs = view.capture in (CaptureState.ACQUIRE, CaptureState.PREPARE)
                return hangs or view.problem is not None
            case "decide":
                return deciding
            case "except":
                excepting = (view.capture, CaptureEvent.EXCEPT) in table.TRANSITIONS
                return excepting and view.step is not None and may_except(view.step)
        return True

    def action_capture(self) -> None:
        self.desk.command(self.desk.station.capture)

    def action_accept(self) -> None:
        self.desk.command(self.desk.station.reconnect)

    def action_again(self) -> None:
        self.desk.command(self.desk.station.capture)

    def action_reset(self) -> None:
        self.desk.reset_device()

    def action_look(self) -> None:
        self._look += 1
        self.repaint()

    def action_review(self) -> None:
        self.app.push_screen(OverviewDialogue(self.desk))

    def action_cancel(self) -> None:
        """While the device waits for a hand or an eye, only the waiting ends."""
        if self.desk.view.capture is CaptureState.ACQUIRE:
            self.desk.station.interrupt()
        else:
            self.ask_to_cancel()

    def action_except(self) -> None:
        self.ask_to_except()

    def action_decide(self) -> None:
        def decided(decision: Decision | None) -> None:
            if decision is not None:
                option, reason = decision.option, decision.reason
                self.desk.command(lambda: self.desk.station.decide(option, reason))

        self.app.push_screen(DecideDialogue(self.desk), decided)


def _is_other(problem: Problem | None) -> bool:
    return problem is not None and problem.code == OTHER_DEVICE

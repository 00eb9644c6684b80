"""A device is lost in the middle of a recording: everything is kept, the same step goes on."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from station.desk.keys import Bindings, key
from station.desk.names import STEPS
from station.desk.screens.base import DeskScreen, may_except
from station.desk.screens.home import device_line
from station.desk.widgets.problem_box import OTHER_DEVICE, ProblemBox
from station.i18n import N_


class SuspendedScreen(DeskScreen):
    """F6 connects the device again; F8 goes on without it, for a reason."""

    BINDINGS: ClassVar[Bindings] = [
        key("f4", "reset", N_("Reset device")),
        key("f6", "reconnect", N_("Connect again")),
        key("f6", "accept", N_("Accept this device")),
        key("f8", "except", N_("Exception")),
        key("escape", "cancel", N_("Cancel")),
    ]
    HELP_TEXT = N_(
        "What was captured is safe. Plug the device in again: the step goes on by itself, or "
        "with F6. F4 resets a device that hangs. The program may also "
        "be closed: the recording is offered again at the next start."
    )

    def body(self) -> ComposeResult:
        yield Static(id="heading", markup=False)
        yield Static(id="step", markup=False)
        yield ProblemBox(markup=False)
        yield Static(id="device-list", markup=False)
        yield Static(id="state", markup=False)

    def paint(self) -> None:
        _, view = self.desk.translate, self.desk.view
        other = view.problem is not None and view.problem.code == OTHER_DEVICE
        heading = N_("Another device answers. Everything captured is kept.")
        lost = N_("A device is lost. Everything captured is kept.")
        self.write("#heading", _(heading if other else lost), "bold")
        step = _(STEPS[view.step]) if view.step else ""
        self.write("#step", _("It goes on at: {step}", step=step) if step else "")
        self.query_one(ProblemBox).paint(view.problem, _)
        self.query_one("#device-list", Static).update(
            Content("\n").join(device_line(device, _) for device in view.devices)
        )
        self.write("#state", _("Connecting ...") if self.desk.busy else "", "$accent")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        step, problem = self.desk.view.step, self.desk.view.problem
        if action in ("accept", "reconnect"):
            is_other = problem is not None and problem.code == OTHER_DEVICE
            return is_other == (action == "accept")
        return action != "except" or (step is not None and may_except(step))

    def action_reset(self) -> None:
        self.desk.reset_device()

    def action_except(self) -> None:
        self.ask_to_except()

    def action_accept(self) -> None:
        self.desk.command(self.desk.station.reconnect)

    def action_reconnect(self) -> None:
        self.desk.command(self.desk.station.reconnect)

    def action_cancel(self) -> None:
        self.ask_to_cancel()

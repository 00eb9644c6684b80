"""Between two residents: which devices are ready, what is unfinished, who is next."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from station.desk.keys import Bindings, key
from station.desk.names import DEVICE_STATES, ROLES
from station.desk.plain import lines, plain
from station.desk.screens.base import DeskScreen
from station.desk.widgets.problem_box import OTHER_DEVICE, ProblemBox, problem_text
from station.i18n import N_, Translator
from station.recording.session import SessionState
from station.recording.view import DeviceView

_SIGNS = {"ready": "✓", "busy": "✓", "connecting": "…"}
_STYLES = {"ready": "$success", "busy": "$success", "connecting": "$accent"}


class HomeScreen(DeskScreen):
    """F5 begins, or goes on with the recording that a crash or a power cut left behind."""

    BINDINGS: ClassVar[Bindings] = [
        key("f5", "new", N_("New resident")),
        key("f5", "resume", N_("Go on with it")),
        key("enter", "new", N_("New resident"), show=False),
        key("enter", "resume", N_("Go on with it"), show=False),
        key("f6", "connect", N_("Connect again")),
        key("f6", "accept", N_("Accept this device")),
        key("f10", "another", N_("New resident")),
        key("ctrl+n", "another", N_("New resident"), show=False),
        key("escape", "close", N_("Close")),
    ]
    HELP_TEXT = N_(
        "A device with a problem is tried again when its step comes. "
        "An unfinished recording goes on at the step where it stopped."
    )

    def body(self) -> ComposeResult:
        yield Static(id="heading", markup=False)
        with VerticalScroll(id="devices"):
            yield Static(id="device-list", markup=False)
        yield ProblemBox(markup=False)
        yield Static(id="unfinished", markup=False)
        yield Static(id="records", markup=False)
        yield Static(id="next", markup=False)

    def paint(self) -> None:
        _, view = self.desk.translate, self.desk.view
        opening = self.desk.opening
        self.write("#heading", _("Starting the devices ...") if opening else _("Devices"), "bold")
        self.query_one("#device-list", Static).update(
            Content("\n").join(device_text(device, _) for device in view.devices)
        )
        self.query_one(ProblemBox).paint(view.problem, _)
        unfinished = _("Unfinished recordings: {n}", n=len(view.unfinished))
        self.write("#unfinished", unfinished if self._can_resume else "", "bold $accent")
        total = _.number(view.records_total)
        self.write("#records", _("Records on this desk: {n}", n=total))
        self.write("#next", "" if opening else self._next())

    @property
    def _can_resume(self) -> bool:
        view = self.desk.view
        free = view.session in (SessionState.IDLE, SessionState.CANCELLED)
        return free and bool(view.unfinished)

    def _next(self) -> str:
        _, view = self.desk.translate, self.desk.view
        if self._can_resume:
            return _("F5: go on with the unfinished recording. F10: a new resident.")
        disk_refused = view.problem is not None and view.problem.code.startswith("ST-")
        if view.session is SessionState.CANCELLED and not disk_refused:
            return _("Recording cancelled, captures destroyed. F5: next resident.")
        return _("F5: record the next resident.")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("new", "resume", "another", "connect", "accept") and self.desk.opening:
            return False
        if action in ("connect", "accept"):
            codes = {device.problem.code for device in self.desk.view.devices if device.problem}
            return bool(codes) and (OTHER_DEVICE in codes) == (action == "accept")
        if action in ("resume", "another"):
            return self._can_resume
        return not self._can_resume if action == "new" else True

    def action_new(self) -> None:
        self.desk.next_resident()

    def action_connect(self) -> None:
        self.desk.command(self.desk.station.connect_devices)

    def action_accept(self) -> None:
        self.desk.command(self.desk.station.connect_devices)

    def action_another(self) -> None:
        self.desk.next_resident()

    def action_resume(self) -> None:
        session_id = self.desk.view.unfinished[0]
        self.desk.command(lambda: self.desk.station.resume(session_id))


def device_text(device: DeviceView, translate: Translator) -> Content:
    """A device and, below it, what is wrong with it."""
    line = device_line(device, translate)
    return lines(line, problem_text(device.problem, translate)) if device.problem else line


def device_line(device: DeviceView, translate: Translator) -> Content:
    """Role, state in words with the level of trust, model and serial number."""
    role = translate(ROLES.get(device.role, device.role))
    state = translate(DEVICE_STATES.get(device.state, device.state))
    words = " ".join(part for part in (state, _trust(device)) if part)
    shown = device.state if device.problem is None else ""
    style = _STYLES.get(shown, "$error")
    return Content.assemble(
        plain(f"{_SIGNS.get(shown, '✗')} {role:<20} ", style),
        plain(f"{words:<16} ", f"bold {style}"),
        plain(" ".join(part for part in (device.model, device.serial) if part)),
    )


def _trust(device: DeviceView) -> str:
    """The level at which the device signs what it captured; nothing where it signs nothing."""
    return "" if device.trust == "none" else f"[{device.trust}]"

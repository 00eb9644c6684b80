"""The application: one screen for each state of the recording, one worker for its commands."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual.app import App
from textual.binding import BindingType
from textual.message import Message
from textual.worker import Worker, WorkerState

from station.desk.crash import place_of
from station.desk.plain import plain
from station.desk.screens.base import DeskScreen
from station.desk.screens.capture import CaptureScreen
from station.desk.screens.choice import ChoiceDialogue
from station.desk.screens.common import CommonScreen
from station.desk.screens.failure import CannotStart, FailureDialogue
from station.desk.screens.halted import HaltedScreen
from station.desk.screens.home import HomeScreen
from station.desk.screens.identify import IdentifyScreen
from station.desk.screens.review import ReviewScreen
from station.desk.screens.sealed import SealedScreen
from station.desk.screens.suspended import SuspendedScreen
from station.desk.screens.unsaved import UnsavedScreen
from station.desk.services import Command, Station
from station.desk.theme import DESK_THEME
from station.desk.widgets.glyphs import glyphs_for
from station.i18n import LANGUAGES, N_, Translator
from station.messages import INTERNAL_ERROR
from station.recording.session import SessionState
from station.recording.view import StationView

log = logging.getLogger(__name__)

CLOSE_TIMEOUT = 12.0
"""Seconds that devices and store get to close before the program ends without them; more than
the command under way, the devices, the judge and the store are given together."""

SCREENS: dict[SessionState, type[DeskScreen]] = {
    SessionState.IDLE: HomeScreen,
    SessionState.IDENTIFY: IdentifyScreen,
    SessionState.CAPTURING: CaptureScreen,
    SessionState.REVIEW: ReviewScreen,
    SessionState.SEALED: SealedScreen,
    SessionState.SUSPENDED: SuspendedScreen,
    SessionState.CANCELLED: HomeScreen,
    SessionState.HALTED: HaltedScreen,
}

_WIDTHS: list[tuple[int, str]] | None = [(0, "-narrow"), (128, "-wide")]
_HEIGHTS: list[tuple[int, str]] | None = [(0, "-low"), (30, "-high")]
"""Columns and rows from which a class is set on the screens; the style sheet uses it."""

NextResident = Callable[[], Awaitable[None]]


CRASHED = N_("Internal error {code} ({place}). Call the supervisor.")


class ViewChanged(Message):
    """The station has a new view; several in the queue become one."""

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, ViewChanged)


class DeskApp(App[int], inherit_bindings=False):
    """Shows a recording station to its operator; owns the station while it runs.

    `on_next_resident` is awaited once after each sealed or cancelled recording, before the next
    one is opened. `run` returns 0 after an orderly end.
    """

    CSS_PATH = Path(__file__).with_name("desk.tcss")
    ENABLE_COMMAND_PALETTE = False
    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = []
    HORIZONTAL_BREAKPOINTS = _WIDTHS
    VERTICAL_BREAKPOINTS = _HEIGHTS

    def __init__(
        self,
        station: Station,
        *,
        language: str = "id",
        on_next_resident: NextResident | None = None,
    ) -> None:
        self.glyphs = glyphs_for(os.environ)  # before the library removes NO_COLOR
        super().__init__()
        self.station = station
        self.translate = Translator(language)
        self._on_next_resident = on_next_resident
        self._view = station.view
        self._busy = False
        self._resetting = False
        self._opening = True
        self._station_closed = False
        self._ending = False
        self._unsubscribe: Callable[[], None] = lambda: None

    # ---------------------------------------------------------------- what screens ask for

    @property
    def view(self) -> StationView:
        return self._view

    @property
    def busy(self) -> bool:
        return self._busy or self._resetting

    @property
    def opening(self) -> bool:
        return self._opening

    def command(self, work: Command) -> None:
        if self.busy or self._ending:
            self.bell()  # two commands at once would race in the state table
            return
        self._busy = True
        self.run_worker(self._run_command(work), group="station", exit_on_error=False)
        self._repaint()

    def reset_device(self) -> None:
        if self._resetting or self._ending:
            self.bell()
            return
        self._resetting = True
        self.run_worker(self._reset_device(), group="station", exit_on_error=False)
        self._repaint()

    def next_resident(self) -> None:
        self.command(self._next_resident)

    def switch_language(self) -> None:
        codes = list(LANGUAGES)
        self.translate.use(codes[(codes.index(self.translate.language) + 1) % len(codes)])
        self._repaint()

    def ask_to_close(self) -> None:
        def answered(answer: str | None) -> None:
            if answer == "yes":
                self.request_shutdown()

        question = N_("Close the program? An open recording is kept and offered at the next start.")
        answers = {"no": N_("No, go back"), "yes": N_("Yes, close the program")}
        if not any(isinstance(screen, ChoiceDialogue) for screen in self.screen_stack):
            self.push_screen(ChoiceDialogue(self, question, answers), answered)

    # ---------------------------------------------------------------- life

    async def on_mount(self) -> None:
        self.register_theme(DESK_THEME)
        self.theme = DESK_THEME.name
        self.title = "rekam"
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self.request_shutdown)
        self._unsubscribe = self.station.subscribe(lambda _view: self._view_changed())
        await self.push_screen(HomeScreen(self))
        self._busy = True
        self.run_worker(self._open(), name="open", group="station", exit_on_error=False)

    async def _open(self) -> None:
        try:
            await self.station.open()
        finally:
            self._opening, self._busy = False, False
            self._view_changed()

    async def _run_command(self, work: Command) -> None:
        try:
            await work()
        finally:
            self._busy = False
            self._view_changed()

    async def _reset_device(self) -> None:
        try:
            await self.station.reset_device()
        finally:
            self._resetting = False
            self._view_changed()

    async def _next_resident(self) -> None:
        finished = self.view.session in (SessionState.SEALED, SessionState.CANCELLED)
        if finished and self._on_next_resident is not None:
            await self._on_next_resident()
        await self.station.start()

    def request_shutdown(self) -> None:
        """Release devices and store, then end; may be called again, and from a signal."""
        if not self._ending:
            self._ending = True
            self.run_worker(self._shut_down(), group="shutdown", exit_on_error=False)

    async def _shut_down(self) -> None:
        await self._close_station()
        self.exit(0, return_code=0)

    async def _close_station(self) -> None:
        if self._station_closed:
            return
        self._station_closed = True
        self._unsubscribe()
        try:
            await asyncio.wait_for(self.station.close(), CLOSE_TIMEOUT)
        except TimeoutError:
            log.error("the station did not close in %s s", CLOSE_TIMEOUT)

    async def on_unmount(self) -> None:
        """Also after a crash: the devices are released."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.remove_signal_handler(number)
        await self._close_station()

    # ---------------------------------------------------------------- painting

    def _view_changed(self) -> None:
        self.post_message(ViewChanged())

    async def on_view_changed(self, message: ViewChanged) -> None:
        """Take the newest view and bring its screen up; dialogues of another screen go."""
        if self._ending:
            return
        view = self.station.view
        self._view = view
        wanted = UnsavedScreen if view.unsaved else SCREENS[view.session]
        base = self._desk_screen()
        if type(base) is not wanted:
            while self.screen is not base:
                await self.pop_screen()
            await self.switch_screen(wanted(self))
        else:
            self._repaint()

    def _desk_screen(self) -> DeskScreen:
        return next(screen for screen in self.screen_stack if isinstance(screen, DeskScreen))

    def _repaint(self) -> None:
        for screen in self.screen_stack:
            if isinstance(screen, CommonScreen) and screen.is_mounted:
                screen.repaint()

    # ---------------------------------------------------------------- what went wrong

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Every failed worker ends here: nothing fails in silence."""
        error = event.worker.error
        if event.state is not WorkerState.ERROR or error is None or self._ending:
            return
        log.error("command failed: %s", place_of(error))
        fatal = event.worker.name == "open"
        self.push_screen(CannotStart(self, error) if fatal else FailureDialogue(self, error))

    def _handle_exception(self, error: Exception) -> None:
        """End without a traceback: the library would print local variables, personal data too."""
        self._return_code = 1
        if self._exception is not None:
            return  # the first one counts, and is being told
        self._exception = error  # lets a test see it
        told: asyncio.Event = self._exception_event
        told.set()
        place = place_of(error)
        log.error("crash: %s", place)
        text = self.translate(CRASHED, code=INTERNAL_ERROR, place=place)
        self.panic(Text(plain(text).plain))

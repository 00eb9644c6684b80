"""What the screens may use: the commands of the station, and the services of the application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from drivers.positions import Finger
from drivers.values import Frame
from station.desk.widgets.glyphs import Glyphs
from station.domain.plan import Step
from station.i18n import Translator
from station.recording.policy import Option
from station.recording.view import StationView


class Station(Protocol):
    """The part of `RecordingStation` that the screens drive."""

    @property
    def view(self) -> StationView:
        """The present state as one immutable picture."""
        ...

    def subscribe(self, listener: Callable[[StationView], None]) -> Callable[[], None]: ...
    def preview(self) -> Frame | None: ...
    async def open(self) -> None: ...
    async def close(self) -> None: ...
    async def start(self) -> None: ...
    async def resume(self, session_id: str) -> None: ...
    async def identify_from_card(self) -> bool: ...
    async def identify_typed(self, nik: str, full_name: str = "") -> bool: ...
    async def capture(self) -> None: ...
    async def decide(self, option: Option, reason: str) -> None: ...
    async def except_step(self, reason: str) -> None: ...
    async def reopen(self, step: Step, reason: str) -> None: ...
    async def save_again(self) -> None: ...
    async def reconnect(self) -> bool: ...
    async def seal(self) -> bool: ...
    async def cancel(self, reason: str) -> None: ...


Command = Callable[[], Awaitable[object]]
"""Makes the coroutine of one station command."""


class Desk(Protocol):
    """What a screen asks of the application."""

    translate: Translator
    station: Station
    glyphs: Glyphs

    @property
    def view(self) -> StationView:
        """The newest view; the same until the next repaint."""
        ...

    @property
    def busy(self) -> bool:
        """Whether a command is running; another one is refused until it ends."""
        ...

    @property
    def opening(self) -> bool:
        """Whether devices and models are still being brought up."""
        ...

    @property
    def verify_with(self) -> Finger:
        """The index finger that the verification asks for."""
        ...

    def command(self, work: Command) -> None:
        """Run one station command beside the screen."""
        ...

    def next_resident(self) -> None:
        """Open the session of the next resident."""
        ...

    def decide(self, option: Option, reason: str) -> None:
        """Choose what follows after the last attempt."""
        ...

    def switch_language(self) -> None:
        """Show everything in the other language."""
        ...

    def ask_to_close(self) -> None:
        """End the program if the operator confirms it."""
        ...

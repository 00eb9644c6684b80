"""The picture of the current step: live while the device has one, a drawing otherwise."""

from __future__ import annotations

from collections.abc import Callable

from textual.app import ComposeResult
from textual.containers import Container
from textual.widgets import Static

from drivers.values import Frame
from station.desk.plain import plain
from station.desk.widgets.frame_view import FrameView, Look

RATE_HZ = 12.0


class LivePicture(Container):
    """Pulls the newest frame while its screen is active; frames are dropped, never queued."""

    def __init__(self, source: Callable[[], Frame | None]) -> None:
        super().__init__()
        self._source = source
        self._view = FrameView()
        self._drawing = Static(id="drawing", markup=False)
        self.look = Look()

    def compose(self) -> ComposeResult:
        yield self._view
        yield self._drawing

    def on_mount(self) -> None:
        self.pull()
        self.set_interval(1 / RATE_HZ, self.pull)

    def draw(self, drawing: str) -> None:
        """Set what is shown while there is no live picture."""
        self._drawing.update(plain(drawing))

    def pull(self) -> None:
        """Show the newest frame, if this screen is the one that is seen."""
        if not self.screen.is_active:  # `is_current` stays true under a dialogue
            return
        frame = self._source()
        self._view.display = frame is not None
        self._drawing.display = frame is None
        self.screen.set_class(frame is not None, "-live")  # the side then shows the drawing
        if frame is not None:
            self._view.show(frame, self.look)

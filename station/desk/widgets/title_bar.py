"""The first line: the program, whom it records (masked), and whether all this is a simulation."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Static

from station.desk.plain import plain
from station.i18n import Translator
from station.recording.view import StationView


class TitleBar(Horizontal):
    """Three texts on one line."""

    def compose(self) -> ComposeResult:
        yield Static(id="title", markup=False)
        yield Static(id="banner", markup=False)
        yield Static(id="whom", markup=False)

    def paint(self, view: StationView, translate: Translator) -> None:
        """Show `view`."""
        _ = translate
        self.query_one("#title", Static).update(plain(_("rekam: KTP-el recording")))
        banner = self.query_one("#banner", Static)
        banner.display = view.simulated
        banner.update(plain(_("SIMULATION")))
        self.query_one("#whom", Static).update(
            plain(_("NIK {nik}", nik=view.nik) if view.nik else "")
        )

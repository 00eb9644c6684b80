"""What full screens and dialogues have in common: keys for help, language and the end."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, TypeVar

from textual.screen import ModalScreen, Screen
from textual.widgets import Static

from station.desk.keys import COMMON, Bindings
from station.desk.plain import plain
from station.desk.services import Desk
from station.desk.widgets.key_bar import KeyBar

ResultT = TypeVar("ResultT")


class CommonScreen(Screen[ResultT], inherit_bindings=False):
    """Is repainted as a whole after each change; nothing is recomposed.

    So changing the language or the state leaves what was typed where it is.
    """

    BINDINGS: ClassVar[Bindings] = COMMON
    HELP_TEXT: ClassVar[str] = ""
    """English and marked; what this screen is for."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.desk = desk

    @abstractmethod
    def paint(self) -> None:
        """Fill the widgets from the newest view, in the present language."""

    def on_mount(self) -> None:
        self.repaint()

    def repaint(self) -> None:
        """Show the newest view and the keys that work with it."""
        self.paint()
        self.refresh_bindings()
        self.query_one(KeyBar).repaint()

    def write(self, selector: str, text: str, style: str = "") -> None:
        """Put a literal text into a `Static` of this screen; an empty one takes no room."""
        widget = self.query_one(selector, Static)
        widget.set_class(not text, "-empty")
        widget.update(plain(text, style))

    def action_help(self) -> None:
        from station.desk.screens.help import HelpDialogue

        if not isinstance(self, HelpDialogue):
            self.app.push_screen(HelpDialogue(self.desk, self))

    def action_language(self) -> None:
        self.desk.switch_language()

    def action_close(self) -> None:
        self.desk.ask_to_close()


class Dialogue(CommonScreen[ResultT], ModalScreen[ResultT]):
    """Covers the middle of a screen until it is answered."""

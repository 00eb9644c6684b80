"""The field in which a NIK is typed: digits only, nothing of it leaves by the clipboard."""

from __future__ import annotations

from textual.widgets import Input

DIGITS = 16


class NikInput(Input):
    """Takes sixteen digits; spaces are let pass, the core ignores them."""

    def __init__(self) -> None:
        super().__init__(restrict=r"[0-9 ]*", max_length=DIGITS + 3, select_on_focus=False)
        self.cursor_blink = False

    def action_copy(self) -> None:
        """Do nothing: the terminal would hand it to the desktop."""

    def action_cut(self) -> None:
        """Do nothing: the terminal would hand it to the desktop."""

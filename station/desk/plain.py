"""The one way in which text reaches the screen: never as markup, never with control characters."""

from __future__ import annotations

from textual.content import Content

_CONTROL = {*range(0x00, 0x0A), *range(0x0B, 0x20), *range(0x7F, 0xA0)}
_DIRECTION = {0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)}
_STRIPPED = dict.fromkeys(_CONTROL | _DIRECTION)


def plain(text: object, style: str = "") -> Content:
    """Show `text` literally; line feeds stay, other control and direction characters go.

    A name or a card may hold `[red]` or an escape sequence: neither may do anything here.
    """
    return Content.styled(str(text).translate(_STRIPPED), style)


def lines(*parts: Content) -> Content:
    """Put contents under one another, leaving out empty ones."""
    return Content("\n").join([part for part in parts if part.plain])

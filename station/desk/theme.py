"""The colours of the desk: dark, with a contrast of at least 7:1 for every text."""

from __future__ import annotations

from textual.theme import Theme

DESK_THEME = Theme(
    name="rekam",
    primary="#7cc4ff",
    secondary="#2a5f8f",
    accent="#ffd75f",
    foreground="#f2f2f2",
    background="#0b0f14",
    surface="#121920",
    panel="#1c2733",
    success="#7be08a",
    warning="#ffd75f",
    error="#ff9d94",
    dark=True,
    variables={
        "muted": "#aab6c2",
        "block-cursor-background": "#23425f",
        "block-cursor-foreground": "#ffffff",
        "block-cursor-blurred-background": "#23425f",
        "block-cursor-blurred-foreground": "#ffffff",
        "block-cursor-text-style": "bold",
        "input-cursor-background": "#f2f2f2",
        "input-cursor-foreground": "#0b0f14",
    },
)

"""One quality value on one line: name, number, bar with the mark of its limit, and the word."""

from __future__ import annotations

import math

from textual.content import Content

from station.desk.plain import plain
from station.i18n import N_, Translator
from station.recording.attempt import Bar

_EIGHTHS = " ▏▎▍▌▋▊▉█"
GOOD = N_("GOOD")
RETAKE = N_("RETAKE")


def bar_line(bar: Bar, name: str, width: int, translate: Translator) -> Content:
    """Lay a value out over `width` cells; the bar takes what name, number and word leave."""
    word = translate(GOOD if bar.passed else RETAKE)
    words = max(len(translate(GOOD)), len(translate(RETAKE)))
    number = number_text(bar.value, translate)
    names = max(12, min(24, width - words - 5 - 3 - 8))
    cells = max(4, width - names - 5 - words - 3)
    colour = "$success" if bar.passed else "$error"
    return Content.assemble(
        plain(f"{name:<{names}.{names}} "),
        plain(f"{number:>5} ", "bold"),
        plain(bar_cells(bar.value, bar.limit, bar.top, cells), f"{colour} on $panel"),
        plain(f" {word:<{words}}", f"bold {colour}"),
    )


def number_text(value: float, translate: Translator) -> str:
    """At most five characters: whole numbers from ten on, one decimal below."""
    if not math.isfinite(value):
        return "-"
    whole = abs(value) >= 10 or value == int(value)
    return translate.number(value, 0 if whole else 1)


def bar_cells(value: float, limit: float, top: float, cells: int) -> str:
    """Draw `value` of `top` in eighths of a cell, with a line where the limit is."""
    share = value / top if math.isfinite(value) and top > 0 else 0.0
    eighths = round(min(1.0, max(0.0, share)) * cells * 8)
    full, rest = divmod(eighths, 8)
    text = "█" * full + (_EIGHTHS[rest] if rest else "")
    text = f"{text:<{cells}}"[:cells]
    mark = min(cells - 1, max(0, int(limit / top * cells))) if top > 0 else 0
    sign = "┃" if text[mark] == "█" else "│"
    return text[:mark] + sign + text[mark + 1 :]

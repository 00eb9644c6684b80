"""One quality value on one line: name, number, bar with the mark of its limit, and the word."""

from __future__ import annotations

import math
from collections.abc import Sequence

from textual.content import Content

from station.desk.names import bar_name
from station.desk.plain import plain
from station.i18n import N_, Translator
from station.recording.attempt import Bar

_EIGHTHS = " ▏▎▍▌▋▊▉█"
GOOD = N_("GOOD")
RETAKE = N_("RETAKE")


def bar_lines(bars: Sequence[Bar], width: int, translate: Translator) -> list[Content]:
    """Put bars under one another over `width` cells, their columns aligned."""
    named = [(bar, bar_name(bar.label, translate)) for bar in bars]
    names = min(max((len(name) for _, name in named), default=0), max(12, width - 24))
    return [_line(bar, name, names, width, translate) for bar, name in named]


def worst_first(bars: Sequence[Bar], most: int) -> Sequence[Bar]:
    """All bars in their order or, where there is no room, first those that did not pass."""
    if len(bars) <= most:
        return bars
    return sorted(bars, key=lambda bar: bar.passed)[:most]


def _line(bar: Bar, name: str, names: int, width: int, translate: Translator) -> Content:
    """The bar takes what name, number and word leave."""
    word = translate(GOOD if bar.passed else RETAKE)
    words = max(len(translate(GOOD)), len(translate(RETAKE)))
    number = number_text(bar.value, translate)
    cells = max(4, width - names - 5 - words - 3)
    colour = "$success" if bar.passed else "$error"
    return Content.assemble(
        plain(f"{name:<{names}.{names}} "),
        plain(f"{number:>5} ", "bold"),
        plain(bar_cells(bar.value, bar.limit, bar.top, cells), f"{colour} on $panel"),
        plain(f" {word:<{words}}", f"bold {colour}"),
    )


def number_text(value: float, translate: Translator) -> str:
    """At most five characters: whole numbers from ten on, one decimal below, two below one."""
    if not math.isfinite(value):
        return "-"
    if abs(value) >= 10 or value == int(value):
        return translate.number(value)
    return translate.number(value, 1 if abs(value) >= 1 else 2)


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

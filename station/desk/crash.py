"""A crash told without its data: class names and places, never a value, never a message."""

from __future__ import annotations

import traceback
from pathlib import Path

_OURS = {"station", "drivers", "calibration"}
_ROOT = Path(__file__).parents[2]


def place_of(error: BaseException) -> str:
    """Name the class of `error` and the innermost line of ours that it passed through."""
    place = "?"
    for frame in traceback.extract_tb(error.__traceback__):
        path = Path(frame.filename)
        if path.is_relative_to(_ROOT) and path.relative_to(_ROOT).parts[0] in _OURS:
            place = f"{path.relative_to(_ROOT)}:{frame.lineno}"
    return f"{type(error).__name__} {place}"

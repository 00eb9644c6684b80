"""What must be true of the process before Textual is imported: it reads its environment then."""

from __future__ import annotations

import os
from collections.abc import MutableMapping


def prepare(environ: MutableMapping[str, str] | None = None) -> None:
    """Remove every `TEXTUAL*` variable and switch animations off.

    Such variables make Textual log keys, type for the operator, write pictures of the screen or
    let ctrl+c kill the process; a desk must not be steered by them. Call this first.
    """
    variables = os.environ if environ is None else environ
    for name in [name for name in variables if name.startswith("TEXTUAL")]:
        del variables[name]
    variables["TEXTUAL_ANIMATIONS"] = "none"

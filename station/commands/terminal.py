"""The terminal for the screens alone: what libraries in C print goes to a file instead."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STANDARD_ERROR = 2


@contextmanager
def screen_of_its_own(folder: Path) -> Iterator[Path]:
    """Draw on a duplicate of standard error, while file descriptor 2 is `folder`/native.log.

    Textual draws on `sys.__stderr__`, and a decoder or a driver library writes to file descriptor
    2, into the middle of the picture. Gives the file; afterwards everything is as it was.

    Raises:
        OSError: the file cannot be made.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    native = folder / "native.log"
    log = os.open(native, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    sys.stderr.flush()
    terminal = os.dup(STANDARD_ERROR)
    before = sys.__stderr__, sys.stderr
    encoding = sys.stderr.encoding or "utf-8"
    screen = os.fdopen(terminal, "w", encoding=encoding, errors="backslashreplace", closefd=False)
    try:
        os.dup2(log, STANDARD_ERROR)
        os.close(log)
        sys.__stderr__ = screen  # type: ignore[misc]  # the library asks for this very name
        sys.stderr = screen
        yield native
    finally:
        screen.close()
        sys.__stderr__, sys.stderr = before  # type: ignore[misc]
        os.dup2(terminal, STANDARD_ERROR)
        os.close(terminal)

"""Libraries in C that speak on standard error, kept from doing so for a moment."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

STANDARD_ERROR = 2


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Send file descriptor 2 nowhere: image decoders print what they think of damaged files.

    For the whole process, therefore only where no other thread has anything to say.
    """
    sys.stderr.flush()
    kept = os.dup(STANDARD_ERROR)
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, STANDARD_ERROR)
        os.close(nowhere)
        yield
    finally:
        os.dup2(kept, STANDARD_ERROR)
        os.close(kept)

"""The opening data of a secure access module: a file that only its owner may read.

The file holds 64 hexadecimal digits, blanks and line ends between them allowed: the 32 bytes of the
command that opens the module, (CONF[0:16] xor PCID) and (CONF[16:32] xor PCID) of the data that the
population authority issues with it. They never enter a log, a message or a `repr`.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from drivers.card.errors import AccessOpeningUnusable

OPENING_BYTES: Final = 32
MAX_FILE_BYTES: Final = 256
OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class OpeningFile:
    """The opening data in a file, read anew for every reading and kept nowhere.

    `is_refused` is set when the module refused them; it stays until this object is made anew.
    """

    def __init__(self, device: str, path: Path | None) -> None:
        self._device = device
        self._path = path
        self.is_refused = False

    def __repr__(self) -> str:
        return f"OpeningFile(refused={self.is_refused})"

    def load(self) -> bytes:
        """Return the 32 bytes of the file.

        Raises:
            AccessOpeningUnusable: no file is configured, it is unreadable, no plain file, belongs
                to somebody else or may be read by others, or holds something else.
        """
        if self._path is None:
            raise self._unusable("no file is configured")
        try:
            # not followed and not waited for: a link or a pipe in its place is refused below
            descriptor = os.open(
                self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
            )
        except OSError as error:
            raise self._unusable(f"{error.strerror}") from error
        try:
            self._check(os.fstat(descriptor))
            text = os.read(descriptor, MAX_FILE_BYTES + 1)
        finally:
            os.close(descriptor)
        digits = b"".join(text.split())
        try:
            opening = bytes.fromhex(digits.decode("ascii"))
        except ValueError:
            # `from None`: the error of the decoder shows a part of the text
            raise self._unusable("not hexadecimal digits") from None
        if len(text) > MAX_FILE_BYTES or len(opening) != OPENING_BYTES:
            raise self._unusable(f"{len(opening)} bytes, {OPENING_BYTES} expected")
        return opening

    def _check(self, status: os.stat_result) -> None:
        if not stat.S_ISREG(status.st_mode):
            raise self._unusable("not a plain file")
        if status.st_uid not in (os.geteuid(), 0):
            raise self._unusable("it belongs to another user")
        if status.st_mode & OTHERS:
            mode = stat.S_IMODE(status.st_mode)
            raise self._unusable(f"others may use it: mode {mode:o}, 600 expected")

    def _unusable(self, fact: str) -> AccessOpeningUnusable:
        return AccessOpeningUnusable(self._device, f"opening data: {fact}")

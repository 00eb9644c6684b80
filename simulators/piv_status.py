"""Status words that a PIV card answers with; NIST SP 800-73-4 part 2 table 4."""

from __future__ import annotations

from typing import Final

OK: Final = b"\x90\x00"
WRONG_LENGTH: Final = b"\x67\x00"
NOT_SATISFIED: Final = b"\x69\x82"
BLOCKED: Final = b"\x69\x83"
WRONG_DATA: Final = b"\x6a\x80"
NOT_FOUND: Final = b"\x6a\x82"
WRONG_PARAMETERS: Final = b"\x6a\x86"
UNKNOWN_REFERENCE: Final = b"\x6a\x88"
UNKNOWN_COMMAND: Final = b"\x6d\x00"
UNKNOWN_CLASS: Final = b"\x6e\x00"

"""What became of the signature on a card's content."""

from __future__ import annotations

from enum import StrEnum


class SignatureCheck(StrEnum):
    """The verdict; only `VALID` says that somebody vouches for the content."""

    VALID = "valid"
    INVALID = "invalid"
    """There is a signature and it does not hold: show "tanda tangan tidak sah"."""
    UNSIGNED = "unsigned"
    NOT_CHECKED = "not checked"

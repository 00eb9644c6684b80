"""Errors of the station itself, above those of devices (`drivers.errors`).

Callers branch on the class; `code` is stable and is what the operator reads out on the telephone.
`detail` names conditions and places, never personal data.
"""

from __future__ import annotations

from typing import ClassVar


class StationError(Exception):
    """Base of all station errors."""

    code: ClassVar[str] = "STN-000"

    def __init__(self, detail: str = "") -> None:
        super().__init__(f"{self.code}: {detail}" if detail else self.code)
        self.detail = detail


class ConfigError(StationError):
    """The configuration cannot be used; `detail` names the file and the key with its path."""

    code = "CFG-001"


class IllegalTransition(StationError):
    """The workflow was asked for a step that its table does not allow: always a bug."""

    code = "WF-001"


class ChoicesExhausted(StationError):
    """An unattended recording used up every choice of a step; a person has to decide."""

    code = "WF-101"


class StoreError(StationError):
    """Base of what the local store and the session journal may raise."""

    code = "ST-001"


class SessionUnreadable(StoreError):
    """An unfinished session is gone, empty, or was written by another version of the program."""

    code = "ST-211"


class AcceptedLost(StoreError):
    """The audit log knows an accepted capture that the journal does not hold any more."""

    code = "ST-212"


class JudgeFailed(StationError):
    """Our own judgement of a capture ended with an error; the capture was not used."""

    code = "BIO-101"


class NoReference(StationError):
    """No index finger was captured, so there is nothing to verify a finger against."""

    code = "BIO-102"


class IntegrityError(StationError):
    """Base of what is wrong with a record, a key or a signature."""

    code = "SEC-001"

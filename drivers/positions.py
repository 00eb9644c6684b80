"""Finger, slap and eye codes of the standards; no imports beyond the standard library.

Source: finger positions ANSI/NIST-ITL table 8 and ISO/IEC 19794-4 table 6 (equal for 1 to 15), eye
labels ISO/IEC 19794-6 table 5. Right and left are the resident's.
"""

from __future__ import annotations

from enum import IntEnum


class Finger(IntEnum):
    """One finger; the value is its position code."""

    RIGHT_THUMB = 1
    RIGHT_INDEX = 2
    RIGHT_MIDDLE = 3
    RIGHT_RING = 4
    RIGHT_LITTLE = 5
    LEFT_THUMB = 6
    LEFT_INDEX = 7
    LEFT_MIDDLE = 8
    LEFT_RING = 9
    LEFT_LITTLE = 10

    @property
    def is_right(self) -> bool:
        """Whether the finger belongs to the right hand."""
        return self <= Finger.RIGHT_LITTLE


class Slap(IntEnum):
    """Several fingers taken together; the value is its position code."""

    RIGHT_FOUR = 13
    LEFT_FOUR = 14
    THUMBS = 15

    @property
    def fingers(self) -> tuple[Finger, ...]:
        """The fingers of a complete slap, the most important one first."""
        return _FINGERS_OF[self]


_FINGERS_OF = {
    Slap.RIGHT_FOUR: (
        Finger.RIGHT_INDEX,
        Finger.RIGHT_MIDDLE,
        Finger.RIGHT_RING,
        Finger.RIGHT_LITTLE,
    ),
    Slap.LEFT_FOUR: (
        Finger.LEFT_INDEX,
        Finger.LEFT_MIDDLE,
        Finger.LEFT_RING,
        Finger.LEFT_LITTLE,
    ),
    Slap.THUMBS: (Finger.RIGHT_THUMB, Finger.LEFT_THUMB),
}


class Eye(IntEnum):
    """One eye of the resident; the value is the label of ISO/IEC 19794-6."""

    RIGHT = 1
    LEFT = 2

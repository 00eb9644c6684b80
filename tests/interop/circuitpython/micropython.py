"""What adafruit_fingerprint imports of MicroPython."""

from __future__ import annotations


def const(value: int) -> int:
    """Return `value`: only a compiler for microcontrollers does more."""
    return value

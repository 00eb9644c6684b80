"""What adafruit_fingerprint imports of CircuitPython: a name for an annotation."""

from __future__ import annotations


class UART:
    """The library is given a pyserial port; this class is never used."""

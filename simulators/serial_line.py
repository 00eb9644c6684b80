"""What a serial line does to bytes: how long they take, and what another speed makes of them."""

from __future__ import annotations

import fcntl
import struct
from typing import Final

BITS_PER_BYTE: Final = 10
"""8N1: a start bit (low), eight data bits with the least significant first, a stop bit (high)."""

_TCGETS2: Final = 0x802C542A
_TERMIOS2 = struct.Struct("=4I20B2I")  # flags, line discipline and characters, speeds


def line_speed(descriptor: int) -> int:
    """Return the speed in bit/s that the host has set on its end of a terminal (Linux)."""
    settings = fcntl.ioctl(descriptor, _TCGETS2, bytes(_TERMIOS2.size))
    return int(_TERMIOS2.unpack(settings)[-1])


def seconds_on_line(count: int, baud: int) -> float:
    """Return how long `count` bytes take."""
    return count * BITS_PER_BYTE / baud


def heard_at(data: bytes, sent_baud: int, heard_baud: int) -> bytes:
    """Return what a receiver set to `heard_baud` makes of bytes sent without a gap.

    It waits for a falling edge, samples ten bits in their middle, and drops a byte whose stop bit
    is low (a framing error).
    """
    if sent_baud == heard_baud:
        return data
    wave = [bit for byte in data for bit in (0, *((byte >> i) & 1 for i in range(8)), 1)]
    step = sent_baud / heard_baud
    heard = bytearray()
    at = 0.0
    while at < len(wave):
        if wave[int(at)]:
            at = float(int(at) + 1)
            continue
        bits = [_level(wave, at + (i + 0.5) * step) for i in range(BITS_PER_BYTE)]
        at += (BITS_PER_BYTE - 0.5) * step
        if bits[-1]:
            heard.append(sum(bit << i for i, bit in enumerate(bits[1:9])))
    return bytes(heard)


def _level(wave: list[int], at: float) -> int:
    """Return the level at a time in bits of the sender; the line idles high."""
    return wave[int(at)] if at < len(wave) else 1

"""Frames of the virtual card link, used by the loopback reader and by the simulated cards.

A frame is two bytes of length, big-endian, and that many bytes of payload. The reader side always
speaks first. A payload of one byte is a control; any other one is a command APDU.

| reader sends | meaning | card side answers |
|---|---|---|
| 00, 01, 02 | power off, power on, reset | nothing |
| 04 | answer to reset? | a frame with the ATR; length 0: no card |
| 05 | what lies there? | four bytes event counter, big-endian, one byte `Found`, then the ATR |
| APDU | command | a frame with data and status; length 0: no card, or it lost power |

Source: frames and controls 00 to 04 are those of vsmartcard's vpcd driver 0.8, where the card
connects to the driver. Control 05 and the other direction of the connection (the simulated reader
listens on a loopback port; refused = no such reader) are ours and exist on the loopback link only.
"""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass, field
from enum import IntEnum

POWER_OFF = 0x00
POWER_ON = 0x01
RESET = 0x02
GET_ATR = 0x04
LOOK = 0x05

COUNTER_BYTES = 4


class Found(IntEnum):
    """What lies in a slot of the loopback link."""

    NOTHING = 0
    CARD = 1
    MUTE = 2
    """A card that does not answer to reset."""
    HELD = 3
    """A card that another program has taken."""


@dataclass(frozen=True, slots=True)
class Look:
    """The answer to control 05."""

    counter: int
    found: Found
    atr: bytes = field(default=b"", repr=False)


def pack(payload: bytes) -> bytes:
    """Put the length before `payload` (at most 65,535 bytes)."""
    return struct.pack(">H", len(payload)) + payload


def control(code: int) -> bytes:
    """Return the frame of one control."""
    return pack(bytes([code]))


def pack_look(look: Look) -> bytes:
    """Return the payload that answers control 05."""
    return look.counter.to_bytes(COUNTER_BYTES, "big") + bytes([look.found]) + look.atr


def parse_look(payload: bytes) -> Look:
    """Read the answer to control 05.

    Raises:
        ValueError: too short, or an unknown `Found`.
    """
    if len(payload) <= COUNTER_BYTES:
        raise ValueError(f"state of {len(payload)} bytes")
    counter = int.from_bytes(payload[:COUNTER_BYTES], "big")
    return Look(counter, Found(payload[COUNTER_BYTES]), payload[COUNTER_BYTES + 1 :])


def receive(link: socket.socket) -> bytes:
    """Wait for one frame and return its payload.

    Raises:
        EOFError: the other side closed the connection, also in the middle of a frame.
        OSError: the connection broke.
    """
    (length,) = struct.unpack(">H", _exactly(link, 2))
    return _exactly(link, length)


def _exactly(link: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        # vpcd sends length and data apart: without this, delayed acknowledgement costs 44 ms an
        # APDU. The kernel clears the option by itself, so it is set before every read.
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        part = link.recv(count - len(data))
        if not part:
            raise EOFError
        data += part
    return data

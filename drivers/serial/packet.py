"""Packets of the ZFM-20 / R30x / AS608 / R503 serial protocol: bytes to packets and back, no port.

    EF 01 | address 4 | kind 1 | length 2 = payload + 2 | payload | checksum 2      big endian

The checksum is the 16-bit sum of kind, length and payload. Source: ZFM-20 user manual, "data
package format".
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from enum import IntEnum

START = b"\xef\x01"
DEFAULT_ADDRESS = 0xFFFFFFFF
MAX_PAYLOAD_BYTES = 256

_HEADER = struct.Struct(">2sIBH")
_CHECKSUM = struct.Struct(">H")
_KIND_OFFSET = 6


class PacketKind(IntEnum):
    """The package identifier; `LAST_DATA` ends a data phase."""

    COMMAND = 0x01
    DATA = 0x02
    ACKNOWLEDGE = 0x07
    LAST_DATA = 0x08


_KINDS = frozenset(PacketKind)


class DamagedPacket(ValueError):
    """A whole packet arrived whose checksum does not fit its contents."""


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet; `payload` has 1 to 256 bytes."""

    kind: PacketKind
    payload: bytes = field(repr=False)
    address: int = DEFAULT_ADDRESS

    def encode(self) -> bytes:
        """Return the packet as it goes over the wire: 11 bytes more than the payload."""
        size = len(self.payload)
        if not 1 <= size <= MAX_PAYLOAD_BYTES:
            raise ValueError(f"payload of {size} bytes, expected 1 to {MAX_PAYLOAD_BYTES}")
        head = _HEADER.pack(START, self.address, self.kind, size + _CHECKSUM.size)
        body = head[_KIND_OFFSET:] + self.payload
        return head + self.payload + _CHECKSUM.pack(sum(body) & 0xFFFF)


class PacketDecoder:
    """Find packets in a stream of bytes that may be cut anywhere and hold strays."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> None:
        """Append what arrived."""
        self._buffer += data

    def clear(self) -> None:
        """Forget a packet of which only a part has arrived."""
        self._buffer.clear()

    def rest(self) -> bytes:
        """Take out what has arrived behind the last packet."""
        rest = bytes(self._buffer)
        self._buffer.clear()
        return rest

    def take(self) -> Packet | None:
        """Return the next packet, or None while it is incomplete.

        Bytes that cannot begin a packet (no start code, unknown kind, impossible length) are
        skipped; at most 266 bytes are held back.

        Raises:
            DamagedPacket: the checksum is wrong; the packet is dropped, the next call goes on.
        """
        buffer = self._buffer
        while self._align():
            _, address, kind, length = _HEADER.unpack_from(buffer)
            if kind not in _KINDS or not 3 <= length <= MAX_PAYLOAD_BYTES + _CHECKSUM.size:
                del buffer[:1]
                continue
            end = _HEADER.size + length
            if len(buffer) < end:
                return None
            body = bytes(buffer[_KIND_OFFSET : end - _CHECKSUM.size])
            (checksum,) = _CHECKSUM.unpack_from(buffer, end - _CHECKSUM.size)
            del buffer[:end]
            if sum(body) & 0xFFFF != checksum:
                raise DamagedPacket(f"wrong checksum on a packet of {end} bytes")
            return Packet(PacketKind(kind), body[_HEADER.size - _KIND_OFFSET :], address)
        return None

    def _align(self) -> bool:
        """Drop what stands before a start code; say whether a whole header follows."""
        start = self._buffer.find(START)
        if start < 0:
            # the last byte may be the first half of a start code
            start = len(self._buffer) - self._buffer.endswith(START[:1])
        del self._buffer[:start]
        return len(self._buffer) >= _HEADER.size

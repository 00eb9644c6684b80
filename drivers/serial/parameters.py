"""The settings of an R30x module and the index of its library, as they stand in answers."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Self

BAUD_UNIT: Final = 9600
MAX_BAUD_MULTIPLE: Final = 12
PACKET_SIZES: Final = (32, 64, 128, 256)
"""Payload of a data packet in bytes, in the order of the packet length codes 0 to 3."""
PAGES_A_TABLE: Final = 256

STATUS_BUSY: Final = 0x0001
STATUS_MATCHED: Final = 0x0002
STATUS_PASSWORD_OK: Final = 0x0004
STATUS_IMAGE_VALID: Final = 0x0008

_PARAMETERS = struct.Struct(">HHHHIHH")


class SystemParameter(IntEnum):
    """The number of a setting in SetSysPara."""

    BAUD = 4
    SECURITY = 5
    PACKET_LENGTH = 6


@dataclass(frozen=True, slots=True)
class ModuleParameters:
    """The answer to ReadSysPara.

    `status` is made of the `STATUS_` bits. `capacity` is in templates, `security_level` 1 to 5,
    `packet_bytes` the payload of a data packet, `baud` in bit/s.
    """

    status: int
    system_id: int
    capacity: int
    security_level: int
    address: int
    packet_bytes: int
    baud: int

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read the 16 bytes after the confirmation code.

        Raises:
            ValueError: not 16 bytes, or a packet length code or baud multiple that does not exist.
        """
        if len(data) != _PARAMETERS.size:
            raise ValueError(f"{len(data)} parameter bytes, expected {_PARAMETERS.size}")
        status, system_id, capacity, security_level, address, packet_code, baud_multiple = (
            _PARAMETERS.unpack(data)
        )
        if packet_code >= len(PACKET_SIZES) or not 1 <= baud_multiple <= MAX_BAUD_MULTIPLE:
            raise ValueError(f"packet length code {packet_code}, baud multiple {baud_multiple}")
        return cls(
            status=status,
            system_id=system_id,
            capacity=capacity,
            security_level=security_level,
            address=address,
            packet_bytes=PACKET_SIZES[packet_code],
            baud=BAUD_UNIT * baud_multiple,
        )

    def encode(self) -> bytes:
        """Return the 16 bytes that `decode` reads."""
        return _PARAMETERS.pack(
            self.status,
            self.system_id,
            self.capacity,
            self.security_level,
            self.address,
            PACKET_SIZES.index(self.packet_bytes),
            self.baud // BAUD_UNIT,
        )

    @property
    def is_busy(self) -> bool:
        """Whether the module says that it is executing a command."""
        return bool(self.status & STATUS_BUSY)


def used_pages(table: int, bitmap: bytes) -> tuple[int, ...]:
    """Return the numbers of the used pages in one index table, ascending.

    `bitmap` is the answer to ReadIndexTable: 32 bytes, one bit a page, least significant first.

    Raises:
        ValueError: not 32 bytes.
    """
    if len(bitmap) * 8 != PAGES_A_TABLE:
        raise ValueError(f"index table of {len(bitmap)} bytes, expected {PAGES_A_TABLE // 8}")
    first = table * PAGES_A_TABLE
    return tuple(
        first + page for page in range(PAGES_A_TABLE) if bitmap[page // 8] >> (page % 8) & 1
    )

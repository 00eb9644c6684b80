"""What an R30x module is asked and what it answers: commands, codes, parameters, image.

Names of commands are those of the manual (its "TempleteNum" included). Source: ZFM-20 and R503 user
manuals, instruction tables.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from drivers.values import Image, read_only

IMAGE_WIDTH = 256
IMAGE_HEIGHT = 288
IMAGE_BYTES = IMAGE_WIDTH * IMAGE_HEIGHT // 2
RESOLUTION_PPI = 500.0
BAUD_UNIT = 9600

_PARAMETERS = struct.Struct(">HHHHIHH")


@dataclass(frozen=True, slots=True)
class Command:
    """One instruction; `parameter_bytes` follow confirmation 00, within `deadline` seconds."""

    code: int
    name: str
    parameter_bytes: int = 0
    deadline: float = 1.0


GEN_IMG = Command(0x01, "GenImg", deadline=2.0)
UP_IMAGE = Command(0x0A, "UpImage")
READ_SYS_PARA = Command(0x0F, "ReadSysPara", parameter_bytes=_PARAMETERS.size)
VFY_PWD = Command(0x13, "VfyPwd")
TEMPLETE_NUM = Command(0x1D, "TempleteNum", parameter_bytes=2)
GET_ECHO = Command(0x53, "GetEcho")


class Confirmation(IntEnum):
    """The first byte of every acknowledge."""

    OK = 0x00
    RECEIVE_ERROR = 0x01
    NO_FINGER = 0x02
    IMAGE_FAILED = 0x03
    IMAGE_TOO_MESSY = 0x06
    TOO_FEW_FEATURES = 0x07
    NO_MATCH = 0x08
    NOT_FOUND = 0x09
    MERGE_FAILED = 0x0A
    PAGE_OUT_OF_RANGE = 0x0B
    TEMPLATE_UNREADABLE = 0x0C
    TEMPLATE_UPLOAD_FAILED = 0x0D
    CANNOT_RECEIVE_DATA = 0x0E
    IMAGE_UPLOAD_FAILED = 0x0F
    DELETE_FAILED = 0x10
    EMPTY_FAILED = 0x11
    WRONG_PASSWORD = 0x13
    NO_VALID_IMAGE = 0x15
    FLASH_WRITE_ERROR = 0x18
    BAD_REGISTER = 0x1A
    WRONG_ADDRESS = 0x20
    PASSWORD_NEEDED = 0x21
    ECHO = 0x55


POOR_PICTURE = frozenset(
    {
        Confirmation.IMAGE_FAILED,
        Confirmation.IMAGE_TOO_MESSY,
        Confirmation.TOO_FEW_FEATURES,
        Confirmation.NO_VALID_IMAGE,
    }
)
"""Codes after which the resident wipes, moistens or presses the finger again."""


def describe(code: int) -> str:
    """Return a confirmation code with its meaning, for logs: "13 wrong password"."""
    try:
        meaning = Confirmation(code).name.lower().replace("_", " ")
    except ValueError:
        meaning = "unknown code"
    return f"{code:02X} {meaning}"


@dataclass(frozen=True, slots=True)
class ModuleParameters:
    """The answer to ReadSysPara.

    `status` bits: 0 busy, 1 match passed, 2 password ok, 3 image buffer valid. `capacity` is in
    templates, `security_level` 1 to 5, `packet_bytes` the payload of a data packet, `baud` in
    bit/s.
    """

    status: int
    system_id: int
    capacity: int
    security_level: int
    address: int
    packet_bytes: int
    baud: int

    @classmethod
    def decode(cls, data: bytes) -> ModuleParameters:
        """Read the 16 bytes after the confirmation code.

        Raises:
            ValueError: not 16 bytes, or a packet length code or baud multiple that does not exist.
        """
        if len(data) != _PARAMETERS.size:
            raise ValueError(f"{len(data)} parameter bytes, expected {_PARAMETERS.size}")
        status, system_id, capacity, security_level, address, packet_code, baud_multiple = (
            _PARAMETERS.unpack(data)
        )
        if packet_code > 3 or not 1 <= baud_multiple <= 12:
            raise ValueError(f"packet length code {packet_code}, baud multiple {baud_multiple}")
        return cls(
            status=status,
            system_id=system_id,
            capacity=capacity,
            security_level=security_level,
            address=address,
            packet_bytes=32 << packet_code,
            baud=BAUD_UNIT * baud_multiple,
        )


def unpack_image(packed: bytes) -> Image:
    """Return the uploaded image as (288, 256) uint8, read-only, 500 ppi.

    Two pixels a byte, the high nibble is the left one; 16 levels are spread over 0 to 255 (value
    x 17).

    Raises:
        ValueError: not 36 864 bytes.
    """
    if len(packed) != IMAGE_BYTES:
        raise ValueError(f"image of {len(packed)} bytes, expected {IMAGE_BYTES}")
    pairs = np.frombuffer(packed, np.uint8)
    levels = np.stack((pairs >> 4, pairs & 0x0F), axis=1) * np.uint8(17)
    return read_only(levels.reshape(IMAGE_HEIGHT, IMAGE_WIDTH))

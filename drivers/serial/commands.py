"""What an R30x module is asked, and the codes it answers with.

Names of commands are those of the manual (its "TempleteNum" included). Source: ZFM-20 and R503 user
manuals, instruction tables.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


@dataclass(frozen=True, slots=True)
class Command:
    """One instruction of the table.

    `argument_bytes` follow the code, `parameter_bytes` follow confirmation 00 within `deadline`
    seconds. A command that is not `allowed` changes the flash so that the module looks dead to
    every other program; it is known here and never sent.
    """

    code: int
    name: str
    argument_bytes: int = 0
    parameter_bytes: int = 0
    deadline: float = 1.0
    allowed: bool = True


GEN_IMG = Command(0x01, "GenImg", deadline=2.0)
IMG_2_TZ = Command(0x02, "Img2Tz", argument_bytes=1)
MATCH = Command(0x03, "Match", parameter_bytes=2)
SEARCH = Command(0x04, "Search", argument_bytes=5, parameter_bytes=4, deadline=2.0)
REG_MODEL = Command(0x05, "RegModel", deadline=2.0)
STORE = Command(0x06, "Store", argument_bytes=3)
LOAD_CHAR = Command(0x07, "LoadChar", argument_bytes=3)
UP_CHAR = Command(0x08, "UpChar", argument_bytes=1)
DOWN_CHAR = Command(0x09, "DownChar", argument_bytes=1)
UP_IMAGE = Command(0x0A, "UpImage")
DOWN_IMAGE = Command(0x0B, "DownImage")
DELET_CHAR = Command(0x0C, "DeletChar", argument_bytes=4)
EMPTY = Command(0x0D, "Empty", deadline=2.0)
SET_SYS_PARA = Command(0x0E, "SetSysPara", argument_bytes=2)
READ_SYS_PARA = Command(0x0F, "ReadSysPara", parameter_bytes=16)
SET_PWD = Command(0x12, "SetPwd", argument_bytes=4, allowed=False)
VFY_PWD = Command(0x13, "VfyPwd", argument_bytes=4)
GET_RANDOM_CODE = Command(0x14, "GetRandomCode", parameter_bytes=4)
SET_ADDER = Command(0x15, "SetAdder", argument_bytes=4, allowed=False)
HI_SPEED_SEARCH = Command(0x1B, "HiSpeedSearch", argument_bytes=5, parameter_bytes=4, deadline=2.0)
TEMPLETE_NUM = Command(0x1D, "TempleteNum", parameter_bytes=2)
READ_INDEX_TABLE = Command(0x1F, "ReadIndexTable", argument_bytes=1, parameter_bytes=32)
AURA_LED_CONFIG = Command(0x35, "AuraLedConfig", argument_bytes=4)
SOFT_RST = Command(0x3D, "SoftRst")
GET_ECHO = Command(0x53, "GetEcho")

COMMANDS: dict[int, Command] = {
    command.code: command
    for command in (
        GEN_IMG,
        IMG_2_TZ,
        MATCH,
        SEARCH,
        REG_MODEL,
        STORE,
        LOAD_CHAR,
        UP_CHAR,
        DOWN_CHAR,
        UP_IMAGE,
        DOWN_IMAGE,
        DELET_CHAR,
        EMPTY,
        SET_SYS_PARA,
        READ_SYS_PARA,
        SET_PWD,
        VFY_PWD,
        GET_RANDOM_CODE,
        SET_ADDER,
        HI_SPEED_SEARCH,
        TEMPLETE_NUM,
        READ_INDEX_TABLE,
        AURA_LED_CONFIG,
        SOFT_RST,
        GET_ECHO,
    )
}
"""The whole table, by code."""


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


OK_ONLY = frozenset({Confirmation.OK})

POOR_PICTURE = frozenset(
    {
        Confirmation.IMAGE_FAILED,
        Confirmation.IMAGE_TOO_MESSY,
        Confirmation.TOO_FEW_FEATURES,
        Confirmation.NO_VALID_IMAGE,
    }
)
"""Codes after which the resident wipes, moistens or presses the finger again."""

LOCKED = frozenset(
    {Confirmation.WRONG_PASSWORD, Confirmation.WRONG_ADDRESS, Confirmation.PASSWORD_NEEDED}
)
"""Codes of a module that somebody gave a password or an address of its own."""


def describe(code: int) -> str:
    """Return a confirmation code with its meaning, for logs: "13 wrong password"."""
    try:
        meaning = Confirmation(code).name.lower().replace("_", " ")
    except ValueError:
        meaning = "unknown code"
    return f"{code:02X} {meaning}"

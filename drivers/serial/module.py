"""Every command of an R30x module as a method: arguments in, values out, blocking.

Runs on the device's own thread with the `Call` of a verb. What is more than one command (enrolment,
comparison, login) is in `drivers.serial.library`.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from drivers.device import Call
from drivers.errors import ProtocolError, Unsupported
from drivers.serial.commands import (
    AURA_LED_CONFIG,
    DELET_CHAR,
    DOWN_CHAR,
    DOWN_IMAGE,
    EMPTY,
    GEN_IMG,
    GET_ECHO,
    GET_RANDOM_CODE,
    HI_SPEED_SEARCH,
    IMG_2_TZ,
    LOAD_CHAR,
    MATCH,
    OK_ONLY,
    POOR_PICTURE,
    READ_INDEX_TABLE,
    READ_SYS_PARA,
    REG_MODEL,
    SEARCH,
    SET_SYS_PARA,
    SOFT_RST,
    STORE,
    TEMPLETE_NUM,
    UP_CHAR,
    UP_IMAGE,
    VFY_PWD,
    Command,
    Confirmation,
)
from drivers.serial.link import R30xLink
from drivers.serial.parameters import (
    BAUD_UNIT,
    MAX_BAUD_MULTIPLE,
    PACKET_SIZES,
    PAGES_A_TABLE,
    ModuleParameters,
    SystemParameter,
    used_pages,
)
from drivers.serial.picture import IMAGE_BYTES, pack_image
from drivers.values import Image

FACTORY_PASSWORD: Final = bytes(4)
RESTART_S: Final = 1.0
READY_BYTE: Final = 0x55
"""A module that has started says so with this one byte, outside of any packet."""

_LOOK = OK_ONLY | POOR_PICTURE | {Confirmation.NO_FINGER}


class Buffer(IntEnum):
    """The two places for templates; Match compares them, RegModel merges them."""

    FIRST = 1
    SECOND = 2


class LightMode(IntEnum):
    """What the ring of an R503 does."""

    BREATHE = 1
    FLASH = 2
    ON = 3
    OFF = 4
    FADE_ON = 5
    FADE_OFF = 6


class LightColour(IntEnum):
    """The colours of the ring."""

    RED = 1
    BLUE = 2
    PURPLE = 3


@dataclass(frozen=True, slots=True)
class PageMatch:
    """A page of the library and how well it fits; the score is the module's own, without a unit."""

    page: int
    score: int


class R30xCommands:
    """The instruction table of one connected module.

    Every method raises what `R30xLink.exchange` raises. `has_light` says that it is an R503, which
    also has a ring of light and a reset command.
    """

    def __init__(self, link: R30xLink, *, has_light: bool = False) -> None:
        self.link = link
        self._has_light = has_light

    def verify_password(self, call: Call, *, deadline: float | None = None) -> None:
        """Show the factory password (VfyPwd)."""
        self.link.exchange(VFY_PWD, call, arguments=FACTORY_PASSWORD, deadline=deadline)

    def parameters(self, call: Call) -> ModuleParameters:
        """Read the settings and the status (ReadSysPara)."""
        _, data = self.link.exchange(READ_SYS_PARA, call)
        try:
            return ModuleParameters.decode(data)
        except ValueError as error:
            raise ProtocolError(self.link.device, f"ReadSysPara: {error}") from error

    def echo(self, call: Call) -> bool:
        """Say whether the module answers GetEcho as it should; old firmware does not know it."""
        known = frozenset({Confirmation.ECHO, Confirmation.RECEIVE_ERROR})
        return self.link.exchange(GET_ECHO, call, accept=known)[0] is Confirmation.ECHO

    def random_number(self, call: Call) -> int:
        """Return 32 bits of the module's random generator (GetRandomCode)."""
        return int.from_bytes(self.link.exchange(GET_RANDOM_CODE, call)[1], "big")

    def look(self, call: Call) -> Confirmation:
        """Take a picture into the image buffer (GenImg): 00, 02 no finger, or a poor picture."""
        return self.link.exchange(GEN_IMG, call, accept=_LOOK)[0]

    def upload_image(self, call: Call) -> bytes:
        """Return the 36 864 bytes of the image buffer (UpImage), none when it is not valid."""
        empty = POOR_PICTURE | {Confirmation.IMAGE_UPLOAD_FAILED}
        return self.link.fetch(UP_IMAGE, call, size=IMAGE_BYTES, accept=OK_ONLY | empty)[1]

    def download_image(self, image: Image, call: Call) -> None:
        """Fill the image buffer with (288, 256) uint8 (DownImage).

        Raises:
            ValueError: an image of another size.
        """
        self.link.deliver(DOWN_IMAGE, call, pack_image(image), self.parameters(call).packet_bytes)

    def extract(self, buffer: Buffer, call: Call) -> Confirmation:
        """Make a template of the image (Img2Tz): 00, or how poor the picture is."""
        accept = OK_ONLY | POOR_PICTURE
        return self.link.exchange(IMG_2_TZ, call, arguments=bytes([buffer]), accept=accept)[0]

    def match(self, call: Call) -> int | None:
        """Compare the two buffers (Match); return the score, None when they do not match."""
        code, score = self.link.exchange(MATCH, call, accept=OK_ONLY | {Confirmation.NO_MATCH})
        return int.from_bytes(score, "big") if code is Confirmation.OK else None

    def search(
        self, buffer: Buffer, first: int, count: int, call: Call, *, fast: bool = True
    ) -> PageMatch | None:
        """Find a buffer's finger in `count` pages from `first` (HiSpeedSearch, Search)."""
        code, found = self.link.exchange(
            HI_SPEED_SEARCH if fast else SEARCH,
            call,
            arguments=struct.pack(">BHH", buffer, first, count),
            accept=OK_ONLY | {Confirmation.NOT_FOUND},
        )
        return PageMatch(*struct.unpack(">HH", found)) if code is Confirmation.OK else None

    def merge(self, call: Call) -> bool:
        """Make one template of both buffers (RegModel); False when they are not one finger's."""
        accept = OK_ONLY | {Confirmation.MERGE_FAILED}
        return self.link.exchange(REG_MODEL, call, accept=accept)[0] is Confirmation.OK

    def store(self, buffer: Buffer, page: int, call: Call) -> None:
        """Write a buffer into a page of the library (Store)."""
        self.link.exchange(STORE, call, arguments=struct.pack(">BH", buffer, page))

    def load(self, buffer: Buffer, page: int, call: Call) -> bool:
        """Read a page of the library into a buffer (LoadChar); False when the page is empty."""
        code, _ = self.link.exchange(
            LOAD_CHAR,
            call,
            arguments=struct.pack(">BH", buffer, page),
            accept=OK_ONLY | {Confirmation.TEMPLATE_UNREADABLE},
        )
        return code is Confirmation.OK

    def upload_template(self, buffer: Buffer, call: Call) -> bytes:
        """Return the template in a buffer (UpChar); its size is the firmware's own."""
        return self.link.fetch(UP_CHAR, call, arguments=bytes([buffer]))[1]

    def download_template(self, buffer: Buffer, template: bytes, call: Call) -> None:
        """Fill a buffer with a template (DownChar); the module does not say what arrived."""
        size = self.parameters(call).packet_bytes
        self.link.deliver(DOWN_CHAR, call, template, size, bytes([buffer]))

    def delete(self, page: int, count: int, call: Call) -> None:
        """Delete pages of the library (DeletChar); deleting an empty page is no error."""
        self.link.exchange(DELET_CHAR, call, arguments=struct.pack(">HH", page, count))

    def empty(self, call: Call) -> None:
        """Delete the whole library (Empty)."""
        self.link.exchange(EMPTY, call)

    def count(self, call: Call) -> int:
        """Return how many pages are used (TempleteNum)."""
        return int.from_bytes(self.link.exchange(TEMPLETE_NUM, call)[1], "big")

    def pages(self, capacity: int, call: Call) -> tuple[int, ...]:
        """Return the used pages of a library of `capacity`, ascending (ReadIndexTable)."""
        used: list[int] = []
        for table in range(-(-capacity // PAGES_A_TABLE)):
            _, bitmap = self.link.exchange(READ_INDEX_TABLE, call, arguments=bytes([table]))
            used += used_pages(table, bitmap)
        return tuple(used)

    def set_security(self, level: int, call: Call) -> None:
        """Set how alike fingers must be, 1 (little) to 5 (very); kept in flash."""
        if not 1 <= level <= 5:
            raise ValueError(f"security level {level}, expected 1 to 5")
        self._set(SystemParameter.SECURITY, level, call)

    def set_packet_bytes(self, size: int, call: Call) -> None:
        """Set the payload of data packets to 32, 64, 128 or 256 bytes; kept in flash."""
        if size not in PACKET_SIZES:
            raise ValueError(f"packets of {size} bytes, expected one of {PACKET_SIZES}")
        self._set(SystemParameter.PACKET_LENGTH, PACKET_SIZES.index(size), call)

    def set_baud(self, baud: int, call: Call) -> None:
        """Set the speed of the module's end; the answer still comes at the old one.

        Only `drivers.serial.opening.change_baud` calls this: our own end must follow.
        """
        if baud % BAUD_UNIT or not 1 <= baud // BAUD_UNIT <= MAX_BAUD_MULTIPLE:
            raise ValueError(f"{baud} baud, expected 9600 times 1 to {MAX_BAUD_MULTIPLE}")
        self._set(SystemParameter.BAUD, baud // BAUD_UNIT, call)

    def light(
        self,
        mode: LightMode,
        colour: LightColour,
        call: Call,
        *,
        speed: int = 0x80,
        cycles: int = 0,
    ) -> None:
        """Light the ring (AuraLedConfig): `speed` 0 to 255, `cycles` 0 is endless."""
        arguments = bytes([mode, speed, colour, cycles])
        self.link.exchange(self._of_the_r503(AURA_LED_CONFIG), call, arguments=arguments)

    def restart(self, call: Call) -> None:
        """Restart the module (SoftRst) and return when it says that it is ready.

        Raises:
            ProtocolError: it did not come back within a second.
        """
        self.link.exchange(self._of_the_r503(SOFT_RST), call)
        if not self.link.await_byte(READY_BYTE, call, RESTART_S):
            raise ProtocolError(self.link.device, "SoftRst: not ready afterwards")
        self.link.forget()

    def _set(self, parameter: SystemParameter, value: int, call: Call) -> None:
        self.link.exchange(SET_SYS_PARA, call, arguments=bytes([parameter, value]))

    def _of_the_r503(self, command: Command) -> Command:
        if not self._has_light:
            raise Unsupported(self.link.device, f"{command.name} needs an R503")
        return command

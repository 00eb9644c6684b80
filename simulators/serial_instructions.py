"""What a simulated R30x module answers to each instruction: arguments in, packets out.

Answers have exactly the documented size, also where they say no: other people's host programs read
so many bytes and not one less.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Final

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
    READ_INDEX_TABLE,
    READ_SYS_PARA,
    REG_MODEL,
    SEARCH,
    SET_ADDER,
    SET_PWD,
    SET_SYS_PARA,
    SOFT_RST,
    STORE,
    TEMPLETE_NUM,
    UP_CHAR,
    UP_IMAGE,
    VFY_PWD,
    Confirmation,
)
from drivers.serial.packet import Packet, PacketKind
from drivers.serial.parameters import (
    BAUD_UNIT,
    MAX_BAUD_MULTIPLE,
    PACKET_SIZES,
    PAGES_A_TABLE,
    SystemParameter,
)
from drivers.serial.picture import IMAGE_BYTES, pack_image, unpack_image
from simulators.injection import Injector
from simulators.serial_faults import SerialFault
from simulators.serial_model import FingerModel
from simulators.serial_pty import LineCut

OTHER_TEMPLATE_BYTES: Final = 768
LARGEST_DOWNLOAD: Final = 2 * IMAGE_BYTES

Reply = Iterator[Packet]
Handler = Callable[[bytes], Reply]


class Instructions:
    """The instruction table on a `FingerModel`: `replies` by code of the instruction.

    `baud_after_answer` is the speed to take on when the answer is out, 0 for none.
    """

    def __init__(self, model: FingerModel, faults: Injector[SerialFault]) -> None:
        self._model = model
        self._faults = faults
        self._download: Callable[[bytes], None] | None = None
        self._received = bytearray()
        self.baud_after_answer = 0
        self.replies: dict[int, Handler] = {
            GEN_IMG.code: self._gen_img,
            IMG_2_TZ.code: self._img_2_tz,
            MATCH.code: self._match,
            SEARCH.code: self._search,
            HI_SPEED_SEARCH.code: self._search,
            REG_MODEL.code: self._reg_model,
            STORE.code: self._store,
            LOAD_CHAR.code: self._load_char,
            UP_CHAR.code: self._up_char,
            DOWN_CHAR.code: self._down_char,
            UP_IMAGE.code: self._up_image,
            DOWN_IMAGE.code: self._down_image,
            DELET_CHAR.code: self._delet_char,
            EMPTY.code: self._empty,
            SET_SYS_PARA.code: self._set_sys_para,
            READ_SYS_PARA.code: self._read_sys_para,
            SET_PWD.code: self._set_pwd,
            VFY_PWD.code: self._vfy_pwd,
            GET_RANDOM_CODE.code: self._get_random_code,
            SET_ADDER.code: self._set_adder,
            TEMPLETE_NUM.code: self._templete_num,
            READ_INDEX_TABLE.code: self._read_index_table,
            GET_ECHO.code: self._get_echo,
        }
        if model.has_light:
            self.replies[AURA_LED_CONFIG.code] = self._aura_led_config
            self.replies[SOFT_RST.code] = self._soft_rst

    def answer(self, code: Confirmation, parameters: bytes = b"") -> Packet:
        """Return an acknowledge from the module's present address."""
        return Packet(PacketKind.ACKNOWLEDGE, bytes([code]) + parameters, self._model.address)

    def break_off(self) -> None:
        """Forget a download that has not ended."""
        self._download = None

    def take_data(self, packet: Packet) -> None:
        """Collect what follows a download command; nothing is ever answered to it."""
        download = self._download
        if download is None:
            return
        self._received += packet.payload
        if packet.kind is PacketKind.LAST_DATA or len(self._received) > LARGEST_DOWNLOAD:
            self._download = None
            download(bytes(self._received))

    def _data(self, data: bytes) -> Reply:
        size = self._model.packet_bytes
        for start in range(0, len(data), size):
            last = start + size >= len(data)
            kind = PacketKind.LAST_DATA if last else PacketKind.DATA
            yield Packet(kind, data[start : start + size], self._model.address)

    def _expect(self, download: Callable[[bytes], None]) -> Reply:
        self._received.clear()
        self._download = download
        yield self.answer(Confirmation.OK)

    def _gen_img(self, arguments: bytes) -> Reply:
        model = self._model
        if model.image is not None and self._faults.strikes(SerialFault.STALE_IMAGE):
            yield self.answer(Confirmation.OK)
        elif not model.take_picture(mirrored=self._faults.strikes(SerialFault.WRONG_FINGER)):
            yield self.answer(Confirmation.NO_FINGER)
        elif self._faults.strikes(SerialFault.IMAGE_FAILED):
            yield self.answer(Confirmation.IMAGE_FAILED)
        else:
            yield self.answer(Confirmation.OK)

    def _img_2_tz(self, arguments: bytes) -> Reply:
        if self._faults.strikes(SerialFault.MESSY_IMAGE):
            yield self.answer(Confirmation.IMAGE_TOO_MESSY)
        elif self._faults.strikes(SerialFault.FEW_FEATURES):
            yield self.answer(Confirmation.TOO_FEW_FEATURES)
        else:
            # every number but 1 means the second buffer, as on the real ones
            yield self.answer(self._model.extract(_buffer(arguments[0])))

    def _match(self, arguments: bytes) -> Reply:
        score = 0 if self._faults.strikes(SerialFault.NOT_FOUND) else self._model.compare()
        code = Confirmation.OK if score else Confirmation.NO_MATCH
        yield self.answer(code, score.to_bytes(2, "big"))

    def _search(self, arguments: bytes) -> Reply:
        buffer, first, count = struct.unpack(">BHH", arguments)
        found = None
        if not self._faults.strikes(SerialFault.NOT_FOUND):
            found = self._model.search(_buffer(buffer), first, count)
        code = Confirmation.OK if found else Confirmation.NOT_FOUND
        yield self.answer(code, struct.pack(">HH", *(found or (0, 0))))

    def _reg_model(self, arguments: bytes) -> Reply:
        merged = self._model.merge()
        yield self.answer(Confirmation.OK if merged else Confirmation.MERGE_FAILED)

    def _store(self, arguments: bytes) -> Reply:
        buffer, page = struct.unpack(">BH", arguments)
        template = self._model.buffers.get(_buffer(buffer))
        if page >= self._model.capacity:
            yield self.answer(Confirmation.PAGE_OUT_OF_RANGE)
        elif template is None:
            yield self.answer(Confirmation.TEMPLATE_UNREADABLE)
        elif self._faults.strikes(SerialFault.FLASH_ERROR):
            yield self.answer(Confirmation.FLASH_WRITE_ERROR)
        else:
            self._model.library[page] = template
            yield self.answer(Confirmation.OK)

    def _load_char(self, arguments: bytes) -> Reply:
        buffer, page = struct.unpack(">BH", arguments)
        if page >= self._model.capacity:
            yield self.answer(Confirmation.PAGE_OUT_OF_RANGE)
        elif page not in self._model.library:
            yield self.answer(Confirmation.TEMPLATE_UNREADABLE)
        else:
            self._model.buffers[_buffer(buffer)] = self._model.library[page]
            yield self.answer(Confirmation.OK)

    def _up_char(self, arguments: bytes) -> Reply:
        template = self._model.buffers.get(_buffer(arguments[0]))
        if not template:
            yield self.answer(Confirmation.TEMPLATE_UPLOAD_FAILED)
            return
        yield self.answer(Confirmation.OK)
        if self._faults.strikes(SerialFault.OTHER_TEMPLATE_SIZE):
            template = template.ljust(OTHER_TEMPLATE_BYTES, b"\0")
        yield from self._data(template)

    def _down_char(self, arguments: bytes) -> Reply:
        buffer = _buffer(arguments[0])

        def keep(data: bytes) -> None:
            self._model.buffers[buffer] = data

        yield from self._expect(keep)

    def _up_image(self, arguments: bytes) -> Reply:
        image = self._model.image
        if image is None:
            yield self.answer(Confirmation.IMAGE_UPLOAD_FAILED)
            return
        yield self.answer(Confirmation.OK)
        packed = pack_image(image)
        if self._faults.strikes(SerialFault.SWAPPED_NIBBLES):
            packed = bytes((byte & 0x0F) << 4 | byte >> 4 for byte in packed)
        if self._faults.strikes(SerialFault.HALF_IMAGE):
            packed = packed[: len(packed) // 2]
        for number, packet in enumerate(self._data(packed)):
            if 2 * number * self._model.packet_bytes > len(packed) and self._faults.strikes(
                SerialFault.UNPLUG_IN_IMAGE
            ):
                raise LineCut
            yield packet

    def _down_image(self, arguments: bytes) -> Reply:
        def keep(data: bytes) -> None:
            self._model.image = unpack_image(data) if len(data) == IMAGE_BYTES else None

        yield from self._expect(keep)

    def _delet_char(self, arguments: bytes) -> Reply:
        page, count = struct.unpack(">HH", arguments)
        if page + count > self._model.capacity:
            yield self.answer(Confirmation.PAGE_OUT_OF_RANGE)
        elif self._faults.strikes(SerialFault.FLASH_ERROR):
            yield self.answer(Confirmation.DELETE_FAILED)
        else:
            self._forget(range(page, page + count))
            yield self.answer(Confirmation.OK)

    def _empty(self, arguments: bytes) -> Reply:
        if self._faults.strikes(SerialFault.FLASH_ERROR):
            yield self.answer(Confirmation.EMPTY_FAILED)
        else:
            self._forget(range(self._model.capacity))
            yield self.answer(Confirmation.OK)

    def _forget(self, pages: range) -> None:
        if not self._faults.strikes(SerialFault.KEPT_PAGE):
            for page in pages:
                self._model.library.pop(page, None)

    def _set_sys_para(self, arguments: bytes) -> Reply:
        number, value = arguments
        model = self._model
        known = {
            SystemParameter.BAUD: range(1, MAX_BAUD_MULTIPLE + 1),
            SystemParameter.SECURITY: range(1, 6),
            SystemParameter.PACKET_LENGTH: range(len(PACKET_SIZES)),
        }
        if number not in known or value not in known[SystemParameter(number)]:
            yield self.answer(Confirmation.BAD_REGISTER)
            return
        if self._faults.strikes(SerialFault.FLASH_ERROR):
            yield self.answer(Confirmation.FLASH_WRITE_ERROR)
            return
        match SystemParameter(number):
            case SystemParameter.BAUD:
                self.baud_after_answer = value * BAUD_UNIT
            case SystemParameter.SECURITY:
                model.security_level = value
            case SystemParameter.PACKET_LENGTH:
                model.packet_bytes = PACKET_SIZES[value]
        yield self.answer(Confirmation.OK)

    def _read_sys_para(self, arguments: bytes) -> Reply:
        busy = self._faults.strikes(SerialFault.STUCK_BUSY)
        yield self.answer(Confirmation.OK, self._model.parameters(busy=busy).encode())

    def _set_pwd(self, arguments: bytes) -> Reply:
        self._model.password = arguments
        yield self.answer(Confirmation.OK)

    def _vfy_pwd(self, arguments: bytes) -> Reply:
        locked = self._faults.strikes(SerialFault.WRONG_PASSWORD)
        right = self._model.show_password(arguments) and not locked
        yield self.answer(Confirmation.OK if right else Confirmation.WRONG_PASSWORD)

    def _get_random_code(self, arguments: bytes) -> Reply:
        yield self.answer(Confirmation.OK, self._model.random_code())

    def _set_adder(self, arguments: bytes) -> Reply:
        # the acknowledge already carries the new address
        self._model.address = int.from_bytes(arguments, "big")
        yield self.answer(Confirmation.OK)

    def _templete_num(self, arguments: bytes) -> Reply:
        yield self.answer(Confirmation.OK, len(self._model.library).to_bytes(2, "big"))

    def _read_index_table(self, arguments: bytes) -> Reply:
        bitmap = bytearray(PAGES_A_TABLE // 8)
        for page in self._model.library:
            if page // PAGES_A_TABLE == arguments[0]:
                bitmap[page % PAGES_A_TABLE // 8] |= 1 << (page % 8)
        yield self.answer(Confirmation.OK, bytes(bitmap))

    def _aura_led_config(self, arguments: bytes) -> Reply:
        self._model.light = arguments
        yield self.answer(Confirmation.OK)

    def _soft_rst(self, arguments: bytes) -> Reply:
        yield self.answer(Confirmation.OK)

    def _get_echo(self, arguments: bytes) -> Reply:
        yield self.answer(Confirmation.ECHO)


def _buffer(number: int) -> int:
    return 1 if number == 1 else 2

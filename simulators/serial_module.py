"""An R30x single-finger module made of software: behaviour, protocol and the port it is plugged in.

The real driver, and any other host program for this family, opens `R30xModule.path`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from drivers.serial.commands import (
    BAUD_UNIT,
    GEN_IMG,
    GET_ECHO,
    IMAGE_HEIGHT,
    IMAGE_WIDTH,
    READ_SYS_PARA,
    TEMPLETE_NUM,
    UP_IMAGE,
    VFY_PWD,
    Confirmation,
)
from drivers.serial.packet import (
    DEFAULT_ADDRESS,
    DamagedPacket,
    Packet,
    PacketDecoder,
    PacketKind,
)
from drivers.values import Image
from simulators.serial_pty import LineCut, PseudoTerminal

FACTORY_PASSWORD = bytes(4)
TRUNCATED_BYTES = 9
STRAY = bytes.fromhex("00 EF 55 EF01")
POWER_UP_BYTE = b"\x55"
PACKET_CODE = 2  # 32 << code = 128 bytes of payload
BAUD_MULTIPLE = 6
STATUS_IMAGE_VALID = 0x0008


class SerialFault(StrEnum):
    """What goes wrong on such a module in the field; active as long as it is in `faults`."""

    SILENT = "silent"
    TRUNCATED = "truncated"
    WRONG_CHECKSUM = "wrong-checksum"
    STRAY_BYTES = "stray-bytes"
    WRONG_ADDRESS = "wrong-address"
    MESSY_IMAGE = "messy-image"
    HALF_IMAGE = "half-image"
    UNPLUG_IN_IMAGE = "unplug-in-image"
    POWER_UP_55 = "power-up-55"


class SensorScene(Protocol):
    """The part of the scene that this module sees."""

    def single_finger(self, width: int = 256, height: int = 288) -> Image | None:
        """Return (height, width) uint8, ridges dark, or None where no finger lies."""
        ...


class FingerModel:
    """The module without its wire: sensor, image buffer, library; knows no protocol."""

    def __init__(self, scene: SensorScene) -> None:
        self._scene = scene
        self.system_id = 0x0009
        self.capacity = 200
        self.security_level = 3
        self.template_count = 0
        self.password = FACTORY_PASSWORD
        self.image: Image | None = None

    def power_up(self) -> None:
        """Lose what is not in flash."""
        self.image = None

    def take_picture(self) -> bool:
        """Fill the image buffer; False, and the buffer as it was, where no finger lies."""
        picture = self._scene.single_finger(IMAGE_WIDTH, IMAGE_HEIGHT)
        if picture is None:
            return False
        self.image = picture
        return True


class R30xProtocol:
    """Bytes in, packets out, on a `FingerModel`; answers have exactly the documented size."""

    def __init__(self, model: FingerModel, faults: set[SerialFault]) -> None:
        self._model = model
        self._faults = faults
        self._decoder = PacketDecoder()
        self._booting = True
        self._handlers: dict[int, Callable[[bytes], Iterator[Packet]]] = {
            GEN_IMG.code: self._gen_img,
            UP_IMAGE.code: self._up_image,
            READ_SYS_PARA.code: self._read_sys_para,
            VFY_PWD.code: self._vfy_pwd,
            TEMPLETE_NUM.code: self._templete_num,
            GET_ECHO.code: self._get_echo,
        }

    def power_up(self) -> None:
        """Start anew, as after plugging in."""
        self._model.power_up()
        self._decoder.clear()
        self._booting = True

    def receive(self, data: bytes) -> Iterator[bytes]:
        """Take what the host sent, in pieces of any size; yield what goes back, piece by piece.

        Raises:
            LineCut: `UNPLUG_IN_IMAGE` strikes.
        """
        self._decoder.feed(data)
        while True:
            try:
                packet = self._decoder.take()
            except DamagedPacket:
                yield from self._on_the_wire(_acknowledge(Confirmation.RECEIVE_ERROR))
                continue
            if packet is None:
                return
            if packet.kind is PacketKind.COMMAND and packet.address == DEFAULT_ADDRESS:
                handler = self._handlers.get(packet.payload[0], self._unknown)
                for answer in handler(packet.payload[1:]):
                    yield from self._on_the_wire(answer)

    def _on_the_wire(self, packet: Packet) -> Iterator[bytes]:
        """Encode a packet and let the transport faults at it."""
        if SerialFault.SILENT in self._faults:
            return
        if SerialFault.WRONG_ADDRESS in self._faults:
            packet = Packet(packet.kind, packet.payload, DEFAULT_ADDRESS - 1)
        raw = bytearray(packet.encode())
        if SerialFault.WRONG_CHECKSUM in self._faults:
            raw[-1] ^= 0xFF
        if SerialFault.TRUNCATED in self._faults:
            del raw[TRUNCATED_BYTES:]
        if SerialFault.STRAY_BYTES in self._faults:
            yield STRAY
        if self._booting and SerialFault.POWER_UP_55 in self._faults:
            yield POWER_UP_BYTE
        self._booting = False
        yield bytes(raw)

    def _unknown(self, arguments: bytes) -> Iterator[Packet]:
        yield _acknowledge(Confirmation.RECEIVE_ERROR)

    def _gen_img(self, arguments: bytes) -> Iterator[Packet]:
        if not self._model.take_picture():
            yield _acknowledge(Confirmation.NO_FINGER)
        elif SerialFault.MESSY_IMAGE in self._faults:
            yield _acknowledge(Confirmation.IMAGE_TOO_MESSY)
        else:
            yield _acknowledge(Confirmation.OK)

    def _up_image(self, arguments: bytes) -> Iterator[Packet]:
        if self._model.image is None:
            yield _acknowledge(Confirmation.IMAGE_UPLOAD_FAILED)
            return
        yield _acknowledge(Confirmation.OK)
        packed = pack_image(self._model.image)
        if SerialFault.HALF_IMAGE in self._faults:
            packed = packed[: len(packed) // 2]
        size = 32 << PACKET_CODE
        for start in range(0, len(packed), size):
            if start > len(packed) // 2 and SerialFault.UNPLUG_IN_IMAGE in self._faults:
                raise LineCut
            last = start + size >= len(packed)
            kind = PacketKind.LAST_DATA if last else PacketKind.DATA
            yield Packet(kind, packed[start : start + size])

    def _read_sys_para(self, arguments: bytes) -> Iterator[Packet]:
        model = self._model
        parameters = struct.pack(
            ">HHHHIHH",
            0 if model.image is None else STATUS_IMAGE_VALID,
            model.system_id,
            model.capacity,
            model.security_level,
            DEFAULT_ADDRESS,
            PACKET_CODE,
            BAUD_MULTIPLE,
        )
        yield _acknowledge(Confirmation.OK, parameters)

    def _vfy_pwd(self, arguments: bytes) -> Iterator[Packet]:
        right = arguments == self._model.password
        yield _acknowledge(Confirmation.OK if right else Confirmation.WRONG_PASSWORD)

    def _templete_num(self, arguments: bytes) -> Iterator[Packet]:
        yield _acknowledge(Confirmation.OK, self._model.template_count.to_bytes(2, "big"))

    def _get_echo(self, arguments: bytes) -> Iterator[Packet]:
        yield _acknowledge(Confirmation.ECHO)


def pack_image(image: Image) -> bytes:
    """Return (288, 256) uint8 as 36 864 bytes; the upper four bits of each pixel survive."""
    return ((image[:, 0::2] & 0xF0) | (image[:, 1::2] >> 4)).tobytes()


def _acknowledge(code: Confirmation, parameters: bytes = b"") -> Packet:
    return Packet(PacketKind.ACKNOWLEDGE, bytes([code]) + parameters)


class R30xModule:
    """The module plugged into a serial port: a pseudo terminal that hosts open by `path`.

    Use as a context manager, or `start` and `stop`; these also are plugging in and unplugging.
    `link` gives a path that stays the same over both. `paced` sends at the module's baud rate, as
    the real wire does (7 s an image), instead of at once. `faults` may be changed while it runs.
    """

    def __init__(
        self, scene: SensorScene, *, link: Path | None = None, paced: bool = False
    ) -> None:
        self.faults: set[SerialFault] = set()
        self.model = FingerModel(scene)
        self._protocol = R30xProtocol(self.model, self.faults)
        self._link = link
        self._baud = BAUD_MULTIPLE * BAUD_UNIT if paced else None
        self._terminal: PseudoTerminal | None = None

    @property
    def path(self) -> str:
        """The port to open; without a `link` it changes with every start."""
        if self._link is not None:
            return str(self._link)
        if self._terminal is None:
            raise RuntimeError("the module is not plugged in")
        return self._terminal.path

    def start(self) -> None:
        """Plug in; a module that fell off the line by itself is plugged in again."""
        self.stop()
        self._protocol.power_up()
        self._terminal = PseudoTerminal(self._protocol.receive, link=self._link, baud=self._baud)

    def stop(self) -> None:
        """Unplug; idempotent."""
        terminal, self._terminal = self._terminal, None
        if terminal is not None:
            terminal.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

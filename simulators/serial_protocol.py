"""The protocol of a simulated R30x module: bytes in, pieces of the answer out."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

from drivers.serial.commands import (
    COMMANDS,
    GEN_IMG,
    HI_SPEED_SEARCH,
    IMG_2_TZ,
    MATCH,
    REG_MODEL,
    SEARCH,
    SOFT_RST,
    UP_IMAGE,
    VFY_PWD,
    Confirmation,
)
from drivers.serial.packet import DamagedPacket, PacketDecoder, PacketKind
from simulators.injection import Injector
from simulators.serial_faults import SerialFault
from simulators.serial_instructions import Instructions, Reply
from simulators.serial_model import FingerModel
from simulators.serial_pty import Answer
from simulators.serial_wire import READY_BYTE, WireFaults

DEAF_S: Final = 0.3

_SENSOR = frozenset(
    c.code for c in (GEN_IMG, IMG_2_TZ, MATCH, SEARCH, HI_SPEED_SEARCH, REG_MODEL, UP_IMAGE)
)


class R30xProtocol:
    """A module that is spoken to; one command after the other."""

    def __init__(self, model: FingerModel, faults: Injector[SerialFault]) -> None:
        self._model = model
        self._faults = faults
        self._wire = WireFaults(faults)
        self._decoder = PacketDecoder()
        self._deaf_until = 0.0
        self.instructions = Instructions(model, faults)

    def power_up(self) -> None:
        """Start anew, as after plugging in."""
        self._model.power_up()
        self._decoder.clear()
        self.instructions.break_off()
        if SerialFault.POWER_UP in self._faults:
            self._deaf_until = time.monotonic() + DEAF_S
            self._wire.is_starting = True

    def receive(self, data: bytes) -> Iterator[Answer]:
        """Take what the host sent, in pieces of any size; yield what goes back, piece by piece.

        Raises:
            LineCut: `UNPLUG_IN_IMAGE` strikes.
        """
        if time.monotonic() < self._deaf_until:
            return
        self._decoder.feed(data)
        while True:
            try:
                packet = self._decoder.take()
            except DamagedPacket:
                yield from self._wire.sent(self.instructions.answer(Confirmation.RECEIVE_ERROR))
                continue
            if packet is None:
                return
            if packet.address != self._model.address:
                continue
            if packet.kind is PacketKind.COMMAND:
                yield from self._command(packet.payload[0], packet.payload[1:])
            elif packet.kind in (PacketKind.DATA, PacketKind.LAST_DATA):
                self.instructions.take_data(packet)

    def _command(self, code: int, arguments: bytes) -> Iterator[Answer]:
        self.instructions.break_off()
        if code in _SENSOR and self._faults.strikes(SerialFault.STUCK_BUSY):
            return
        reply = self._reply(code, arguments)
        deadline = COMMANDS[code].deadline if code in COMMANDS else 1.0
        for packet in reply:
            yield from self._wire.sent(packet, deadline)
        table = self.instructions
        if table.baud_after_answer:
            # the acknowledge still went at the old speed
            self._model.baud, table.baud_after_answer = table.baud_after_answer, 0
        if code == SOFT_RST.code and self._model.has_light:
            self._model.power_up()
            yield READY_BYTE

    def _reply(self, code: int, arguments: bytes) -> Reply:
        command, handler = COMMANDS.get(code), self.instructions.replies.get(code)
        if command is None or handler is None or self._faults.strikes(SerialFault.NOT_UNDERSTOOD):
            return iter((self.instructions.answer(Confirmation.RECEIVE_ERROR),))
        if len(arguments) != command.argument_bytes:
            return iter((self.instructions.answer(Confirmation.RECEIVE_ERROR),))
        if code != VFY_PWD.code and (
            self._model.is_locked or SerialFault.WRONG_PASSWORD in self._faults
        ):
            return iter((self.instructions.answer(Confirmation.PASSWORD_NEEDED),))
        return handler(arguments)

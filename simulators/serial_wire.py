"""What the line and the port of a simulated R30x module do to its packets when a fault says so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from drivers.serial.packet import Packet, PacketKind
from simulators.injection import Injector
from simulators.serial_faults import SerialFault
from simulators.serial_pty import Answer

READY_BYTE: Final = b"\x55"
TRUNCATED_BYTES: Final = 9
STRAY: Final = bytes.fromhex("00 EF 55 EF01")
SLOW_S: Final = 0.2
TOO_LATE_S: Final = 0.15
"""So long after the host's deadline comes a late answer."""
LENGTH_OFFSET: Final = 8
EXTRA_LENGTH: Final = 5
LOST_IN_PACKETS: Final = 40


class WireFaults:
    """Encode packets and let the faults of the line at them."""

    def __init__(self, faults: Injector[SerialFault]) -> None:
        self._faults = faults
        self.is_starting = False
        """Whether the byte 55 still has to come."""

    def sent(self, packet: Packet, deadline: float = 1.0) -> Iterator[Answer]:
        """Yield what goes over the line for one packet; `deadline` is the host's, in seconds."""
        strikes = self._faults.strikes
        if strikes(SerialFault.SILENT):
            return
        if packet.kind is PacketKind.ACKNOWLEDGE:
            if strikes(SerialFault.SLOW):
                yield SLOW_S
            if strikes(SerialFault.LATE_REPLY):
                yield deadline + TOO_LATE_S
            if strikes(SerialFault.STRAY_BYTES):
                yield STRAY
            if self.is_starting:
                self.is_starting = False
                yield READY_BYTE
        raw = self._encoded(packet)
        twice = packet.kind is PacketKind.ACKNOWLEDGE and strikes(SerialFault.DUPLICATE_REPLY)
        yield raw + raw if twice else raw

    def _encoded(self, packet: Packet) -> bytes:
        strikes, dice = self._faults.strikes, self._faults.random
        if strikes(SerialFault.WRONG_ADDRESS):
            packet = Packet(packet.kind, packet.payload, packet.address ^ 1)
        raw = bytearray(packet.encode())
        if strikes(SerialFault.WRONG_CHECKSUM):
            raw[-1] ^= 0xFF
        if strikes(SerialFault.WRONG_LENGTH):
            raw[LENGTH_OFFSET] = (raw[LENGTH_OFFSET] + EXTRA_LENGTH) & 0xFF
        if strikes(SerialFault.TRUNCATED):
            del raw[TRUNCATED_BYTES:]
        if strikes(SerialFault.NOISE):
            raw = bytearray(dice.randbytes(len(raw)))
        is_data = packet.kind is not PacketKind.ACKNOWLEDGE
        if is_data and strikes(SerialFault.DROPPED_BYTES) and not dice.randrange(LOST_IN_PACKETS):
            del raw[dice.randrange(len(raw))]
        return bytes(raw)

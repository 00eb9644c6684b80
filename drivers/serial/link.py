"""The conversation with an R30x module: it owns the port, keeps every deadline, and resynchronises.

One command is outstanding at a time. Whatever ends an exchange early (time, damage, cancellation)
leaves the line unsettled: before the next command everything is read and dropped until the module
has been silent for 200 ms, because late packets of an aborted upload look like answers.
"""

from __future__ import annotations

import errno
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import serial

from drivers.device import Call
from drivers.errors import (
    ConnectFailed,
    DeviceBusy,
    DeviceRefused,
    DeviceTimeout,
    Disconnected,
    ProtocolError,
)
from drivers.recorder import Direction, FlightRecorder
from drivers.serial.commands import Command, Confirmation, describe
from drivers.serial.packet import (
    DEFAULT_ADDRESS,
    DamagedPacket,
    Packet,
    PacketDecoder,
    PacketKind,
)

PORT_TIMEOUT_S = 0.1
DATA_PACKET_DEADLINE_S = 0.5
SILENCE_S = 0.2

OK_ONLY = frozenset({Confirmation.OK})
_DATA_KINDS = frozenset({PacketKind.DATA, PacketKind.LAST_DATA})


class Port(Protocol):
    """What the link needs of a serial port; `read` returns early, with less, after 0.1 s."""

    @property
    def in_waiting(self) -> int:
        """Bytes that can be read at once."""
        ...

    def read(self, size: int = 1, /) -> bytes:
        """Return up to `size` bytes."""
        ...

    def write(self, data: bytes, /) -> int | None:
        """Send all bytes."""
        ...

    def reset_input_buffer(self) -> None:
        """Drop what has arrived."""
        ...

    def close(self) -> None:
        """Release the port."""
        ...


def open_port(device: str, path: str, baud: int) -> Port:
    """Open a serial port, 8N1 without flow control, for us alone.

    Raises:
        ConnectFailed: there is no such port, or it cannot be opened.
        DeviceBusy: another program owns it.
    """
    try:
        return serial.Serial(
            path, baud, timeout=PORT_TIMEOUT_S, write_timeout=PORT_TIMEOUT_S, exclusive=True
        )
    except (OSError, ValueError, termios.error) as error:
        number = getattr(error, "errno", None)
        if number in (errno.EAGAIN, errno.EBUSY):
            raise DeviceBusy(device, "another program owns the port") from error
        reason = errno.errorcode.get(number or 0, "not a serial port")
        raise ConnectFailed(device, f"port: {reason}") from error


class R30xLink:
    """Send commands over an open port and read their answers; not thread-safe."""

    def __init__(self, port: Port, device: str, recorder: FlightRecorder) -> None:
        self._port = port
        self._device = device
        self._recorder = recorder
        self._decoder = PacketDecoder()
        self._settled = True
        self._noted = ""

    def close(self) -> None:
        """Release the port, also after an unplug."""
        self._port.close()

    def exchange(
        self,
        command: Command,
        call: Call,
        *,
        arguments: bytes = b"",
        accept: frozenset[Confirmation] = OK_ONLY,
    ) -> tuple[Confirmation, bytes]:
        """Send one command and return its confirmation, one of `accept`, and its parameters.

        A command that reached the module damaged (01) is sent a second time.

        Raises:
            DeviceRefused: the module answered another code; `device_code` is its two hex digits.
            DeviceTimeout: no answer in time.
            ProtocolError: the answer is damaged, not from this module, or of a wrong size.
            Disconnected: the port is gone.
        """
        code, parameters = self._ask(command, arguments, call)
        if code == Confirmation.RECEIVE_ERROR:
            code, parameters = self._ask(command, arguments, call)
        if code not in accept:
            if code == Confirmation.RECEIVE_ERROR:
                raise ProtocolError(self._device, f"{command.name} not understood, twice")
            meaning = describe(code)[3:]
            raise DeviceRefused(self._device, f"{code:02X}", f"{command.name}: {meaning}")
        if code == Confirmation.OK and len(parameters) != command.parameter_bytes:
            raise ProtocolError(
                self._device,
                f"{command.name}: {len(parameters)} parameter bytes, "
                f"expected {command.parameter_bytes}",
            )
        return Confirmation(code), parameters

    def fetch(
        self,
        command: Command,
        size: int,
        call: Call,
        *,
        accept: frozenset[Confirmation] = OK_ONLY,
    ) -> tuple[Confirmation, bytes]:
        """Send a command with a data phase of exactly `size` bytes; no data unless it answers 00.

        A single packet cannot be repeated, so that damage or loss repeats the command, once.

        Raises: as `exchange`.
        """
        code, _ = self.exchange(command, call, accept=accept)
        if code is Confirmation.OK:
            try:
                return code, self._read_data(size, call)
            except (ProtocolError, DeviceTimeout) as error:
                call.check()
                self._recorder.note(f"{command.name} repeated: {error.detail}")
            code, _ = self.exchange(command, call, accept=accept)
        if code is Confirmation.OK:
            return code, self._read_data(size, call)
        return code, b""

    def _ask(self, command: Command, arguments: bytes, call: Call) -> tuple[int, bytes]:
        if not self._settled:
            self._settle(call)
        packet = Packet(PacketKind.COMMAND, bytes([command.code]) + arguments)
        self._decoder.clear()
        self._settled = False
        with self._port_errors():
            self._port.reset_input_buffer()
            self._port.write(packet.encode())
        expires = call.clock.monotonic() + command.deadline
        answer = self._next_packet(call, expires, command.name)
        while answer.kind in _DATA_KINDS:
            # an upload that an earlier owner of the port abandoned is still coming in
            answer = self._next_packet(call, expires, command.name)
        if answer.kind is not PacketKind.ACKNOWLEDGE:
            raise ProtocolError(self._device, f"{command.name} answered by {answer.kind.name}")
        self._settled = True
        code = answer.payload[0]
        self._note(f"{command.name}: {describe(code)}")
        return code, answer.payload[1:]

    def _read_data(self, size: int, call: Call) -> bytes:
        self._settled = False
        data = bytearray()
        kind = PacketKind.DATA
        while kind is not PacketKind.LAST_DATA:
            expires = call.clock.monotonic() + DATA_PACKET_DEADLINE_S
            packet = self._next_packet(call, expires, f"data after {len(data)} of {size} bytes")
            kind = packet.kind
            data += packet.payload
            if kind not in _DATA_KINDS or len(data) > size:
                raise ProtocolError(self._device, f"{kind.name} after {len(data)} of {size} bytes")
        if len(data) != size:
            raise ProtocolError(self._device, f"data phase of {len(data)} bytes, expected {size}")
        self._settled = True
        received = bytes(data)
        self._recorder.payload(Direction.RECEIVED, "data", received)
        return received

    def _next_packet(self, call: Call, expires: float, awaited: str) -> Packet:
        """Return the next packet; `expires` is a monotonic time in seconds."""
        while True:
            try:
                packet = self._decoder.take()
            except DamagedPacket as error:
                raise ProtocolError(self._device, f"{awaited}: {error}") from error
            if packet is not None:
                if packet.address != DEFAULT_ADDRESS:
                    raise ProtocolError(self._device, f"{awaited}: packet of another address")
                return packet
            call.check()
            if call.clock.monotonic() >= expires:
                self._note(f"{awaited}: no answer")
                raise DeviceTimeout(self._device, f"{awaited}: no answer")
            self._decoder.feed(self._read())

    def _settle(self, call: Call) -> None:
        silent_since = call.clock.monotonic()
        while call.clock.monotonic() - silent_since < SILENCE_S:
            call.check()
            if self._read():
                silent_since = call.clock.monotonic()
        self._settled = True

    def _read(self) -> bytes:
        with self._port_errors():
            return self._port.read(max(1, self._port.in_waiting))

    @contextmanager
    def _port_errors(self) -> Iterator[None]:
        """Say `Disconnected` for all the ways in which a port reports that it is gone."""
        try:
            yield
        except serial.SerialTimeoutException as error:
            raise DeviceTimeout(self._device, "port accepts no bytes") from error
        except (OSError, termios.error) as error:  # SerialException is an OSError
            raise Disconnected(self._device, "port is gone") from error

    def _note(self, text: str) -> None:
        """Record an exchange; polling for a finger must not push everything else out."""
        if text != self._noted:
            self._noted = text
            self._recorder.note(text, Direction.RECEIVED)

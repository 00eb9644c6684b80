"""The conversation with an R30x module: it keeps every deadline and resynchronises.

One command is outstanding at a time. Whatever ends an exchange early (time, damage, cancellation)
leaves the line unsettled: before the next command everything is read and dropped until the module
has been silent for 200 ms, because late packets of an aborted upload look like answers. An answer
does not say which command it belongs to; where one is still owed, a command whose answer cannot be
mistaken brings both sides into step again.
"""

from __future__ import annotations

from typing import Final

from drivers.device import Call
from drivers.errors import DeviceRefused, DeviceTimeout, ProtocolError, Unsupported
from drivers.recorder import Direction, FlightRecorder
from drivers.serial.commands import (
    GET_RANDOM_CODE,
    LOCKED,
    OK_ONLY,
    READ_INDEX_TABLE,
    READ_SYS_PARA,
    TEMPLETE_NUM,
    Command,
    Confirmation,
    describe,
)
from drivers.serial.errors import ModuleLocked
from drivers.serial.packet import (
    DEFAULT_ADDRESS,
    DamagedPacket,
    Packet,
    PacketDecoder,
    PacketKind,
)
from drivers.serial.port import Port, port_errors

DATA_PACKET_DEADLINE_S: Final = 0.5
SILENCE_S: Final = 0.2
BITS_PER_BYTE: Final = 10
COPY_SLACK_S: Final = 0.001
LARGEST_TEMPLATE_BYTES: Final = 8192
"""Far above every known firmware (512 to 1536): a module that never ends is stopped here."""

_DATA_KINDS = frozenset({PacketKind.DATA, PacketKind.LAST_DATA})
_STEPPING = (
    (READ_SYS_PARA, b""),
    (TEMPLETE_NUM, b""),
    (GET_RANDOM_CODE, b""),
    (READ_INDEX_TABLE, b"\x00"),
)
"""Commands that change nothing and whose answers differ in length."""


class R30xLink:
    """Send commands over an open port and read their answers; not thread-safe."""

    def __init__(self, port: Port, device: str, recorder: FlightRecorder) -> None:
        self._port = port
        self._device = device
        self._recorder = recorder
        self._decoder = PacketDecoder()
        self._settled = True
        self._owed: set[int] = set()
        self._noted = ""
        self._quiet_until = 0.0

    @property
    def device(self) -> str:
        """Name of the device, for errors."""
        return self._device

    @property
    def baud(self) -> int:
        """Speed of our end of the line in bit/s."""
        return self._port.baudrate

    def set_baud(self, baud: int) -> None:
        """Change the speed of our end; half an answer at the old speed is forgotten."""
        with port_errors(self._device):
            self._port.baudrate = baud
        self._decoder.clear()

    def close(self) -> None:
        """Release the port, also after an unplug."""
        self._port.close()

    def forget(self) -> None:
        """Take the line as settled: after a restart of the module nothing can be late."""
        self._settled = True
        self._owed.clear()

    def distrust(self) -> None:
        """Expect that an earlier question is still answered; the next command finds out first."""
        self._settled = False
        self._owed.add(0)

    def look(self) -> None:
        """Raise `Disconnected` when the port is gone; costs no byte on the line."""
        with port_errors(self._device):
            _ = self._port.in_waiting

    def exchange(
        self,
        command: Command,
        call: Call,
        *,
        arguments: bytes = b"",
        accept: frozenset[Confirmation] = OK_ONLY,
        deadline: float | None = None,
    ) -> tuple[Confirmation, bytes]:
        """Send a command; return its confirmation code and, after 00, its parameters.

        A command that arrived damaged (code 01) is sent once more, unless 01 is accepted.
        `deadline` in seconds replaces that of the command.

        Raises:
            DeviceRefused: the code is not in `accept`; `ModuleLocked` for those of a password.
            DeviceTimeout: no whole answer in time.
            ProtocolError: the answer cannot be right.
            Disconnected: the port is gone.
            Unsupported: the command is forbidden.
        """
        if not command.allowed:
            raise Unsupported(self._device, f"{command.name} is forbidden")
        if len(arguments) != command.argument_bytes:
            raise ValueError(f"{command.name} takes {command.argument_bytes} argument bytes")
        if not self._settled:
            self._settle(call)
        within = command.deadline if deadline is None else deadline
        code, parameters = self._ask(command, arguments, call, within)
        if code == Confirmation.RECEIVE_ERROR and code not in accept:
            code, parameters = self._ask(command, arguments, call, within)
        if code not in accept:
            if code == Confirmation.RECEIVE_ERROR:
                raise ProtocolError(self._device, f"{command.name} not understood, twice")
            refusal = ModuleLocked if code in LOCKED else DeviceRefused
            meaning = describe(code)[3:]
            raise refusal(self._device, f"{code:02X}", f"{command.name}: {meaning}")
        if code == Confirmation.OK and len(parameters) != command.parameter_bytes:
            # perhaps the answer to an earlier command: the right one would then still come
            self._owe(command)
            raise ProtocolError(
                self._device,
                f"{command.name}: {len(parameters)} parameter bytes, "
                f"expected {command.parameter_bytes}",
            )
        return Confirmation(code), parameters

    def fetch(
        self,
        command: Command,
        call: Call,
        *,
        arguments: bytes = b"",
        size: int | None = None,
        accept: frozenset[Confirmation] = OK_ONLY,
    ) -> tuple[Confirmation, bytes]:
        """Send a command that is answered by data; there are none unless it answers 00.

        The data end with the last packet; with `size` they must then be exactly so many bytes. A
        single packet cannot be repeated, so that damage or loss repeats the command, once.

        Raises: as `exchange`.
        """
        code, _ = self.exchange(command, call, arguments=arguments, accept=accept)
        if code is Confirmation.OK:
            try:
                return code, self._read_data(size, call)
            except (ProtocolError, DeviceTimeout) as error:
                call.check()
                self._recorder.note(f"{command.name} repeated: {error.detail}")
            code, _ = self.exchange(command, call, arguments=arguments, accept=accept)
        if code is Confirmation.OK:
            return code, self._read_data(size, call)
        return code, b""

    def deliver(
        self, command: Command, call: Call, data: bytes, packet_bytes: int, arguments: bytes = b""
    ) -> None:
        """Send a command and, after its 00, `data` in packets of `packet_bytes`.

        The module confirms the command only, never the data. Returns when the last byte is sent.

        Raises: as `exchange`.
        """
        self.exchange(command, call, arguments=arguments)
        self._recorder.payload(Direction.SENT, command.name, data)
        for start in range(0, len(data), packet_bytes):
            call.check()
            last = start + packet_bytes >= len(data)
            kind = PacketKind.LAST_DATA if last else PacketKind.DATA
            with port_errors(self._device):
                self._port.write(Packet(kind, data[start : start + packet_bytes]).encode())
        while self._unsent():
            call.sleep(0.01)

    def await_byte(self, wanted: int, call: Call, within: float) -> bool:
        """Read until the byte `wanted` comes, at most `within` seconds; say whether it came."""
        expires = call.clock.monotonic() + within
        arrived = self._decoder.rest()
        while wanted not in arrived:
            call.check()
            if call.clock.monotonic() >= expires:
                return False
            arrived = self._read()
        return True

    def _ask(
        self, command: Command, arguments: bytes, call: Call, within: float
    ) -> tuple[int, bytes]:
        self._send(command, arguments, call)
        answer = self._acknowledge(command, call, call.clock.monotonic() + within)
        self._settled = True
        code = answer.payload[0]
        self._note(f"{command.name}: {describe(code)}")
        return code, answer.payload[1:]

    def _send(self, command: Command, arguments: bytes, call: Call) -> None:
        packet = Packet(PacketKind.COMMAND, bytes([command.code]) + arguments)
        if (gap := self._quiet_until - call.clock.monotonic()) > 0:
            call.sleep(gap)
        self._decoder.clear()
        self._settled = False
        with port_errors(self._device):
            self._port.reset_input_buffer()
            self._port.write(packet.encode())

    def _acknowledge(self, command: Command, call: Call, expires: float) -> Packet:
        """Return the next acknowledge; one that does not come in time is owed from now on."""
        arrived = False
        try:
            answer = self._next_packet(call, expires, command.name)
            while answer.kind in _DATA_KINDS:
                # an upload that an earlier owner of the port abandoned is still coming in
                answer = self._next_packet(call, expires, command.name)
            arrived = True
        except ProtocolError:
            arrived = True
            raise
        finally:
            if not arrived:
                self._owe(command)
        if answer.kind is not PacketKind.ACKNOWLEDGE:
            raise ProtocolError(self._device, f"{command.name} answered by {answer.kind.name}")
        # a second copy of this answer, which some bridges deliver, would come within this time
        copy_s = len(answer.encode()) * BITS_PER_BYTE / self.baud + COPY_SLACK_S
        self._quiet_until = call.clock.monotonic() + copy_s
        return answer

    def _read_data(self, size: int | None, call: Call) -> bytes:
        self._settled = False
        limit = LARGEST_TEMPLATE_BYTES if size is None else size
        data = bytearray()
        kind = PacketKind.DATA
        while kind is not PacketKind.LAST_DATA:
            expires = call.clock.monotonic() + DATA_PACKET_DEADLINE_S
            awaited = f"data after {len(data)} bytes"
            packet = self._next_packet(call, expires, awaited)
            kind = packet.kind
            if not data and kind is PacketKind.ACKNOWLEDGE and packet.payload == b"\x00":
                continue  # the same acknowledge again, as some bridges deliver it
            data += packet.payload
            if kind not in _DATA_KINDS or len(data) > limit:
                raise ProtocolError(self._device, f"{kind.name} after {len(data)} bytes")
        if size is not None and len(data) != size:
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
        """Wait for 200 ms of silence, and for an answer that is surely the newest one."""
        self._await_silence(call)
        if self._owed:
            self._fall_into_step(call)
        self._settled = True

    def _await_silence(self, call: Call) -> None:
        silent_since = call.clock.monotonic()
        while call.clock.monotonic() - silent_since < SILENCE_S:
            call.check()
            if self._read():
                silent_since = call.clock.monotonic()

    def _fall_into_step(self, call: Call) -> None:
        choices = [item for item in _STEPPING if item[0].parameter_bytes not in self._owed]
        command, arguments = choices[0] if choices else _STEPPING[0]
        self._send(command, arguments, call)
        expires = call.clock.monotonic() + command.deadline
        while True:
            answer = self._acknowledge(command, call, expires)
            if len(answer.payload) == 1 + command.parameter_bytes:
                break
            if answer.payload[0] in LOCKED:
                raise ModuleLocked(self._device, f"{answer.payload[0]:02X}", command.name)
            self._note(f"late answer dropped: {describe(answer.payload[0])}")
        self._owed.clear()

    def _owe(self, command: Command) -> None:
        self._settled = False
        self._owed.add(command.parameter_bytes)

    def _read(self) -> bytes:
        with port_errors(self._device):
            return self._port.read(max(1, self._port.in_waiting))

    def _unsent(self) -> int:
        with port_errors(self._device):
            return self._port.out_waiting

    def _note(self, text: str) -> None:
        """Record an exchange; polling for a finger must not push everything else out."""
        if text != self._noted:
            self._noted = text
            self._recorder.note(text, Direction.RECEIVED)

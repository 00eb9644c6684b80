"""Damaged bytes of a finger module: packets, answers, whole conversations, files of conversations.

The simulated module is fuzzed as well: other people's programs talk to it.
"""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from drivers.clock import FastClock
from drivers.device import Call
from drivers.errors import DeviceRefused, DeviceTimeout, ProtocolError
from drivers.recorder import FlightRecorder
from drivers.serial.commands import COMMANDS
from drivers.serial.link import R30xLink
from drivers.serial.module import Buffer, R30xCommands
from drivers.serial.packet import DamagedPacket, Packet, PacketDecoder, PacketKind
from drivers.serial.parameters import ModuleParameters, used_pages
from drivers.serial.picture import IMAGE_BYTES, unpack_image
from drivers.serial.wire_file import HEADER, WireFileError, read_lines
from simulators.injection import Injector
from simulators.serial_faults import SERIAL_FAULTS, SerialFault
from simulators.serial_model import FingerModel
from simulators.serial_protocol import R30xProtocol
from simulators.serial_templates import NoTemplate, Template
from tests.fuzz.harness import fuzz
from tests.protocol.expected_bytes import ScriptedPort

LARGEST_HELD_BACK = 266
MOST_PIECES = 2000

OK = Packet(PacketKind.ACKNOWLEDGE, b"\x00").encode()
SETTINGS = bytes.fromhex("0000 0009 00C8 0003 FFFFFFFF 0002 0006")
ANSWERS = [
    OK,
    Packet(PacketKind.ACKNOWLEDGE, b"\x00" + SETTINGS).encode(),
    Packet(PacketKind.ACKNOWLEDGE, b"\x00\x00\xb4").encode(),
    Packet(PacketKind.ACKNOWLEDGE, b"\x09\x00\x00\x00\x00").encode(),
    OK
    + Packet(PacketKind.DATA, bytes(128)).encode()
    + Packet(PacketKind.LAST_DATA, b"end").encode(),
    b"\x55\xef\x01" + OK + OK,
]
COMMAND_BYTES = [
    Packet(PacketKind.COMMAND, bytes([code]) + bytes(command.argument_bytes)).encode()
    for code, command in COMMANDS.items()
] + [
    Packet(PacketKind.COMMAND, b"\x09\x01").encode()
    + Packet(PacketKind.DATA, bytes(128)).encode()
    + Packet(PacketKind.LAST_DATA, bytes(128)).encode()
]


def test_packets_in_a_stream() -> None:
    """However the bytes are cut, damaged packets are refused and nothing piles up."""

    def parse(data: bytes) -> int:
        decoder = PacketDecoder()
        found = 0
        for start in range(0, len(data), 7):
            decoder.feed(data[start : start + 7])
            found += _drained(decoder)
        assert len(decoder.rest()) <= LARGEST_HELD_BACK
        return found

    assert fuzz(parse, ANSWERS + COMMAND_BYTES, ()) > 0


def _drained(decoder: PacketDecoder) -> int:
    found = 0
    while True:
        try:
            packet = decoder.take()
        except DamagedPacket:
            continue
        if packet is None:
            return found
        assert packet.encode()
        found += 1


def test_parameters() -> None:
    assert fuzz(ModuleParameters.decode, [SETTINGS], (ValueError,)) > 0


def test_index_tables() -> None:
    def pages(bitmap: bytes) -> tuple[int, ...]:
        found = used_pages(3, bitmap)
        assert all(768 <= page < 1024 for page in found)
        return found

    assert fuzz(pages, [bytes(32), b"\xff" * 32], (ValueError,)) > 0


def test_pictures() -> None:
    noise = np.random.default_rng(1).bytes(IMAGE_BYTES)
    assert fuzz(unpack_image, [noise], (ValueError,)) > 0


@pytest.mark.parametrize("answer", range(3))
def test_answers_of_a_module(answer: int) -> None:
    """Whatever comes back, a command ends in a value or in an error of the driver, and in time."""
    asks = (
        lambda commands, call: commands.parameters(call),
        lambda commands, call: commands.search(Buffer.FIRST, 0, 200, call),
        lambda commands, call: commands.upload_template(Buffer.FIRST, call),
    )

    def parse(data: bytes) -> object:
        clock = FastClock()
        port = AnyPort(data, clock)
        commands = R30xCommands(R30xLink(port, "fuzz", FlightRecorder(clock)))
        try:
            return asks[answer](commands, Call("fuzz", clock, 60.0))
        finally:
            assert clock.monotonic() < 10.0

    allowed = (ProtocolError, DeviceTimeout, DeviceRefused)
    assert fuzz(parse, ANSWERS, allowed, seed=10 + answer) > 0


class AnyPort(ScriptedPort):
    """A port that answers everything with the same bytes."""

    def __init__(self, data: bytes, clock: FastClock) -> None:
        super().__init__([], clock)
        self._data = data

    def write(self, data: bytes, /) -> int:
        self._unread = self._data
        return len(data)


class NoFinger:
    def single_finger(self, width: int = 256, height: int = 288) -> None:
        return None


def test_commands_to_the_simulated_module() -> None:
    """A host may send anything: the module answers in packets or not at all."""
    model = FingerModel(NoFinger())

    def parse(data: bytes) -> int:
        model.address = 0xFFFFFFFF
        model.password = bytes(4)
        faults: Injector[SerialFault] = Injector(SERIAL_FAULTS)
        protocol = R30xProtocol(model, faults)
        pieces = list(islice(protocol.receive(data), MOST_PIECES))
        assert len(pieces) < MOST_PIECES
        decoder = PacketDecoder()
        for piece in pieces:
            assert isinstance(piece, bytes)
            decoder.feed(piece)
        return _drained(decoder)

    assert fuzz(parse, COMMAND_BYTES, ()) > 0


def test_templates_of_the_simulated_module() -> None:
    views = tuple(tuple(range(first, first + 50)) for first in (1000, 5000))
    examples = [Template(256, 288, views[:count]).encode() for count in (1, 2)]

    def parse(data: bytes) -> Template:
        template = Template.decode(data)
        assert template.encode() == data
        return template

    fuzz(parse, examples, (NoTemplate,))


def test_wire_files() -> None:
    lines = [f"{HEADER}\n@ 57600\n> {OK.hex()}\n< {OK.hex()} # so\n".encode()]
    lines.append(
        f"{HEADER}\n@ 9600\n> {OK.hex()}\n<\n> 00\n< masked 139 bytes sha256 {'0' * 16}".encode()
    )
    lines.append(f"{HEADER}\n@ 9600\n> {OK.hex()}\n< {OK.hex()}\n".encode())

    def parse(data: bytes) -> object:
        return read_lines(data.decode("latin-1"))

    assert fuzz(parse, lines, (WireFileError,)) > 0

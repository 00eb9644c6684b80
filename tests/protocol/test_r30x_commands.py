"""Every command of the table, byte by byte, against the driver's methods."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from drivers.device import Call
from drivers.errors import DeviceRefused, ProtocolError, Unsupported
from drivers.recorder import FlightRecorder
from drivers.serial.commands import COMMANDS, Confirmation
from drivers.serial.link import R30xLink
from drivers.serial.module import Buffer, LightColour, LightMode, PageMatch, R30xCommands
from drivers.serial.packet import Packet, PacketKind
from drivers.serial.parameters import used_pages
from drivers.serial.picture import IMAGE_BYTES, pack_image
from tests.protocol.expected_bytes import BytePair, ScriptedPort, expected_bytes

HEAD = "EF01FFFFFFFF"
OK = f"{HEAD} 07 0003 00 000A"
SETTINGS = f"{HEAD} 07 0013 00 0000 0009 00C8 0003 FFFFFFFF 0002 0006 04F2"
ASK_SETTINGS = f"{HEAD} 01 0003 0F 0013"

Work = Callable[[R30xCommands, Call], object]


def bench(port: ScriptedPort, *, has_light: bool = False) -> tuple[R30xCommands, Call]:
    clock = port.clock
    link = R30xLink(port, "desk", FlightRecorder(clock))
    return R30xCommands(link, has_light=has_light), Call("desk", clock, 30.0)


def pair(sent: str, received: str) -> BytePair:
    return bytes.fromhex(sent), bytes.fromhex(received)


def data(*payloads: bytes) -> str:
    kinds = [PacketKind.DATA] * (len(payloads) - 1) + [PacketKind.LAST_DATA]
    wire = [Packet(kind, part).encode() for kind, part in zip(kinds, payloads, strict=True)]
    return b"".join(wire).hex()


def ack(code: int, parameters: str = "") -> str:
    payload = bytes([code]) + bytes.fromhex(parameters)
    return Packet(PacketKind.ACKNOWLEDGE, payload).encode().hex()


TEMPLATE = bytes(range(256)) * 2
BITMAP = "21" + "00" * 30 + "80"  # pages 0, 5 and 255

TABLE: dict[str, tuple[str, str, Work, object]] = {
    "VfyPwd": (
        f"{HEAD} 01 0007 13 00000000 001B", OK, lambda c, call: c.verify_password(call), None,
    ),
    "GenImg": (f"{HEAD} 01 0003 01 0005", OK, lambda c, call: c.look(call), Confirmation.OK),
    "GenImg no finger": (
        f"{HEAD} 01 0003 01 0005", f"{HEAD} 07 0003 02 000C",
        lambda c, call: c.look(call), Confirmation.NO_FINGER,
    ),
    "Img2Tz": (
        f"{HEAD} 01 0004 02 01 0008", OK,
        lambda c, call: c.extract(Buffer.FIRST, call), Confirmation.OK,
    ),
    "Img2Tz messy": (
        f"{HEAD} 01 0004 02 02 0009", ack(6),
        lambda c, call: c.extract(Buffer.SECOND, call), Confirmation.IMAGE_TOO_MESSY,
    ),
    "Match": (
        f"{HEAD} 01 0003 03 0007", f"{HEAD} 07 0005 00 00B4 00C0",
        lambda c, call: c.match(call), 180,
    ),
    "Match differs": (
        f"{HEAD} 01 0003 03 0007", ack(8, "0000"), lambda c, call: c.match(call), None,
    ),
    "Match differs, short": (
        f"{HEAD} 01 0003 03 0007", ack(8), lambda c, call: c.match(call), None,
    ),
    "Search": (
        f"{HEAD} 01 0008 04 01 0000 00C8 00D6", ack(0, "0005 0096"),
        lambda c, call: c.search(Buffer.FIRST, 0, 200, call, fast=False), PageMatch(5, 150),
    ),
    "HiSpeedSearch": (
        f"{HEAD} 01 0008 1B 01 0000 00C8 00ED", ack(0, "0005 0096"),
        lambda c, call: c.search(Buffer.FIRST, 0, 200, call), PageMatch(5, 150),
    ),
    "HiSpeedSearch not found": (
        f"{HEAD} 01 0008 1B 01 0000 00C8 00ED", ack(9, "0000 0000"),
        lambda c, call: c.search(Buffer.FIRST, 0, 200, call), None,
    ),
    "RegModel": (f"{HEAD} 01 0003 05 0009", OK, lambda c, call: c.merge(call), True),
    "RegModel differs": (
        f"{HEAD} 01 0003 05 0009", ack(0x0A), lambda c, call: c.merge(call), False,
    ),
    "Store": (
        f"{HEAD} 01 0006 06 01 0000 000E", OK,
        lambda c, call: c.store(Buffer.FIRST, 0, call), None,
    ),
    "LoadChar": (
        f"{HEAD} 01 0006 07 02 0101 0012", OK,
        lambda c, call: c.load(Buffer.SECOND, 257, call), True,
    ),
    "LoadChar of an empty page": (
        f"{HEAD} 01 0006 07 02 0101 0012", ack(0x0C),
        lambda c, call: c.load(Buffer.SECOND, 257, call), False,
    ),
    "UpChar": (
        f"{HEAD} 01 0004 08 01 000E", OK + data(TEMPLATE[:256], TEMPLATE[256:]),
        lambda c, call: c.upload_template(Buffer.FIRST, call), TEMPLATE,
    ),
    "UpImage": (
        f"{HEAD} 01 0003 0A 000E", OK + data(*[bytes(256)] * 144),
        lambda c, call: c.upload_image(call), bytes(IMAGE_BYTES),
    ),
    "UpImage refused": (
        f"{HEAD} 01 0003 0A 000E", ack(0x0F), lambda c, call: c.upload_image(call), b"",
    ),
    "DeletChar": (
        f"{HEAD} 01 0007 0C 0003 0002 0019", OK, lambda c, call: c.delete(3, 2, call), None,
    ),
    "Empty": (f"{HEAD} 01 0003 0D 0011", OK, lambda c, call: c.empty(call), None),
    "SetSysPara baud": (
        f"{HEAD} 01 0005 0E 04 0C 0024", OK, lambda c, call: c.set_baud(115200, call), None,
    ),
    "SetSysPara security": (
        f"{HEAD} 01 0005 0E 05 05 001E", OK, lambda c, call: c.set_security(5, call), None,
    ),
    "SetSysPara packet length": (
        f"{HEAD} 01 0005 0E 06 03 001D", OK, lambda c, call: c.set_packet_bytes(256, call), None,
    ),
    "GetRandomCode": (
        f"{HEAD} 01 0003 14 0018", ack(0, "DEADBEEF"),
        lambda c, call: c.random_number(call), 0xDEADBEEF,
    ),
    "TempleteNum": (
        f"{HEAD} 01 0003 1D 0021", ack(0, "0007"), lambda c, call: c.count(call), 7,
    ),
    "ReadIndexTable": (
        f"{HEAD} 01 0004 1F 00 0024", ack(0, BITMAP),
        lambda c, call: c.pages(200, call), (0, 5, 255),
    ),
    "GetEcho": (f"{HEAD} 01 0003 53 0057", ack(0x55), lambda c, call: c.echo(call), True),
    "GetEcho unknown": (
        f"{HEAD} 01 0003 53 0057", ack(1), lambda c, call: c.echo(call), False,
    ),
    "AuraLedConfig": (
        f"{HEAD} 01 0007 35 01 80 02 00 00C0", OK,
        lambda c, call: c.light(LightMode.BREATHE, LightColour.BLUE, call), None,
    ),
    "SoftRst": (f"{HEAD} 01 0003 3D 0041", OK + "55", lambda c, call: c.restart(call), None),
}  # fmt: skip


@pytest.mark.parametrize(("sent", "received", "work", "result"), TABLE.values(), ids=TABLE.keys())
def test_a_command_has_exactly_the_bytes_of_the_manual(
    sent: str, received: str, work: Work, result: object
) -> None:
    with expected_bytes([pair(sent, received)]) as port:
        commands, call = bench(port, has_light=True)
        assert work(commands, call) == result


def test_settings_are_read() -> None:
    with expected_bytes([pair(ASK_SETTINGS, SETTINGS)]) as port:
        commands, call = bench(port)
        parameters = commands.parameters(call)
    assert (parameters.capacity, parameters.packet_bytes, parameters.baud) == (200, 128, 57600)
    assert not parameters.is_busy
    assert parameters.encode() == bytes.fromhex("0000 0009 00C8 0003 FFFFFFFF 0002 0006")


def test_the_table_covers_what_a_driver_may_send() -> None:
    tested = {bytes.fromhex(sent)[9] for sent, *_ in TABLE.values()}
    untested = {command.name for code, command in COMMANDS.items() if code not in tested}
    # the downloads and ReadSysPara have tests of their own; the last two are never sent
    assert untested == {"DownChar", "DownImage", "ReadSysPara", "SetPwd", "SetAdder"}


def test_a_template_is_delivered_in_packets_of_the_module() -> None:
    parts = [TEMPLATE[start : start + 128] for start in range(0, 512, 128)]
    pairs = [
        pair(ASK_SETTINGS, SETTINGS),
        pair(f"{HEAD} 01 0004 09 02 0010", OK),
        pair(data(*parts), ""),
    ]
    with expected_bytes(pairs) as port:
        commands, call = bench(port)
        commands.download_template(Buffer.SECOND, TEMPLATE, call)


def test_an_image_is_delivered_in_packets_of_the_module() -> None:
    image = np.random.default_rng(5).integers(0, 256, (288, 256), dtype=np.uint8)
    packed = pack_image(image)
    parts = [packed[start : start + 128] for start in range(0, IMAGE_BYTES, 128)]
    pairs = [
        pair(ASK_SETTINGS, SETTINGS),
        pair(f"{HEAD} 01 0003 0B 000F", OK),
        pair(data(*parts), ""),
    ]
    with expected_bytes(pairs) as port:
        commands, call = bench(port)
        commands.download_image(image, call)


def test_an_index_of_a_large_library_has_several_tables() -> None:
    pairs = [
        pair(f"{HEAD} 01 0004 1F {table:02X} {0x24 + table:04X}", ack(0, BITMAP))
        for table in range(4)
    ]
    with expected_bytes(pairs) as port:
        commands, call = bench(port)
        pages = commands.pages(1000, call)
    assert pages[3:6] == (256, 261, 511)
    assert len(pages) == 12


@pytest.mark.parametrize("size", [0, 31, 33])
def test_an_index_table_of_another_size_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match=f"{size} bytes"):
        used_pages(0, bytes(size))


def test_a_module_without_a_light_says_so() -> None:
    with expected_bytes([]) as port:
        commands, call = bench(port)
        with pytest.raises(Unsupported, match="AuraLedConfig needs an R503"):
            commands.light(LightMode.ON, LightColour.RED, call)
        with pytest.raises(Unsupported, match="SoftRst needs an R503"):
            commands.restart(call)


def test_a_module_that_does_not_come_back_from_a_restart_is_an_error() -> None:
    with expected_bytes([pair(f"{HEAD} 01 0003 3D 0041", OK)]) as port:
        commands, call = bench(port, has_light=True)
        with pytest.raises(ProtocolError, match="not ready"):
            commands.restart(call)


@pytest.mark.parametrize(
    "work",
    [
        lambda c, call: c.set_baud(57601, call),
        lambda c, call: c.set_baud(124800, call),
        lambda c, call: c.set_security(0, call),
        lambda c, call: c.set_packet_bytes(100, call),
        lambda c, call: c.download_image(np.zeros((10, 10), np.uint8), call),
    ],
)
def test_values_that_the_module_does_not_know_are_not_sent(work: Work) -> None:
    with expected_bytes([]) as port:
        commands, call = bench(port)
        with pytest.raises(ValueError, match="expected"):
            work(commands, call)


def test_a_refusal_names_the_command_and_the_meaning() -> None:
    with expected_bytes([pair(f"{HEAD} 01 0006 06 01 03E8 00F9", ack(0x0B))]) as port:
        commands, call = bench(port)
        with pytest.raises(DeviceRefused, match="Store: page out of range"):
            commands.store(Buffer.FIRST, 1000, call)

from __future__ import annotations

import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import serial

from drivers.serial.packet import Packet, PacketDecoder, PacketKind
from simulators.serial_module import R30xModule
from tests.protocol.test_r30x_module import Sensor


@pytest.fixture
def sensor() -> Sensor:
    return Sensor()


@pytest.fixture
def module(sensor: Sensor, tmp_path: Path) -> Iterator[R30xModule]:
    with R30xModule(sensor, link=tmp_path / "ttyFINGER") as module:
        yield module


@pytest.fixture
def port(module: R30xModule) -> Iterator[serial.Serial]:
    with serial.Serial(module.path, 57600, timeout=0.5) as port:
        yield port


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        ("EF01FFFFFFFF 01 0007 13 00000000 001B", "EF01FFFFFFFF 07 0003 00 000A"),
        ("EF01FFFFFFFF 01 0007 13 00000001 001C", "EF01FFFFFFFF 07 0003 13 001D"),
        (
            "EF01FFFFFFFF 01 0003 0F 0013",
            "EF01FFFFFFFF 07 0013 00 0000 0009 00C8 0003 FFFFFFFF 0002 0006 04F2",
        ),
        ("EF01FFFFFFFF 01 0003 01 0005", "EF01FFFFFFFF 07 0003 00 000A"),
        ("EF01FFFFFFFF 01 0003 0A 000E", "EF01FFFFFFFF 07 0003 0F 0019"),
        ("EF01FFFFFFFF 01 0003 1D 0021", "EF01FFFFFFFF 07 0005 00 0000 000C"),
        ("EF01FFFFFFFF 01 0003 53 0057", "EF01FFFFFFFF 07 0003 55 005F"),
        pytest.param("EF01FFFFFFFF 01 0003 99 009D", "EF01FFFFFFFF 07 0003 01 000B", id="unknown"),
        pytest.param("EF01FFFFFFFF 01 0003 01 0006", "EF01FFFFFFFF 07 0003 01 000B", id="damaged"),
    ],
)
def test_answers_have_exactly_the_documented_bytes(
    port: serial.Serial, sent: str, answer: str
) -> None:
    for byte in bytes.fromhex(sent):  # some host libraries write one byte a time
        port.write(bytes([byte]))
    expected = bytes.fromhex(answer)
    assert port.read(len(expected)) == expected
    assert port.in_waiting == 0


def test_no_finger(port: serial.Serial, sensor: Sensor) -> None:
    sensor.finger = None
    port.write(bytes.fromhex("EF01FFFFFFFF 01 0003 01 0005"))
    assert port.read(12) == bytes.fromhex("EF01FFFFFFFF 07 0003 02 000C")


def test_commands_to_another_address_are_ignored(port: serial.Serial) -> None:
    port.timeout = 0.05
    port.write(Packet(PacketKind.COMMAND, b"\x01", address=1).encode())
    assert port.read(1) == b""


def test_an_image_is_288_packets(port: serial.Serial) -> None:
    port.write(Packet(PacketKind.COMMAND, b"\x01").encode())
    port.read(12)
    port.write(Packet(PacketKind.COMMAND, b"\x0a").encode())
    port.read(12)
    decoder = PacketDecoder()
    decoder.feed(port.read(40_032))
    kinds = []
    while (packet := decoder.take()) is not None:
        assert len(packet.payload) == 128
        kinds.append(packet.kind)
    assert kinds == [PacketKind.DATA] * 287 + [PacketKind.LAST_DATA]
    assert port.in_waiting == 0


def test_the_path_outlives_replugging(module: R30xModule) -> None:
    path = Path(module.path)
    assert stat.S_ISCHR(path.stat().st_mode)
    module.stop()
    module.stop()
    assert not path.is_symlink()
    module.start()
    assert stat.S_ISCHR(path.stat().st_mode)


def test_without_a_link_the_path_is_the_terminal(sensor: Sensor) -> None:
    module = R30xModule(sensor)
    with pytest.raises(RuntimeError):
        _ = module.path
    with module:
        assert module.path.startswith("/dev/pts/")


def test_power_loss_empties_the_image_buffer(module: R30xModule) -> None:
    assert module.model.take_picture()
    module.start()
    assert module.model.image is None


def test_a_paced_module_keeps_the_speed_of_the_line(sensor: Sensor) -> None:
    with (
        R30xModule(sensor, paced=True) as module,
        serial.Serial(module.path, 57600, timeout=1.0) as port,
    ):
        port.write(Packet(PacketKind.COMMAND, b"\x01").encode())
        port.read(12)
        port.write(Packet(PacketKind.COMMAND, b"\x0a").encode())
        started = time.monotonic()
        port.read(12 + 5 * 139)
        assert time.monotonic() - started >= (12 + 5 * 139) * 10 / 57600 * 0.9


def test_unplugging_ends_a_paced_upload_at_once(sensor: Sensor) -> None:
    module = R30xModule(sensor, paced=True)
    with module, serial.Serial(module.path, 57600, timeout=1.0) as port:
        port.write(Packet(PacketKind.COMMAND, b"\x01").encode())
        port.read(12)
        port.write(Packet(PacketKind.COMMAND, b"\x0a").encode())
        port.read(12)
        started = time.monotonic()
        module.stop()
        assert time.monotonic() - started < 0.5


def test_unplugging_ends_an_upload_that_nobody_reads(module: R30xModule) -> None:
    with serial.Serial(module.path, 57600, timeout=1.0) as port:
        port.write(Packet(PacketKind.COMMAND, b"\x01").encode())
        port.read(12)
        port.write(Packet(PacketKind.COMMAND, b"\x0a").encode())
        port.read(12)
        started = time.monotonic()
        module.stop()
        assert time.monotonic() - started < 0.5

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


LIGHT = "EF01FFFFFFFF 01 0007 35 01800200 00C0"
RESTART = "EF01FFFFFFFF 01 0003 3D 0041"


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        pytest.param("01 0003 03 0007", "07 0005 08 0000 0014", id="Match differs: with a score"),
        pytest.param(
            "01 0008 04 01 0000 00C8 00D6", "07 0007 09 0000 0000 0017", id="Search: with zeros"
        ),
        pytest.param(
            "01 0008 1B 01 0000 00C8 00ED", "07 0007 09 0000 0000 0017", id="HiSpeedSearch too"
        ),
        pytest.param("01 0004 02 01 0008", "07 0003 15 001F", id="Img2Tz without an image"),
        pytest.param("01 0003 05 0009", "07 0003 0A 0014", id="RegModel without templates"),
        pytest.param("01 0006 06 01 0000 000E", "07 0003 0C 0016", id="Store of nothing"),
        pytest.param("01 0006 06 01 00C8 00D6", "07 0003 0B 0015", id="Store behind the end"),
        pytest.param("01 0006 07 01 0000 000F", "07 0003 0C 0016", id="LoadChar of an empty page"),
        pytest.param("01 0006 07 01 00C8 00D7", "07 0003 0B 0015", id="LoadChar behind the end"),
        pytest.param("01 0004 08 01 000E", "07 0003 0D 0017", id="UpChar of nothing"),
        pytest.param("01 0007 0C 0000 0001 0015", "07 0003 00 000A", id="DeletChar"),
        pytest.param("01 0007 0C 00C8 0001 00DD", "07 0003 0B 0015", id="DeletChar behind the end"),
        pytest.param("01 0003 0D 0011", "07 0003 00 000A", id="Empty"),
        pytest.param("01 0005 0E 04 0D 0025", "07 0003 1A 0024", id="SetSysPara: no such baud"),
        pytest.param("01 0005 0E 07 01 001C", "07 0003 1A 0024", id="SetSysPara: no such number"),
        pytest.param("01 0004 1F 00 0024", "07 0023 00" + "00" * 32 + "002A", id="ReadIndexTable"),
        pytest.param("01 0003 02 0006", "07 0003 01 000B", id="an argument is missing"),
        pytest.param("01 0007 35 01800200 00C0", "07 0003 01 000B", id="no light"),
        pytest.param("01 0003 3D 0041", "07 0003 01 000B", id="no reset"),
    ],
)
def test_refusals_have_the_documented_size_too(port: serial.Serial, sent: str, answer: str) -> None:
    port.write(bytes.fromhex("EF01FFFFFFFF" + sent))
    expected = bytes.fromhex("EF01FFFFFFFF" + answer)
    assert port.read(len(expected)) == expected
    assert port.in_waiting == 0


def test_an_r503_lights_and_restarts(sensor: Sensor, tmp_path: Path) -> None:
    with (
        R30xModule(sensor, link=tmp_path / "tty", has_light=True) as module,
        serial.Serial(module.path, 57600, timeout=0.5) as port,
    ):
        for command, after in ((LIGHT, b""), (RESTART, b"\x55")):
            port.write(bytes.fromhex(command))
            answer = bytes.fromhex("EF01FFFFFFFF 07 0003 00 000A") + after
            assert port.read(len(answer)) == answer


def test_a_password_locks_the_module_until_it_is_shown(port: serial.Serial) -> None:
    def ask(payload: str) -> bytes:
        port.write(Packet(PacketKind.COMMAND, bytes.fromhex(payload)).encode())
        decoder = PacketDecoder()
        decoder.feed(port.read(12))
        packet = decoder.take()
        assert packet is not None
        return packet.payload

    assert ask("12 00000007") == b"\x00"
    assert ask("01") == b"\x21"
    assert ask("13 00000000") == b"\x13"
    assert ask("13 00000007") == b"\x00"
    assert ask("01") == b"\x00"


def test_a_new_address_answers_at_once(port: serial.Serial) -> None:
    port.write(Packet(PacketKind.COMMAND, bytes.fromhex("15 00000001")).encode())
    assert port.read(12) == Packet(PacketKind.ACKNOWLEDGE, b"\x00", address=1).encode()
    port.write(Packet(PacketKind.COMMAND, b"\x1d", address=1).encode())
    assert len(port.read(14)) == 14


def test_settings_survive_a_power_loss_and_buffers_do_not(module: R30xModule) -> None:
    model = module.model
    model.packet_bytes, model.security_level, model.library = 64, 5, {1: b"template"}
    model.buffers = {1: b"template"}
    module.start()
    assert (model.packet_bytes, model.security_level, model.library) == (64, 5, {1: b"template"})
    assert model.buffers == {}


def test_a_host_that_breaks_off_a_download_leaves_no_half_template(port: serial.Serial) -> None:
    port.write(Packet(PacketKind.COMMAND, b"\x09\x01").encode())
    assert len(port.read(12)) == 12
    port.write(Packet(PacketKind.DATA, bytes(128)).encode())
    port.write(Packet(PacketKind.COMMAND, b"\x08\x01").encode())
    assert port.read(12) == Packet(PacketKind.ACKNOWLEDGE, b"\x0d").encode()

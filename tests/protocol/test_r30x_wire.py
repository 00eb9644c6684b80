"""Recording a line into a file and playing the file back to the driver."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.api import Finger, FingerRequest, Image
from drivers.clock import FastClock
from drivers.errors import ConnectFailed, DeviceTimeout
from drivers.serial import r30x
from drivers.serial.packet import Packet, PacketKind
from drivers.serial.r30x import R30xScanner
from drivers.serial.recording import RecordingPort, record_line
from drivers.serial.settings import R30xSettings
from drivers.serial.wire_file import (
    HEADER,
    Exchange,
    MaskedWire,
    WireFileError,
    read_lines,
    write_lines,
)
from simulators.people.person import Person
from simulators.scene import Scene
from simulators.serial_faults import SerialFault
from simulators.serial_module import R30xModule
from tests.protocol.expected_bytes import ScriptedPort, expected_bytes

LOOK = bytes.fromhex("EF01FFFFFFFF 01 0003 01 0005")
NO_FINGER = bytes.fromhex("EF01FFFFFFFF 07 0003 02 000C")
PIXELS = bytes(range(128))


class Sensor:
    def __init__(self) -> None:
        picture = Scene(Person(7002)).single_finger()
        assert picture is not None
        self.picture = picture

    def single_finger(self, width: int = 256, height: int = 288) -> Image | None:
        return self.picture


@pytest.fixture
def module(tmp_path: Path) -> Iterator[R30xModule]:
    with R30xModule(Sensor(), link=tmp_path / "ttyFINGER") as module:
        yield module


def scanner(path: str, clock: FastClock | None = None) -> R30xScanner:
    return R30xScanner("desk", R30xSettings(port=path), clock=clock)


def text_of(exchanges: list[Exchange], *, simulated: bool) -> str:
    return "".join(f"{line}\n" for line in write_lines(exchanges, simulated=simulated))


async def test_a_recorded_line_is_played_back_to_the_driver(
    module: R30xModule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "line.wire"
    count = await record_line(scanner(module.path), file, simulated=True)
    exchanges = read_lines(file.read_text())
    assert len(exchanges) == count
    assert module.model.image is not None

    clock = FastClock()
    with expected_bytes([(one.sent, one.received) for one in exchanges], clock) as port:
        monkeypatch.setattr(r30x, "open_port", lambda device, path, baud: port)
        device = scanner("/dev/null", clock)
        await device.connect()
        assert (await device.self_test()).passed
        assert await device.finger_present()
        capture = await device.capture(FingerRequest(Finger.RIGHT_INDEX))
        assert np.array_equal(capture.samples[0].image, module.model.image)
        await device.close()


async def test_a_live_line_is_masked_and_cannot_be_played_back(
    module: R30xModule, tmp_path: Path
) -> None:
    file = tmp_path / "line.wire"
    await record_line(scanner(module.path), file, simulated=False)
    text = file.read_text()
    assert text.count("masked 139 bytes sha256 ") == 288
    assert "> EF01FFFFFFFF010003010005\n" in text
    assert max(map(len, text.splitlines())) < 80
    with pytest.raises(MaskedWire):
        read_lines(text)


async def test_a_line_without_a_finger_can_be_played_back(
    module: R30xModule, tmp_path: Path
) -> None:
    file = tmp_path / "line.wire"
    count = await record_line(scanner(module.path), file, simulated=False, with_finger=False)
    assert len(read_lines(file.read_text())) == count


async def test_what_failed_is_recorded_as_well(module: R30xModule, tmp_path: Path) -> None:
    file = tmp_path / "line.wire"
    module.faults.inject(SerialFault.SILENT)
    device = scanner(module.path)
    with pytest.raises(ConnectFailed):
        await record_line(device, file, simulated=False)
    text = file.read_text()
    assert "@ 115200" in text
    assert all(not exchange.received for exchange in read_lines(text))
    module.faults.clear()
    await device.connect()  # the recorder is out of the way again
    await device.close()


def test_passwords_are_masked_unless_they_are_the_factory_one() -> None:
    def lines(password: bytes) -> str:
        command = Packet(PacketKind.COMMAND, b"\x13" + password).encode()
        return text_of([Exchange(57600, command, NO_FINGER)], simulated=False)

    assert "masked" not in lines(bytes(4))
    assert "masked 16 bytes" in lines(b"\x00\x00\x00\x07")


@pytest.mark.parametrize(
    "received",
    [
        pytest.param(Packet(PacketKind.LAST_DATA, PIXELS).encode(), id="data"),
        pytest.param(Packet(PacketKind.DATA, PIXELS).encode()[:-1] + b"\x00", id="damaged"),
        pytest.param(Packet(PacketKind.DATA, PIXELS).encode()[:60], id="cut off"),
        pytest.param(PIXELS, id="without a header"),
        pytest.param(NO_FINGER + PIXELS + NO_FINGER, id="between answers"),
    ],
)
def test_no_pixel_of_a_live_module_is_written(received: bytes) -> None:
    text = text_of([Exchange(57600, LOOK, received)], simulated=False)
    assert "masked" in text
    assert PIXELS[4:20].hex().upper() not in text.upper()


@given(
    st.lists(
        st.builds(
            Exchange,
            st.sampled_from([9600, 57600, 115200]),
            st.one_of(st.just(LOOK), st.binary(min_size=1, max_size=40)),
            st.one_of(st.just(NO_FINGER + NO_FINGER), st.binary(min_size=1, max_size=300)),
        ),
        max_size=5,
    )
)
def test_a_file_of_a_simulated_module_holds_everything(exchanges: list[Exchange]) -> None:
    assert read_lines(text_of(exchanges, simulated=True)) == exchanges


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# something else\n> 00\n",
        f"{HEADER}\n< 00\n",
        f"{HEADER}\n@ fast\n",
        f"{HEADER}\n@ 99999999\n",
        f"{HEADER}\n> 0\n",
        f"{HEADER}\n> zz\n",
        f"{HEADER}\n! 00\n",
        f"{HEADER}\n> 00\n! 00\n",
    ],
)
def test_other_texts_are_no_wire_files(text: str) -> None:
    with pytest.raises(WireFileError):
        read_lines(text)


def test_comments_and_empty_lines_are_skipped() -> None:
    text = f"{HEADER}\n\n# a look\n@ 9600\n> {LOOK.hex()}\n< {NO_FINGER.hex()}\n<\n"
    assert read_lines(text) == [Exchange(9600, LOOK, NO_FINGER)]


class TestScriptedPort:
    """The port of the byte pairs fails on whatever was not agreed."""

    def test_unexpected_bytes_fail(self) -> None:
        port = ScriptedPort([(LOOK, NO_FINGER)], FastClock())
        with pytest.raises(AssertionError, match="is not"):
            port.write(b"\x00")

    def test_unread_answers_fail_at_the_next_command(self) -> None:
        port = ScriptedPort([(LOOK, NO_FINGER)] * 2, FastClock())
        port.write(LOOK)
        with pytest.raises(AssertionError, match="12 bytes unread"):
            port.write(LOOK)

    def test_leftovers_fail_at_the_end(self) -> None:
        with pytest.raises(AssertionError, match="never sent"), expected_bytes([(LOOK, b"")]):
            pass
        with (
            pytest.raises(AssertionError, match="never read"),
            expected_bytes([(LOOK, NO_FINGER)]) as port,
        ):
            port.write(LOOK)

    def test_more_commands_than_agreed_fail(self) -> None:
        with expected_bytes([]) as port, pytest.raises(AssertionError, match="nothing more"):
            port.write(LOOK)


async def test_the_recorder_changes_nothing(module: R30xModule) -> None:
    device = scanner(module.path)
    device.wrap_port = RecordingPort
    async with device:
        module.faults.inject(SerialFault.SILENT)
        with pytest.raises(DeviceTimeout):
            await device.self_test(timeout=0.2)
        module.faults.clear()
        assert await device.change_baud(115200) == 115200
        assert (await device.self_test()).passed

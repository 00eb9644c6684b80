"""Every configured device, from what was tried to the lines of the report."""

from __future__ import annotations

import json
import os
import pty
import socket
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from drivers.camera.opencv import OpenCvCamera
from drivers.card.reader import SIMULATED, LoopbackReader
from drivers.device import Device
from drivers.errors import ConnectFailed, DeviceTimeout
from drivers.ownership import holders_of
from drivers.sbi.scanner import SbiScanner
from drivers.serial.port import Bridge
from drivers.serial.r30x import R30xScanner
from drivers.serial.settings import R30xSettings
from drivers.values import DeviceInfo, Image, Kind, SelfTest
from simulators import test_keys
from simulators.card import KtpelCard, specimen
from simulators.card_links import LoopbackSlot
from simulators.card_slot import FixedCard
from simulators.sam import KtpelSam
from simulators.sbi import SbiServer
from simulators.sbi_faults import SbiFault
from simulators.stream_camera import StreamCamera
from station.commands import camera_check, node_check, serial_check
from station.commands.device_check import Outcome, check_devices, judge
from station.commands.doctor import list_devices, run
from station.commands.findings import Cause, CauseCode, Finding, Health
from station.commands.host import StreamAnswer, stream_answer, this_host, why_unreachable
from station.config import ConfiguredDevice, StationConfig
from tests.conformance.example_driver import ToyScanner, ToySettings
from tests.conformance.test_example_driver import ToyFault, ToyHardware
from tests.protocol.sbi_rig import SbiDesk, SmallScene
from tests.unit.station.fake_host import FREE_NODE, FakeHost

Configured = Callable[..., StationConfig]
TOY = DeviceInfo(Kind.FINGERPRINT, "toy", "Toy-1", "SN42", "1.0")
PASSED = SelfTest(True, {"echo": "55"})


@pytest.fixture
def machine(tmp_path: Path) -> FakeHost:
    return FakeHost(tmp_path / "machine")


def toy(port: Path, expect_serial: str = "") -> ConfiguredDevice:
    settings = ToySettings(port=str(port), expect_serial=expect_serial)
    return ConfiguredDevice("verifier", "toy", ToyScanner, settings)


def module(machine_port: str = str(FREE_NODE), **changes: object) -> ConfiguredDevice:
    settings = R30xSettings.model_validate({"port": machine_port, **changes})
    return ConfiguredDevice("verifier", "r30x", ToyScanner, settings)


def judged(entry: ConfiguredDevice, outcome: Outcome, machine: FakeHost) -> list[Finding]:
    return list(judge(entry, outcome, machine.host, simulated=True))


# ---------------------------------------------------------------- judging


def test_working_device_is_one_good_line(machine: FakeHost) -> None:
    (finding,) = judged(toy(FREE_NODE), Outcome(TOY, PASSED), machine)
    assert finding == Finding("verifier", Health.GOOD, "Toy-1 SN42 (toy); echo 55")


def test_failed_self_test_is_bad(machine: FakeHost) -> None:
    outcome = Outcome(TOY, replace(PASSED, passed=False))
    (finding,) = judged(toy(FREE_NODE), outcome, machine)
    assert finding.health is Health.BAD


def test_cause_takes_the_place_of_the_general_advice(machine: FakeHost) -> None:
    gone = machine.root / "dev/ttyUSB0"
    outcome = Outcome(error=ConnectFailed("verifier", "port: ENOENT"))
    (finding,) = judged(module(str(gone)), outcome, machine)
    assert finding.found.startswith("[DEV-102]")
    assert (finding.health, finding.code) == (Health.BAD, "node.absent")
    assert str(gone) in finding.cause


def test_error_without_a_cause_keeps_its_own_code(machine: FakeHost) -> None:
    outcome = Outcome(error=DeviceTimeout("verifier"))
    (finding,) = judged(module(), outcome, machine)
    assert (finding.code, finding.cause) == ("DEV-201", "")
    assert finding.action


def test_silent_module(machine: FakeHost) -> None:
    outcome = Outcome(error=ConnectFailed("verifier", "no R30x module at 57600 baud"))
    (finding,) = judged(module(), outcome, machine)
    assert finding.code == CauseCode.SERIAL_SILENT


def test_bridge_taken_by_the_braille_service(machine: FakeHost) -> None:
    machine.process(9, "brltty")
    machine.usb_device("1a86", "7523")
    outcome = Outcome(error=ConnectFailed("verifier", "port: ENOENT"))
    (finding,) = judged(module(str(machine.root / "dev/ttyUSB0")), outcome, machine)
    assert finding.code == CauseCode.USB_BRAILLE


def test_other_device_is_named(machine: FakeHost) -> None:
    outcome = Outcome(error=ConnectFailed("verifier", "another device"), stranger=TOY)
    (finding,) = judged(toy(FREE_NODE, expect_serial="SN41"), outcome, machine)
    assert finding.code == CauseCode.OTHER_DEVICE
    assert finding.found == "another device answers: Toy-1 SN42 instead of SN41"
    assert "not found" not in finding.found + finding.cause + finding.action
    assert "expect_serial" in finding.action
    same = replace(outcome, stranger=replace(TOY, serial="SN41"))
    (finding,) = judged(toy(FREE_NODE, expect_serial="SN41"), same, machine)
    assert finding.code == "DEV-102"


def test_unknown_driver_is_judged_by_the_addresses_in_its_settings(machine: FakeHost) -> None:
    machine.process(17, "minicom", str(FREE_NODE))
    outcome = Outcome(error=ConnectFailed("verifier"))
    (finding,) = judged(toy(FREE_NODE), outcome, machine)
    assert finding.code == CauseCode.NODE_BUSY
    assert "minicom (pid 17)" in finding.cause


def test_troubles_to_come_are_warnings(machine: FakeHost) -> None:
    machine.process(9, "ModemManager")
    machine.usb_device("1a86", "7523", port="ttyUSB0", control="auto")
    outcome = Outcome(TOY, SelfTest(True, {"baud": 115200}))
    first, *troubles = judged(module(baud=57600), outcome, machine)
    assert first.health is Health.GOOD
    assert {finding.health for finding in troubles} == {Health.WARNING}
    assert {finding.code for finding in troubles} == {
        CauseCode.SERIAL_BAUD,
        CauseCode.USB_SLEEPS,
        CauseCode.USB_MODEM_MANAGER,
    }


def test_simulated_reader_is_refused_on_a_production_desk(machine: FakeHost) -> None:
    @dataclass(frozen=True)
    class Reader:
        kind = Kind.CARD_READER

    reader = replace(toy(FREE_NODE), kind=Reader)  # type: ignore[arg-type]  # only its kind is asked
    outcome = Outcome(replace(TOY, capabilities=frozenset({SIMULATED})), PASSED)
    (refused,) = judge(reader, outcome, machine.host, simulated=False)
    assert (refused.health, refused.code) == (Health.BAD, CauseCode.CARD_VIRTUAL.value)
    (allowed,) = judge(reader, outcome, machine.host, simulated=True)
    assert allowed.health is Health.GOOD


# ---------------------------------------------------------------- serial and camera


def test_speed_that_differs() -> None:
    given = R30xSettings(port="/dev/ttyUSB0", baud=57600)
    cause = serial_check.baud_differs(given, {"baud": 9600})
    assert cause is not None
    assert cause.action == "Write baud = 9600 in the configuration."
    assert serial_check.baud_differs(given, {"baud": 57600}) is None
    assert serial_check.baud_differs(given, {}) is None
    assert serial_check.baud_differs(R30xSettings(port="/dev/x"), {"baud": 9600}) is None


def test_bridge_that_is_not_plugged_in() -> None:
    plugged = [Bridge("/dev/ttyUSB3", "A50285BI", "1-2")]
    cause = serial_check.node_of(R30xSettings(usb_serial="NONE"), lambda: plugged)
    assert isinstance(cause, Cause)
    assert cause.code is CauseCode.NODE_ABSENT
    assert "/dev/ttyUSB3 (serial A50285BI, USB 1-2)" in cause.found
    assert serial_check.node_of(R30xSettings(port="/dev/x")) == Path("/dev/x")


def test_network_camera(machine: FakeHost) -> None:
    url, error = "http://user:secret@10.0.0.9:8080/face", DeviceTimeout("face")
    silent = camera_check.find_cause(url, error, machine.host)
    assert silent is not None
    assert silent.code is CauseCode.CAMERA_SILENT
    assert camera_check.find_cause(url, ConnectFailed("face"), machine.host) is None
    machine.unreachable["10.0.0.9", 8080] = "No route to host"
    away = camera_check.find_cause(url, error, machine.host)
    assert away is not None
    assert away.found == "nobody answers at 10.0.0.9:8080: No route to host"
    assert "secret" not in away.found + silent.found


@pytest.mark.parametrize(
    ("answer", "expected", "said"),
    [
        (StreamAnswer(404, "text/html"), CauseCode.CAMERA_ADDRESS, "nothing at /face (status 404)"),
        (StreamAnswer(200, "text/html"), CauseCode.CAMERA_ADDRESS, "a page at /face"),
        (StreamAnswer(401, "text/html"), CauseCode.CAMERA_LOGIN, "refuses the login (status 401)"),
        (StreamAnswer(200, "multipart/x-mixed-replace"), None, ""),
        (None, None, ""),
    ],
)
def test_address_without_a_stream(
    machine: FakeHost, answer: StreamAnswer | None, expected: CauseCode | None, said: str
) -> None:
    url = "http://user:secret@10.0.0.9:8080/face"
    if answer is not None:
        machine.web[url] = answer
    cause = camera_check.find_cause(url, ConnectFailed("face"), machine.host)
    assert (cause.code if cause is not None else None) is expected
    if cause is not None:
        assert said in cause.found
        assert "secret" not in cause.found + cause.action
        assert "cable" not in cause.action


class Grey:
    """A picture that the simulated camera sends: 320 x 240, another one each time."""

    def face_frame(self, index: int) -> Image:
        image = np.full((240, 320, 3), 90, np.uint8)
        image[:, (index * 16) % 320 :][:, :16] = 200
        return image


@pytest.mark.parametrize(
    ("path", "size", "expected"),
    [
        ("/face.mjpg", {}, ""),
        ("/no-such.mjpg", {}, CauseCode.CAMERA_ADDRESS),
        ("/face.mjpg", {"width": 640, "height": 480}, CauseCode.CAMERA_SIZE),
    ],
)
def test_real_camera_at_another_address_or_of_another_size(
    configured: Configured, path: str, size: dict[str, int], expected: str
) -> None:
    with StreamCamera(Grey()) as camera:
        source = camera.url.removesuffix("/face.mjpg") + path
        settings = OpenCvCamera.Settings.model_validate({"source": source, "serial": "1", **size})
        entry = ConfiguredDevice("face", "opencv", OpenCvCamera, settings)
        first, *_ = check_devices(replace(configured(), devices={"face": entry}))
    assert first.code == expected, first
    if size:
        assert "320 x 240" in first.cause
        assert "width = 640, height = 480" in first.cause
        assert first.action.startswith("Write width = 320 and height = 240")


def test_kinds_of_answers_of_real_servers() -> None:
    with StreamCamera(Grey()) as camera:
        stream = stream_answer(camera.url)
        nothing = stream_answer(camera.url + "x")
    assert stream == StreamAnswer(200, "multipart/x-mixed-replace")
    assert nothing is not None
    assert nothing.status == 404
    assert stream_answer(camera.url) is None, "it is gone"


def test_kinds_of_answers_over_rtsp() -> None:
    with StreamCamera(Grey(), rtsp=True) as camera:
        url = camera.rtsp_url
        assert stream_answer(url) == StreamAnswer(200)
    assert stream_answer(url) is None, "it is gone"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (b"RTSP/1.0 404 Stream Not Found\r\nCSeq: 1\r\n\r\n", StreamAnswer(404)),
        (b"HTTP/1.1 200 OK\r\n\r\n", None),
        (b"", None),
    ],
)
def test_answers_of_a_server_without_the_stream(said: bytes, expected: StreamAnswer | None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as thread:
        host, port = server.getsockname()

        def serve() -> bytes:
            link, _ = server.accept()
            with link:
                asked = link.recv(4096)
                link.sendall(said)
            return asked

        asked = thread.submit(serve)
        assert stream_answer(f"rtsp://siti:secret@{host}:{port}/live") == expected
        lines = asked.result().decode().split("\r\n")
    assert lines[0] == f"DESCRIBE rtsp://{host}:{port}/live RTSP/1.0"
    assert f"Authorization: Basic {b64encode(b'siti:secret').decode()}" in lines


@pytest.mark.parametrize(("text", "expected"), [("rtsp://x/1", True), ("/dev/v4l/by-id/x", False)])
def test_what_is_a_network_camera(text: str, expected: bool) -> None:
    assert camera_check.is_network(text) is expected


# ---------------------------------------------------------------- trying


@pytest.fixture
def hardware(tmp_path: Path) -> Iterator[ToyHardware]:
    made = ToyHardware(tmp_path / "toy")
    yield made
    made.close()


def with_toy(config: StationConfig, entry: ConfiguredDevice) -> StationConfig:
    return replace(config, devices={"verifier": entry})


def test_real_connection_of_a_good_and_of_another_device(
    configured: Configured, hardware: ToyHardware, machine: FakeHost
) -> None:
    good = with_toy(configured(), toy(hardware.path, expect_serial="SN42"))
    assert [finding.health for finding in check_devices(good, machine.host)] == [Health.GOOD]
    other = with_toy(configured(), toy(hardware.path, expect_serial="SN41"))
    (finding,) = check_devices(other, machine.host)
    assert finding.code == CauseCode.OTHER_DEVICE


def test_every_device_is_closed_again(
    configured: Configured,
    hardware: ToyHardware,
    machine: FakeHost,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[Device] = []
    build = ToyScanner.__init__

    def remember(device: ToyScanner, *arguments: object, **named: object) -> None:
        build(device, *arguments, **named)  # type: ignore[arg-type]  # handed on as they came
        made.append(device)

    monkeypatch.setattr(ToyScanner, "__init__", remember)
    hardware.faults.inject(ToyFault.UNPLUG)
    check_devices(with_toy(configured(), toy(hardware.path, "SN41")), machine.host)
    assert len(made) == 2, "one for the test, one to see who answers instead"
    assert {device.state.value for device in made} == {"closed"}


@pytest.mark.parametrize(
    ("fault", "changes", "expected"),
    [
        (None, {}, ""),
        (SbiFault.FOREIGN_ROOT, {}, CauseCode.SBI_NOT_TRUSTED),
        (SbiFault.EXPIRED_CERTIFICATE, {}, CauseCode.CLOCK),
        (None, {"least_trust": "L1"}, CauseCode.SBI_TRUST_LEVEL),
        (None, {"version": "1.0"}, CauseCode.SBI_VERSION),
        (SbiFault.SERVICE_KILLED, {}, CauseCode.SBI_NO_SERVICE),
        (SbiFault.UNPLUG, {}, CauseCode.SBI_NO_DEVICE),
        (SbiFault.HTTP_ERROR, {}, CauseCode.SBI_FOREIGN),
        (None, {"expect_serial": "SN-OF-ANOTHER"}, CauseCode.OTHER_DEVICE),
    ],
)
def test_real_service_with_a_fault(
    configured: Configured,
    machine: FakeHost,
    tmp_path: Path,
    fault: SbiFault | None,
    changes: dict[str, object],
    expected: str,
) -> None:
    scene = SmallScene()
    with SbiServer(scene) as server:
        settings = SbiDesk(server, scene, tmp_path).settings(**changes)
        entry = ConfiguredDevice("scanner", "sbi-scanner", SbiScanner, settings)
        if fault is not None:
            server.faults.inject(fault)
        config = replace(configured(), devices={"scanner": entry})
        first, *_ = check_devices(config, machine.host)
        server.faults.clear()
    assert first.code == expected, first
    assert first.health is (Health.BAD if expected else Health.GOOD)


HOLD = (
    "import serial, sys; port = serial.Serial(sys.argv[1], exclusive=True);"
    " print('held', flush=True); sys.stdin.read()"
)


@pytest.fixture
def line() -> Iterator[Path]:
    """A serial line with nothing at the other end."""
    master, slave = pty.openpty()
    path = Path(os.ttyname(slave))
    os.close(slave)
    yield path
    os.close(master)


def test_real_port_that_another_program_holds(
    configured: Configured, line: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = replace(module(str(line)), kind=R30xScanner)
    command = [sys.executable, "-c", HOLD, str(line)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert list_devices(replace(configured(), devices={"verifier": entry}), True) == 1
        assert holder.stdin is not None
        holder.stdin.close()
    (finding,) = json.loads(capsys.readouterr().out)
    assert finding["found"].startswith("[DEV-104]")
    assert finding["code"] == "node.busy"
    assert f"(pid {holder.pid})" in finding["cause"]


def test_real_port_with_nothing_behind_it(
    configured: Configured, line: Path, machine: FakeHost
) -> None:
    entry = replace(module(str(line)), kind=R30xScanner)
    (finding,) = check_devices(replace(configured(), devices={"verifier": entry}), machine.host)
    assert finding.code == CauseCode.SERIAL_SILENT


def test_simulated_module_does_not_hold_its_own_port(configured: Configured, line: Path) -> None:
    """This process owns the other end of the line, and another one looks at who holds the port."""
    with line.open("rb+", buffering=0):
        host = replace(this_host(), pid=1)
        assert str(os.getpid()) in str(holders_of(line))
        assert node_check.busy(line, host) is None


# ---------------------------------------------------------------- protected cards


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Callable[..., ConfiguredDevice]]:
    """Make a card reader whose slots are simulated; the second one holds an access module."""
    card = LoopbackSlot(FixedCard(KtpelCard(specimen())))
    module = LoopbackSlot(FixedCard(KtpelSam()))
    files = {
        "sam_opening": test_keys.write_opening(tmp_path / "sam.hex"),
        "document_authorities": (test_keys.write_authority(tmp_path / "csca.pem"),),
        "sam_port": module.port,
    }

    def make(**changes: object) -> ConfiguredDevice:
        settings = LoopbackReader.Settings.model_validate({"port": card.port, **files, **changes})
        return ConfiguredDevice("card", "loopback-card", LoopbackReader, settings)

    yield make
    card.close()
    module.close()


def card_findings(
    configured: Configured, entry: ConfiguredDevice, machine: FakeHost
) -> list[Finding]:
    return check_devices(replace(configured(), devices={"card": entry}), machine.host)


def test_reader_with_all_that_protected_cards_need(
    configured: Configured, machine: FakeHost, reader: Callable[..., ConfiguredDevice]
) -> None:
    (finding,) = card_findings(configured, reader(), machine)
    assert finding.health is Health.GOOD
    assert "access_module present" in finding.found
    (finding,) = card_findings(configured, reader(sam_port=0, sam_opening=None), machine)
    assert finding.health is Health.GOOD, "a desk without a module reads what is free"


def test_each_part_of_reading_protected_cards_is_bad_by_itself(
    configured: Configured,
    machine: FakeHost,
    reader: Callable[..., ConfiguredDevice],
    tmp_path: Path,
) -> None:
    open_to_all, no_pem = tmp_path / "open.hex", tmp_path / "no.pem"
    test_keys.write_opening(open_to_all).chmod(0o644)
    no_pem.write_text("nothing\n")
    no_pem.chmod(0o600)
    for changes, error, code, said in (
        ({"sam_opening": tmp_path / "x"}, "DEV-524", CauseCode.CARD_SAM_OPENING, "x:"),
        ({"sam_opening": open_to_all}, "DEV-524", CauseCode.CARD_SAM_OPENING, "mode 644"),
        ({"sam_opening": no_pem}, "DEV-524", CauseCode.CARD_SAM_OPENING, "hexadecimal"),
        ({"sam_opening": None}, "DEV-524", CauseCode.CARD_SAM_OPENING, "names no file"),
        ({"sam_port": 0}, "DEV-516", CauseCode.CARD_SAM_READER, "names no slot"),
        ({"document_authorities": (tmp_path / "y",)}, "DEV-527", CauseCode.CARD_AUTHORITIES, "y"),
        ({"document_authorities": (no_pem,)}, "DEV-527", CauseCode.CARD_AUTHORITIES, "no certific"),
    ):
        (finding,) = card_findings(configured, reader(**changes), machine)
        assert (finding.health, finding.code) == (Health.BAD, code.value), changes
        assert finding.found.startswith(f"[{error}]"), finding
        assert said in finding.cause, finding
        assert finding.action, finding


def test_files_are_looked_at_although_the_reader_is_gone(
    configured: Configured,
    machine: FakeHost,
    reader: Callable[..., ConfiguredDevice],
    tmp_path: Path,
) -> None:
    entry = reader(sam_opening=tmp_path / "x", document_authorities=(tmp_path / "y",))
    settings = entry.settings.model_copy(update={"port": 1, "sam_port": 2})
    gone, opening, authorities = card_findings(
        configured, replace(entry, settings=settings), machine
    )
    assert gone.code == "DEV-505", "no smart-card service is looked for"
    assert opening.code == CauseCode.CARD_SAM_OPENING
    assert authorities.code == CauseCode.CARD_AUTHORITIES


# ---------------------------------------------------------------- the whole


def test_listing_names_cause_and_action_on_a_line_each(
    configured: Configured, capsys: pytest.CaptureFixture[str]
) -> None:
    assert list_devices(configured(), as_json=False) == 1
    lines = capsys.readouterr().out.splitlines()
    at = next(number for number, line in enumerate(lines) if " verifier " in line)
    assert "does not exist: nothing is plugged in under this name" in lines[at + 1]
    assert lines[at + 2].strip() == "Plug the device in, or correct its path in the configuration."


def test_json_has_code_cause_and_action(
    configured: Configured, capsys: pytest.CaptureFixture[str]
) -> None:
    run(configured().path, as_json=True)
    report = json.loads(capsys.readouterr().out)
    fields = {"name", "health", "found", "action", "code", "cause"}
    assert all(set(finding) == fields for finding in report)
    by_name = {finding["name"]: finding for finding in report}
    assert by_name["verifier"]["code"] == "node.absent"
    assert by_name["scanner"]["code"] == "sbi.no-root"
    assert by_name["face"]["code"] == "camera.unreachable"
    assert by_name["python"]["code"] == ""


def test_real_sockets_say_why_they_cannot_be_reached(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert why_unreachable(("127.0.0.1", port)) == ""
    assert why_unreachable(("127.0.0.1", port)) == "Connection refused"
    assert why_unreachable(tmp_path / "pcscd.comm") == "No such file or directory"


def test_no_outcome_without_error_and_identity(machine: FakeHost) -> None:
    with pytest.raises(ValueError, match="identity"):
        judged(toy(FREE_NODE), Outcome(), machine)


def test_this_machine_can_be_looked_at() -> None:
    host = this_host()
    assert host.user
    assert host.pid

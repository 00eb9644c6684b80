"""Every configured device, from what was tried to the lines of the report."""

from __future__ import annotations

import json
import os
import pty
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from drivers.card.reader import SIMULATED
from drivers.device import Device
from drivers.errors import ConnectFailed, DeviceTimeout
from drivers.ownership import holders_of
from drivers.sbi.scanner import SbiScanner
from drivers.serial.port import Bridge
from drivers.serial.r30x import R30xScanner
from drivers.serial.settings import R30xSettings
from drivers.values import DeviceInfo, Kind, SelfTest
from simulators.sbi import SbiServer
from simulators.sbi_faults import SbiFault
from station.commands import node_check, serial_check
from station.commands.device_check import Outcome, check_devices, judge
from station.commands.doctor import list_devices, run
from station.commands.findings import Cause, CauseCode, Finding, Health
from station.commands.host import this_host, why_unreachable
from station.config import ConfiguredDevice, StationConfig
from tests.conformance.example_driver import ToyScanner, ToySettings
from tests.conformance.test_example_driver import ToyFault, ToyHardware
from tests.protocol.sbi_rig import SbiDesk, SmallScene
from tests.unit.station.fake_host import FREE_NODE, FakeHost

Configured = Callable[..., StationConfig]
TOY = DeviceInfo(Kind.FINGERPRINT, "toy", "Toy-1", "SN42", "1.0")
PASSED = SelfTest(True, {"echo": "55"})


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

"""Device nodes and what lies below them: each cause is found where it is and only there."""

from __future__ import annotations

import os
import pty
from pathlib import Path

import pytest

from drivers.errors import ConnectFailed, DeviceBusy
from station.commands import node_check, usb_check
from station.commands.findings import Cause, CauseCode
from tests.unit.station.fake_host import FREE_NODE, FakeHost

REFUSED = ConnectFailed("verifier", "port: EACCES")
BUSY = DeviceBusy("verifier", "another program owns the port")


@pytest.fixture
def machine(tmp_path: Path) -> FakeHost:
    return FakeHost(tmp_path)


def code(cause: Cause | None) -> CauseCode | None:
    """The code of a cause whose two lines are lines."""
    if cause is None:
        return None
    assert cause.found
    assert cause.action
    assert "\n" not in cause.found + cause.action
    return cause.code


# ---------------------------------------------------------------- the node


def test_node_that_is_there_is_not_absent() -> None:
    assert node_check.absent(FREE_NODE) is None


def test_absent_node_names_what_is_there_instead(tmp_path: Path) -> None:
    folder = tmp_path / "by-id"
    folder.mkdir()
    (folder / "usb-Silicon_Labs_CP2102").symlink_to(FREE_NODE)
    cause = node_check.absent(folder / "usb-1a86_USB_Serial")
    assert code(cause) is CauseCode.NODE_ABSENT
    assert cause is not None
    assert "usb-Silicon_Labs_CP2102" in cause.found


def test_absent_node_in_an_absent_folder(tmp_path: Path) -> None:
    assert code(node_check.absent(tmp_path / "by-id" / "usb-x")) is CauseCode.NODE_ABSENT


def test_user_outside_the_group(machine: FakeHost) -> None:
    host = machine.change(may_use=lambda _path: False)
    cause = node_check.forbidden(FREE_NODE, host)
    assert code(cause) is CauseCode.NODE_NO_GROUP
    assert cause is not None
    assert cause.action.startswith("sudo usermod -aG dialout siti")


def test_user_who_has_to_log_in_again(machine: FakeHost) -> None:
    host = machine.change(may_use=lambda _path: False, listed_groups=frozenset({"dialout"}))
    assert code(node_check.forbidden(FREE_NODE, host)) is CauseCode.NODE_LOGIN_AGAIN


def test_node_closed_to_its_own_group(machine: FakeHost) -> None:
    host = machine.change(may_use=lambda _path: False, groups=frozenset({"dialout"}))
    assert code(node_check.forbidden(FREE_NODE, host)) is CauseCode.NODE_FORBIDDEN


@pytest.mark.parametrize(("mode", "group"), [(0o600, "dialout"), (0o640, "tty"), (0o660, "root")])
def test_node_that_no_group_of_a_desk_may_use(
    machine: FakeHost, tmp_path: Path, mode: int, group: str
) -> None:
    node = tmp_path / "ttyUSB0"
    node.touch()
    node.chmod(mode)
    host = machine.change(may_use=lambda _path: False, group_of=lambda _path: group)
    cause = node_check.forbidden(node, host)
    assert code(cause) is CauseCode.NODE_FORBIDDEN
    assert cause is not None
    assert f"mode {mode:04o}" in cause.found
    assert "udev rules" in cause.action
    assert "usermod" not in cause.action


def test_nobody_is_forbidden_what_is_open_or_absent(machine: FakeHost, tmp_path: Path) -> None:
    assert node_check.forbidden(FREE_NODE, machine.host) is None
    closed = machine.change(may_use=lambda _path: False)
    assert node_check.forbidden(tmp_path / "ttyUSB0", closed) is None


def test_holder_is_named(machine: FakeHost) -> None:
    machine.process(17, "minicom", str(FREE_NODE))
    cause = node_check.busy(FREE_NODE, machine.host)
    assert code(cause) is CauseCode.NODE_BUSY
    assert cause is not None
    assert "minicom (pid 17)" in cause.found


def test_every_holder_is_named_in_cause_and_action(machine: FakeHost) -> None:
    machine.process(17, "minicom", str(FREE_NODE))
    machine.process(18, "screen", str(FREE_NODE))
    cause = node_check.busy(FREE_NODE, machine.host)
    assert cause is not None
    assert cause.found == f"{FREE_NODE} is open in minicom (pid 17) and screen (pid 18)"
    assert cause.action == (
        "Close minicom (pid 17) and screen (pid 18); if they do not answer: kill 17 18"
    )


def test_grabber_beside_another_program(machine: FakeHost) -> None:
    machine.process(17, "minicom", str(FREE_NODE))
    machine.process(18, "ModemManager", str(FREE_NODE))
    cause = node_check.busy(FREE_NODE, machine.host)
    assert code(cause) is CauseCode.USB_MODEM_MANAGER
    assert cause is not None
    assert "minicom (pid 17) and ModemManager (pid 18)" in cause.found
    assert "udev rules" in cause.action
    assert "Close minicom (pid 17)" in cause.action


def test_owner_of_the_other_end_of_a_pseudo_terminal_is_the_device(machine: FakeHost) -> None:
    master, slave = pty.openpty()
    try:
        node = Path(os.ttyname(slave))
        machine.process(17, "rekam-sim", str(node))
        machine.pty_master(17, node.name)
        assert node_check.busy(node, machine.host) is None
        machine.process(18, "minicom", str(node))
        machine.pty_master(18, f"{node.name}9")
        cause = node_check.busy(node, machine.host)
    finally:
        os.close(master)
        os.close(slave)
    assert cause is not None
    assert cause.action == "Close minicom (pid 18); if it does not answer: kill 18"


@pytest.mark.parametrize(
    ("name", "expected"),
    [("ModemManager", CauseCode.USB_MODEM_MANAGER), ("brltty", CauseCode.USB_BRAILLE)],
)
def test_known_grabbers_get_their_own_advice(
    machine: FakeHost, name: str, expected: CauseCode
) -> None:
    machine.process(17, name, str(FREE_NODE))
    assert code(node_check.busy(FREE_NODE, machine.host)) is expected


def test_we_do_not_hold_it_ourselves(machine: FakeHost) -> None:
    machine.process(machine.host.pid, "rekam", str(FREE_NODE))
    machine.process(18, "sh", "/dev/null")
    assert node_check.busy(FREE_NODE, machine.host) is None


def test_what_cannot_be_seen_is_said(machine: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.process(17, "minicom", str(FREE_NODE))
    assert node_check.busy_unseen(FREE_NODE, machine.host) is None
    listing = Path.iterdir

    def iterdir(folder: Path) -> object:
        if folder.name == "fd":
            raise PermissionError(13, "Permission denied")
        return listing(folder)

    monkeypatch.setattr(Path, "iterdir", iterdir)
    cause = node_check.busy_unseen(FREE_NODE, machine.host)
    assert code(cause) is CauseCode.NODE_BUSY_UNSEEN
    assert cause is not None
    assert "not permitted to see" in cause.found


def test_the_whole_of_a_node(machine: FakeHost, tmp_path: Path) -> None:
    assert node_check.find_cause(FREE_NODE, BUSY, machine.host) is None
    assert node_check.find_cause(FREE_NODE, REFUSED, machine.host) is None
    absent = node_check.find_cause(tmp_path / "ttyUSB0", REFUSED, machine.host)
    assert code(absent) is CauseCode.NODE_ABSENT
    machine.process(17, "minicom", str(FREE_NODE))
    assert code(node_check.find_cause(FREE_NODE, BUSY, machine.host)) is CauseCode.NODE_BUSY


# ---------------------------------------------------------------- USB


def test_usb_device_of_a_node(machine: FakeHost, tmp_path: Path) -> None:
    assert usb_check.usb_device_of(FREE_NODE, machine.host) is None
    device = machine.usb_device("1a86", "7523", port="ttyUSB0")
    assert usb_check.usb_device_of(FREE_NODE, machine.host) == device
    assert usb_check.usb_device_of(tmp_path / "absent", machine.host) is None
    assert usb_check.usb_device_of(tmp_path, machine.host) is None


@pytest.mark.parametrize(("control", "expected"), [("auto", CauseCode.USB_SLEEPS), ("on", None)])
def test_autosuspend(machine: FakeHost, control: str, expected: CauseCode | None) -> None:
    machine.usb_device("1a86", "7523", port="ttyUSB0", control=control)
    assert code(usb_check.sleeps(FREE_NODE, machine.host)) is expected


def test_node_without_usb_cannot_sleep(machine: FakeHost) -> None:
    assert usb_check.sleeps(FREE_NODE, machine.host) is None


def test_modem_manager_probes_the_port(machine: FakeHost) -> None:
    machine.process(9, "ModemManager")
    assert usb_check.is_probed_as_modem(FREE_NODE, machine.host) is None, "no USB device"
    machine.usb_device("1a86", "7523", port="ttyUSB0")
    cause = usb_check.is_probed_as_modem(FREE_NODE, machine.host)
    assert code(cause) is CauseCode.USB_MODEM_MANAGER
    machine.udev_property("E:ID_MM_PORT_IGNORE=1")
    assert usb_check.is_probed_as_modem(FREE_NODE, machine.host) is None


def test_port_without_modem_manager(machine: FakeHost) -> None:
    machine.usb_device("1a86", "7523", port="ttyUSB0")
    assert usb_check.is_probed_as_modem(FREE_NODE, machine.host) is None


def test_braille_service_took_the_bridge(machine: FakeHost) -> None:
    machine.process(9, "brltty")
    assert usb_check.taken_by_braille(machine.host) is None, "no bridge"
    machine.usb_device("1a86", "7523", driver="usbfs")
    cause = usb_check.taken_by_braille(machine.host)
    assert code(cause) is CauseCode.USB_BRAILLE
    assert cause is not None
    assert "CH34x" in cause.found


def test_bridge_with_a_port_was_not_taken(machine: FakeHost) -> None:
    machine.process(9, "brltty")
    machine.usb_device("1a86", "7523", driver="ch341", port="ttyUSB0")
    assert usb_check.taken_by_braille(machine.host) is None


def test_bridge_without_a_port_and_without_braille(machine: FakeHost) -> None:
    machine.usb_device("1a86", "7523")
    assert usb_check.taken_by_braille(machine.host) is None


@pytest.mark.parametrize(
    ("vendor", "product", "driver", "expected"),
    [
        ("072f", "2200", "pn533_usb", CauseCode.USB_KERNEL_NFC),
        ("072f", "2200", "usbfs", None),
        ("072f", "2200", "", None),
        ("072f", "90cc", "pn533_usb", None),
    ],
)
def test_kernel_owns_the_acr122u(
    machine: FakeHost, vendor: str, product: str, driver: str, expected: CauseCode | None
) -> None:
    machine.usb_device(vendor, product, driver=driver)
    assert code(usb_check.taken_by_kernel_nfc(machine.host)) is expected


def test_machine_without_usb_at_all(tmp_path: Path) -> None:
    machine = FakeHost(tmp_path / "other")
    (machine.root / "sys/bus/usb/devices").rmdir()
    assert usb_check.taken_by_kernel_nfc(machine.host) is None

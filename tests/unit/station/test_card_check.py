"""Why a card reader does not work: each cause is found where it is and only there."""

from __future__ import annotations

from pathlib import Path

import pytest

from drivers.card.errors import (
    CardLibraryMissing,
    ReaderAbsent,
    ReaderAmbiguous,
    ReaderBusy,
    ReaderForbidden,
    ServiceAbsent,
)
from drivers.card.reader import SIMULATED, PcscReader
from drivers.errors import DeviceError, DeviceTimeout
from drivers.values import DeviceInfo, Kind
from simulators import test_keys
from station.commands import card_check, sam_check
from station.commands.findings import Cause, CauseCode
from tests.unit.station.fake_host import FakeHost

RULE = 'if (action.id == "org.debian.pcsc-lite.access_pcsc" && subject.user == "{}")'


@pytest.fixture
def machine(tmp_path: Path) -> FakeHost:
    """A machine on which everything that reading cards needs is there."""
    machine = FakeHost(tmp_path)
    machine.file("usr/sbin/pcscd")
    machine.file("run/pcscd/pcscd.comm")
    return machine


def code(cause: Cause | None) -> CauseCode | None:
    return None if cause is None else cause.code


def found(error: DeviceError, machine: FakeHost, *names: str, socket: str = "") -> Cause | None:
    """What is found on a machine whose service has readers of these names."""
    settings = PcscReader.Settings(service_socket=socket)

    def names_of(asked: str) -> tuple[str, ...]:
        assert asked == socket
        if not names:
            raise ReaderAbsent("card", "no reader is connected")
        return names

    return card_check.find_cause(settings, error, machine.host, names_of)


def test_nothing_is_wrong_with_a_good_machine(machine: FakeHost) -> None:
    host = machine.host
    assert card_check.no_service(host) is None
    assert card_check.no_socket(host) is None
    assert card_check.service_down(host) is None
    assert card_check.forbidden_by_polkit(host) is None
    assert found(ServiceAbsent("card"), machine) is None
    assert found(DeviceTimeout("card"), machine) is None


def test_library() -> None:
    assert card_check.no_library(lambda _name: "libpcsclite.so.1") is None
    assert code(card_check.no_library(lambda _name: None)) is CauseCode.CARD_NO_LIBRARY


def test_binding() -> None:
    assert card_check.no_pyscard(lambda _name: object()) is None
    assert code(card_check.no_pyscard(lambda _name: None)) is CauseCode.CARD_NO_PYSCARD


def test_missing_library_is_told_for_its_error(
    machine: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = Cause(CauseCode.CARD_NO_LIBRARY, "", "")
    monkeypatch.setattr(card_check, "no_library", lambda: missing)
    assert found(CardLibraryMissing("card"), machine) is missing


def test_service_not_installed(machine: FakeHost) -> None:
    (machine.root / "usr/sbin/pcscd").unlink()
    cause = found(ServiceAbsent("card"), machine)
    assert code(cause) is CauseCode.CARD_NO_SERVICE


@pytest.mark.parametrize(("running", "said"), [(False, "does not run"), (True, "pcscd (pid 9)")])
def test_socket_absent(machine: FakeHost, running: bool, said: str) -> None:
    machine.host.pcsc_socket.unlink()
    if running:
        machine.process(9, "pcscd")
    cause = found(ServiceAbsent("card"), machine)
    assert code(cause) is CauseCode.CARD_NO_SOCKET
    assert cause is not None
    assert said in cause.found


def test_nobody_behind_the_socket(machine: FakeHost) -> None:
    machine.unreachable[machine.host.pcsc_socket] = "Connection refused"
    cause = found(ServiceAbsent("card"), machine)
    assert code(cause) is CauseCode.CARD_SERVICE_DOWN
    assert cause is not None
    assert "Connection refused" in cause.found


def test_polkit_without_a_rule_for_this_user(machine: FakeHost) -> None:
    machine.file(card_check.POLKIT_POLICY)
    machine.file("etc/polkit-1/rules.d/50-rekam.rules", RULE.format("rekam"))
    cause = found(ReaderForbidden("card", "8010006A"), machine)
    assert code(cause) is CauseCode.CARD_POLKIT
    assert cause is not None
    assert "siti" in cause.found


def test_polkit_with_a_rule_for_this_user(machine: FakeHost) -> None:
    machine.file(card_check.POLKIT_POLICY)
    machine.file("etc/polkit-1/rules.d/50-rekam.rules", RULE.format("siti"))
    assert card_check.forbidden_by_polkit(machine.host) is None


def test_closed_polkit_rules_are_said_to_be_unread(
    machine: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.file(card_check.POLKIT_POLICY)
    machine.file("etc/polkit-1/rules.d/50-rekam.rules", RULE.format("siti"))

    def iterdir(folder: Path) -> object:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", iterdir)
    cause = card_check.forbidden_by_polkit(machine.host)
    assert cause is not None
    assert "closed to us" in cause.found


@pytest.mark.parametrize(
    ("names", "said"), [((), "no reader at all"), (("ACS ACR39U 00 00",), "ACS ACR39U 00 00")]
)
def test_no_reader(machine: FakeHost, names: tuple[str, ...], said: str) -> None:
    cause = found(ReaderAbsent("card"), machine, *names)
    assert code(cause) is CauseCode.CARD_NO_READER
    assert cause is not None
    assert said in cause.found


def test_several_readers(machine: FakeHost) -> None:
    cause = found(ReaderAmbiguous("card"), machine, "ACR1281 00 00", "ACR1281 00 01")
    assert code(cause) is CauseCode.CARD_AMBIGUOUS
    assert cause is not None
    assert "ACR1281 00 00, ACR1281 00 01" in cause.found


def test_service_at_a_socket_of_its_own(machine: FakeHost) -> None:
    cause = found(ServiceAbsent("card"), machine, socket="/nowhere/pcscd.comm")
    assert code(cause) is CauseCode.CARD_NO_SOCKET
    assert cause is not None
    assert cause.found.startswith("service_socket: /nowhere/pcscd.comm does not exist")
    assert cause.action.startswith("Correct service_socket in the configuration")


def test_nobody_behind_a_socket_of_its_own(machine: FakeHost, tmp_path: Path) -> None:
    (machine.root / "usr/sbin/pcscd").unlink()
    own = machine.file("own.comm")
    machine.unreachable[own] = "Connection refused"
    cause = found(ServiceAbsent("card"), machine, socket=str(own))
    assert code(cause) is CauseCode.CARD_SERVICE_DOWN
    assert cause is not None
    assert "service_socket" in cause.action


def test_reader_taken_by_the_kernel(machine: FakeHost) -> None:
    machine.usb_device("072f", "2200", driver="pn533_usb")
    cause = found(ReaderAbsent("card"), machine)
    assert code(cause) is CauseCode.USB_KERNEL_NFC


def test_users_of_pcsc_are_named(machine: FakeHost) -> None:
    machine.process(31, "opensc-tool")
    machine.file("proc/31/maps", "7f00-7f01 r-xp 0 08:01 42 /usr/lib/libpcsclite.so.1.0.0\n")
    cause = found(ReaderBusy("card"), machine)
    assert code(cause) is CauseCode.CARD_BUSY
    assert cause is not None
    assert "opensc-tool (pid 31)" in cause.found


def test_user_of_pcsc_that_cannot_be_found(machine: FakeHost) -> None:
    cause = found(ReaderBusy("card"), machine)
    assert cause is not None
    assert cause.found.endswith("its name: nobody")


def test_other_errors_of_a_reader_have_no_cause_here(machine: FakeHost) -> None:
    assert found(DeviceError("card"), machine) is None


@pytest.mark.parametrize(
    ("capabilities", "simulated_desk", "expected"),
    [
        ({SIMULATED}, False, CauseCode.CARD_VIRTUAL),
        ({SIMULATED}, True, None),
        (set(), False, None),
    ],
)
def test_virtual_reader_on_a_production_desk(
    capabilities: set[str], simulated_desk: bool, expected: CauseCode | None
) -> None:
    info = DeviceInfo(Kind.CARD_READER, "pcsc", "Reader", "1", "", frozenset(capabilities))
    assert code(card_check.is_virtual(info, simulated_desk)) is expected


@pytest.mark.parametrize(
    ("installed", "simulated_desk", "expected"),
    [(True, False, CauseCode.CARD_VIRTUAL), (True, True, None), (False, False, None)],
)
def test_virtual_driver_on_a_production_desk(
    machine: FakeHost, installed: bool, simulated_desk: bool, expected: CauseCode | None
) -> None:
    if installed:
        machine.file(card_check.VIRTUAL_DRIVER)
    assert code(card_check.virtual_driver(machine.host, simulated_desk)) is expected


# ---------------------------------------------------------------- slot of the access module

SLOTS = ("ACR1281 00 00", "ACR1281 00 01")


@pytest.mark.parametrize(
    ("wanted", "expected", "said"),
    [
        ("Omnikey", CauseCode.CARD_SAM_READER, "0 of 2 readers fit"),
        ("ACR1281", CauseCode.CARD_SAM_READER, "2 of 2 readers fit"),
        ("ACR1281 00 01", CauseCode.CARD_SAM_ABSENT, "no access module in its slot"),
    ],
)
def test_slot_without_a_module(tmp_path: Path, wanted: str, expected: CauseCode, said: str) -> None:
    opening = test_keys.write_opening(tmp_path / "sam.hex")
    settings = PcscReader.Settings(reader=SLOTS[0], sam_reader=wanted, sam_opening=opening)
    facts = {"access_module": "absent"}
    (trouble,) = sam_check.find_troubles("card", settings, facts, lambda: SLOTS)
    assert trouble.error.code == "DEV-516"
    assert trouble.cause.code is expected
    assert said in trouble.cause.found
    assert "sam_reader" in trouble.cause.action
    if expected is CauseCode.CARD_SAM_READER:
        assert ", ".join(SLOTS) in trouble.cause.found
    present = {"access_module": "present"}
    assert not list(sam_check.find_troubles("card", settings, present, lambda: SLOTS))
    assert not list(sam_check.find_troubles("card", settings, None, lambda: SLOTS))

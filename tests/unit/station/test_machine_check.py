"""What does not depend on a configuration: the clock, and what cards need."""

from __future__ import annotations

from pathlib import Path

import pytest

from station.commands.findings import CauseCode, Health
from station.commands.machine_check import check_cards, check_clock, kernel_clock_state
from tests.unit.station.fake_host import FakeHost


@pytest.fixture
def machine(tmp_path: Path) -> FakeHost:
    pytest.importorskip("smartcard")
    machine = FakeHost(tmp_path)
    machine.file("usr/sbin/pcscd")
    return machine


def test_machine_that_can_read_cards(machine: FakeHost) -> None:
    (finding,) = check_cards(machine.host)
    assert finding.health is Health.GOOD


def test_machine_that_cannot_read_cards_is_a_warning(machine: FakeHost) -> None:
    (machine.root / "usr/sbin/pcscd").unlink()
    machine.usb_device("072f", "2200", driver="pn533_usb")
    found = [(finding.health, finding.code) for finding in check_cards(machine.host)]
    assert found == [
        (Health.WARNING, CauseCode.CARD_NO_SERVICE),
        (Health.WARNING, CauseCode.USB_KERNEL_NFC),
    ]


@pytest.mark.parametrize(
    ("state", "health", "code"),
    [(0, Health.GOOD, ""), (5, Health.WARNING, "clock"), (-1, Health.WARNING, "")],
)
def test_clock(state: int, health: Health, code: str) -> None:
    finding = check_clock(lambda: state)
    assert (finding.health, finding.code) == (health, code)


def test_the_kernel_answers_or_refuses() -> None:
    assert kernel_clock_state() in range(-1, 6)

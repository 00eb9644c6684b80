"""What reading protected cards needs: opening data, a slot with a module, authorities."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from drivers.card.reader import LoopbackReader
from simulators import test_keys
from simulators.card import KtpelCard, specimen
from simulators.card_links import LoopbackSlot
from simulators.card_slot import FixedCard
from simulators.sam import KtpelSam
from station.commands.device_check import check_devices
from station.commands.findings import CauseCode, Finding, Health
from station.config import ConfiguredDevice, StationConfig
from tests.unit.station.fake_host import FakeHost

Configured = Callable[..., StationConfig]


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

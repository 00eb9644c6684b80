"""`rekam card info` as its own process, at the readers of a real pcscd."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from drivers.card.monitor import ReaderMonitor
from simulators.card import KtpelCard, specimen
from simulators.card_faults import CARD_FAULTS, CardFault
from simulators.card_links import VpcdSlot
from simulators.card_slot import FixedCard
from simulators.injection import Injector
from simulators.pcscd import PrivatePcscd, available
from simulators.piv_card import OperatorCard
from simulators.piv_pki import OperatorAuthority
from tests.interop.card_rig import KTPEL, PATIENCE_S, PIV, is_seen, served, slot_of
from tests.protocol.card_scene import wait_until

pytestmark = pytest.mark.pcsc


@pytest.fixture(autouse=True)
def service_here() -> None:
    if (reason := available()) is not None:
        pytest.skip(reason)


@pytest.fixture(scope="module")
def ecc_card() -> OperatorCard:
    now = datetime.now(UTC)
    return OperatorAuthority.make(now).card("OPERATOR UJI 001", now)


def card_info(socket: Path | str, *options: str, status: int) -> str:
    """Run `rekam card info` as its own process: libpcsclite reads the socket once a process."""
    environment = {name: value for name, value in os.environ.items() if "PCSCLITE" not in name}
    command = [sys.executable, "-m", "station.cli", "card", "info", "--service-socket", str(socket)]
    done = subprocess.run(
        [*command, *options],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        env={**environment, "REKAM_CONFIG": ""},
        check=False,
    )
    assert done.returncode == status, (done.stdout, done.stderr)
    return done.stdout


def test_rekam_card_info_describes_every_reader(ecc_card: OperatorCard) -> None:
    with served({KTPEL: KtpelCard(specimen()), PIV: ecc_card}) as daemon:
        report = json.loads(card_info(daemon.socket_path, "--json", status=0))
        found = {reader["name"]: reader for reader in report["readers"]}
        assert len(found) == 4
        assert found[f"{PIV} 00 01"]["problem"]["code"] == "DEV-501"
        names = {
            name: [one["application"] for one in found[slot_of(name)]["card"]["applications"]]
            for name in (KTPEL, PIV)
        }
        assert names == {KTPEL: ["ktpel", "ktpopen"], PIV: ["piv"]}
        assert all(reader["simulated"] for reader in report["readers"])
        words = card_info(daemon.socket_path, "--reader", slot_of(PIV), status=0)
        assert "sisa percobaan PIN: 3" in words
        absent = card_info(daemon.socket_path, "--reader", "Gemalto", "--json", status=1)
        assert json.loads(absent)["readers"][0]["problem"]["code"] == "DEV-505"
        several = card_info(daemon.socket_path, "--reader", KTPEL, status=1)
        assert several.splitlines()[-2:] == [f"    {KTPEL} 00 00", f"    {KTPEL} 00 01"]
        several = card_info(daemon.socket_path, "--reader", KTPEL, "--json", status=1)
        assert json.loads(several)["fitting"] == [f"{KTPEL} 00 00", f"{KTPEL} 00 01"]


def test_rekam_card_info_says_that_there_is_no_service(tmp_path: Path) -> None:
    words = card_info(tmp_path / "nobody", "--language", "en", status=1)
    assert words.startswith("[DEV-504]")
    report = json.loads(card_info(tmp_path / "nobody", "--json", status=1))
    assert report["readers"] == []
    assert report["problem"]["code"] == "DEV-504"


def test_rekam_card_info_gives_a_hanging_service_up(ecc_card: OperatorCard) -> None:
    with served({PIV: ecc_card}) as daemon:
        assert daemon._process is not None
        daemon._process.send_signal(signal.SIGSTOP)
        words = card_info(daemon.socket_path, "--language", "en", status=1)
        assert words.startswith("[DEV-504]")
        assert "hangs" in words


def test_rekam_card_info_tells_a_mute_card_from_none() -> None:
    faults = Injector(CARD_FAULTS)
    faults.inject(CardFault.MUTE)
    with PrivatePcscd([KTPEL]) as daemon:
        slot = VpcdSlot(FixedCard(KtpelCard(specimen())), daemon.slot_port(KTPEL, 0), faults=faults)
        try:
            with ReaderMonitor("test", str(daemon.socket_path)) as monitor:
                assert wait_until(lambda: is_seen(monitor, slot_of(KTPEL)))
            words = card_info(daemon.socket_path, "--language", "en", status=1)
        finally:
            slot.close()
    mute, empty = words.split("\n\n")
    assert "[DEV-508]" in mute
    assert "[DEV-501]" in empty

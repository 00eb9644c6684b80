"""The doctor looks, says what to do, and leaves everything as it was."""

from __future__ import annotations

import dataclasses
import errno
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from simulators import pki
from station.commands import storage_check
from station.commands.doctor import check_keys, run
from station.commands.findings import Finding, Health
from station.commands.storage_check import check_disk, check_store
from station.config import StationConfig
from station.records.keys import load_signer
from station.records.rows import RecordMeta
from station.records.store import FLOOR_BYTES, RecordStore

Configured = Callable[..., StationConfig]
RECORD = "0190a3b0-7c1e-7e2a-9d0e-0000000000a1"


def by_name(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.name: finding for finding in findings}


def everything_below(folder: Path) -> dict[str, bytes]:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path): path.read_bytes() for path in files}


# ---------------------------------------------------------------- disk


@pytest.mark.parametrize(
    ("where", "said", "action"),
    [
        ("/proc/x", "No such file", "Name a folder"),
        ("file", "Not a directory", "a part of this path is a file"),
        ("file/below", "Not a directory", "a part of this path is a file"),
    ],
)
def test_unusable_data_folder_is_a_finding(
    tmp_path: Path, where: str, said: str, action: str
) -> None:
    (tmp_path / "file").write_text("")
    (finding,) = check_disk(tmp_path / where)
    assert finding.health is Health.BAD
    assert said in finding.found
    assert action in finding.action


@pytest.mark.parametrize(
    ("number", "action"), [(errno.EROFS, "Mount"), (errno.EACCES, "Give"), (errno.ENOSPC, "Free")]
)
def test_disk_that_refuses_is_a_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, action: str
) -> None:
    def refuse(_folder: Path) -> list[float]:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(storage_check, "_fsync_times", refuse)
    finding = by_name(list(check_disk(tmp_path)))["disk"]
    assert finding.health is Health.BAD
    assert os.strerror(number) in finding.found
    assert finding.action.startswith(action)


@pytest.mark.parametrize("records", [0, 2])
def test_floor_is_that_of_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, records: int
) -> None:
    monkeypatch.setattr(storage_check, "free_bytes_of", lambda _folder: FLOOR_BYTES)
    folder = tmp_path / "records" / "objects" / "a1"
    folder.mkdir(parents=True)
    for number in range(records):
        with (folder / f"{number}.cms").open("wb") as file:
            file.truncate(16 * 1024**2)  # 200 of these need 3.1 GiB
    finding = by_name(list(check_disk(tmp_path)))["disk space"]
    assert finding.health is (Health.BAD if records else Health.GOOD)
    needed = "3.1 GiB" if records else "1.0 GiB"
    assert f"1.0 GiB free for {tmp_path}; a new recording needs {needed}" == finding.found


# ---------------------------------------------------------------- keys


def test_no_key_is_made(configured: Configured) -> None:
    config = configured()
    found = by_name(list(check_keys(config)))
    assert found["journal key"].found == "will be made at the first start"
    assert found["authority"].health is Health.GOOD
    assert not config.station.data.exists()


def test_foreign_authority_is_bad(configured: Configured, keys: Path) -> None:
    config = configured(station_ca=str(keys / f"{pki.ESCROW}.pem"))
    finding = by_name(list(check_keys(config)))["authority"]
    assert finding.health is Health.BAD
    assert "SEC-107" in finding.found


def test_absent_key_is_bad_with_the_action_of_its_code(configured: Configured) -> None:
    (finding,) = check_keys(configured(signing_key="/nowhere/station.key"))
    assert finding.health is Health.BAD
    assert "SEC-201" in finding.found
    assert finding.action == "Call the technician"


def test_unfinished_recordings_without_their_key_are_bad(configured: Configured) -> None:
    config = configured()
    journal = config.station.data / "journal"
    journal.mkdir(parents=True)
    (journal / f"{RECORD}.0").write_bytes(b"frames")
    finding = by_name(list(check_keys(config)))["journal key"]
    assert finding.health is Health.BAD
    assert not (config.station.data / "keys").exists()


# ---------------------------------------------------------------- records


def test_no_store_is_made(configured: Configured) -> None:
    config = configured()
    (finding,) = check_store(config)
    assert (finding.health, finding.found) == (Health.GOOD, "none yet")
    assert not config.station.data.exists()


@pytest.fixture
def stored(configured: Configured) -> StationConfig:
    config = configured()
    with RecordStore(config.station.data / "records", station=config.station.id) as store:
        store.commit(b"sealed", b"signature", RecordMeta(RECORD, "DEMO", ("f1",)))
    return config


def test_sound_store_is_left_as_it_was(stored: StationConfig) -> None:
    records = stored.station.data / "records"
    before = everything_below(records / "objects")
    found = by_name(list(check_store(stored)))
    assert {name: finding.health for name, finding in found.items()} == dict.fromkeys(
        ("records", "unfinished", "audit log"), Health.GOOD
    )
    assert found["records"].found == "1 records, 0 damaged"
    assert everything_below(records / "objects") == before
    with RecordStore(records, station=stored.station.id) as store:
        assert store.last_checkpoint() is None, "the doctor signs nothing"


def test_damage_orphans_and_unfinished_recordings_are_told(stored: StationConfig) -> None:
    records = stored.station.data / "records"
    (records / "objects" / "a1" / f"{RECORD}.cms").write_bytes(b"sealeD")
    orphan = "0190a3b0-7c1e-7e2a-9d0e-0000000000b2"
    (records / "objects" / "b2" / f"{orphan}.cms").write_bytes(b"x")
    (records / "objects" / "b2" / f".{orphan}.sig.tmp").write_bytes(b"x")
    journal = stored.station.data / "journal"
    journal.mkdir()
    for session in (RECORD, orphan):
        (journal / f"{session}.0").write_bytes(b"frames")
    found = by_name(list(check_store(stored)))
    assert found["records"].health is Health.BAD
    assert found["records"].found == "1 records, 1 damaged"
    assert found["recovery"].found == "opening removed 1 half-written files and set 1 files aside"
    assert found["quarantine"].health is Health.WARNING
    assert found["unfinished"].found == "1 unfinished recordings"


def test_open_desk_is_left_alone(stored: StationConfig) -> None:
    with RecordStore(stored.station.data / "records", station=stored.station.id):
        (finding,) = check_store(stored)
    assert finding.health is Health.GOOD
    assert "the desk is open" in finding.found
    assert str(os.getpid()) in finding.found


def test_database_that_is_none_is_bad(stored: StationConfig) -> None:
    (stored.station.data / "records" / "station.db").write_bytes(b"no database" * 1000)
    (finding,) = check_store(stored)
    assert finding.health is Health.BAD
    assert "ST-304" in finding.found


def test_foreign_checkpoint_is_a_contradiction(stored: StationConfig, keys: Path) -> None:
    signer = load_signer(stored.keys.signing_key, stored.keys.certificate, datetime.now(UTC))
    records = stored.station.data / "records"
    with RecordStore(records, station=stored.station.id, signer=signer):
        pass  # signs a checkpoint when it is closed
    assert by_name(list(check_store(stored)))["audit log"].health is Health.GOOD
    foreign = stored.keys.model_copy(update={"certificate": keys / f"{pki.DATA_CENTRE}.pem"})
    other = dataclasses.replace(stored, keys=foreign)
    assert by_name(list(check_store(other)))["audit log"].health is Health.BAD


# ---------------------------------------------------------------- the whole


def test_report_of_a_desk_without_devices(
    configured: Configured, capsys: pytest.CaptureFixture[str]
) -> None:
    config = configured()
    assert run(config.path, as_json=False) == 1
    out = capsys.readouterr().out
    assert "[DEV-102] The device was not found or did not answer" in out
    assert not config.station.data.exists()


def test_absent_configuration_is_a_finding(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path / "station.toml", as_json=True) == 1
    assert "CFG-001" in capsys.readouterr().out

"""After a commit has returned, the record is there; before, there is at most an orphan."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from station.errors import StoreError
from station.records.database import Database
from station.records.errors import (
    DiskFull,
    KeyExposed,
    LowSpace,
    RecordExists,
    StorageFailed,
    StoreDamaged,
    StoreOwned,
    UnknownRecord,
)
from station.records.ownership import OwnerLock
from station.records.rows import RecordMeta, RecordState
from station.records.store import RecordStore

FIRST = "0190a3b0-7c1e-7e2a-9d0e-0000000000a1"
SECOND = "0190a3b0-7c1e-7e2a-9d0e-0000000000b2"
SEALED = bytes(range(256)) * 40


@pytest.fixture
def store(tmp_path: Path, clock: Any) -> Iterator[RecordStore]:
    with RecordStore(tmp_path, station="3201-01", clock=clock) as opened:
        yield opened


def commit(store: RecordStore, record_id: str = FIRST, sealed: bytes = SEALED) -> None:
    store.commit(sealed, b"signature", RecordMeta(record_id, "op-7", ("f1", "f2"), simulated=True))


def commit_many(store: RecordStore, count: int) -> None:
    for number in range(count):
        commit(store, f"0190a3b0-7c1e-7e2a-9d0e-{number:012d}")


def events(store: RecordStore) -> list[str]:
    rows = store._database.connection.execute("SELECT body FROM audit ORDER BY seq")
    return [json.loads(body)["event"] for (body,) in rows]


def test_committed_record_comes_back(store: RecordStore) -> None:
    commit(store)
    (record,) = store.records()
    assert (record.record_id, record.size, record.sequence) == (FIRST, len(SEALED), 1)
    assert record.sha256 == hashlib.sha256(SEALED).hexdigest()
    assert record.recipients == ("f1", "f2")
    assert (record.state, record.simulated) == (RecordState.SEALED, True)
    assert record.sealed_at == "2026-11-23T09:20:00Z"
    assert store.object_path(FIRST).read_bytes() == SEALED
    assert store.signature_path(FIRST).read_bytes() == b"signature"
    assert store.get(FIRST) == record


def test_files_are_private_and_spread(store: RecordStore, tmp_path: Path) -> None:
    commit(store)
    path = store.object_path(FIRST)
    assert path == tmp_path / "objects" / "a1" / f"{FIRST}.cms"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "station.db").stat().st_mode) == 0o600


def test_files_are_durable_before_the_row(tmp_path: Path, faulty_files: Any) -> None:
    with RecordStore(tmp_path, station="s", files=faulty_files) as store:
        faulty_files.calls.clear()
        commit(store)
        assert faulty_files.calls == [
            "sync",
            "rename .sig",
            "sync",
            "rename .cms",
            "sync folder",
        ]


def test_records_survive_reopening_in_order(tmp_path: Path) -> None:
    with RecordStore(tmp_path, station="s") as store:
        commit(store, SECOND)
        commit(store, FIRST)
    with RecordStore(tmp_path, station="s") as store:
        assert [r.record_id for r in store.records()] == [SECOND, FIRST]
        assert store.next_sequence() == 3
        assert events(store) == ["record.sealed", "record.sealed"]


def test_same_id_is_never_stored_twice(store: RecordStore) -> None:
    commit(store)
    with pytest.raises(RecordExists):
        commit(store, sealed=b"another")
    assert store.object_path(FIRST).read_bytes() == SEALED


@pytest.mark.parametrize("record_id", ["3201014107900001", "../x", FIRST.upper(), ""])
def test_id_that_is_no_uuid_is_refused(store: RecordStore, record_id: str) -> None:
    with pytest.raises(ValueError, match="UUID"):
        commit(store, record_id)


def test_unknown_record_has_no_path(store: RecordStore) -> None:
    with pytest.raises(UnknownRecord):
        store.object_path(FIRST)


def test_second_opener_is_told_who_owns_the_store(store: RecordStore, tmp_path: Path) -> None:
    script = (
        "import sys, pathlib\n"
        "from station.records.errors import StoreOwned\n"
        "from station.records.store import RecordStore\n"
        "try:\n"
        "    RecordStore(pathlib.Path(sys.argv[1]), station='s')\n"
        "except StoreOwned as error:\n"
        "    print(error.pid)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    root = str(Path(__file__).parents[3])
    result = subprocess.run(
        command, capture_output=True, text=True, check=True, env={"PYTHONPATH": root}
    )
    assert result.stdout.strip() == str(os.getpid())
    with pytest.raises(StoreOwned):
        RecordStore(tmp_path, station="s")


def test_closed_store_is_released_and_unusable(tmp_path: Path) -> None:
    store = RecordStore(tmp_path, station="s")
    store.close()
    store.close()
    with pytest.raises(StoreError):
        store.records()
    RecordStore(tmp_path, station="s").close()


def test_half_written_files_are_removed_at_start(tmp_path: Path) -> None:
    RecordStore(tmp_path, station="s").close()
    half = tmp_path / "objects" / "a1" / f".{FIRST}.cms.tmp"
    half.write_bytes(b"half")
    RecordStore(tmp_path, station="s").close()
    assert not half.exists()


def test_orphans_are_set_aside_and_audited(tmp_path: Path) -> None:
    RecordStore(tmp_path, station="s").close()
    names = (f"{FIRST}.cms", f"{FIRST}.sig", "3201014107900001.cms")
    for _ in range(2):
        for name in names:
            (tmp_path / "objects" / "a1" / name).write_bytes(b"orphan")
        with RecordStore(tmp_path, station="s") as store:
            assert store.records() == []
            assert store.verify_chain().is_sound
    assert events_of(tmp_path) == ["fault.orphan"] * 6
    assert len(list((tmp_path / "quarantine").iterdir())) == 6


def events_of(root: Path) -> list[str]:
    with RecordStore(root, station="s") as store:
        return events(store)


@pytest.mark.parametrize("damage", ["absent", "shorter", "changed", "no signature"])
def test_damaged_record_is_marked_and_restored(tmp_path: Path, damage: str) -> None:
    with RecordStore(tmp_path, station="s") as store:
        commit(store)
        path, signature = store.object_path(FIRST), store.signature_path(FIRST)
    if damage == "no signature":
        signature.unlink()
    elif damage == "absent":
        path.unlink()
    else:
        path.write_bytes(SEALED[:-1] if damage == "shorter" else SEALED[:-1] + b"\x00")
    with RecordStore(tmp_path, station="s") as store:
        assert store.records()[0].state is RecordState.DAMAGED
        assert store.check_objects() == [FIRST]
    path.write_bytes(SEALED)
    signature.write_bytes(b"signature")
    with RecordStore(tmp_path, station="s") as store:
        assert store.records()[0].state is RecordState.SEALED
        assert events(store) == ["record.sealed", "record.damaged", "record.restored"]
        assert store.verify_chain().is_sound


def test_full_check_finds_what_the_start_did_not_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("station.records.store.START_HASH_BYTES", len(SEALED))
    with RecordStore(tmp_path, station="s") as store:
        commit(store, FIRST)
        commit(store, SECOND)
        store.object_path(FIRST).write_bytes(bytes(len(SEALED)))
    with RecordStore(tmp_path, station="s") as store:
        assert store.records()[0].state is RecordState.SEALED
        assert store.check_objects() == [FIRST]


@pytest.mark.parametrize("space", [0, 5, 4000, 10_000])
def test_full_disk_stores_nothing_and_may_be_repeated(
    tmp_path: Path, faulty_files: Any, space: int
) -> None:
    with RecordStore(tmp_path, station="s", files=faulty_files) as store:
        faulty_files.space = space
        with pytest.raises(DiskFull):
            commit(store)
        assert list((tmp_path / "objects" / "a1").iterdir()) == []
        faulty_files.space = None
        commit(store)
        assert len(store.records()) == 1
        assert store.verify_chain().is_sound


def test_full_database_stores_nothing_and_may_be_repeated(store: RecordStore) -> None:
    pages = store._database.connection.execute("PRAGMA page_count").fetchone()[0]
    store._database.connection.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(DiskFull):
        commit_many(store, 200)
    stored = {record.record_id for record in store.records()}
    files = {path.stem for path in (store._root / "objects").glob("??/*.*")}
    assert stored == files
    store._database.connection.execute(f"PRAGMA max_page_count={pages + 1000}")
    commit(store, FIRST)
    assert store.verify_chain().is_sound


@pytest.mark.parametrize("fault", ["sync_fails", "folder_sync_fails"])
def test_failed_sync_makes_the_store_unusable_until_reopened(
    tmp_path: Path, faulty_files: Any, fault: str
) -> None:
    with RecordStore(tmp_path, station="s", files=faulty_files) as store:
        setattr(faulty_files, fault, True)
        with pytest.raises(StorageFailed):
            commit(store)
        setattr(faulty_files, fault, False)
        with pytest.raises(StorageFailed):
            commit(store)
    with RecordStore(tmp_path, station="s", files=faulty_files) as store:
        assert store.records() == []
        commit(store)


def test_broken_database_is_named(tmp_path: Path) -> None:
    RecordStore(tmp_path, station="s").close()
    (tmp_path / "station.db").write_bytes(b"no database at all" * 300)
    with pytest.raises(StoreDamaged):
        RecordStore(tmp_path, station="s")


def test_database_of_a_newer_program_is_refused(tmp_path: Path) -> None:
    RecordStore(tmp_path, station="s").close()
    connection = sqlite3.connect(tmp_path / "station.db")
    connection.execute("PRAGMA user_version=99")
    connection.close()
    with pytest.raises(StoreDamaged, match="99"):
        RecordStore(tmp_path, station="s")


def test_no_shared_memory_file_is_made(store: RecordStore, tmp_path: Path) -> None:
    commit(store)
    assert not (tmp_path / "station.db-shm").exists()
    mode = store._database.connection.execute("PRAGMA journal_mode").fetchone()[0]
    synchronous = store._database.connection.execute("PRAGMA synchronous").fetchone()[0]
    assert (mode, synchronous) == ("wal", 2)


def test_low_space_is_refused(tmp_path: Path) -> None:
    free = [2 << 30]
    with RecordStore(tmp_path, station="s", free_bytes=lambda _: free[0]) as store:
        assert store.check_space() == 2 << 30
        free[0] = (1 << 30) - 1
        with pytest.raises(LowSpace, match="1024 MiB needed"):
            store.check_space()


def test_calls_from_several_threads_run_one_after_the_other(store: RecordStore) -> None:
    ids = [f"0190a3b0-7c1e-7e2a-9d0e-{number:012d}" for number in range(12)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda record_id: commit(store, record_id), ids))
    assert sorted(r.record_id for r in store.records()) == ids
    assert [r.sequence for r in store.records()] == list(range(1, 13))
    assert store.verify_chain().is_sound


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(b"")
    return path


def test_store_that_cannot_be_made_is_storage_failed(file: Path) -> None:
    for root in (file, file / "records"):
        with pytest.raises(StorageFailed, match="file"):
            RecordStore(root, station="s")


@pytest.mark.parametrize("name", ["store.lock", "station.db", "objects", "quarantine"])
def test_something_else_in_the_place_of_a_part_is_storage_failed(tmp_path: Path, name: str) -> None:
    if name in ("objects", "quarantine"):
        (tmp_path / name).write_bytes(b"")
    else:
        (tmp_path / name).mkdir()
    with pytest.raises(StorageFailed):
        RecordStore(tmp_path, station="s")
    if name != "store.lock":
        OwnerLock.take(tmp_path / "store.lock").release()


def test_lock_and_database_name_the_path_that_failed(file: Path) -> None:
    with pytest.raises(StorageFailed, match=r"file/store\.lock"):
        OwnerLock.take(file / "store.lock")
    with pytest.raises(StorageFailed, match=r"file/station\.db"):
        Database(file / "station.db")


def test_lock_on_a_full_disk_is_disk_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", full)
        with pytest.raises(DiskFull):
            OwnerLock.take(tmp_path / "store.lock")
    OwnerLock.take(tmp_path / "store.lock").release()


@pytest.mark.parametrize("mode", [0o770, 0o702])
def test_folder_that_others_may_write_is_refused(tmp_path: Path, mode: int) -> None:
    root = tmp_path / "records"
    root.mkdir()
    root.chmod(mode)
    with pytest.raises(KeyExposed, match="records"):
        RecordStore(root, station="s")
    assert list(root.iterdir()) == []
    root.chmod(0o755)
    RecordStore(root, station="s").close()


def test_new_folder_is_private(tmp_path: Path) -> None:
    RecordStore(tmp_path / "records", station="s").close()
    assert stat.S_IMODE((tmp_path / "records").stat().st_mode) == 0o700


def test_medium_that_cannot_be_asked_is_storage_failed(tmp_path: Path) -> None:
    def gone(_: Path) -> int:
        raise OSError(errno.EIO, "Input/output error")

    with (
        RecordStore(tmp_path, station="s", free_bytes=gone) as store,
        pytest.raises(StorageFailed),
    ):
        store.check_space()

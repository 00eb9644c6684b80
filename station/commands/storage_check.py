"""Disk and records of a desk: space, speed, damaged records, what is unfinished, the audit log."""

from __future__ import annotations

import errno
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from station.commands.findings import Finding, Health, bad
from station.commands.reporting import reason_of
from station.config import StationConfig
from station.errors import StationError
from station.records.audit import AuditCheck
from station.records.checkpoint import verify_checkpoint
from station.records.errors import StoreOwned
from station.records.journal import find_unfinished
from station.records.keys import load_certificate
from station.records.objects import SEALED_SUFFIX
from station.records.rows import RecordState
from station.records.store import FLOOR_BYTES, FLOOR_RECORDS, RecordStore, free_bytes_of

SEALED_FILES = f"objects/??/*{SEALED_SUFFIX}"
FSYNC_ROUNDS = 60
LYING_FSYNC_MS = 0.05
SLOW_FSYNC_MS = 250.0
"""p50 below the first: a cache that lies; p99 above the second: a dying medium (working values)."""
_ACTIONS = {
    errno.ENOSPC: "Free some space.",
    errno.EDQUOT: "Free some space, or raise the quota of this user.",
    errno.EROFS: "Mount the medium for writing, or name another folder in station.data.",
    errno.EACCES: "Give the folder to this user.",
    errno.EPERM: "Give the folder to this user.",
    errno.ENOTDIR: "Name a folder in station.data: a part of this path is a file.",
}
_OTHERWISE = "Name a folder in station.data that can be made and written."


def check_disk(data: Path) -> Iterator[Finding]:
    """Free space, and how long the medium takes to keep its promise; whatever `data` is."""
    try:
        folder = data
        while not folder.exists():
            folder = folder.parent
        yield _speed(folder)
    except OSError as error:
        action = _ACTIONS.get(error.errno or 0, _OTHERWISE)
        yield Finding("disk", Health.BAD, f"{data}: {error.strerror}", action)
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            return  # free space says nothing about a folder that cannot be used at all
    try:
        yield _space(data, folder)
    except OSError as error:
        yield Finding("disk space", Health.BAD, f"{data}: {error.strerror}", _OTHERWISE)


def _space(data: Path, folder: Path) -> Finding:
    free, floor = free_bytes_of(folder), _floor_bytes(data / "records")
    enough = free >= floor
    needed = f"{floor / 1024**3:.1f} GiB"
    return Finding(
        "disk space",
        Health.GOOD if enough else Health.BAD,
        f"{free / 1024**3:.1f} GiB free for {data}; a new recording needs {needed}",
        "" if enough else f"Free some space: no new resident is recorded below {needed}.",
    )


def _floor_bytes(records: Path) -> int:
    """The store's own rule, from the sizes of its files: the store itself may be in use."""
    sizes = [path.stat().st_size for path in records.glob(SEALED_FILES)]
    mean = sum(sizes) / len(sizes) if sizes else 0
    return max(FLOOR_BYTES, int(FLOOR_RECORDS * mean))


def _speed(folder: Path) -> Finding:
    times = sorted(_fsync_times(folder))
    p50, p99 = times[len(times) // 2], times[int(0.99 * (len(times) - 1))]
    found = f"fsync p50 {p50:.2f} ms, p99 {p99:.2f} ms"
    if p50 < LYING_FSYNC_MS:
        action = "Too fast to be true: a cache may lose what was acknowledged when the power goes."
        return Finding("disk", Health.WARNING, found, action)
    if p99 > SLOW_FSYNC_MS:
        return Finding("disk", Health.WARNING, found, "Very slow: look at the medium's health.")
    return Finding("disk", Health.GOOD, found)


def _fsync_times(folder: Path) -> list[float]:
    times = []
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".rekam-doctor-") as file:
        for _ in range(FSYNC_ROUNDS):
            file.write(os.urandom(4096))
            file.flush()
            started = time.perf_counter()
            os.fsync(file.fileno())
            times.append(1000 * (time.perf_counter() - started))
    return times


def check_store(config: StationConfig) -> Iterator[Finding]:
    """Open the store as the desk does, look, and close it again.

    Opening repairs what a crash left, as every start does, and that is told; nothing else changes:
    without a signing key the store writes no checkpoint when it is closed.
    """
    root = config.station.data / "records"
    try:
        if not root.is_dir() or not ((root / "station.db").exists() or _has_sealed(root)):
            yield Finding("records", Health.GOOD, "none yet")
            return
        half_written = len(list(root.glob("objects/??/.*.tmp")))
        before = _quarantined(root)
        with RecordStore(root, station=config.station.id) as store:
            repaired = half_written, _quarantined(root) - before
            yield from _look_into(store, config, repaired)
    except StoreOwned as error:
        yield Finding("records", Health.GOOD, f"not looked at: the desk is open ({error.detail})")
    except StationError as error:
        yield bad("records", error)
    except OSError as error:
        yield Finding("records", Health.BAD, reason_of(error), "Call the technician.")


def _has_sealed(root: Path) -> bool:
    return any(True for _ in root.glob(SEALED_FILES))


def _quarantined(root: Path) -> int:
    return len(list(root.glob("quarantine/*")))


def _look_into(
    store: RecordStore, config: StationConfig, repaired: tuple[int, int]
) -> Iterator[Finding]:
    records = store.records()
    damaged = [record for record in records if record.state is RecordState.DAMAGED]
    yield Finding(
        "records",
        Health.BAD if damaged else Health.GOOD,
        f"{len(records)} records, {len(damaged)} damaged",
        "Do not record; call the supervisor." if damaged else "",
    )
    half_written, set_aside = repaired
    if half_written or set_aside:
        yield Finding(
            "recovery",
            Health.WARNING,
            f"opening removed {half_written} half-written files and set {set_aside} files aside",
        )
    if quarantined := _quarantined(config.station.data / "records"):
        yield Finding(
            "quarantine",
            Health.WARNING,
            f"{quarantined} files that belong to no record",
            "Call the technician; delete nothing.",
        )
    stored = {record.record_id for record in records}
    open_ones = [
        path
        for path in find_unfinished(config.station.data / "journal")
        if path.name.rpartition(".")[0] not in stored
    ]
    yield Finding(
        "unfinished",
        Health.WARNING if open_ones else Health.GOOD,
        f"{len(open_ones)} unfinished recordings",
        "Open the desk and finish or cancel them." if open_ones else "",
    )
    yield _audit(store, config)


def _audit(store: RecordStore, config: StationConfig) -> Finding:
    check = store.verify_chain()
    problems = [*check.problems, *_checkpoint_problems(store, config, check)]
    if problems:
        found = f"{len(problems)} contradictions, the first: {problems[0]}"
        return Finding("audit log", Health.BAD, found, "Do not record; call the supervisor.")
    return Finding("audit log", Health.GOOD, f"{check.size} entries, unbroken")


def _checkpoint_problems(
    store: RecordStore, config: StationConfig, check: AuditCheck
) -> Iterator[str]:
    """Whether the newest checkpoint is signed by this station and agrees with the log."""
    note = store.last_checkpoint()
    if note is None:
        return
    try:
        public = load_certificate(config.keys.certificate).public_key()
        stated = verify_checkpoint(note, config.station.id, public)  # type: ignore[arg-type]  # the station's is EC
    except StationError as error:
        yield f"newest checkpoint: {error.code} {error.detail}"
        return
    if stated.size > check.size:
        yield f"the newest checkpoint states {stated.size} entries"
    elif stated.size == check.size and stated.root.hex() != check.root:
        yield "the newest checkpoint states another root"

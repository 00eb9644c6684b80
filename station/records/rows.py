"""The table of records: what the store notes beside the bytes, codes and hashes only."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

TABLE: Final = (
    "CREATE TABLE record("
    "id TEXT PRIMARY KEY, sequence INTEGER NOT NULL UNIQUE, sha256 TEXT NOT NULL, "
    "size INTEGER NOT NULL, state TEXT NOT NULL, sealed_at TEXT NOT NULL, "
    "operator_id TEXT NOT NULL, recipients TEXT NOT NULL, simulated INTEGER NOT NULL) STRICT"
)
_SELECT: Final = (
    "SELECT id, sequence, sha256, size, state, sealed_at, operator_id, recipients, simulated"
    " FROM record"
)


class RecordState(StrEnum):
    """What is known about a stored record."""

    SEALED = "SEALED"
    DAMAGED = "DAMAGED"


@dataclass(frozen=True, slots=True)
class RecordMeta:
    """What the store is told about a record.

    `recipients` are the SHA-256 fingerprints of the recipients' certificates.
    """

    record_id: str
    operator: str
    recipients: tuple[str, ...]
    simulated: bool = False


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """One row; `sealed_at` is `2026-11-23T09:20:00Z`, `sequence` counts from 1."""

    record_id: str
    sequence: int
    sha256: str
    size: int
    state: RecordState
    sealed_at: str
    operator: str
    recipients: tuple[str, ...]
    simulated: bool


def insert(connection: sqlite3.Connection, record: StoredRecord) -> None:
    """Add one row inside the caller's transaction."""
    connection.execute(
        "INSERT INTO record VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            record.record_id,
            record.sequence,
            record.sha256,
            record.size,
            record.state.value,
            record.sealed_at,
            record.operator,
            ",".join(record.recipients),
            int(record.simulated),
        ),
    )


def select_all(connection: sqlite3.Connection) -> list[StoredRecord]:
    """Read all rows, the oldest first."""
    return [_stored(row) for row in connection.execute(f"{_SELECT} ORDER BY sequence")]


def select_one(connection: sqlite3.Connection, record_id: str) -> StoredRecord | None:
    """Read one row, None when it is not there."""
    row = connection.execute(f"{_SELECT} WHERE id = ?", (record_id,)).fetchone()
    return None if row is None else _stored(row)


def set_state(connection: sqlite3.Connection, record_id: str, state: RecordState) -> None:
    """Change the state of one row inside the caller's transaction."""
    connection.execute("UPDATE record SET state = ? WHERE id = ?", (state.value, record_id))


def next_sequence(connection: sqlite3.Connection) -> int:
    """Return the number after the highest one."""
    row = connection.execute("SELECT max(sequence) FROM record").fetchone()
    return int(row[0] or 0) + 1


def mean_size(connection: sqlite3.Connection) -> float:
    """Return the mean size of all sealed records in bytes, 0 without any."""
    row = connection.execute("SELECT avg(size) FROM record").fetchone()
    return float(row[0] or 0)


def _stored(row: tuple[str, int, str, int, str, str, str, str, int]) -> StoredRecord:
    return StoredRecord(
        record_id=row[0],
        sequence=row[1],
        sha256=row[2],
        size=row[3],
        state=RecordState(row[4]),
        sealed_at=row[5],
        operator=row[6],
        recipients=tuple(row[7].split(",")) if row[7] else (),
        simulated=bool(row[8]),
    )

"""The store's only connection to SQLite: settings, transactions, and the names of its errors.

EXCLUSIVE before WAL: no shared-memory file, whose page a full disk would turn into SIGBUS.
synchronous=FULL: NORMAL loses acknowledged commits.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from station.errors import StoreError
from station.records import audit, rows
from station.records.errors import DiskFull, StorageFailed, StoreDamaged
from station.records.files import storage_error

SCHEMA_VERSION: Final = 1
_DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_PRIMARY_CODE = 0xFF


class Database:
    """One connection, used by one thread at a time.

    After a write whose outcome is unknown every further use is refused until it is reopened.
    """

    def __init__(self, path: Path) -> None:
        """Open the database at `path`, with its tables made on first use.

        Raises:
            StoreDamaged: no database, of another schema, or failing its quick check.
            DiskFull, StorageFailed.
        """
        try:
            # SQLite would create it readable by others; its own files take over these rights
            os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        except OSError as error:
            raise storage_error(error, str(path)) from error
        self.guard = threading.RLock()
        try:
            self.connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        except sqlite3.Error as error:
            raise storage_failure(error) from error
        self._unusable = ""
        try:
            for setting in ("locking_mode=EXCLUSIVE", "journal_mode=WAL", "synchronous=FULL"):
                self.connection.execute(f"PRAGMA {setting}")
            self._create_tables()
            verdict = self.connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            if verdict != "ok":
                raise StoreDamaged(f"{path.name}: quick check failed")
        except sqlite3.Error as error:
            self.connection.close()
            raise storage_failure(error) from error
        except StoreDamaged:
            self.connection.close()
            raise

    def _create_tables(self) -> None:
        version = self.connection.execute("PRAGMA user_version").fetchone()[0]
        if version == SCHEMA_VERSION:
            return
        if version != 0:
            raise StoreDamaged(f"schema {version}, this program knows {SCHEMA_VERSION}")
        # one transaction: a power cut must not leave half a schema
        self.connection.execute("BEGIN IMMEDIATE")
        for statement in (rows.TABLE, *audit.TABLES):
            self.connection.execute(statement)
        self.connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
        self.connection.execute("COMMIT")

    @property
    def is_usable(self) -> bool:
        """Whether it is open and the outcome of every write is known."""
        return not self._unusable

    def give_up(self) -> None:
        """Refuse every further use: something that belongs to a commit failed outside SQLite."""
        self._unusable = self._unusable or "the store must be reopened after a failed write"

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Give the connection for reading.

        Raises:
            StoreDamaged, StorageFailed.
        """
        with self.guard:
            self._refuse_unusable()
            try:
                yield self.connection
            except sqlite3.Error as error:
                raise storage_failure(error) from error

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Give the connection inside a transaction that is durable when the block ends.

        Raises:
            DiskFull: nothing of it was kept.
            StoreDamaged, StorageFailed: unknown whether it was kept.
        """
        with self.guard:
            self._refuse_unusable()
            try:
                self.connection.execute("BEGIN IMMEDIATE")
                yield self.connection
                self.connection.execute("COMMIT")
            except sqlite3.Error as error:
                failure = storage_failure(error)
                if not isinstance(failure, DiskFull):
                    self.give_up()
                self._roll_back()
                raise failure from error
            except BaseException:
                self._roll_back()
                raise

    def close(self) -> None:
        """Close the connection; repeated calls do nothing."""
        with self.guard:
            self.connection.close()
            self._unusable = "the store is closed"

    def _roll_back(self) -> None:
        if self.connection.in_transaction:
            try:
                self.connection.execute("ROLLBACK")
            except sqlite3.Error:
                self.give_up()

    def _refuse_unusable(self) -> None:
        if self._unusable:
            raise StorageFailed(self._unusable)


def storage_failure(error: sqlite3.Error) -> StoreError:
    """Translate an SQLite error into DiskFull, StoreDamaged or StorageFailed."""
    # errors that the Python module raises itself carry no code
    code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY_CODE
    if code == sqlite3.SQLITE_FULL:
        return DiskFull("database")
    if code in _DAMAGE:
        return StoreDamaged("database cannot be read")
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    return StorageFailed(f"database: {name}")

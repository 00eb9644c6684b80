"""The one thread that touches the disk: journals, store and audit, behind coroutines.

SQLite wants one connection on one thread, and an fsync may take long on an old disk: neither may
hold up the screen. Nothing here decides anything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from station.recording.attempt import Json
from station.records.journal import Journal, find_unfinished
from station.records.keys import StationKeys
from station.records.store import RecordStore
from station.records.writer import seal_and_store

if TYPE_CHECKING:
    from station.records.content import RecordContent
    from station.records.rows import StoredRecord

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SealedRecord:
    """A stored record and the file in which it lies."""

    row: StoredRecord
    path: Path


class Vault:
    """Opens nothing before `open`; `close` is idempotent and waits for what is being written."""

    def __init__(self, data: Path, station: str, keys: Callable[[Path], StationKeys]) -> None:
        self._data = data
        self._station = station
        self._load_keys = keys
        self._keys: StationKeys | None = None
        self._store: RecordStore | None = None
        self._journal: Journal | None = None
        self._closed = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="vault")

    async def open(self) -> None:
        """Load the keys and take the store; raises what those raise."""
        await self._on_thread(self._open)

    async def close(self) -> None:
        """Close journal and store; the journal stays for the next start."""
        if not self._closed:
            self._closed = True
            await self._on_thread(self._close)
            self._thread.shutdown(wait=True)

    async def unfinished(self) -> tuple[str, ...]:
        """Ids of sessions that have a journal, oldest first."""
        return await self._on_thread(self._unfinished)

    async def begin(self, session_id: str) -> None:
        """Check the space and create the journal of a new session."""
        await self._on_thread(lambda: self._begin(session_id))

    async def resume(self, session_id: str) -> list[tuple[Json, Sequence[bytes]]]:
        """Reopen the journal of a session and return its entries."""
        return await self._on_thread(lambda: self._resume(session_id))

    async def append(self, event: Json, blobs: Sequence[bytes] = ()) -> None:
        """Make one journal entry durable before returning."""
        await self._on_thread(lambda: self._open_journal().append(event, blobs))

    async def wipe(self) -> None:
        """Destroy the journal of the current session."""
        await self._on_thread(self._wipe)

    async def audit(self, event: str, detail: Json) -> None:
        """Add one event to the audit log."""
        await self._on_thread(lambda: self._open_store().append_event(event, detail))

    async def seal(self, content: RecordContent) -> SealedRecord:
        """Seal a record and commit it; when this returns it survives a power cut."""
        return await self._on_thread(lambda: self._seal(content))

    async def count(self) -> int:
        """Number of records in the store."""
        return await self._on_thread(lambda: len(self._open_store().records()))

    async def _on_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    @property
    def _journals(self) -> Path:
        return self._data / "journal"

    def _open(self) -> None:
        self._keys = self._load_keys(self._data / "keys")
        self._store = RecordStore(
            self._data / "records", station=self._station, signer=self._keys.signer
        )

    def _close(self) -> None:
        if self._journal is not None:
            self._journal.close()
            self._journal = None
        if self._store is not None:
            self._store.close()
            self._store = None

    def _open_store(self) -> RecordStore:
        if self._store is None:
            raise RuntimeError("the vault is not open")
        return self._store

    def _open_keys(self) -> StationKeys:
        if self._keys is None:
            raise RuntimeError("the vault is not open")
        return self._keys

    def _open_journal(self) -> Journal:
        if self._journal is None:
            raise RuntimeError("no session is open")
        return self._journal

    def _unfinished(self) -> tuple[str, ...]:
        stored = {record.record_id for record in self._open_store().records()}
        waiting = []
        for path in find_unfinished(self._journals):
            session_id = path.name.rpartition(".")[0]
            if session_id in stored:
                # sealed and committed, and then the power went before the journal was wiped
                journal, _ = Journal.resume(path, self._open_keys().journal_key)
                journal.wipe()
            else:
                waiting.append(session_id)
        return tuple(waiting)

    def _begin(self, session_id: str) -> None:
        self._open_store().check_space()
        self._journal = Journal.create(self._journals, session_id, self._open_keys().journal_key)

    def _resume(self, session_id: str) -> list[tuple[Json, Sequence[bytes]]]:
        for path in find_unfinished(self._journals):
            if path.name.rpartition(".")[0] == session_id:
                self._journal, entries = Journal.resume(path, self._open_keys().journal_key)
                return [(dict(entry.event), entry.blobs) for entry in entries]
        raise LookupError(session_id)

    def _wipe(self) -> None:
        if self._journal is not None:
            self._journal.wipe()
            self._journal = None

    def _seal(self, content: RecordContent) -> SealedRecord:
        store = self._open_store()
        stored = seal_and_store(content, self._open_keys(), store)
        return SealedRecord(stored, store.object_path(stored.record_id))

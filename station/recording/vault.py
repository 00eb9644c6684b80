"""The one thread that touches the disk: journals, store and audit, behind coroutines.

SQLite wants one connection on one thread, and an fsync may take long on an old disk: neither may
hold up the screen. Nothing here decides anything.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from drivers.worker import DaemonThread
from station.errors import AcceptedLost, SessionUnreadable, StoreError
from station.recording.attempt import Json
from station.records.files import private_folder, storage_error
from station.records.journal import Journal, find_unfinished
from station.records.keys import StationKeys
from station.records.rows import RecordState
from station.records.store import RecordStore
from station.records.writer import seal_and_store

if TYPE_CHECKING:
    from station.records.content import RecordContent
    from station.records.rows import StoredRecord

T = TypeVar("T")
Entries = list[tuple[Json, Sequence[bytes]]]
log = logging.getLogger(__name__)

CLOSE_PATIENCE = 5.0
"""Seconds that a write under way gets to end; a hung medium must not keep the program."""


@dataclass(frozen=True, slots=True)
class SealedRecord:
    """A stored record and the file in which it lies."""

    row: StoredRecord
    path: Path


@dataclass(frozen=True, slots=True)
class StoreHealth:
    """What the start found in the store."""

    records: int
    damaged: tuple[str, ...]
    unfinished: tuple[str, ...]


class Vault:
    """Opens nothing before `open`; `close` is idempotent and waits for what is being written."""

    def __init__(self, data: Path, station: str, keys: Callable[[Path], StationKeys]) -> None:
        self._data = data
        self._station = station
        self._load_keys = keys
        self._keys: StationKeys | None = None
        self._store: RecordStore | None = None
        self._journal: Journal | None = None
        self._thread: DaemonThread | None = None

    async def open(self) -> StoreHealth:
        """Load the keys, take the store, and look at what is there; raises what those raise."""
        self._thread = DaemonThread("vault")
        return await self._on_thread(self._open)

    async def close(self) -> None:
        """Close journal and store; the journal stays for the next start."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        closing = asyncio.wrap_future(thread.submit(self._close))
        thread.stop()
        await asyncio.wait({closing}, timeout=CLOSE_PATIENCE)
        if closing.done() and (error := closing.exception()) is not None:
            log.error("closing the store failed: %s", type(error).__name__)

    async def begin(self, session_id: str) -> None:
        """Check the space and create the journal of a new session."""
        await self._on_thread(lambda: self._begin(session_id))

    async def resume(self, session_id: str) -> Entries:
        """Reopen the journal of a session and return its entries.

        Raises:
            SessionUnreadable: there is none, or nothing was ever written into it (it is removed).
            AcceptedLost: the audit log knows an accepted step that the journal does not hold.
        """
        return await self._on_thread(lambda: self._resume(session_id))

    async def let_go(self) -> None:
        """Close the open journal and keep it for another try."""
        await self._on_thread(self._close_journal)

    async def append(self, event: Json, blobs: Sequence[bytes] = ()) -> None:
        """Make one journal entry durable before returning."""
        await self._on_thread(lambda: self._open_journal().append(event, blobs))

    async def wipe(self) -> None:
        """Destroy the journal of the current session; nothing happens when none is open."""
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
        if self._thread is None:
            raise RuntimeError("the vault is not open")

        def guarded() -> T:
            try:
                return work()
            except OSError as error:
                raise storage_error(error, str(error.filename or self._data)) from error

        return await asyncio.wrap_future(self._thread.submit(guarded))

    @property
    def _journals(self) -> Path:
        return self._data / "journal"

    def _open(self) -> StoreHealth:
        private_folder(self._data)
        private_folder(self._journals)
        self._keys = self._load_keys(self._data / "keys")
        self._store = RecordStore(
            self._data / "records", station=self._station, signer=self._keys.signer
        )
        records = self._store.records()
        sound = {r.record_id for r in records if r.state is RecordState.SEALED}
        return StoreHealth(
            records=len(records),
            damaged=tuple(r.record_id for r in records if r.state is RecordState.DAMAGED),
            unfinished=self._clear_up(sound),
        )

    def _clear_up(self, sealed: set[str]) -> tuple[str, ...]:
        """Remove journals of sessions that ended; return the sessions that wait.

        The power may go, or the disk refuse, between the commit or the cancelling and the wiping of
        the journal. A journal whose record is damaged is kept: it is the only copy.
        """
        waiting = []
        for path in find_unfinished(self._journals):
            session_id = path.name.rpartition(".")[0]
            ended = session_id in sealed or was_cancelled(self._open_store().audit_of(session_id))
            if not ended:
                waiting.append(session_id)
                continue
            try:
                Journal.discard(path)
            except StoreError as error:
                log.error("a sealed session's journal could not be removed: %s", error.code)
        return tuple(waiting)

    def _close(self) -> None:
        self._close_journal()
        if self._store is not None:
            self._store.close()
            self._store = None

    def _close_journal(self) -> None:
        if self._journal is not None:
            self._journal.close()
            self._journal = None

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

    def _begin(self, session_id: str) -> None:
        self._close_journal()
        self._open_store().check_space()
        self._journal = Journal.create(self._journals, session_id, self._open_keys().journal_key)

    def _resume(self, session_id: str) -> Entries:
        self._close_journal()
        paths = {p.name.rpartition(".")[0]: p for p in find_unfinished(self._journals)}
        if session_id not in paths:
            raise SessionUnreadable(f"{session_id}: no journal")
        self._refuse_loss(session_id, paths[session_id])
        self._journal, entries = Journal.resume(paths[session_id], self._open_keys().journal_key)
        if not entries:
            self._wipe()
            raise SessionUnreadable(f"{session_id}: nothing was written; removed")
        return [(dict(entry.event), entry.blobs) for entry in entries]

    def _refuse_loss(self, session_id: str, path: Path) -> None:
        """Compare with the audit log before the old file is replaced: it is the only evidence."""
        entries = Journal.peek(path, self._open_keys().journal_key)
        held = [str(entry.event.get("step")) for entry in entries]
        for step in accepted_steps(self._open_store().audit_of(session_id)):
            if step not in held:
                raise AcceptedLost(f"{session_id}: {step}")

    def _wipe(self) -> None:
        journal, self._journal = self._journal, None
        if journal is not None:
            journal.wipe()

    def _seal(self, content: RecordContent) -> SealedRecord:
        store = self._open_store()
        stored = seal_and_store(content, self._open_keys(), store)
        return SealedRecord(stored, store.object_path(stored.record_id))


def was_cancelled(rows: Sequence[tuple[str, Json]]) -> bool:
    """Whether the last word of the audit log on a session is that it was cancelled."""
    last = [e for e, _ in rows if e in ("recording.cancelled", "recording.resumed")]
    return last[-1:] == ["recording.cancelled"]


def accepted_steps(rows: Sequence[tuple[str, Json]]) -> set[str]:
    """What the audit log says of a session: the steps accepted and not taken back since."""
    accepted: set[str] = set()
    for event, detail in rows:
        step = str(detail.get("step"))
        if event in ("recording.step-done", "recording.last-step-done"):
            accepted.add(step)
        elif event == "recording.step-reopened":
            accepted -= {step, "index_verification"}
    return accepted

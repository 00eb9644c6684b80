"""The record store: sealed file, database row and audit leaf are durable before it says so.

Order of a commit: files under temporary names, synchronised, renamed, folder synchronised; then one
transaction with row and audit leaf. One process owns the store. Nothing in the database is
personal, and sealed records are the only form in which personal data lies here.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from drivers.clock import Clock, RealClock
from station.records import rows
from station.records.audit import SEALED_EVENT, AuditCheck, AuditLog, Detail
from station.records.content import utc_text
from station.records.database import Database
from station.records.errors import (
    DiskFull,
    LowSpace,
    RecordExists,
    StorageFailed,
    StoreDamaged,
    UnknownRecord,
)
from station.records.files import DISK, Files, private_folder, storage_error
from station.records.keys import Signer
from station.records.manifest import AuditHead
from station.records.objects import RECORD_ID, SIGNATURE_SUFFIX, SealedObjects
from station.records.ownership import OwnerLock
from station.records.rows import RecordMeta, RecordState, StoredRecord

FLOOR_BYTES: Final = 1 << 30
FLOOR_RECORDS: Final = 200
"""No new recording below max(1 GiB, 200 records of the mean size) of free space."""
START_HASH_BYTES: Final = 512 << 20
"""How much is re-hashed at each start, the newest records first; about 0.4 s."""
_REAL_CLOCK: Final = RealClock()


def free_bytes_of(folder: Path) -> int:
    """Return what the medium of `folder` has left for this user."""
    return shutil.disk_usage(folder).free


class RecordStore:
    """The records of one station; calls may come from any thread and run one after the other."""

    def __init__(
        self,
        root: Path,
        *,
        station: str,
        signer: Signer | None = None,
        clock: Clock = _REAL_CLOCK,
        files: Files = DISK,
        free_bytes: Callable[[Path], int] = free_bytes_of,
    ) -> None:
        """Take ownership of the store in `root`, and repair what a crash left.

        Args:
            root: its folder, made on first use.
            station: code of this station, written into every audit entry.
            signer: signs checkpoints of the audit log; without it none are written.
            clock: the wall clock for rows and audit entries.
            files: how sealed files are written.
            free_bytes: asks the medium for its free space.

        Raises:
            StoreOwned: another process, or another opener in this one, has it open.
            StoreDamaged: the database fails its check.
            AuditBroken: the audit log cannot be continued.
            KeyExposed: other users may write in `root`.
            DiskFull, StorageFailed.
        """
        private_folder(root)
        self._root = root
        self._signer = signer
        self._clock = clock
        self._free_bytes = free_bytes
        self._objects = SealedObjects(root, files)
        self._owner = OwnerLock.take(root / "store.lock")
        try:
            self._objects.prepare()
            if not (root / "station.db").exists() and (sealed := self._objects.count()):
                # setting them aside would hide that rows and audit log are gone
                raise StoreDamaged(f"{root}: {sealed} sealed files and no database")
            self._database = Database(root / "station.db")
        except BaseException:
            self._owner.release()
            raise
        self._audit = AuditLog(self._database.connection, station, clock)
        try:
            self.recover()
        except BaseException:
            self._database.close()
            self._owner.release()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def commit(self, sealed: bytes, signature: bytes, meta: RecordMeta) -> StoredRecord:
        """Store a sealed record with its detached signature; durable when this returns.

        Raises:
            ValueError: the record id is no lower-case UUID.
            RecordExists: this id is stored already.
            DiskFull: nothing was stored, the call may be repeated.
            StorageFailed: unknown; reopen the store, it then either has the record or not.
        """
        if not RECORD_ID.fullmatch(meta.record_id):
            raise ValueError("a record id is a lower-case UUID")
        with self._database.guard:
            if self.get(meta.record_id) is not None:
                raise RecordExists(meta.record_id)
            record = self._describe(sealed, meta)
            try:
                self._objects.write(meta.record_id, sealed, signature)
                self._commit_row(record)
            except DiskFull:
                # certainly not committed: give the space back at once
                with contextlib.suppress(OSError):
                    self._objects.remove(meta.record_id)
                raise
            except StorageFailed:
                self._database.give_up()
                raise
            return record

    def _commit_row(self, record: StoredRecord) -> None:
        with self._database.transaction() as connection:
            rows.insert(connection, record)
            self._audit.append(
                SEALED_EVENT,
                {"sha256": record.sha256, "size": record.size},
                actor=record.operator,
                record=record.record_id,
            )
            self._sign_when_due()

    def _describe(self, sealed: bytes, meta: RecordMeta) -> StoredRecord:
        return StoredRecord(
            record_id=meta.record_id,
            sequence=self.next_sequence(),
            sha256=hashlib.sha256(sealed).hexdigest(),
            size=len(sealed),
            state=RecordState.SEALED,
            sealed_at=utc_text(self._clock.utc_now()),
            operator=meta.operator,
            recipients=meta.recipients,
            simulated=meta.simulated,
        )

    def records(self) -> list[StoredRecord]:
        """List all records, the oldest first."""
        with self._database.reading() as connection:
            return rows.select_all(connection)

    def get(self, record_id: str) -> StoredRecord | None:
        """Return one record, None when it is not there."""
        with self._database.reading() as connection:
            return rows.select_one(connection, record_id)

    def object_path(self, record_id: str) -> Path:
        """Return the sealed file of a record.

        Raises:
            UnknownRecord: no such record.
        """
        if self.get(record_id) is None:
            raise UnknownRecord("no record of this id")
        return self._objects.path(record_id)

    def signature_path(self, record_id: str) -> Path:
        """Return the detached signature of a record.

        Raises:
            UnknownRecord: no such record.
        """
        return self.object_path(record_id).with_suffix(SIGNATURE_SUFFIX)

    def next_sequence(self) -> int:
        """Return the number that the next record of this station gets, counted from 1."""
        with self._database.reading() as connection:
            return rows.next_sequence(connection)

    def head(self) -> AuditHead:
        """Return size and root of the audit log, for the manifest of the next record."""
        with self._database.reading():
            frontier = self._audit.frontier()
            return AuditHead(size=frontier.size, root=frontier.root.hex())

    def append_event(
        self, event: str, detail: Detail | None = None, *, actor: str = "system", record: str = ""
    ) -> int:
        """Write one audit entry of its own and return its number; durable when this returns.

        Raises:
            AuditRefused: the entry looks like personal data.
            DiskFull, StorageFailed, AuditBroken.
        """
        with self._database.transaction():
            number = self._audit.append(event, detail or {}, actor=actor, record=record)
            self._sign_when_due()
            return number

    def audit_of(self, session_id: str) -> list[tuple[str, dict[str, object]]]:
        """Give event and detail of every audit row of one session, the oldest first."""
        with self._database.reading():
            return self._audit.mentioning(session_id)

    def _sign_when_due(self) -> None:
        if self._signer is not None and self._audit.is_checkpoint_due():
            self._audit.write_checkpoint(self._signer.key)

    def last_checkpoint(self) -> bytes | None:
        """Return the newest signed checkpoint, for somebody else to keep."""
        with self._database.reading():
            return self._audit.last_checkpoint()

    def verify_chain(self, kept_note: bytes | None = None) -> AuditCheck:
        """Recompute the audit log and compare every record with its leaf.

        `kept_note` is a checkpoint kept elsewhere; it shows whether the end was cut off. Signatures
        are checked when the store was opened with a signer.
        """
        public = None if self._signer is None else self._signer.key.public_key()
        with self._database.reading() as connection:
            check = self._audit.verify(public, kept_note)
            stored = {record.record_id: record.sha256 for record in rows.select_all(connection)}
        problems = [
            f"record {record_id} and the audit log differ"
            for record_id in sorted(stored.keys() | check.sealed.keys())
            if stored.get(record_id) != check.sealed.get(record_id)
        ]
        return check.with_problems(problems)

    def check_space(self) -> int:
        """Return the free bytes of the medium.

        Raises:
            LowSpace: too few for a new recording.
            StorageFailed: the medium cannot be asked.
        """
        with self._database.reading() as connection:
            floor = max(FLOOR_BYTES, int(FLOOR_RECORDS * rows.mean_size(connection)))
        try:
            free = self._free_bytes(self._root)
        except OSError as error:
            raise storage_error(error, str(self._root)) from error
        if free < floor:
            raise LowSpace(f"{free >> 20} MiB free, {floor >> 20} MiB needed")
        return free

    def recover(self) -> None:
        """Repair what a crash left; runs at each start.

        Half-written files go, files without a row are set aside, rows without their whole file
        become DAMAGED; what was found is an audit event.
        """
        with self._database.guard:
            known = {record.record_id for record in self.records()}
            try:
                self._objects.remove_unfinished()
                orphans = self._objects.set_aside_orphans(known)
            except OSError as error:
                raise StorageFailed("recovery of the sealed files failed") from error
            for path in orphans:
                # a file that somebody else put here may have any name
                record = path.stem if RECORD_ID.fullmatch(path.stem) else ""
                self.append_event("fault.orphan", {"kind": path.suffix}, record=record)
            self._update_states(START_HASH_BYTES)

    def check_objects(self) -> list[str]:
        """Re-hash every record, update the states, and return the ids that are DAMAGED."""
        self._update_states(None)
        return [r.record_id for r in self.records() if r.state is RecordState.DAMAGED]

    def _update_states(self, hash_budget: int | None) -> None:
        """Compare rows with files, the newest first, hashing no more bytes than the budget."""
        with self._database.guard:
            hashed = 0
            for record in reversed(self.records()):
                # the size alone would call a damaged one whole again
                is_hashed = record.state is RecordState.DAMAGED or (
                    hash_budget is None or hashed + record.size <= hash_budget
                )
                hashed += record.size if is_hashed else 0
                whole = self._objects.is_whole(
                    record.record_id, record.size, record.sha256 if is_hashed else None
                )
                state = RecordState.SEALED if whole else RecordState.DAMAGED
                if state is not record.state:
                    self._set_state(record.record_id, state)

    def _set_state(self, record_id: str, state: RecordState) -> None:
        event = "record.damaged" if state is RecordState.DAMAGED else "record.restored"
        with self._database.transaction() as connection:
            rows.set_state(connection, record_id, state)
            self._audit.append(event, {}, actor="system", record=record_id)

    def close(self) -> None:
        """Sign a last checkpoint and release the store; repeated calls do nothing.

        Raises:
            StorageFailed, AuditBroken: no checkpoint was written; the store is released all the
                same.
        """
        with self._database.guard:
            try:
                # on a full disk the next start signs what this one cannot
                with contextlib.suppress(DiskFull):
                    if self._signer is not None and self._database.is_usable:
                        with self._database.transaction():
                            self._audit.write_checkpoint(self._signer.key)
            finally:
                self._database.close()
                self._owner.release()

"""The audit log: append-only rows under a Merkle tree, in the same database as the records.

A leaf is canonical JSON stored verbatim, `{at, actor, detail, event, record, seq, station}`. Codes,
counts and hashes only: an entry that looks like a NIK is refused.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from drivers.clock import Clock
from station.records.canonical import canonical
from station.records.checkpoint import sign_checkpoint, verify_checkpoint
from station.records.content import utc_text
from station.records.errors import AuditBroken, AuditRefused, SignatureInvalid, StructureInvalid
from station.records.merkle import Frontier, unpack_frontier

TABLES: Final = (
    "CREATE TABLE audit("
    "seq INTEGER PRIMARY KEY, body BLOB NOT NULL, frontier BLOB NOT NULL) STRICT",
    "CREATE TABLE checkpoint(size INTEGER PRIMARY KEY, note BLOB NOT NULL) STRICT",
)
CHECKPOINT_INTERVAL: Final = 256
SEALED_EVENT: Final = "record.sealed"

Detail = Mapping[str, str | int | bool]

# 16 digits that are not part of a longer hexadecimal number
_NIK_LIKE = re.compile(r"(?<![0-9a-f])\d{16}(?![0-9a-f])")


@dataclass(frozen=True, slots=True)
class AuditCheck:
    """Result of recomputing the log: `problems` are violations, `clock_steps` times going back."""

    size: int
    root: str
    problems: tuple[str, ...] = ()
    clock_steps: int = 0
    sealed: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Record id to the sha256 that its leaf states."""

    def with_problems(self, more: Sequence[str]) -> AuditCheck:
        """Return the same result with further problems."""
        return replace(self, problems=(*self.problems, *more))

    @property
    def is_sound(self) -> bool:
        """Whether nothing contradicts the log."""
        return not self.problems


class AuditLog:
    """The log inside an open database; the caller owns connection and transactions."""

    def __init__(self, connection: sqlite3.Connection, station: str, clock: Clock) -> None:
        self._connection = connection
        self._station = station
        self._clock = clock

    def frontier(self) -> Frontier:
        """Return the tree after the last row.

        Raises:
            AuditBroken: the last row contradicts itself.
        """
        row = self._connection.execute(
            "SELECT seq, frontier FROM audit ORDER BY seq DESC LIMIT 1"
        ).fetchone()
        if row is None:
            return Frontier()
        try:
            return unpack_frontier(row[0], row[1])
        except ValueError as error:
            raise AuditBroken(f"row {row[0]} of the audit log") from error

    def append(self, event: str, detail: Detail, *, actor: str, record: str = "") -> int:
        """Add one row inside the caller's transaction and return its number, counted from 1.

        Raises:
            AuditRefused: the entry looks like personal data.
            AuditBroken: the log cannot be continued.
        """
        frontier = self.frontier()
        sequence = frontier.size + 1
        body = canonical(
            {
                "actor": actor,
                "at": utc_text(self._clock.utc_now()),
                "detail": dict(detail),
                "event": event,
                "record": record,
                "seq": sequence,
                "station": self._station,
            }
        )
        if _NIK_LIKE.search(body.decode()):
            raise AuditRefused("an entry holds something that looks like a NIK")
        self._connection.execute(
            "INSERT INTO audit VALUES(?, ?, ?)", (sequence, body, frontier.append(body).packed)
        )
        return sequence

    def mentioning(self, text: str) -> list[tuple[str, dict[str, object]]]:
        """Give event and detail of every row whose body holds `text`, the oldest first."""
        found = self._connection.execute(
            "SELECT body FROM audit WHERE instr(body, ?) > 0 ORDER BY seq", (text.encode(),)
        )
        bodies = [json.loads(body) for (body,) in found]
        return [(body["event"], body["detail"]) for body in bodies]

    def is_checkpoint_due(self) -> bool:
        """Whether `CHECKPOINT_INTERVAL` rows have no checkpoint yet."""
        return self.frontier().size - self._checkpointed_size() >= CHECKPOINT_INTERVAL

    def write_checkpoint(self, key: ec.EllipticCurvePrivateKey) -> bytes | None:
        """Sign the present state inside the caller's transaction; None when nothing is new."""
        frontier = self.frontier()
        if frontier.size == self._checkpointed_size():
            return None
        note = sign_checkpoint(self._station, frontier, key)
        self._connection.execute("INSERT INTO checkpoint VALUES(?, ?)", (frontier.size, note))
        return note

    def last_checkpoint(self) -> bytes | None:
        """Return the newest signed checkpoint, None when there is none."""
        row = self._connection.execute(
            "SELECT note FROM checkpoint ORDER BY size DESC LIMIT 1"
        ).fetchone()
        return None if row is None else bytes(row[0])

    def _checkpointed_size(self) -> int:
        row = self._connection.execute("SELECT max(size) FROM checkpoint").fetchone()
        return int(row[0] or 0)

    def verify(
        self, public: ec.EllipticCurvePublicKey | None, kept_note: bytes | None = None
    ) -> AuditCheck:
        """Recompute the whole log.

        Args:
            public: the station's key; without it checkpoints are compared but not verified.
            kept_note: a checkpoint kept elsewhere, which shows whether the end was cut off.
        """
        notes = dict(self._connection.execute("SELECT size, note FROM checkpoint"))
        problems: list[str] = []
        kept = None
        if kept_note is not None and public is not None:
            try:
                kept = verify_checkpoint(kept_note, self._station, public)
            except (SignatureInvalid, StructureInvalid) as error:
                problems.append(f"kept checkpoint: {error.detail}")
        reader = _LogReader(self._station, {*notes, kept.size if kept else 0})
        for row in self._connection.execute("SELECT seq, body, frontier FROM audit ORDER BY seq"):
            reader.read(*row)
        problems += self._checkpoint_problems(notes, reader.roots, public)
        if kept is not None and reader.roots.get(kept.size) != kept.root:
            problems.append(f"the log differs from the kept checkpoint of {kept.size} rows")
        return AuditCheck(
            reader.frontier.size,
            reader.frontier.root.hex(),
            (*reader.problems, *problems),
            reader.clock_steps,
            reader.sealed,
        )

    def _checkpoint_problems(
        self,
        notes: Mapping[int, bytes],
        roots: Mapping[int, bytes],
        public: ec.EllipticCurvePublicKey | None,
    ) -> list[str]:
        if public is None:
            return []
        problems = []
        for size, note in notes.items():
            try:
                stated = verify_checkpoint(note, self._station, public)
            except (SignatureInvalid, StructureInvalid) as error:
                problems.append(f"checkpoint {size}: {error.detail}")
                continue
            if stated.size != size or roots.get(size) != stated.root:
                problems.append(f"checkpoint {size} differs from the log")
        return problems


class _LogReader:
    """Goes over the rows in order and collects what is wrong with them."""

    def __init__(self, station: str, wanted_roots: set[int]) -> None:
        self.frontier = Frontier()
        self.roots = {0: self.frontier.root}
        self._wanted_roots = wanted_roots
        self.problems: list[str] = []
        self.clock_steps = 0
        self.sealed: dict[str, str] = {}
        self._station = station
        self._last_at = ""

    def read(self, sequence: int, body: bytes, packed: bytes) -> None:
        self.frontier = self.frontier.append(body)
        if sequence != self.frontier.size:
            self.problems.append(f"row {sequence} follows row {self.frontier.size - 1}")
            # continue from its own number: one gap is one problem, not one for each later row
            self.frontier = _resume_at(sequence, packed)
        elif packed != self.frontier.packed:
            self.problems.append(f"row {sequence} does not continue the tree")
            self.frontier = _resume_at(sequence, packed)
        if sequence in self._wanted_roots:
            self.roots[sequence] = self.frontier.root
        self._read_body(sequence, body)

    def _read_body(self, sequence: int, body: bytes) -> None:
        try:
            leaf = json.loads(body)
            stated, at, event = leaf["seq"], leaf["at"], leaf["event"]
            record, detail = leaf["record"], leaf["detail"]
        except (ValueError, LookupError, TypeError):
            self.problems.append(f"row {sequence} is no audit entry")
            return
        if stated != sequence or leaf.get("station") != self._station:
            self.problems.append(f"row {sequence} states another number or station")
        if not isinstance(at, str) or at < self._last_at:
            self.clock_steps += 1
        self._last_at = str(at)
        if event == SEALED_EVENT and isinstance(detail, dict):
            self.sealed[str(record)] = str(detail.get("sha256", ""))


def _resume_at(sequence: int, packed: bytes) -> Frontier:
    try:
        return unpack_frontier(sequence, packed)
    except ValueError:
        return Frontier(sequence, (bytes(32),) * sequence.bit_count())

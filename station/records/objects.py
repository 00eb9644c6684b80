"""The sealed records as files: `objects/<last two hex digits of the id>/<id>.cms` and `.sig`."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from station.records.errors import StorageFailed
from station.records.files import Files, create_durable, storage_error

RECORD_ID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
"""Lower-case UUID; nothing else becomes a file name, least of all a NIK."""
SEALED_SUFFIX: Final = ".cms"
SIGNATURE_SUFFIX: Final = ".sig"
_TEMPORARY_SUFFIX = ".tmp"


class SealedObjects:
    """The folder of sealed records; the first digits of a UUIDv7 are time, the last ones spread."""

    def __init__(self, root: Path, files: Files) -> None:
        self._folder = root / "objects"
        self._quarantine = root / "quarantine"
        self._files = files

    def prepare(self) -> None:
        """Make all folders, durable once, so that a commit needs to synchronise one folder only.

        Raises:
            DiskFull, StorageFailed.
        """
        try:
            folder = self._folder
            existing = {path.name for path in folder.iterdir()} if folder.exists() else ()
            missing = [name for name in (f"{n:02x}" for n in range(256)) if name not in existing]
            self._quarantine.mkdir(mode=0o700, parents=True, exist_ok=True)
            for name in missing:
                (self._folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
            if missing:
                self._files.sync_folder(self._folder)
                self._files.sync_folder(self._folder.parent)
        except OSError as error:
            raise storage_error(error, str(self._folder)) from error

    def count(self) -> int:
        """How many sealed records lie here, with or without a row."""
        return sum(1 for _ in self._folder.glob(f"??/*{SEALED_SUFFIX}"))

    def path(self, record_id: str, suffix: str = SEALED_SUFFIX) -> Path:
        """Return where a file of a record lies."""
        return self._folder / record_id[-2:] / f"{record_id}{suffix}"

    def write(self, record_id: str, sealed: bytes, signature: bytes) -> None:
        """Make both files durable; an older pair of the same id is replaced.

        Raises:
            DiskFull, StorageFailed: at most an orphan is left, which the next start sets aside.
        """
        contents = ((SIGNATURE_SUFFIX, signature), (SEALED_SUFFIX, sealed))
        for suffix, data in contents:
            target = self.path(record_id, suffix)
            temporary = target.with_name(f".{target.name}{_TEMPORARY_SUFFIX}")
            self._files.close(create_durable(self._files, target, temporary, data))
        try:
            self._files.sync_folder(self.path(record_id).parent)
        except OSError as error:
            raise StorageFailed(f"{record_id}: sync of the folder failed") from error

    def remove(self, record_id: str) -> None:
        """Delete both files of a record that was never announced."""
        for suffix in (SEALED_SUFFIX, SIGNATURE_SUFFIX):
            self._files.unlink(self.path(record_id, suffix))

    def remove_unfinished(self) -> int:
        """Delete what a crash left half-written and return how many files that were."""
        unfinished = list(self._folder.glob(f"??/.*{_TEMPORARY_SUFFIX}"))
        for path in unfinished:
            self._files.unlink(path)
        return len(unfinished)

    def set_aside_orphans(self, known: set[str]) -> list[Path]:
        """Move files of unknown records to the quarantine and return where they were."""
        orphans = sorted(path for path in self._all() if path.stem not in known)
        for path in orphans:
            target = self._quarantine / path.name
            number = 1
            while target.exists():
                target = self._quarantine / f"{path.name}.{number}"
                number += 1
            self._files.rename(path, target)
        if orphans:
            for folder in {self._quarantine, *(path.parent for path in orphans)}:
                self._files.sync_folder(folder)
        return orphans

    def _all(self) -> Iterator[Path]:
        for suffix in (SEALED_SUFFIX, SIGNATURE_SUFFIX):
            yield from self._folder.glob(f"??/*{suffix}")

    def is_whole(self, record_id: str, size: int, sha256: str | None) -> bool:
        """Whether a record's files are there with their size and, unless None, their hash."""
        path = self.path(record_id)
        try:
            if path.stat().st_size != size or not self.path(record_id, SIGNATURE_SUFFIX).exists():
                return False
            return sha256 is None or file_sha256(path) == sha256
        except OSError:
            return False


def file_sha256(path: Path) -> str:
    """Return the lower-case hexadecimal SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

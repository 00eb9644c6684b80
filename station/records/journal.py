"""The journal of one recording in progress: what was accepted is on disk before anyone says so."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from station.records.canonical import Json
from station.records.errors import (
    DiskFull,
    JournalDamaged,
    JournalExists,
    JournalKeyWrong,
    StorageFailed,
)
from station.records.files import (
    DISK,
    WRITABLE_BY_OTHERS,
    Files,
    create_durable,
    is_no_space,
    private_folder,
    refuse_exposed,
    storage_error,
    write_all,
)
from station.records.frames import (
    MAX_FRAME_BYTES,
    SESSION_ID,
    Entry,
    FrameCipher,
    Header,
    Reading,
    encode_entry,
    parse_header,
    read_frames,
)

CONTENT_KEY_BYTES = 32
_NAME = re.compile(rf"({SESSION_ID.pattern})\.(\d{{1,10}})")
_TEMPORARY_NAME = re.compile(rf"\.{_NAME.pattern}\.tmp")


class Journal:
    """An open journal file `<session id>.<generation>`; one caller at a time.

    Resuming never continues an old file: the accepted entries move to the next generation under a
    fresh content key. A removal of whole frames from the end cannot be noticed here; the audit log
    holds the events too.
    """

    def __init__(
        self,
        path: Path,
        cipher: FrameCipher,
        descriptor: int,
        *,
        entries: int,
        end: int,
        files: Files,
    ) -> None:
        """Wrap an open file; use `create` or `resume`."""
        self._path = path
        self._cipher = cipher
        self._descriptor = descriptor
        self._entries = entries
        self._counter = entries
        self._end = end
        self._files = files
        self.torn_bytes = 0
        """Bytes of a frame, torn by the end of the last run, that `resume` left out."""

    def __repr__(self) -> str:
        return f"Journal({self._path.name}, {self._entries} entries)"

    @property
    def path(self) -> Path:
        """The file of the current generation."""
        return self._path

    @property
    def session_id(self) -> str:
        """The session that this journal belongs to."""
        return self._path.name.rpartition(".")[0]

    @classmethod
    def create(cls, folder: Path, session_id: str, key: bytes, files: Files = DISK) -> Journal:
        """Begin the journal of a new session; `key` is the 32-byte journal key.

        Raises:
            ValueError: the session id cannot be a file name.
            JournalExists: the session has one already.
            KeyExposed: other users may write in `folder`.
            DiskFull, StorageFailed: nothing was created.
        """
        if not SESSION_ID.fullmatch(session_id):
            raise ValueError("a session id is 1 to 64 letters, digits, '-' or '_'")
        private_folder(folder)
        if _generations(folder, session_id):
            raise JournalExists(f"{folder}: session has a journal")
        return cls._write_generation(folder, session_id, 0, key, [], files)

    @classmethod
    def resume(cls, path: Path, key: bytes, files: Files = DISK) -> tuple[Journal, list[Entry]]:
        """Reopen the journal at `path` (any generation of it) and return its entries.

        Raises:
            JournalDamaged: damaged before its end; every file is left as it was.
            JournalKeyWrong: `key` does not open it.
            KeyExposed: other users may write in its folder.
            DiskFull, StorageFailed: the old generation is left as it was.
        """
        folder, session_id = path.parent, path.name.rpartition(".")[0]
        newest, reading = _read_newest(path, key)
        generation = int(newest.name.rpartition(".")[2]) + 1
        journal = cls._write_generation(folder, session_id, generation, key, reading.entries, files)
        journal.torn_bytes = reading.torn_bytes
        try:
            _remove(files, folder, _generations(folder, session_id)[:-1])
        except StorageFailed:
            journal.close()
            raise
        return journal, reading.entries

    @staticmethod
    def peek(path: Path, key: bytes) -> list[Entry]:
        """Read the entries of a journal and change nothing; raises as `resume`."""
        return _read_newest(path, key)[1].entries

    @classmethod
    def _write_generation(
        cls,
        folder: Path,
        session_id: str,
        generation: int,
        key: bytes,
        entries: Sequence[Entry],
        files: Files,
    ) -> Journal:
        content_key = os.urandom(CONTENT_KEY_BYTES)
        header = Header(session_id, generation, aes_key_wrap(key, content_key))
        cipher = FrameCipher(header, content_key)
        frames = (
            cipher.seal(number, encode_entry(number, entry.event, entry.blobs))
            for number, entry in enumerate(entries)
        )
        data = b"".join((header.data, *frames))
        path = folder / f"{session_id}.{generation}"
        descriptor = create_durable(files, path, folder / f".{path.name}.tmp", data)
        journal = cls(path, cipher, descriptor, entries=len(entries), end=len(data), files=files)
        try:
            files.sync_folder(folder)
        except OSError as error:
            journal.close()
            with contextlib.suppress(OSError):
                files.unlink(path)
            raise storage_error(error, folder.name) from error
        return journal

    def append(self, event: Mapping[str, Json], blobs: Sequence[bytes] = ()) -> None:
        """Make one event and its samples durable; it is on the medium when this returns.

        Raises:
            DiskFull: nothing was appended; the journal goes on when there is space again.
            StorageFailed: unknown whether it was appended; close, then `resume`.
            ValueError: the event is no JSON, or the samples exceed 256 MiB.
        """
        if self._descriptor < 0:
            raise StorageFailed(f"{self._path.name} is closed")
        body = encode_entry(self._entries, event, blobs)
        if len(body) > MAX_FRAME_BYTES - 16:
            raise ValueError(f"an entry of {len(body)} bytes is too large")
        frame = self._cipher.seal(self._counter, body)
        # counted before writing: bytes of a refused frame may already be on the medium
        self._counter += 1
        try:
            write_all(self._files, self._descriptor, frame, self._end)
        except OSError as error:
            self._take_back(error)
        try:
            self._files.sync_data(self._descriptor)
        except OSError as error:
            # the kernel has marked the pages clean: a second fsync would succeed without writing
            self.close()
            raise StorageFailed(f"{self._path.name}: sync failed") from error
        self._end += len(frame)
        self._entries += 1

    def _take_back(self, error: OSError) -> None:
        """Remove the part of a frame that was written, and raise."""
        try:
            self._files.truncate(self._descriptor, self._end)
        except OSError as second:
            self.close()
            raise StorageFailed(f"{self._path.name}: cannot take back a frame") from second
        if is_no_space(error):
            raise DiskFull(self._path.name) from error
        self.close()
        raise storage_error(error, self._path.name) from error

    def close(self) -> None:
        """Close the file and keep it; repeated calls do nothing."""
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            self._files.close(descriptor)

    def wipe(self) -> None:
        """Close and delete every generation; ciphertext may remain until the key is renewed.

        Raises:
            StorageFailed: the files may still be there.
        """
        self.close()
        self.discard(self._path, self._files)

    @staticmethod
    def discard(path: Path, files: Files = DISK) -> None:
        """Delete every generation of the journal at `path` without reading it or needing its key.

        For a session whose record is sealed already, however damaged its journal may be.

        Raises:
            ValueError: `path` is no journal's.
            StorageFailed: the files may still be there.
        """
        match = _NAME.fullmatch(path.name)
        if match is None:
            raise ValueError("a journal is named <session id>.<generation>")
        folder, session_id = path.parent, match[1]
        unfinished = [
            found
            for found in _entries(folder)
            if (name := _TEMPORARY_NAME.fullmatch(found.name)) and name[1] == session_id
        ]
        _remove(files, folder, _generations(folder, session_id) + unfinished)


def _remove(files: Files, folder: Path, paths: Sequence[Path]) -> None:
    try:
        for path in paths:
            files.unlink(path)
        files.sync_folder(folder)
    except OSError as error:
        raise StorageFailed(f"{folder.name}: cannot remove a journal") from error


def _read_newest(path: Path, key: bytes) -> tuple[Path, Reading]:
    """Read the newest generation of the session to which `path` belongs."""
    folder, session_id = path.parent, path.name.rpartition(".")[0]
    newest = (_generations(folder, session_id)[-1:] or [path])[0]
    try:
        refuse_exposed(folder, WRITABLE_BY_OTHERS)
        data = newest.read_bytes()
    except OSError as error:
        raise storage_error(error, newest.name) from error
    header = parse_header(data)
    if header.session_id != session_id:
        raise JournalDamaged(f"{newest.name}: the header names another session")
    try:
        content_key = aes_key_unwrap(key, header.wrapped_key)
    except InvalidUnwrap as error:
        raise JournalKeyWrong(newest.name) from error
    return newest, read_frames(data, len(header.data), FrameCipher(header, content_key))


def find_unfinished(folder: Path) -> list[Path]:
    """List the newest generation of every journal in `folder`, oldest session id first.

    Raises:
        StorageFailed: there is a folder, but it cannot be listed.
    """
    newest: dict[str, tuple[int, Path]] = {}
    for path in _entries(folder):
        if match := _NAME.fullmatch(path.name):
            candidate = (int(match[2]), path)
            newest[match[1]] = max(newest.get(match[1], candidate), candidate)
    return [newest[session][1] for session in sorted(newest)]


def _generations(folder: Path, session_id: str) -> list[Path]:
    """All files of one session, the oldest generation first."""
    found = []
    for path in _entries(folder):
        if (match := _NAME.fullmatch(path.name)) and match[1] == session_id:
            found.append((int(match[2]), path))
    return [path for _, path in sorted(found)]


def _entries(folder: Path) -> list[Path]:
    """What lies in `folder`, nothing when it is not there yet."""
    try:
        return list(folder.iterdir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise storage_error(error, str(folder)) from error

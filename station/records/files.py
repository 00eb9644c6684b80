"""The few file operations that durability is made of, behind one interface that tests can fail.

Source of the order (write, fsync, rename, fsync of the folder): POSIX keeps a directory entry only
when the directory itself was synchronised.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path
from typing import Final, Protocol

from station.errors import StoreError
from station.records.errors import DiskFull, KeyExposed, StorageFailed

WRITABLE_BY_OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH
OPEN_TO_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class Files(Protocol):
    """Raw operations; all raise OSError."""

    def create(self, path: Path) -> int:
        """Create a new file, readable by its owner only, and return its descriptor."""
        ...

    def write(self, descriptor: int, data: memoryview, offset: int) -> int:
        """Write at `offset` and return how many bytes were taken, which may be fewer."""
        ...

    def truncate(self, descriptor: int, length: int) -> None:
        """Cut the file to `length` bytes."""
        ...

    def sync(self, descriptor: int) -> None:
        """Return when contents, size and attributes are on the medium."""
        ...

    def sync_data(self, descriptor: int) -> None:
        """Return when contents and size are on the medium."""
        ...

    def close(self, descriptor: int) -> None:
        """Close the descriptor."""
        ...

    def rename(self, source: Path, target: Path) -> None:
        """Replace `target` by `source` in one step."""
        ...

    def unlink(self, path: Path) -> None:
        """Remove the entry; an absent file is no error."""
        ...

    def sync_folder(self, path: Path) -> None:
        """Return when the entries of the folder are on the medium."""
        ...


class DiskFiles:
    """The operating system's files (Linux)."""

    def create(self, path: Path) -> int:
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW
        return os.open(path, flags, 0o600)

    def write(self, descriptor: int, data: memoryview, offset: int) -> int:
        return os.pwrite(descriptor, data, offset)

    def truncate(self, descriptor: int, length: int) -> None:
        os.ftruncate(descriptor, length)

    def sync(self, descriptor: int) -> None:
        os.fsync(descriptor)

    def sync_data(self, descriptor: int) -> None:
        os.fdatasync(descriptor)

    def close(self, descriptor: int) -> None:
        os.close(descriptor)

    def rename(self, source: Path, target: Path) -> None:
        source.replace(target)

    def unlink(self, path: Path) -> None:
        path.unlink(missing_ok=True)

    def sync_folder(self, path: Path) -> None:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


DISK: Files = DiskFiles()


def is_no_space(error: OSError) -> bool:
    """Whether the medium, the quota or the allowed file size is exhausted."""
    return error.errno in _NO_SPACE


def storage_error(error: OSError, what: str) -> StoreError:
    """Translate an OSError into DiskFull or StorageFailed; `what` names the place, not content."""
    reason = error.strerror or type(error).__name__
    detail = f"{what}: {reason}"
    return DiskFull(detail) if is_no_space(error) else StorageFailed(detail)


def private_folder(path: Path, forbidden: int = WRITABLE_BY_OTHERS) -> None:
    """Make a folder for its owner only, or accept one that is there.

    Raises:
        KeyExposed: it exists and has a `forbidden` mode bit.
        DiskFull, StorageFailed: it cannot be made, or there is something else.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        refuse_exposed(path, forbidden)
    except OSError as error:
        raise storage_error(error, str(path)) from error


def refuse_exposed(path: Path, forbidden: int = OPEN_TO_OTHERS) -> None:
    """Refuse a file or folder that lets other users in.

    Raises:
        KeyExposed: it has a `forbidden` mode bit.
        OSError: it cannot be asked.
    """
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & forbidden:
        raise KeyExposed(f"{path}: mode {mode:04o} lets other users in")


def write_all(files: Files, descriptor: int, data: bytes, offset: int) -> None:
    """Write every byte of `data` at `offset`; one call of the system may take only a part."""
    remaining = memoryview(data)
    while remaining:
        taken = files.write(descriptor, remaining, offset)
        remaining = remaining[taken:]
        offset += taken


def create_durable(files: Files, target: Path, temporary: Path, data: bytes) -> int:
    """Make `target` hold `data` in one step and return its descriptor, still open for writing.

    The folder is NOT synchronised: the caller does that once for all files it made there.

    Raises:
        DiskFull, StorageFailed: nothing is left behind under either name, unless the medium fails.
    """
    descriptor = -1
    try:
        files.unlink(temporary)
        descriptor = files.create(temporary)
        write_all(files, descriptor, data, 0)
        files.sync(descriptor)
        files.rename(temporary, target)
    except OSError as error:
        # an open descriptor would keep the space of the removed file taken
        if descriptor >= 0:
            with contextlib.suppress(OSError):
                files.close(descriptor)
        # the first error is the one to tell; the next start removes what is left
        with contextlib.suppress(OSError):
            files.unlink(temporary)
        raise storage_error(error, str(target)) from error
    return descriptor

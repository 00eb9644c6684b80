"""One process owns the store, and the others can name it."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from station.records.errors import StoreOwned
from station.records.files import storage_error


class OwnerLock:
    """An advisory lock on a file that holds the owner's process number; the kernel frees it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def take(cls, path: Path) -> OwnerLock:
        """Take the lock without waiting.

        Raises:
            StoreOwned: another process, or another opener in this one, has it.
            DiskFull, StorageFailed: the file cannot be made or locked.
        """
        try:
            descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise storage_error(error, str(path)) from error
        try:
            _lock(descriptor, path)
        except OSError as error:
            os.close(descriptor)
            raise storage_error(error, str(path)) from error
        except StoreOwned:
            os.close(descriptor)
            raise
        return cls(descriptor)

    def release(self) -> None:
        """Give the lock back; repeated calls do nothing."""
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            os.close(descriptor)


def _lock(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        text = os.pread(descriptor, 20, 0)
        pid = int(text) if text.isdigit() else 0
        raise StoreOwned(f"process {pid} has {path.parent.name} open", pid) from error
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, str(os.getpid()).encode(), 0)

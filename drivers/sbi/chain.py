"""The hash chain over everything that one service delivered, across devices and modalities.

Source: SBI 0.9.5. H0 = SHA-256 of nothing; Hi = SHA-256(H[i-1] || SHA-256(record i)) over raw
digests, written in upper-case hexadecimal. The next request carries the last hash that was
verified; a failed or rejected capture leaves it as it was.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from drivers.device import Call
from drivers.errors import DeviceBusy

START: Final = hashlib.sha256(b"").hexdigest().upper()
BUSY_LIMIT_S: Final = 5.0
_POLL_S: Final = 0.05


def next_hash(previous: str, record: bytes) -> str:
    """Return the hash behind `record`; an empty `previous` stands for the start of the chain.

    Raises:
        ValueError: `previous` is not hexadecimal.
    """
    digest = bytes.fromhex(previous or START) + hashlib.sha256(record).digest()
    return hashlib.sha256(digest).hexdigest().upper()


class HashChain:
    """The last verified hash of one service, and the right to extend it.

    Scanner and iris camera of one service run on threads of their own. Two captures that start from
    the same hash would fork the chain, so `extend` is held from request to verdict.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.last = ""

    @contextmanager
    def extend(self, call: Call) -> Iterator[HashChain]:
        """Hold the chain for one capture; assign `last` only after everything was verified.

        Raises:
            DeviceBusy: another device of the service has captured for 5 s.
        """
        since = call.clock.monotonic()
        while not self._lock.acquire(blocking=False):
            if call.clock.monotonic() - since >= BUSY_LIMIT_S:
                raise DeviceBusy(call.device, "another device of the service is capturing")
            call.sleep(_POLL_S)
        try:
            yield self
        finally:
            self._lock.release()


class HashChains:
    """One chain a service, found by its address."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._chains: dict[tuple[str, int], HashChain] = {}

    def of(self, host: str, port: int) -> HashChain:
        """Return the chain of the service at this address, new when it was never used."""
        with self._lock:
            return self._chains.setdefault((host, port), HashChain())


SERVICES: Final = HashChains()
"""The chains of this process.

Devices are built one by one from configuration and do not know each other; what joins them is the
service that they happen to share.
"""

"""Play a datasheet to a driver: pairs of bytes it must send and bytes it gets; leftovers fail."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from drivers.clock import FastClock

BytePair = tuple[bytes, bytes]

READ_TIMEOUT_S = 0.1


class ScriptedPort:
    """A serial port whose other end is a list of byte pairs; silence costs virtual time only."""

    def __init__(self, pairs: Sequence[BytePair], clock: FastClock) -> None:
        self._pairs = list(pairs)
        self.clock = clock
        self._sent = b""
        self._unread = b""
        self.baudrate = 57600

    @property
    def out_waiting(self) -> int:
        return 0

    @property
    def in_waiting(self) -> int:
        return len(self._unread)

    def read(self, size: int = 1, /) -> bytes:
        if not self._unread:
            self.clock.wait(threading.Event(), READ_TIMEOUT_S)
        data, self._unread = self._unread[:size], self._unread[size:]
        return data

    def write(self, data: bytes, /) -> int:
        assert not self._unread, f"{len(self._unread)} bytes unread before {data.hex()}"
        assert self._pairs, f"nothing more was expected, got {data.hex()}"
        self._sent += data
        expected, reply = self._pairs[0]
        assert expected.startswith(self._sent), f"{self._sent.hex()} is not {expected.hex()}"
        if self._sent == expected:
            self._sent = b""
            self._unread = reply
            del self._pairs[0]
        return len(data)

    def reset_input_buffer(self) -> None:
        """Drop nothing: a driver that leaves an answer unread fails at its next write."""

    def receive(self, data: bytes) -> None:
        """Let bytes arrive that nobody asked for now: a late answer, a stray."""
        self._unread += data

    def close(self) -> None:
        """Nothing to release."""

    def assert_used_up(self) -> None:
        assert not self._pairs, f"never sent: {self._pairs[0][0].hex()}"
        assert not self._unread, f"{len(self._unread)} bytes never read"


@contextmanager
def expected_bytes(
    pairs: Sequence[BytePair], clock: FastClock | None = None
) -> Iterator[ScriptedPort]:
    """Give a port for `pairs`; the end of the block fails on unused pairs and unread bytes."""
    port = ScriptedPort(pairs, clock or FastClock())
    yield port
    port.assert_used_up()

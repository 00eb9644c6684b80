"""A pseudo terminal that stands for one plugged-in serial device; knows no protocol.

The host opens `path` with any serial library. Ending it looks like an unplug: the host's next read
or write fails. A host that has set another speed than the device gets, and sends, garbage.
"""

from __future__ import annotations

import os
import pty
import select
import threading
import time
import tty
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from simulators.serial_line import heard_at, line_speed, seconds_on_line

READ_BYTES = 4096
SLICE_BYTES = 32
"""A paced line delivers this many bytes at once, as the packets of a USB bridge do."""
NOBODY_READS_S = 2.0


class LineCut(Exception):
    """Raised by the device while it answers: the plug is pulled at this byte."""


Answer = bytes | float
"""Bytes for the line, or seconds during which the device is busy with itself."""


class PseudoTerminal:
    """Serve `respond`, bytes in and pieces of the answer out, on a thread until `close`.

    `link` is a symbolic link to the terminal, so that a device plugged in again has the same
    address. `baud` tells the speed of the device's end, now. A `paced` line takes the time that the
    bytes take at that speed, in both directions; another one sends at once.
    """

    def __init__(
        self,
        respond: Callable[[bytes], Iterable[Answer]],
        baud: Callable[[], int],
        *,
        link: Path | None = None,
        paced: bool = False,
    ) -> None:
        self._respond = respond
        self._baud = baud
        self._link = link
        self._paced = paced
        self._free_at = 0.0
        self._wake_read, self._wake_write = os.pipe()
        # our own slave end stays open, else reading fails while no host has the port open
        self._master, self._slave = pty.openpty()
        for end in (self._master, self._slave):
            tty.setraw(end)
        os.set_blocking(self._master, False)
        self.terminal = self.path = os.ttyname(self._slave)
        if link is not None:
            _point(link, self.terminal)
            self.path = str(link)
        self._thread = threading.Thread(target=self._serve, name="serial-module", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Pull the plug and wait for the thread; call it once, also after a `LineCut`."""
        os.write(self._wake_write, b"\0")
        self._thread.join()
        os.close(self._wake_write)
        os.close(self._wake_read)

    def _serve(self) -> None:
        try:
            while self._wait(readable=True):
                received = self._received()
                self._free_at = time.monotonic()
                for piece in self._respond(received):
                    if not (
                        self._wait_for(piece) if isinstance(piece, float) else self._send(piece)
                    ):
                        break
        except LineCut:
            return
        finally:
            if self._link is not None and self._link.is_symlink():
                _unlink(self._link, self.terminal)
            os.close(self._master)
            os.close(self._slave)

    def _received(self) -> bytes:
        data = os.read(self._master, READ_BYTES)
        if self._paced:
            self._pause(seconds_on_line(len(data), self._baud()))
        return heard_at(data, line_speed(self._slave), self._baud())

    def _send(self, piece: bytes) -> bool:
        """Write all; False when the plug was pulled or nobody reads, where a wire loses bytes."""
        for part in self._paced_slices(piece) if self._paced else [piece]:
            view = memoryview(heard_at(part, self._baud(), line_speed(self._slave)))
            while view:
                if not self._wait(readable=False, timeout=NOBODY_READS_S):
                    return False
                view = view[os.write(self._master, view) :]
        return self._pause(0.0)

    def _wait_for(self, seconds: float) -> bool:
        """Let the device be busy with itself; False after `close`."""
        alive = self._pause(seconds)
        self._free_at = time.monotonic()
        return alive

    def _paced_slices(self, piece: bytes) -> Iterator[bytes]:
        """Yield each part at the moment when its last bit has passed the line.

        The moments are counted from the beginning of the answer, so that a sleep that lasts too
        long does not slow the line down.
        """
        for start in range(0, len(piece), SLICE_BYTES):
            part = piece[start : start + SLICE_BYTES]
            self._free_at += seconds_on_line(len(part), self._baud())
            if not self._pause(self._free_at - time.monotonic()):
                return
            yield part

    def _wait(self, *, readable: bool, timeout: float | None = None) -> bool:
        """Wait for the host; False after `close` or `timeout` seconds."""
        reading = [self._wake_read, self._master] if readable else [self._wake_read]
        writing = [] if readable else [self._master]
        ready, writable, _ = select.select(reading, writing, [], timeout)
        return self._wake_read not in ready and bool(ready or writable)

    def _pause(self, seconds: float) -> bool:
        """Let time pass; False after `close`."""
        return not select.select([self._wake_read], [], [], max(0.0, seconds))[0]


def _point(link: Path, terminal: str) -> None:
    link.unlink(missing_ok=True)
    link.symlink_to(terminal)


def _unlink(link: Path, terminal: str) -> None:
    """Remove a link that still leads to this terminal; it may belong to the next one already."""
    if str(link.readlink()) == terminal:
        link.unlink(missing_ok=True)

"""A pseudo terminal that stands for one plugged-in serial device; knows no protocol.

The host opens `path` with any serial library. Ending it looks like an unplug: the host's next read
or write fails.
"""

from __future__ import annotations

import os
import pty
import select
import threading
import tty
from collections.abc import Callable, Iterable
from pathlib import Path

READ_BYTES = 4096
BITS_PER_BYTE = 10  # 8N1: start, eight data bits, stop
NOBODY_READS_S = 2.0


class LineCut(Exception):
    """Raised by the device while it answers: the plug is pulled at this byte."""


class PseudoTerminal:
    """Serve `respond`, bytes in and pieces of bytes out, on a thread until `close`.

    `link` is a symbolic link to the terminal, so that a device plugged in again has the same
    address. `baud` paces the answers to the speed of the line; None sends at once.
    """

    def __init__(
        self,
        respond: Callable[[bytes], Iterable[bytes]],
        *,
        link: Path | None = None,
        baud: int | None = None,
    ) -> None:
        self._respond = respond
        self._link = link
        self._baud = baud
        self._wake_read, self._wake_write = os.pipe()
        # our own slave end stays open, else reading fails while no host has the port open
        self._master, self._slave = pty.openpty()
        for end in (self._master, self._slave):
            tty.setraw(end)
        os.set_blocking(self._master, False)
        self.path = os.ttyname(self._slave)
        if link is not None:
            link.unlink(missing_ok=True)
            link.symlink_to(self.path)
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
                for piece in self._respond(os.read(self._master, READ_BYTES)):
                    if not self._send(piece):
                        break
        except LineCut:
            return
        finally:
            if self._link is not None:
                self._link.unlink(missing_ok=True)
            os.close(self._master)
            os.close(self._slave)

    def _send(self, piece: bytes) -> bool:
        """Write all; False when the plug was pulled or nobody reads, where a wire loses bytes."""
        if self._baud is not None and not self._pause(len(piece) * BITS_PER_BYTE / self._baud):
            return False
        view = memoryview(piece)
        while view:
            if not self._wait(readable=False, timeout=NOBODY_READS_S):
                return False
            view = view[os.write(self._master, view) :]
        return True

    def _wait(self, *, readable: bool, timeout: float | None = None) -> bool:
        """Wait for the host; False after `close` or `timeout` seconds."""
        reading = [self._wake_read, self._master] if readable else [self._wake_read]
        writing = [] if readable else [self._master]
        ready, writable, _ = select.select(reading, writing, [], timeout)
        return self._wake_read not in ready and bool(ready or writable)

    def _pause(self, seconds: float) -> bool:
        """Let the time of the line pass; False after `close`."""
        return not select.select([self._wake_read], [], [], seconds)[0]

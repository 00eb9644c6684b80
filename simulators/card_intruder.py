"""Another program on the same machine that takes a card reader for itself."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Final

from drivers.card.pcsc import PcscTransport
from drivers.errors import DeviceError
from drivers.worker import DaemonThread
from simulators.card_faults import CardFault
from simulators.injection import Injector

RETRY_S: Final = 0.02
PATIENCE_S: Final = 2.0


class Intruder:
    """Holds a PC/SC reader exclusively while the fault `reader-held` is active."""

    def __init__(self, reader: str, faults: Injector[CardFault]) -> None:
        self._reader = reader
        self._let_go = threading.Event()
        self._has_it = threading.Event()
        self._thread = DaemonThread("sim-card-intruder")
        self._unsubscribe: Callable[[], None] = faults.subscribe(self._fault_changed)

    def close(self) -> None:
        """Give the reader up and end; idempotent."""
        self._unsubscribe()
        self._let_go.set()
        self._thread.stop()

    def _fault_changed(self, fault: CardFault, active: bool) -> None:
        if fault is not CardFault.HELD:
            return
        if active:
            self._let_go.clear()
            self._has_it.clear()
            self._thread.submit(self._hold)
            self._has_it.wait(PATIENCE_S)
        else:
            self._let_go.set()
            self._thread.submit(lambda: None).result(PATIENCE_S)

    def _hold(self) -> None:
        """Take the reader as soon as it is free and keep it until told to let go."""
        while not self._let_go.is_set():
            transport = PcscTransport("another program", self._reader)
            with contextlib.closing(transport), contextlib.suppress(DeviceError):
                transport.open()
                transport.card.connect()
                self._has_it.set()
                self._let_go.wait()
            self._let_go.wait(RETRY_S)

"""The two card readers: behind PC/SC, and on a loopback port for a machine without pcscd."""

from __future__ import annotations

import re
from typing import Final

from pydantic import Field

from drivers.api import Call, DeviceInfo
from drivers.card.errors import ReaderGone, ServiceDown
from drivers.card.loopback import LoopbackTransport
from drivers.card.monitor import MonitorEvent, ReaderMonitor, Sight
from drivers.card.pcsc import PcscTransport
from drivers.card.transport import CardTransport
from drivers.card.transport_reader import (
    GET_UID,
    SAM,
    SIMULATED,
    CardReaderSettings,
    TransportReader,
)
from drivers.clock import Clock
from drivers.errors import DeviceError

__all__ = ["GET_UID", "SAM", "SIMULATED", "LoopbackReader", "PcscReader", "TransportReader"]

VIRTUAL_READER: Final = re.compile(r"Virtual PCD|\S+-SIM\b")
"""Names of readers without hardware: that of the vpcd package, and those of `rekam-sim`."""
MONITOR_PATIENCE_S: Final = 2.0
MONITOR_STEP_S: Final = 0.1


class PcscReader(TransportReader):
    """A reader of the machine, contact or contactless, through pcscd.

    The serial number in `DeviceInfo` is the reader's name without its index: PC/SC offers nothing
    better for all readers. One slot of a reader with several slots is one device.
    """

    class Settings(CardReaderSettings):
        """Which reader, and which pcscd.

        `reader` is the beginning of the reader's name; empty means the only reader there is.
        `sam_reader` is the same for the slot of the access module; empty means none.
        `service_socket` names the socket of a pcscd of one's own; empty means that of the machine.
        """

        reader: str = ""
        sam_reader: str = ""
        service_socket: str = ""

    driver_name = "pcsc"

    def __init__(self, name: str, settings: Settings, *, clock: Clock | None = None) -> None:
        super().__init__(name, settings, clock=clock)
        self._wanted = settings.reader
        self._wanted_sam = settings.sam_reader
        self._service_socket = settings.service_socket
        self._monitor: ReaderMonitor | None = None
        self._service_starts = 0

    def _make_transport(self) -> CardTransport:
        return PcscTransport(self.name, self._wanted, self._wanted_sam, self._service_socket)

    def _is_simulated(self, reader_name: str) -> bool:
        return VIRTUAL_READER.match(reader_name) is not None

    def _has_module_slot(self) -> bool:
        return bool(self._wanted_sam)

    def _do_connect(self, call: Call) -> DeviceInfo:
        info = super()._do_connect(call)
        try:
            self._start_monitor(call)
        except DeviceError:
            self._do_close()
            raise
        return info

    def _start_monitor(self, call: Call) -> None:
        monitor = self._monitor = ReaderMonitor(self.name, self._service_socket, clock=self.clock)
        monitor.subscribe(self._saw)
        monitor.start()
        for _ in range(int(MONITOR_PATIENCE_S / MONITOR_STEP_S)):
            call.check()
            if monitor.wait_ready(MONITOR_STEP_S):
                break
        self._service_starts = monitor.view.service_starts

    def _do_close(self) -> None:
        monitor, self._monitor = self._monitor, None
        if monitor is not None:
            monitor.stop()
        super()._do_close()

    def _do_check(self, call: Call) -> None:
        """Ask the monitor, which costs nothing; look only when the service was started anew."""
        if (monitor := self._monitor) is None:
            super()._do_check(call)
            return
        if not monitor.is_watching:
            raise ServiceDown(self.name, "the monitor of the readers has ended")
        view = monitor.view
        if not view.service_is_up:
            raise ServiceDown(self.name, view.fault)
        if view.service_starts != self._service_starts:
            super()._do_check(call)
            self._service_starts = view.service_starts
        elif self._links.reader_name not in view.readers:
            raise ReaderGone(self.name, "the reader has gone")

    def _saw(self, event: MonitorEvent) -> None:
        # on the monitor's thread: faster and more exact than the looks of the device thread
        if event.reader == self._links.reader_name and event.what in (
            Sight.CARD_IN,
            Sight.CARD_OUT,
        ):
            self._lift.saw(event.what is Sight.CARD_IN)


class LoopbackReader(TransportReader):
    """A simulated reader on 127.0.0.1, for demonstrations on a machine without pcscd."""

    class Settings(CardReaderSettings):
        """`port` is where the simulated reader listens, `sam_port` its access module (0: none)."""

        port: int = Field(ge=1, le=65535)
        sam_port: int = Field(default=0, ge=0, le=65535)

    driver_name = "loopback-card"
    needs_lifting = False

    def __init__(self, name: str, settings: Settings, *, clock: Clock | None = None) -> None:
        super().__init__(name, settings, clock=clock)
        self._port = settings.port
        self._sam_port = settings.sam_port

    def _make_transport(self) -> CardTransport:
        return LoopbackTransport(self.name, self._port, self._sam_port)

    def _is_simulated(self, reader_name: str) -> bool:
        return True

    def _has_module_slot(self) -> bool:
        return bool(self._sam_port)

"""An R30x single-finger module made of software, plugged into a pseudo terminal.

The real driver, and any other host program for this family, opens `R30xModule.path`. Behaviour is
in `serial_model`, protocol in `serial_protocol`, the line in `serial_pty` and `serial_wire`.
"""

from __future__ import annotations

import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from simulators.injection import Injector
from simulators.serial_faults import SERIAL_FAULTS, SerialFault
from simulators.serial_model import FingerModel, SensorScene
from simulators.serial_protocol import R30xProtocol
from simulators.serial_pty import PseudoTerminal

__all__ = ["R30xModule", "SensorScene", "SerialFault"]

MISMATCHED_BAUD = 115200
MISMATCHED_BAUD_INSTEAD = 9600


class R30xModule:
    """The module plugged into a serial port: a pseudo terminal that hosts open by `path`.

    Use as a context manager, or `start` and `stop`; these also are plugging in and unplugging.
    `link` gives a path that stays the same over both. `paced` takes the time of the line, as the
    real wire does (7 s an image at 57600 bit/s), instead of sending at once. `baud` is the speed in
    flash; a host with another one reads garbage. `has_light` makes it an R503. `seed` decides where
    faults strike.
    """

    def __init__(
        self,
        scene: SensorScene,
        *,
        link: Path | None = None,
        paced: bool = False,
        baud: int = 57600,
        has_light: bool = False,
        seed: int = 0,
    ) -> None:
        self.faults: Injector[SerialFault] = Injector(SERIAL_FAULTS, seed=seed)
        self.model = FingerModel(scene, has_light=has_light, seed=seed)
        self.model.baud = baud
        self._protocol = R30xProtocol(self.model, self.faults)
        self._link = link
        self._paced = paced
        self._plug = threading.RLock()
        self._terminal: PseudoTerminal | None = None
        self.faults.subscribe(self._fault_changed)

    @property
    def path(self) -> str:
        """The port to open; without a `link` it changes with every start."""
        if self._link is not None:
            return str(self._link)
        return self.terminal

    @property
    def terminal(self) -> str:
        """The terminal itself, another one after every start."""
        terminal = self._terminal
        if terminal is None:
            raise RuntimeError("the module is not plugged in")
        return terminal.terminal

    @property
    def baud(self) -> int:
        """The speed at which the module really talks, in bit/s."""
        if SerialFault.BAUD_MISMATCH not in self.faults:
            return self.model.baud
        if self.model.baud != MISMATCHED_BAUD:
            return MISMATCHED_BAUD
        return MISMATCHED_BAUD_INSTEAD

    def start(self) -> None:
        """Plug in; a module that fell off the line by itself is plugged in again."""
        with self._plug:
            self.stop()
            self._protocol.power_up()
            self._terminal = self._plugged()

    def stop(self) -> None:
        """Unplug; idempotent."""
        with self._plug:
            terminal, self._terminal = self._terminal, None
            if terminal is not None:
                terminal.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _plugged(self) -> PseudoTerminal:
        return PseudoTerminal(
            self._protocol.receive, lambda: self.baud, link=self._link, paced=self._paced
        )

    def _fault_changed(self, fault: SerialFault, active: bool) -> None:
        """Pull the plug, put it in, or switch the power off and on."""
        match fault, active:
            case (SerialFault.UNPLUG, True):
                self.stop()
            case (SerialFault.UNPLUG | SerialFault.UNPLUG_IN_IMAGE, False):
                self.start()
            case (SerialFault.POWER_UP, True):
                self._protocol.power_up()
            case (SerialFault.REPLUG_ELSEWHERE, True):
                self._replug_elsewhere()

    def _replug_elsewhere(self) -> None:
        """Come back as another port; the old one ends last, so that its name is not used again."""
        with self._plug:
            if not self.faults.strikes(SerialFault.REPLUG_ELSEWHERE):
                return
            before, self._terminal = self._terminal, self._plugged()
            self._protocol.power_up()
            if before is not None:
                before.close()

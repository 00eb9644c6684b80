"""How a fault gets into a simulated device while it runs: by name, at any moment, seeded.

Each wire has a file with its faults (`sbi_faults`, `serial_faults`, `camera_faults`,
`card_faults`); `faults` is the catalogue of them all.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

F = TypeVar("F", bound=StrEnum)

Listener = Callable[[F, bool], None]


class UnknownFault(LookupError):
    """This device has no fault of that name; the message lists those that it has."""


@dataclass(frozen=True, slots=True)
class FaultNote:
    """What the catalogue says of one fault.

    `happens` is what goes wrong on the wire, `shown` what the operator sees of it, in plain words.
    `codes` are the error codes that a driver may answer with; a fault without codes never makes an
    operation fail. A fault with `once` strikes once and is over.
    """

    happens: str
    shown: str
    codes: tuple[str, ...] = ()
    once: bool = False


class Injector(Generic[F]):
    """The faults of one simulated device that are active now; safe from any thread.

    Args:
        notes: every fault that this device can have.
        seed: of `random`, from which a fault takes where and when exactly it strikes.
    """

    def __init__(self, notes: Mapping[F, FaultNote], *, seed: int = 0) -> None:
        self.notes = notes
        self.random = random.Random(seed)  # noqa: S311  # reproducible, not secret
        self._active: set[F] = set()
        self._lock = threading.Lock()
        self._listeners: list[Listener[F]] = []

    @property
    def active(self) -> tuple[F, ...]:
        """The active faults in alphabetical order."""
        with self._lock:
            return tuple(sorted(self._active))

    def __contains__(self, fault: F) -> bool:
        with self._lock:
            return fault in self._active

    def inject(self, name: F | str) -> None:
        """Make a fault active, until it is cleared or, if it strikes once, has struck.

        Raises:
            UnknownFault: this device has no such fault.
        """
        fault = self._named(name)
        with self._lock:
            if fault in self._active:
                return
            self._active.add(fault)
        self._tell(fault, True)

    def clear(self, name: F | str | None = None) -> None:
        """End one fault, or all of them; a fault that is not active is left alone.

        Raises:
            UnknownFault: this device has no such fault.
        """
        faults = self.active if name is None else (self._named(name),)
        for fault in faults:
            with self._lock:
                if fault not in self._active:
                    continue
                self._active.discard(fault)
            self._tell(fault, False)

    def strikes(self, fault: F) -> bool:
        """Say whether `fault` shows now; one that strikes once is over after that."""
        with self._lock:
            if fault not in self._active:
                return False
            if not self.notes[fault].once:
                return True
            self._active.discard(fault)
        self._tell(fault, False)
        return True

    def subscribe(self, listener: Listener[F]) -> Callable[[], None]:
        """Call `listener(fault, active)` after every change, on the thread that made it.

        For faults that act by themselves, such as an unplug. Returns the remover.
        """
        with self._lock:
            self._listeners.append(listener)

        def remove() -> None:
            with self._lock:
                if listener in self._listeners:
                    self._listeners.remove(listener)

        return remove

    def _named(self, name: F | str) -> F:
        for fault in self.notes:
            if fault == name:
                return fault
        raise UnknownFault(f"{name!s} is not one of: {', '.join(sorted(self.notes))}")

    def _tell(self, fault: F, active: bool) -> None:
        with self._lock:
            listeners = tuple(self._listeners)
        for listener in listeners:
            listener(fault, active)

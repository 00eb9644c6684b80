"""The faults of one SBI service: its own, and those of each of its devices."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Final

from drivers.sbi.protocol import BioType
from simulators.injection import Injector
from simulators.sbi_faults import SBI_FAULTS, SbiFault


class FaultView:
    """What is wrong for somebody who is concerned by the faults of several injectors."""

    def __init__(self, injectors: Iterable[Injector[SbiFault]]) -> None:
        self._injectors: Final = tuple(injectors)

    @property
    def random(self) -> random.Random:
        """From which a fault takes where and when exactly it strikes."""
        return self._injectors[0].random

    def __contains__(self, fault: SbiFault) -> bool:
        return any(fault in injector for injector in self._injectors)


class ServiceFaults:
    """One injector a device and one for all of them."""

    def __init__(self, seed: int) -> None:
        self.service = Injector(SBI_FAULTS, seed=seed)
        self.devices = {
            bio_type: Injector(SBI_FAULTS, seed=seed + number)
            for number, bio_type in enumerate(BioType, 1)
        }

    @property
    def all(self) -> tuple[Injector[SbiFault], ...]:
        """Every injector, that of the service first."""
        return (self.service, *self.devices.values())

    def on(self, bio_type: BioType) -> FaultView:
        """Return what is wrong with one device."""
        return FaultView((self.service, self.devices[bio_type]))

    @property
    def anywhere(self) -> FaultView:
        """What is wrong with the service and its wire, wherever it was injected."""
        return FaultView(self.all)

from __future__ import annotations

from collections.abc import Iterator

import pytest

from drivers.api import Device
from drivers.card.reader import LoopbackReader
from simulators.card_faults import CardFault
from simulators.card_links import LoopbackSlot
from tests.conformance.card_contract import CardReaderContract, CardRig
from tests.protocol.card_scene import ANDI, CardTable


class LoopbackRig:
    """A simulated reader on a loopback port, with the card of Andi."""

    def __init__(self) -> None:
        self._table = CardTable(ANDI)
        self.slot = LoopbackSlot(self._table)

    def device(self, **changes: object) -> Device:
        settings = LoopbackReader.Settings.model_validate({"port": self.slot.port, **changes})
        return LoopbackReader("reader", settings)

    def unplug(self) -> None:
        self.slot.faults.inject(CardFault.UNPLUGGED)

    def plug(self) -> None:
        self.slot.faults.clear(CardFault.UNPLUGGED)

    def hush(self) -> None:
        self.slot.faults.inject(CardFault.SILENT)

    def speak(self) -> None:
        self.slot.faults.clear(CardFault.SILENT)

    def insert(self) -> None:
        self._table.lay(ANDI)

    def remove(self) -> None:
        self._table.lay(None)


class TestLoopbackReader(CardReaderContract):
    @pytest.fixture
    def rig(self) -> Iterator[CardRig]:
        rig = LoopbackRig()
        yield rig
        rig.slot.close()

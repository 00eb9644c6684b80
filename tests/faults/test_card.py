"""Every fault of card, access module, reader and service against every operation of both readers.

On the loopback link each case has hardware of its own. Behind pcscd one daemon serves all cases:
readers are lent out, and faults of the service itself run one after another.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from types import MappingProxyType

import pytest

from drivers.api import CardChannel, CardReader, Device
from drivers.card.apdu import SUCCESS, ApduChannel, CardAnswer
from drivers.card.monitor import ReaderMonitor
from drivers.card.profiles import ktpel
from drivers.card.reader import LoopbackReader, PcscReader
from simulators.card import KtpelCard, from_person
from simulators.card_faults import CardFault, loopback_faults, pcsc_faults
from simulators.card_intruder import Intruder
from simulators.card_links import LoopbackSlot, VpcdSlot
from simulators.card_slot import FixedCard, Pace, Slot
from simulators.injection import Injector
from simulators.pcscd import PrivatePcscd, available
from tests.faults.matrix import FaultRig, Hardware, Operation, check, run_matrix
from tests.protocol.card_scene import ANDI, BUDI, CardTable, wait_until

COMMAND_TIMEOUT_S = 0.8
PACE = Pace(late_s=1.3)
"""A late answer comes half a second after our patience was over, and is nobody's any more."""
OPEN_MODULE = bytes.fromhex("00F0000020") + bytes(32)
MODULE_ATR = bytes.fromhex("3BF81300008131FE154B545053414D7630E6")
READERS_AT_ONCE = 4
READER_NAMES = tuple(f"FAULT-SIM {number}" for number in range(1, 9))
"""Twice as many: each rests until pcscd has forgotten its card. Each has two slots of 16."""
SERVICE_FAULTS = (
    CardFault.UNPLUGGED,
    CardFault.RENAMED,
    CardFault.SERVICE_KILLED,
    CardFault.SERVICE_RESTARTED,
)
FAULTS_OF_ONE_READER = tuple(
    fault for fault in pcsc_faults(access_module=True) if fault not in SERVICE_FAULTS
)
FORGOTTEN_S = 0.6
"""pcscd looks every 0.4 s; after this time it has forgotten the card of before."""


class WillingModule:
    """An access module that says yes to everything."""

    atr = MODULE_ATR

    def power(self, event: int) -> None:
        """Keep nothing."""

    def apdu(self, command: bytes) -> bytes:
        return b"\x90\x00"


def read_card(card: CardChannel) -> bytes:
    """Open the access module and read the photo, as a reading of a KTP-el begins."""
    assert card.access_module is not None
    response = ApduChannel(card.access_module).send(OPEN_MODULE)
    if response.status != SUCCESS:
        raise CardAnswer(card.device, "open the access module", response.status)
    channel = ApduChannel(card)
    channel.select_file(ktpel.DEDICATED_FILE)
    channel.select_file(ktpel.PHOTO)
    return channel.read_file()


def _reader(device: Device) -> CardReader:
    assert isinstance(device, CardReader)
    return device


async def read(device: Device) -> object:
    """Wait for the card as the desk does and read it."""
    reader = _reader(device)
    await reader.wait_card(present=True, timeout=1.5)
    async with reader.session(timeout=1.5) as session:
        return await session.run(read_card, timeout=1.5)


async def wait(device: Device) -> object:
    """Wait until a card lies there."""
    return await _reader(device).wait_card(present=True, timeout=1.5)


async def state(device: Device) -> object:
    """Look at the reader."""
    return await _reader(device).card_state(timeout=1.0)


async def self_test(device: Device) -> object:
    """Let the reader check itself."""
    return await device.self_test(timeout=1.0)


async def look(device: Device) -> object:
    """Look at the idle reader as the supervisor does."""
    await device.check(timeout=1.0)
    return None


class CardRig:
    """What is the same for both links."""

    name: str
    faults: Sequence[StrEnum]
    operations: Mapping[str, Operation] = MappingProxyType(
        {"read": read, "wait": wait, "state": state, "self_test": self_test, "check": look}
    )
    limits: Mapping[str, float] = MappingProxyType(
        {"read": 3.0, "wait": 1.5, "state": 1.0, "self_test": 1.0, "check": 1.0}
    )


class LoopbackRig(CardRig):
    """A loopback reader of its own for every case."""

    name = "card-loopback"
    faults: Sequence[StrEnum] = tuple(loopback_faults(access_module=True))

    @contextmanager
    def hardware(self) -> Iterator[Hardware]:
        faults = Injector(loopback_faults(access_module=True))
        stranger = KtpelCard(from_person(BUDI))
        card = LoopbackSlot(CardTable(ANDI), stranger=stranger, pace=PACE, faults=faults)
        module = LoopbackSlot(FixedCard(WillingModule()), faults=faults, slot=Slot.ACCESS_MODULE)
        settings = LoopbackReader.Settings(
            port=card.port, sam_port=module.port, command_timeout_s=COMMAND_TIMEOUT_S
        )
        try:
            yield Hardware(faults, lambda: LoopbackReader("reader", settings))
        finally:
            card.close()
            module.close()


class LaidLater(Injector[CardFault]):
    """Faults of a reader on which the card is laid down only after the fault is there.

    pcscd powers a card when it sees it first, which is within 0.4 s; a fault that came somewhere in
    that time would strike this one or the next.
    """

    def __init__(self, table: CardTable) -> None:
        super().__init__(pcsc_faults(access_module=True))
        self._table = table

    def inject(self, name: CardFault | str) -> None:
        if name == CardFault.HELD:  # what holds the reader needs a card to hold
            self._table.lay(ANDI)
        super().inject(name)
        self._table.lay(ANDI)


class LentReader:
    """A reader of the daemon with an access module in it, lent to one case after another."""

    def __init__(self, service: PrivatePcscd, name: str, stack: ExitStack) -> None:
        port = service.slot_port(name, 0)
        self._free_at = 0.0
        self._table = CardTable()
        self.faults = LaidLater(self._table)
        self.settings = PcscReader.Settings(
            reader=f"{name} 00 00",
            sam_reader=f"{name} 00 01",
            service_socket=str(service.socket_path),
            command_timeout_s=COMMAND_TIMEOUT_S,
        )
        stranger = KtpelCard(from_person(BUDI))
        card = VpcdSlot(self._table, port, stranger=stranger, pace=PACE, faults=self.faults)
        stack.callback(card.close)
        module = VpcdSlot(
            FixedCard(WillingModule()), port + 1, faults=self.faults, slot=Slot.ACCESS_MODULE
        )
        stack.callback(module.close)
        stack.callback(Intruder(self.settings.reader, self.faults).close)

    def take(self) -> None:
        """Begin a case when the card of the last one is forgotten."""
        wait_until(lambda: time.monotonic() >= self._free_at, FORGOTTEN_S)

    def give_back(self) -> None:
        """End a case."""
        self.faults.clear()
        self._table.lay(None)
        self._free_at = time.monotonic() + FORGOTTEN_S


class PcscRig(CardRig):
    """Readers of one pcscd, lent out one after another."""

    name = "card-pcsc"

    def __init__(self, readers: Sequence[LentReader]) -> None:
        self.faults: Sequence[StrEnum] = FAULTS_OF_ONE_READER
        self._readers = deque(readers)

    @contextmanager
    def hardware(self) -> Iterator[Hardware]:
        lent = self._readers.popleft()
        lent.take()
        try:
            yield Hardware(lent.faults, lambda: PcscReader("reader", lent.settings))
        finally:
            lent.give_back()
            self._readers.append(lent)


class ServiceRig(PcscRig):
    """The same, with faults that hit the daemon and so every reader at once."""

    name = "card-service"

    def __init__(self, service: PrivatePcscd, readers: Sequence[LentReader]) -> None:
        super().__init__(readers)
        self.faults = SERVICE_FAULTS
        self._service = service

    @contextmanager
    def hardware(self) -> Iterator[Hardware]:
        with super().hardware() as hardware:
            remove = self._service.fail_with(hardware.injector)
            try:
                yield hardware
            finally:
                hardware.injector.clear()
                remove()


@pytest.fixture(scope="module")
def service() -> Iterator[PrivatePcscd]:
    if (reason := available()) is not None:
        pytest.skip(reason)
    with PrivatePcscd(READER_NAMES) as service:
        yield service


@pytest.fixture(scope="module")
def readers(service: PrivatePcscd) -> Iterator[list[LentReader]]:
    with ExitStack() as stack:
        readers = [LentReader(service, name, stack) for name in READER_NAMES]
        modules = [reader.settings.sam_reader for reader in readers]
        with ReaderMonitor("matrix", str(service.socket_path)) as monitor:
            assert wait_until(
                lambda: all(
                    name in monitor.view.readers and monitor.view.readers[name].present
                    for name in modules
                )
            )
        yield readers


async def test_every_fault_on_the_loopback_link(update_matrix: bool) -> None:
    await _run(LoopbackRig(), 8, update_matrix)


@pytest.mark.pcsc
async def test_every_fault_of_card_and_reader_behind_pcscd(
    readers: list[LentReader], update_matrix: bool
) -> None:
    await _run(PcscRig(readers), READERS_AT_ONCE, update_matrix)


@pytest.mark.pcsc
async def test_every_fault_of_the_service(
    service: PrivatePcscd, readers: list[LentReader], update_matrix: bool
) -> None:
    await _run(ServiceRig(service, readers), 1, update_matrix)


async def _run(rig: FaultRig, at_once: int, update: bool) -> None:
    check(rig, await run_matrix(rig, at_once=at_once), update=update)

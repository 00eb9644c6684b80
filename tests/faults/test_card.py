"""Every fault of card, access module, reader and service against every operation of both readers.

On the loopback link each case has hardware of its own. Behind pcscd one daemon serves all cases:
readers are lent out, and faults of the service itself run one after another.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

import pytest

from drivers.api import CardChannel, CardReader, Device
from drivers.card.apdu import SUCCESS, ApduChannel, CardAnswer
from drivers.card.profiles import ktpel
from drivers.card.reader import LoopbackReader, PcscReader
from simulators.card import KtpelCard, from_person
from simulators.card_faults import CardFault, loopback_faults, pcsc_faults
from simulators.card_intruder import Intruder
from simulators.card_links import LoopbackSlot, VpcdSlot
from simulators.card_slot import FixedCard, Slot
from simulators.injection import Injector
from simulators.pcscd import PrivatePcscd, available
from tests.faults.matrix import FaultRig, Hardware, Operation, check, run_matrix
from tests.protocol.card_scene import ANDI, BUDI, CardTable, wait_until

COMMAND_TIMEOUT_S = 0.8
OPEN_MODULE = bytes.fromhex("00F0000020") + bytes(32)
MODULE_ATR = bytes.fromhex("3BF81300008131FE154B545053414D7630E6")
READERS_AT_ONCE = 4
READERS = 8
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
    return await _reader(device).wait_card(present=True, timeout=1.0)


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
        {"read": 3.0, "wait": 1.0, "state": 1.0, "self_test": 1.0, "check": 1.0}
    )


class LoopbackRig(CardRig):
    """A loopback reader of its own for every case."""

    name = "card-loopback"
    faults: Sequence[StrEnum] = tuple(loopback_faults(access_module=True))

    @contextmanager
    def hardware(self) -> Iterator[Hardware]:
        faults = Injector(loopback_faults(access_module=True))
        card = LoopbackSlot(CardTable(ANDI), stranger=KtpelCard(from_person(BUDI)), faults=faults)
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


@dataclass
class Lent:
    """A reader of the daemon and when the card of before is forgotten."""

    name: str
    free_at: float = 0.0


class PcscRig(CardRig):
    """Readers of one pcscd, lent out one after another."""

    name = "card-pcsc"

    def __init__(self, service: PrivatePcscd, names: Sequence[str]) -> None:
        self.faults: Sequence[StrEnum] = FAULTS_OF_ONE_READER
        self._service = service
        self._readers = deque(Lent(name) for name in names)

    @contextmanager
    def hardware(self) -> Iterator[Hardware]:
        lent = self._readers.popleft()
        wait_until(lambda: time.monotonic() >= lent.free_at, FORGOTTEN_S)
        try:
            with ExitStack() as stack:
                yield self._hardware(lent.name, CardTable(), stack)
        finally:
            lent.free_at = time.monotonic() + FORGOTTEN_S
            self._readers.append(lent)

    def _hardware(self, name: str, table: CardTable, stack: ExitStack) -> Hardware:
        faults = LaidLater(table)
        port = self._service.slot_port(name, 0)
        stranger = KtpelCard(from_person(BUDI))
        card = VpcdSlot(table, port, stranger=stranger, faults=faults)
        stack.callback(card.close)
        module = VpcdSlot(
            FixedCard(WillingModule()), port + 1, faults=faults, slot=Slot.ACCESS_MODULE
        )
        stack.callback(module.close)
        stack.callback(Intruder(f"{name} 00 00", faults).close)
        settings = PcscReader.Settings(
            reader=f"{name} 00 00",
            sam_reader=f"{name} 00 01",
            service_socket=str(self._service.socket_path),
            command_timeout_s=COMMAND_TIMEOUT_S,
        )
        return Hardware(faults, lambda: PcscReader("reader", settings))


class ServiceRig(PcscRig):
    """The same, with faults that hit the daemon and so every reader at once."""

    name = "card-service"

    def __init__(self, service: PrivatePcscd, names: Sequence[str]) -> None:
        super().__init__(service, names)
        self.faults = SERVICE_FAULTS

    def _hardware(self, name: str, table: CardTable, stack: ExitStack) -> Hardware:
        hardware = super()._hardware(name, table, stack)
        stack.callback(self._service.fail_with(hardware.injector))
        return hardware


@pytest.fixture(scope="module")
def readers() -> list[str]:
    return [f"FAULT-SIM {number}" for number in range(1, READERS + 1)]


@pytest.fixture(scope="module")
def service(readers: list[str]) -> Iterator[PrivatePcscd]:
    if (reason := available()) is not None:
        pytest.skip(reason)
    with PrivatePcscd(readers) as service:
        yield service


async def test_every_fault_on_the_loopback_link(update_matrix: bool) -> None:
    await _run(LoopbackRig(), 8, update_matrix)


@pytest.mark.pcsc
async def test_every_fault_of_card_and_reader_behind_pcscd(
    service: PrivatePcscd, readers: list[str], update_matrix: bool
) -> None:
    await _run(PcscRig(service, readers), READERS_AT_ONCE, update_matrix)


@pytest.mark.pcsc
async def test_every_fault_of_the_service(
    service: PrivatePcscd, readers: list[str], update_matrix: bool
) -> None:
    await _run(ServiceRig(service, readers), 1, update_matrix)


async def _run(rig: FaultRig, at_once: int, update: bool) -> None:
    check(rig, await run_matrix(rig, at_once=at_once), update=update)

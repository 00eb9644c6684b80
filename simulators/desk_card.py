"""The resident's card on the reader of a simulated desk: behind pcscd where that can run, else not.

The choice is never silent: `remark` says why the loopback link is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from simulators import pcscd
from simulators.card_faults import CardFault, loopback_faults, pcsc_faults
from simulators.card_intruder import Intruder
from simulators.card_links import LoopbackSlot, VpcdSlot
from simulators.card_slot import CardScene, FixedCard, SimulatedCard, Slot, resident_card
from simulators.injection import Injector

READER = "KTPEL-SIM"


@dataclass(frozen=True, slots=True)
class DeskCard:
    """A card reader on the desk.

    `settings` go into the station's configuration, `faults` act on everything that belongs to the
    reader, `remark` is what to tell about it.
    """

    settings: dict[str, Any]
    faults: Injector[CardFault]
    remark: str = ""


@contextmanager
def card_reader(
    scene: CardScene,
    *,
    pcsc: bool = True,
    make_card: Callable[[Any], SimulatedCard] = resident_card,
    access_module: SimulatedCard | None = None,
) -> Iterator[DeskCard]:
    """Put a reader on the desk; the card comes and goes with the resident of `scene`.

    `pcsc=False` asks for the loopback link: a process can run one pcscd only. `make_card` gives the
    card of a resident; with `access_module` the reader has a second slot with it.
    """
    reason = pcscd.available() if pcsc else "not wanted here"
    with ExitStack() as stack:
        desk = _Desk(scene, stack, make_card, access_module)
        yield desk.behind_pcscd() if reason is None else desk.on_loopback(reason)


@dataclass(frozen=True, slots=True)
class _Desk:
    """What lies in the two slots; `stack` ends everything that is begun."""

    scene: CardScene
    stack: ExitStack
    make_card: Callable[[Any], SimulatedCard]
    access_module: SimulatedCard | None

    def behind_pcscd(self) -> DeskCard:
        module = self.access_module
        faults = Injector(pcsc_faults(access_module=module is not None))
        service = self.stack.enter_context(pcscd.PrivatePcscd([READER]))
        self.stack.callback(service.fail_with(faults))
        port = service.slot_port(READER, 0)
        slot = VpcdSlot(self.scene, port, make_card=self.make_card, faults=faults)
        self.stack.callback(slot.close)
        settings = {
            "driver": "pcsc",
            "reader": f"{READER} 00 00",
            "service_socket": str(service.socket_path),
        }
        if module is not None:
            port = service.slot_port(READER, 1)
            second = VpcdSlot(FixedCard(module), port, faults=faults, slot=Slot.ACCESS_MODULE)
            self.stack.callback(second.close)
            settings["sam_reader"] = f"{READER} 00 01"
        self.stack.callback(Intruder(f"{READER} 00 00", faults).close)
        return DeskCard(settings, faults)

    def on_loopback(self, reason: str) -> DeskCard:
        module = self.access_module
        faults = Injector(loopback_faults(access_module=module is not None))
        slot = LoopbackSlot(self.scene, make_card=self.make_card, faults=faults)
        self.stack.callback(slot.close)
        settings: dict[str, Any] = {"driver": "loopback-card", "port": slot.port}
        if module is not None:
            second = LoopbackSlot(FixedCard(module), faults=faults, slot=Slot.ACCESS_MODULE)
            self.stack.callback(second.close)
            settings["sam_port"] = second.port
        return DeskCard(
            settings,
            faults,
            f"the simulated card uses the loopback link instead of pcscd: {reason}",
        )

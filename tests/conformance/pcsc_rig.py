"""A pcscd of our own, a virtual reader and a card on it, for tests on the real PC/SC stack."""

from __future__ import annotations

from drivers.api import Device
from drivers.card.reader import PcscReader
from simulators.card import KtpelCard, from_person
from simulators.card_faults import CardFault
from simulators.card_links import VpcdSlot
from simulators.pcscd import PrivatePcscd
from tests.protocol.card_scene import ANDI, BUDI, CardTable, Holder, wait_until

READER = "KTPEL-SIM"
SLOT = f"{READER} 00 00"
LIFT_S = 0.6
NEXT_LOOK_S = 1.0
"""pcscd looks every 0.4 s; a card that it has not seen after this time was overlooked."""


def seen_by_pcscd(slot: str = SLOT) -> tuple[bool, bytes]:
    """Return whether pcscd sees a card in a slot, and its ATR; asked by other calls than ours."""
    from smartcard import scard

    code, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
    if code != 0:
        return False, b""
    code, states = scard.SCardGetStatusChange(context, 0, [(slot, scard.SCARD_STATE_UNAWARE)])
    scard.SCardReleaseContext(context)
    if code != 0:
        return False, b""
    _, event, atr = states[0]
    return bool(event & scard.SCARD_STATE_PRESENT), bytes(atr)


class PcscRig:
    """A pcscd, a virtual reader and the card of Andi; made once, put back in order by `reset`."""

    def __init__(self) -> None:
        self.daemon = PrivatePcscd([READER])
        self.table = CardTable(ANDI)
        port = self.daemon.slot_port(READER, 0)
        self.slot = VpcdSlot(self.table, port, stranger=KtpelCard(from_person(BUDI)))
        self._is_running = True

    def close(self) -> None:
        self.slot.close()
        self.daemon.close()

    def reset(self) -> None:
        self.slot.faults.clear()
        self.plug()
        if self.table.card is not ANDI:
            self.remove()  # so that pcscd does not take the card of before for the new one
        self.insert()

    def device(self, **changes: object) -> Device:
        settings = PcscReader.Settings.model_validate({"reader": SLOT, **changes})
        return PcscReader("reader", settings)

    def unplug(self) -> None:
        self.daemon.kill()
        self._is_running = False

    def plug(self) -> None:
        if not self._is_running:
            self.daemon.start()
            self._is_running = True
            assert wait_until(lambda: seen_by_pcscd()[0])

    def hush(self) -> None:
        self.slot.faults.inject(CardFault.SILENT)

    def speak(self) -> None:
        self.slot.faults.clear()

    def insert(self, holder: Holder = ANDI) -> None:
        self.table.lay(holder)
        if not wait_until(lambda: seen_by_pcscd()[0], NEXT_LOOK_S):
            # a card that comes between a broken link and pcscd's next look is never announced
            self.table.lay(None)
            wait_until(lambda: False, NEXT_LOOK_S / 2)
            self.table.lay(holder)
            assert wait_until(lambda: seen_by_pcscd()[0])

    def remove(self) -> None:
        self.table.lay(None)
        assert wait_until(lambda: not seen_by_pcscd()[0])

    def lift(self) -> None:
        """Take the card away for as long as a person does, and lay it down again."""
        self.remove()
        wait_until(lambda: False, LIFT_S)
        self.insert()

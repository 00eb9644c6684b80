"""A scene with nothing but a card in it, and people who have nothing but a card."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from drivers.api import CardReader
from drivers.card.apdu import ApduChannel
from drivers.card.identity import CardReading, read_identity
from drivers.card.profiles import ktpel
from simulators.card import specimen


def read_free_content(channel: ApduChannel) -> ktpel.FreeContent | None:
    """What anybody may read of the card; None where it is no KTP-el."""
    return ktpel.read_free_files(channel) if ktpel.select_ktpel(channel) else None


def card_text(nik: str, name: str) -> bytes:
    """Return 21 quoted fields of which only NIK and name differ from the specimen's."""
    fields = specimen().biodata_text.decode().strip('"').split('","')
    fields[0], fields[13] = nik, name
    return ",".join(f'"{text}"' for text in fields).encode()


@dataclass(frozen=True)
class Holder:
    """Somebody with a card."""

    card_uid: bytes
    text: bytes

    @property
    def biodata(self) -> Holder:
        return self

    def to_card_text(self) -> bytes:
        return self.text


ANDI = Holder(bytes.fromhex("04111111111111"), card_text("9901010101800001", "ANDI CONTOH"))
BUDI = Holder(bytes.fromhex("04222222222222"), card_text("9901010202810002", "BUDI CONTOH"))


class CardTable:
    """Lays a card down and takes it away; what the simulated slots look at."""

    def __init__(self, card: Holder | None = None) -> None:
        self._card = card
        self._listeners: list[Callable[[], None]] = []

    @property
    def card(self) -> Holder | None:
        return self._card

    def lay(self, card: Holder | None) -> None:
        self._card = card
        for listener in tuple(self._listeners):
            listener()

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)


async def read_andi(reader: CardReader) -> CardReading:
    """Read the card of Andi completely and compare what must be his."""
    reading = await read_identity(reader)
    assert reading.uid == ANDI.card_uid
    assert reading.biodata is not None
    assert reading.biodata["name"] == "ANDI CONTOH"
    return reading


SELECT_KTPEL = bytes.fromhex("00A4000002") + ktpel.DEDICATED_FILE.to_bytes(2, "big")


def wait_until(condition: Callable[[], bool], seconds: float = 5.0) -> bool:
    """Look every 10 ms until `condition` holds or the time is over."""
    nothing, deadline = threading.Event(), time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        nothing.wait(0.01)
    return True

"""Read one card completely in one session, and say honestly what it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from drivers.api import CardChannel, CardReader
from drivers.card.apdu import ApduChannel
from drivers.card.atr import AtrHint, hint_of
from drivers.card.biodata import CardBiodata
from drivers.card.profiles import ktpel, open_lds
from drivers.card.reader import SIMULATED


class CardKind(StrEnum):
    """What was found on the card; the values are shown to the operator."""

    TEST_CARD = "KARTU UJI"
    KTPEL = "KTP-el"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class CardReading:
    """What one confirmed session read from one card.

    `biodata` maps `drivers.card.biodata.FIELD_NAMES` to texts; where it is None,
    `biodata_absent_because` says why ("no SAM" for a genuine KTP-el). `photo` is the free image
    file as the card gave it, `card_control` the free control file. `simulated` is true for a test
    card and on a simulated reader. Nothing here authenticates the card: a UID can be copied, photo
    and test data are not signed.
    """

    uid: bytes = field(repr=False)
    atr: bytes = field(repr=False)
    atr_hint: AtrHint
    kind: CardKind
    biodata: CardBiodata | None
    biodata_absent_because: str
    photo: bytes | None = field(repr=False)
    card_control: bytes | None = field(repr=False)
    simulated: bool


async def read_identity(reader: CardReader, timeout: float = 20.0) -> CardReading:
    """Read what is free on the card that lies there; return only after the session was confirmed.

    Args:
        reader: connected.
        timeout: seconds for opening the session, and again for reading.

    Raises:
        NoCard: the reader is empty.
        CardLost: the card left or was exchanged; nothing was kept.
        CardUnreadable: the card is mute or contradicts itself.
        DeviceTimeout: the card answers too slowly.
    """
    async with reader.session(timeout) as session:
        free, biodata = await session.run(_read, timeout)
    # only here is it certain that all of it came from one card
    kind = _kind(free, biodata)
    return CardReading(
        uid=session.identity.uid,
        atr=session.identity.atr,
        atr_hint=hint_of(session.identity.atr),
        kind=kind,
        biodata=biodata,
        biodata_absent_because="" if biodata is not None else _reason(kind),
        photo=free.photo if free else None,
        card_control=free.card_control if free else None,
        simulated=kind is CardKind.TEST_CARD or SIMULATED in reader.info.capabilities,
    )


def _read(card: CardChannel) -> tuple[ktpel.FreeContent | None, CardBiodata | None]:
    channel = ApduChannel(card)
    return ktpel.read_free_content(channel), open_lds.read_biodata(channel)


def _kind(free: object | None, biodata: object | None) -> CardKind:
    if biodata is not None:
        return CardKind.TEST_CARD
    return CardKind.KTPEL if free is not None else CardKind.UNKNOWN


def _reason(kind: CardKind) -> str:
    return ktpel.NO_ACCESS_MODULE if kind is CardKind.KTPEL else "not a known identity card"

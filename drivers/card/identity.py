"""Read one card completely in one session, and say honestly what it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final, TypeVar

from drivers.api import CardChannel, CardIdentity, CardReader, Image
from drivers.card.access import CardAccess, access_of
from drivers.card.apdu import ApduChannel
from drivers.card.atr import AtrHint, hint_of
from drivers.card.biodata import BiodataError, CardBiodata, parse_card_text
from drivers.card.chip_content import ChipContentError, decode_photo, decode_signature_image
from drivers.card.chip_content_minutiae import MinutiaeTemplate, parse_template
from drivers.card.errors import CardNotAuthentic
from drivers.card.profiles import ktpel, open_lds
from drivers.card.profiles.ktpel_protected import KtpelContent, ProtectedContent, read_ktpel
from drivers.card.reader import SIMULATED
from drivers.card.signature import SignatureCheck
from drivers.errors import CardUnreadable, DeviceError

T = TypeVar("T")

TEST_MODULE: Final = open_lds.LABEL.encode()
"""The number of a simulated access module begins so; a genuine one's has another form."""


class CardKind(StrEnum):
    """What was found on the card; the values are shown to the operator."""

    TEST_CARD = "KARTU UJI"
    KTPEL = "KTP-el"
    UNKNOWN = "unknown"


class CardSource(StrEnum):
    """By which profile biodata were read and their signature was judged."""

    KTPEL_SAM = "KTP-el, SAM"
    OPEN_LDS = "open test application, EF.SOD"
    NONE = ""


@dataclass(frozen=True, slots=True, eq=False)
class CardReading:
    """What one confirmed session read from one card.

    `biodata` maps `drivers.card.biodata.FIELD_NAMES` to texts; where it is None,
    `biodata_absent_because` says why ("no SAM" for a genuine KTP-el on a reader without a slot for
    one) and `access_problem` is the code of what the access module or its absence came to. `photo`
    is the free image file as the card gave it, `card_control` the free control file; `photo_image`
    (height, width, 3) uint8 blue-green-red and `signature_image` (44, 168) uint8 grey are decoded,
    `minutiae` are the fingers of the chip. What was read and could not be decoded is named in
    `undecodable`.

    `signature` is the verdict on the card's own signature over its content, by the profile
    `source`, from which biodata come. Only a valid one vouches for anything: a UID can be copied,
    the free photo of a KTP-el is not signed to us. `simulated` is true for a test card and on a
    simulated reader.
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
    source: CardSource = CardSource.NONE
    signature: SignatureCheck = SignatureCheck.NOT_CHECKED
    signature_detail: str = ""
    access_problem: str = ""
    photo_image: Image | None = field(default=None, repr=False)
    signature_image: Image | None = field(default=None, repr=False)
    minutiae: tuple[MinutiaeTemplate, ...] = field(default=(), repr=False)
    undecodable: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Found:
    """What the work in the session brought home, not judged yet."""

    ktpel: KtpelContent | None
    open_content: open_lds.OpenContent | None
    is_test_card: bool


async def read_identity(reader: CardReader, timeout: float = 20.0) -> CardReading:
    """Read what this reader may read of the card; return only after the session was confirmed.

    Biodata come from the KTP-el itself where an access module opens it, else from the open test
    application where the card has one. A card that could not prove to the module what it is gives
    none: an open application on a copied card could say anything.

    Args:
        reader: connected.
        timeout: seconds for opening the session, and again for reading.

    Raises:
        NoCard: the reader is empty.
        CardLost: the card left or was exchanged; nothing was kept. `SecureChannelBroken` is the
            same with an alarm: a protected answer was changed.
        CardUnreadable: the card is mute or contradicts itself.
        SamMissing: the access module stays silent; where it is absent or leaves, what is free is
            read and `access_problem` says so.
        AuthoritiesUnusable: the configured certificates cannot be used.
        DeviceTimeout: the card answers too slowly.
    """
    access = access_of(reader)
    async with reader.session(timeout) as session:
        uid = session.identity.uid
        found = await session.run(lambda card: _read(card, uid, access), timeout)
    # only here is it certain that all of it came from one card
    return _reading(session.identity, found, reader)


def _read(card: CardChannel, uid: bytes, access: CardAccess) -> _Found:
    module = access.module(card)
    content = read_ktpel(card, uid, module, chunk_bytes=access.protected_chunk_bytes)
    channel = ApduChannel(card)
    if content is not None and content.protected is not None:
        # asked last: a plain command ends the protected channel
        is_test = content.protected.module.startswith(TEST_MODULE) or open_lds.is_present(channel)
        return _Found(content, None, is_test)
    if content is not None and isinstance(content.problem, CardNotAuthentic):
        return _Found(content, None, open_lds.is_present(channel))
    open_content = open_lds.read_open_lds(channel, access.authorities, datetime.now(UTC))
    return _Found(content, open_content, open_content is not None)


def _reading(identity: CardIdentity, found: _Found, reader: CardReader) -> CardReading:
    protected = found.ktpel.protected if found.ktpel else None
    free = found.ktpel.free if found.ktpel else None
    problem = found.ktpel.problem if found.ktpel else None
    kind = _kind(found)
    stated = _stated(found, reader.name)
    decoder = _Decoder()
    signature_file = protected.signature_image if protected else None
    photo = free.photo if free else found.open_content.photo if found.open_content else None
    return CardReading(
        uid=identity.uid,
        atr=identity.atr,
        atr_hint=hint_of(identity.atr),
        kind=kind,
        biodata=stated.biodata,
        biodata_absent_because="" if stated.biodata else _reason(kind, problem),
        photo=photo,
        card_control=free.card_control if free else None,
        simulated=kind is CardKind.TEST_CARD or SIMULATED in reader.info.capabilities,
        source=stated.source,
        signature=stated.signature,
        signature_detail=stated.detail,
        access_problem=problem.code if problem else "",
        photo_image=decoder.decode("photo", decode_photo, photo),
        signature_image=decoder.decode("signature image", decode_signature_image, signature_file),
        minutiae=decoder.fingers(protected),
        undecodable=tuple(decoder.failures),
    )


@dataclass(frozen=True, slots=True)
class _Stated:
    """Biodata, where they come from and whether anybody vouches for them."""

    biodata: CardBiodata | None = None
    source: CardSource = CardSource.NONE
    signature: SignatureCheck = SignatureCheck.NOT_CHECKED
    detail: str = ""


def _stated(found: _Found, device: str) -> _Stated:
    if found.ktpel is not None and (protected := found.ktpel.protected) is not None:
        try:
            biodata = parse_card_text(protected.biodata_text)
        except BiodataError as error:
            raise CardUnreadable(device, f"biodata: {error}") from error
        is_valid = protected.is_signature_valid
        verdict = SignatureCheck.VALID if is_valid else SignatureCheck.INVALID
        return _Stated(biodata, CardSource.KTPEL_SAM, verdict)
    if (content := found.open_content) is not None:
        return _Stated(
            content.biodata, CardSource.OPEN_LDS, content.signature, content.signature_detail
        )
    return _Stated()


class _Decoder:
    """Decodes what can be decoded, and keeps a line about what cannot."""

    def __init__(self) -> None:
        self.failures: list[str] = []

    def decode(self, what: str, parse: Callable[[bytes], T], data: bytes | None) -> T | None:
        """Return what `parse` makes of `data`; None where there are none or they are damaged."""
        if data is None:
            return None
        try:
            return parse(data)
        except ChipContentError as error:
            self.failures.append(f"{what}: {error}")
            return None

    def fingers(self, protected: ProtectedContent | None) -> tuple[MinutiaeTemplate, ...]:
        """Return the templates that can be decoded."""
        if protected is None:
            return ()
        parsed = (
            self.decode(f"finger {number}", parse_template, data)
            for number, data in enumerate(protected.minutiae, start=1)
        )
        return tuple(template for template in parsed if template is not None)


def _kind(found: _Found) -> CardKind:
    if found.is_test_card:
        return CardKind.TEST_CARD
    return CardKind.KTPEL if found.ktpel is not None else CardKind.UNKNOWN


def _reason(kind: CardKind, problem: DeviceError | None) -> str:
    if problem is not None:
        return f"{problem.code} {problem.detail}".strip()
    return ktpel.NO_ACCESS_MODULE if kind is CardKind.KTPEL else "not a known identity card"

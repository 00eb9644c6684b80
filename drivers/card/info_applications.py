"""Which known applications a card answers for, and what each of them tells everybody.

Nothing here needs a secret, uses up a try, or returns anybody's data: numbers of persons are
masked, names and pictures are counted only.

Sources of the identifiers: NIST SP 800-73-4 (PIV), ICAO 9303-10 (passport), EMV book 1 and book B
(payment), OpenPGP card 3.4, FIDO CTAP 2.1, PKCS #15 v1.1, NFC Forum type 4 tag 2.0, GlobalPlatform
2.3, ETSI TS 101 220 (telephone); KTP-el directory as in public clients; KTPOPEN is ours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from drivers.card.apdu import SUCCESS, ApduChannel, CardAnswer
from drivers.card.errors import PivCertificateAbsent, PivUnreadable
from drivers.card.profiles import ktpel, open_lds, piv_objects
from drivers.card.profiles.piv import PivCard
from drivers.card.profiles.piv_certificate import CertificateError, OperatorCertificate
from drivers.card.profiles.piv_objects import Slot
from drivers.errors import CardUnreadable

DEACTIVATED: Final = 0x6283
"""The application is there and was switched off for good (ISO/IEC 7816-4 table 6)."""

NOBODY: Final = b"\xf0REKAM NOBODY"
"""A name of ours that no card has: whoever answers to it answers to everything."""

SHOWN_DIGITS: Final = 2

Fact = str | int


class Application(StrEnum):
    """The applications that are asked for, in this order."""

    KTPEL = "ktpel"
    KTPOPEN = "ktpopen"
    PIV = "piv"
    PASSPORT = "passport"
    PAYMENT_CONTACTLESS = "payment-contactless"
    PAYMENT_CONTACT = "payment-contact"
    OPENPGP = "openpgp"
    FIDO = "fido"
    PKCS15 = "pkcs15"
    NDEF = "ndef"
    TELEPHONE = "telephone"
    GLOBAL_PLATFORM = "global-platform"


IDENTIFIERS: Final[Mapping[Application, bytes]] = {
    Application.KTPOPEN: open_lds.APPLICATION,
    Application.PIV: piv_objects.APPLICATION,
    Application.PASSPORT: bytes.fromhex("A0000002471001"),
    Application.PAYMENT_CONTACTLESS: b"2PAY.SYS.DDF01",
    Application.PAYMENT_CONTACT: b"1PAY.SYS.DDF01",
    Application.OPENPGP: bytes.fromhex("D27600012401"),
    Application.FIDO: bytes.fromhex("A0000006472F0001"),
    Application.PKCS15: bytes.fromhex("A000000063504B43532D3135"),
    Application.NDEF: bytes.fromhex("D2760000850101"),
    Application.TELEPHONE: bytes.fromhex("A0000000871002"),
    Application.GLOBAL_PLATFORM: bytes.fromhex("A000000151000000"),
}


@dataclass(frozen=True, slots=True)
class ApplicationFacts:
    """One application that the card has; `facts` are free and name nobody.

    `unreadable` says why its free facts could not be read, empty where they could.
    """

    application: Application
    facts: Mapping[str, Fact] = field(default_factory=dict)
    unreadable: str = ""


@dataclass(frozen=True, slots=True)
class Applications:
    """What a card answered; the answers of one that `answers_to_everything` say nothing."""

    present: tuple[ApplicationFacts, ...]
    answers_to_everything: bool


def find_applications(channel: ApduChannel, device: str) -> Applications:
    """Select one known application after the other and read what each gives to everybody.

    Raises:
        CardLost: the card left.
        DeviceTimeout, Cancelled: the call ended.
    """
    # first, because a KTP-el is addressed from the root of the card, where it is after a reset
    found = [Application.KTPEL] if ktpel.select_ktpel(channel) else []
    facts = [_facts_of(Application.KTPEL, channel, device)] if found else []
    if _has(channel, NOBODY):
        return Applications((), answers_to_everything=True)
    for application, identifier in IDENTIFIERS.items():
        if _has(channel, identifier):
            facts.append(_facts_of(application, channel, device))
    return Applications(tuple(facts), answers_to_everything=False)


def masked_number(text: str) -> str:
    """Return the first two digits of a personal number (the province) and a star for each other."""
    return text[:SHOWN_DIGITS] + "*" * max(0, len(text) - SHOWN_DIGITS)


def _has(channel: ApduChannel, identifier: bytes) -> bool:
    apdu = bytes((0x00, 0xA4, 0x04, 0x00, len(identifier))) + identifier + b"\x00"
    return channel.send(apdu).status in (SUCCESS, DEACTIVATED)


def _facts_of(application: Application, channel: ApduChannel, device: str) -> ApplicationFacts:
    read = _READERS.get(application)
    if read is None:
        return ApplicationFacts(application)
    try:
        return ApplicationFacts(application, read(channel, device))
    except (CardAnswer, CardUnreadable, PivUnreadable) as error:
        return ApplicationFacts(application, unreadable=error.detail)


def _ktpel(channel: ApduChannel, device: str) -> dict[str, Fact]:
    free = ktpel.read_free_files(channel)
    return {"photo_bytes": len(free.photo), "card_control_bytes": len(free.card_control)}


def _ktpopen(channel: ApduChannel, device: str) -> dict[str, Fact]:
    biodata = open_lds.read_biodata(channel)
    nik = masked_number(biodata["nik"]) if biodata is not None else ""
    return {"label": open_lds.LABEL, "nik": nik}


def _piv(channel: ApduChannel, device: str) -> dict[str, Fact]:
    card = PivCard(channel, device)
    tries, holder = card.tries_left(), card.cardholder_id()
    facts: dict[str, Fact] = {}
    if tries is not None:
        facts["pin_tries_left"] = tries
    if holder is not None and holder.expires is not None:
        facts["card_expires"] = holder.expires.isoformat()
    slots = []
    for slot in Slot:
        try:
            der = card.certificate(slot)
        except PivCertificateAbsent:
            continue
        slots.append(str(slot))
        if slot is Slot.AUTHENTICATION:
            facts |= _certificate(der, device)
    return facts | {"certificates": " ".join(slots)}


def _certificate(der: bytes, device: str) -> dict[str, Fact]:
    """What matters of the certificate of 9A without saying whose it is."""
    try:
        operator = OperatorCertificate.load(der)
    except CertificateError as error:
        raise PivUnreadable(device, f"certificate of 9A: {error}") from error
    return {
        "certificate_serial": operator.serial,
        "certificate_valid_until": operator.valid_until.date().isoformat(),
    }


_READERS: Final[Mapping[Application, Callable[[ApduChannel, str], dict[str, Fact]]]] = {
    Application.KTPEL: _ktpel,
    Application.KTPOPEN: _ktpopen,
    Application.PIV: _piv,
}

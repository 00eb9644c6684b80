"""What a card says, in plain words for the operator and the technician."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from drivers.card.atr import AtrHint
from drivers.card.info import CardFacts
from drivers.card.info_applications import Application, ApplicationFacts
from drivers.card.info_atr import AtrFacts, Convention, HistoricalForm
from station.i18n import N_, Translator

APPLICATIONS: Final[Mapping[Application, str]] = {
    Application.KTPEL: N_("KTP-el (identity card)"),
    Application.KTPOPEN: N_("test card of this program"),
    Application.PIV: N_("PIV (operator card)"),
    Application.PASSPORT: N_("electronic passport (ICAO)"),
    Application.PAYMENT_CONTACTLESS: N_("bank card, contactless (EMV)"),
    Application.PAYMENT_CONTACT: N_("bank card, contact (EMV)"),
    Application.OPENPGP: N_("OpenPGP key"),
    Application.FIDO: N_("FIDO security key"),
    Application.PKCS15: N_("signature card (PKCS #15)"),
    Application.NDEF: N_("NFC tag (NDEF)"),
    Application.TELEPHONE: N_("telephone card (USIM)"),
    Application.GLOBAL_PLATFORM: N_("card manager (GlobalPlatform)"),
}

FACTS: Final[Mapping[str, str]] = {
    "photo_bytes": N_("photo, free to read: {value} bytes"),
    "card_control_bytes": N_("card control file: {value} bytes"),
    "label": N_("label: {value}"),
    "nik": N_("NIK, masked: {value}"),
    "pin_tries_left": N_("PIN tries left: {value}"),
    "card_expires": N_("card expires on {value}"),
    "certificates": N_("certificates in: {value}"),
    "certificate_serial": N_("serial number of certificate 9A: {value}"),
    "certificate_valid_until": N_("certificate 9A is valid until {value}"),
}

CONVENTIONS: Final[Mapping[Convention, str]] = {
    Convention.DIRECT: N_("direct convention"),
    Convention.INVERSE: N_("inverse convention"),
}

FORMS: Final[Mapping[HistoricalForm, str]] = {
    HistoricalForm.NONE: N_("no historical bytes"),
    HistoricalForm.STATUS_AT_END: N_("status at the end"),
    HistoricalForm.COMPACT_OBJECTS: N_("compact data objects"),
    HistoricalForm.REFERENCE: N_("reference to a file"),
    HistoricalForm.PROPRIETARY: N_("form of the maker"),
}

HINTS: Final[Mapping[AtrHint, str]] = {
    AtrHint.KTPEL_TYPE_A: N_("as of a KTP-el, type A (a hint, no proof)"),
    AtrHint.KTPEL_TYPE_B: N_("as of a KTP-el, type B (a hint, no proof)"),
    AtrHint.NONE: "",
}


def card_lines(card: CardFacts, _: Translator) -> Iterator[str]:
    """Say everything about one card, one fact a line."""
    yield _(N_("A card is there"))
    yield f"ATR: {card.atr}"
    yield from (f"  {line}" for line in _atr_lines(card.atr_facts, _))
    yield _(N_("UID, masked: {uid}"), uid=card.uid) if card.uid else _(N_("No UID: contact card"))
    if card.applications.answers_to_everything:
        yield _(N_("The card answers to every name: its applications cannot be told"))
        return
    if not card.applications.present:
        yield _(N_("No known application"))
    for application in card.applications.present:
        yield _(APPLICATIONS[application.application])
        yield from (f"  {line}" for line in _fact_lines(application, _))


def english_detail(detail: str, _: Translator) -> str:
    """Return the detail of an error for the end of an English sentence; details are English."""
    return f" ({detail})" if detail and _.language == "en" else ""


def foreign_detail(detail: str, _: Translator) -> Iterator[str]:
    """Yield the detail of an error as a labelled line of its own below a sentence not English."""
    if detail and _.language != "en":
        yield _(N_("technical detail: {detail}"), detail=detail)


def _atr_lines(atr: AtrFacts, _: Translator) -> Iterator[str]:
    yield _(CONVENTIONS[atr.convention])
    offered = ", ".join(f"T={number}" for number in atr.protocols)
    yield _(N_("protocols offered: {protocols}"), protocols=offered)
    if atr.specific_protocol is not None:
        yield _(N_("speaks only T={number}"), number=atr.specific_protocol)
    if not atr.is_contactless:
        yield from _speed_lines(atr, _)
    yield _(
        N_("historical bytes: {shown} ({form})"),
        shown=atr.historical_text or "-",
        form=_(FORMS[atr.historical_form]),
    )
    yield _(N_("check byte right")) if atr.has_check_byte else _(N_("no check byte needed"))
    if atr.is_contactless:
        yield _(N_("contactless card, described by its reader"))
    if atr.storage_card:
        yield _(N_("memory card: {name}"), name=atr.storage_card)
    if hint := HINTS[atr.hint]:
        yield _(hint)


def _speed_lines(atr: AtrFacts, _: Translator) -> Iterator[str]:
    if atr.clock_conversion is not None and atr.baud_adjustment is not None:
        yield _(
            N_("speed: Fi {fi}, Di {di}, clock up to {clock} MHz"),
            fi=atr.clock_conversion,
            di=atr.baud_adjustment,
            clock=_.number(atr.highest_clock_mhz or 0.0, 1),
        )
    if atr.block_bytes is not None:
        yield _(N_("T=1 blocks of up to {count} bytes"), count=atr.block_bytes)


def _fact_lines(application: ApplicationFacts, _: Translator) -> Iterator[str]:
    for name, value in application.facts.items():
        if value != "":
            yield _(FACTS[name], value=value)
    if application.unreadable:
        detail = application.unreadable
        yield _(N_("its free data cannot be read")) + english_detail(detail, _)
        yield from foreign_detail(detail, _)

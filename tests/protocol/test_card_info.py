"""What can be said of a card without a secret: its ATR in words, and the applications it has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.api import CardChannel
from drivers.card.apdu import ApduChannel
from drivers.card.atr import AtrError, AtrHint
from drivers.card.info import masked_uid
from drivers.card.info_applications import (
    IDENTIFIERS,
    NOBODY,
    Application,
    Applications,
    find_applications,
    masked_number,
)
from drivers.card.info_atr import Convention, HistoricalForm, explain_atr, printable_atr
from drivers.card.profiles.piv_objects import CHUID, Slot
from drivers.errors import CardLost
from simulators.card import KtpelCard, specimen
from simulators.piv_pki import blank_card
from tests.protocol.piv_scene import OPERATOR, operator_card

KTPEL_TYPE_B = bytes.fromhex("3B8C8001501122334430AAAA017781D709")


@dataclass
class Channel:
    """A `CardChannel` to anything that answers."""

    answer: Callable[[bytes], bytes]
    device: str = "reader"
    access_module: CardChannel | None = None

    def transmit(self, apdu: bytes) -> bytes:
        return self.answer(apdu)


def found_on(answer: Callable[[bytes], bytes]) -> Applications:
    return find_applications(ApduChannel(Channel(answer)), "reader")


def test_a_ktpel_of_type_a() -> None:
    facts = explain_atr(bytes.fromhex("3B8B8001654B5450304432654B54504C"))
    assert facts.convention is Convention.DIRECT
    assert facts.protocols == (0, 1)
    assert facts.historical == b"eKTP0D2eKTP"
    assert facts.historical_form is HistoricalForm.PROPRIETARY
    assert facts.is_contactless
    assert facts.has_check_byte
    assert facts.hint is AtrHint.KTPEL_TYPE_A


def test_the_identity_of_a_type_b_card_is_starred_out() -> None:
    shown = printable_atr(KTPEL_TYPE_B)
    assert shown == "3B 8C 80 01 50 ** ** ** ** 30 AA AA 01 77 81 D7 **"
    facts = explain_atr(KTPEL_TYPE_B)
    assert facts.hint is AtrHint.KTPEL_TYPE_B
    assert b"\x11\x22\x33\x44" not in facts.historical
    assert "\x11" not in repr(facts)


@pytest.mark.parametrize(
    "atr", ["3B8B800150333038473050335F31302B", "3B8A80013037393134315F3030316F"]
)
def test_the_other_atrs_of_a_ktpel_are_shown_whole(atr: str) -> None:
    assert printable_atr(bytes.fromhex(atr)).replace(" ", "") == atr
    assert explain_atr(bytes.fromhex(atr)).hint is AtrHint.KTPEL_TYPE_A


FORMS = [
    # ATR; protocols, the only one, Fi, Di, N, IFSC, historical bytes, check byte
    ("3B00", ((0,), None, 372, 1, 0, None, HistoricalForm.NONE, False)),
    ("3F00", ((0,), None, 372, 1, 0, None, HistoricalForm.NONE, False)),
    ("3B1096", ((0,), None, 512, 32, 0, None, HistoricalForm.NONE, False)),
    ("3B107F", ((0,), None, None, None, 0, None, HistoricalForm.NONE, False)),
    ("3B90961080", ((0,), 0, 512, 32, 0, None, HistoricalForm.NONE, False)),
    ("3B6500002063CB6800", ((0,), None, 372, 1, 0, None, HistoricalForm.PROPRIETARY, False)),
    ("3B0400019000", ((0,), None, 372, 1, 0, None, HistoricalForm.STATUS_AT_END, False)),
    ("3B021001", ((0,), None, 372, 1, 0, None, HistoricalForm.REFERENCE, False)),
    (
        "3BF81300008131FE15595542494B455934D4",
        ((1,), None, 372, 4, 0, 254, HistoricalForm.PROPRIETARY, True),
    ),
    ("3BD096FF81B1FE451F072A", ((1,), None, 512, 32, 255, 254, HistoricalForm.NONE, True)),
    ("3B80800101", ((0, 1), None, 372, 1, 0, 32, HistoricalForm.NONE, True)),
]


@pytest.mark.parametrize(("atr", "expected"), FORMS, ids=[atr for atr, _ in FORMS])
def test_an_answer_to_reset_in_its_parts(atr: str, expected: tuple[object, ...]) -> None:
    facts = explain_atr(bytes.fromhex(atr))
    assert expected == (
        facts.protocols,
        facts.specific_protocol,
        facts.clock_conversion,
        facts.baud_adjustment,
        facts.extra_guard,
        facts.block_bytes,
        facts.historical_form,
        facts.has_check_byte,
    )
    assert facts.convention is (Convention.INVERSE if atr[1] == "F" else Convention.DIRECT)


def test_a_memory_card_is_named() -> None:
    atr = "3B8F8001804F0CA000000306030001000000006A"
    assert explain_atr(bytes.fromhex(atr)).storage_card == "MIFARE Classic 1K"


@pytest.mark.parametrize("atr", ["", "3B", "0001", "3B8B8001654B5450304432654B54504D", "3B90"])
def test_what_is_no_answer_to_reset_is_not_explained(atr: str) -> None:
    with pytest.raises(AtrError):
        explain_atr(bytes.fromhex(atr))
    assert printable_atr(bytes.fromhex(atr)).replace(" ", "") == atr


@given(st.binary(max_size=40))
def test_any_bytes_are_explained_or_refused(atr: bytes) -> None:
    printable_atr(atr)
    try:
        facts = explain_atr(atr)
    except AtrError:
        return
    assert facts.protocols
    assert len(facts.historical) == atr[1] & 0x0F
    assert facts.historical_text.isprintable()


def test_the_test_card_shows_sizes_and_a_masked_number() -> None:
    card = KtpelCard(specimen())
    found = found_on(card.apdu)
    ktpel, ktpopen = found.present
    assert not found.answers_to_everything
    assert ktpel.application is Application.KTPEL
    assert ktpel.facts == {
        "photo_bytes": len(specimen().photo),
        "card_control_bytes": 51,
    }
    assert ktpopen.application is Application.KTPOPEN
    assert ktpopen.facts == {"label": "KARTU UJI", "nik": "31" + 14 * "*"}
    assert "BUDI" not in repr(found)
    assert "3171234567890001" not in repr(found)


def test_a_genuine_ktpel_shows_what_is_free() -> None:
    found = found_on(KtpelCard(specimen(), has_test_application=False).apdu)
    assert [one.application for one in found.present] == [Application.KTPEL]


def test_an_operator_card_shows_counters_and_validity_and_no_name() -> None:
    card = operator_card()
    found = found_on(card.apdu)
    (piv,) = found.present
    assert piv.application is Application.PIV
    assert piv.facts["pin_tries_left"] == 3
    assert piv.facts["card_expires"] == "2040-12-31"
    assert piv.facts["certificates"] == "9A 9C 9D 9E"
    assert str(piv.facts["certificate_valid_until"]).startswith("2031-")
    assert OPERATOR not in repr(found)
    assert card.pin.tries == 3


def test_a_blank_operator_card_has_no_certificates() -> None:
    (piv,) = found_on(blank_card().apdu).present
    assert piv.facts == {"pin_tries_left": 3, "certificates": ""}


@pytest.mark.parametrize("tag", [CHUID, Slot.AUTHENTICATION.certificate_tag])
def test_an_operator_card_with_damaged_objects_is_still_one(tag: int) -> None:
    card = operator_card()
    card.objects[tag] = bytes.fromhex("5303350299")
    (piv,) = found_on(card.apdu).present
    assert piv.application is Application.PIV
    assert piv.unreadable


def test_a_ktpel_with_a_damaged_photo_is_still_one() -> None:
    card = KtpelCard(specimen(), has_test_application=False)

    def answer(apdu: bytes) -> bytes:
        return b"\x00\x00\x90\x00" if apdu[1] == 0xB0 else card.apdu(apdu)

    (ktpel,) = found_on(answer).present
    assert "0 bytes" in ktpel.unreadable


@pytest.mark.parametrize("application", IDENTIFIERS)
def test_every_application_is_found_by_its_name(application: Application) -> None:
    named = IDENTIFIERS[application]

    def answer(apdu: bytes) -> bytes:
        is_named = apdu[1] == 0xA4 and apdu[5 : 5 + apdu[4]] == named
        return b"\x90\x00" if is_named else b"\x6a\x82"

    assert [one.application for one in found_on(answer).present] == [application]


def test_a_card_that_answers_to_every_name_has_shown_nothing() -> None:
    asked = []

    def answer(apdu: bytes) -> bytes:
        asked.append(apdu)
        return b"\x90\x00"

    assert found_on(answer) == Applications((), answers_to_everything=True)
    assert any(NOBODY in apdu for apdu in asked)


def test_a_card_that_leaves_is_no_result() -> None:
    def answer(apdu: bytes) -> bytes:
        raise CardLost("reader", "gone")

    with pytest.raises(CardLost):
        found_on(answer)


def test_masks() -> None:
    assert masked_uid(bytes.fromhex("04A1B2C3D4E580")) == "04************"
    assert masked_uid(b"") == ""
    assert masked_number("3171234567890001") == "31**************"
    assert masked_number("") == ""

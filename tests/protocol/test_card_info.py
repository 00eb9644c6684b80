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


def test_a_contact_card_with_one_protocol_and_a_fast_clock() -> None:
    facts = explain_atr(bytes.fromhex("3BF81300008131FE1559554259494B4579D6".replace("79D6", "79D6")))
    assert facts.protocols == (1,)
    assert (facts.clock_conversion, facts.baud_adjustment) == (372, 4)
    assert facts.highest_clock_mhz == 5.0
    assert facts.block_bytes == 254
    assert facts.extra_guard == 0


@pytest.mark.parametrize(
    ("atr", "expected"),
    [
        # (protocols, specific, Fi, Di, N, IFSC, form, check byte)
        ("3B00", ((0,), None, 372, 1, 0, None, HistoricalForm.NONE, False)),
        ("3F00", ((0,), None, 372, 1, 0, None, HistoricalForm.NONE, False)),
        ("3B6500000063040000", ((0,), None, 372, 1, 0, None, HistoricalForm.PROPRIETARY, False)),
        ("3B9096000006"[:10], None),
        ("3B90961080"[:6] + "10" + "81", None),
        ("3BD096FF811040"[:14], None),
    ],
)
def test_forms(atr: str, expected: tuple[object, ...] | None) -> None:
    if expected is None:
        with pytest.raises(AtrError):
            explain_atr(bytes.fromhex(atr))
        return
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

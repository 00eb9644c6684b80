"""Bytes that cards say about themselves: answer to reset, TLV, biodata text."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.card import tlv
from drivers.card.atr import AtrError, AtrHint, check_atr, hint_of
from drivers.card.biodata import FIELD_NAMES, BiodataError, CardBiodata, parse_card_text
from tests.protocol.card_scene import ANDI

KTPEL_ATRS = {
    "3B8B8001654B5450304432654B54504C": AtrHint.KTPEL_TYPE_A,
    "3B8B800150333038473050335F31302B": AtrHint.KTPEL_TYPE_A,
    "3B8A80013037393134315F3030316F": AtrHint.KTPEL_TYPE_A,
    "3B8C8001501122334430AAAA017781D709": AtrHint.KTPEL_TYPE_B,
}
OTHER_ATRS = (
    "3BF81300008131FE154B545053414D7630E6",  # contact, T=1, with a check byte
    "3B0400010203",  # T=0 only: no check byte is due
    "3F00",
)
FIELD_TEXT = st.text(st.characters(categories=("L", "N", "P"), exclude_characters='"'), max_size=20)


@pytest.mark.parametrize(("atr", "hint"), KTPEL_ATRS.items())
def test_known_answers_to_reset_are_whole_and_recognised(atr: str, hint: AtrHint) -> None:
    check_atr(bytes.fromhex(atr))
    assert hint_of(bytes.fromhex(atr)) is hint


@pytest.mark.parametrize("atr", OTHER_ATRS)
def test_other_cards_are_whole_and_not_recognised(atr: str) -> None:
    check_atr(bytes.fromhex(atr))
    assert hint_of(bytes.fromhex(atr)) is AtrHint.NONE


@pytest.mark.parametrize(
    "atr", ["", "3B", "0001", "3B8B", "3B8B8001", "3B04000102", "3B040001020304", "3B" * 34]
)
def test_broken_answers_to_reset_are_refused(atr: str) -> None:
    with pytest.raises(AtrError):
        check_atr(bytes.fromhex(atr))


@pytest.mark.parametrize("bit", range(8))
@pytest.mark.parametrize("position", range(16))
def test_no_changed_bit_of_an_answer_to_reset_passes(position: int, bit: int) -> None:
    atr = bytearray.fromhex("3B8B8001654B5450304432654B54504C")
    atr[position] ^= 1 << bit
    if atr[0] == 0x3F:  # inverse convention: TS is not covered by the check byte
        check_atr(bytes(atr))
        return
    with pytest.raises(AtrError):
        check_atr(bytes(atr))


@settings(deadline=None)
@given(st.binary(max_size=40))
def test_any_bytes_are_an_answer_to_reset_or_refused(data: bytes) -> None:
    try:
        check_atr(data)
    except AtrError:
        return
    assert data[0] in (0x3B, 0x3F)
    assert 2 <= len(data) <= 33


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from([0x60, 0x6D, 0x80, 0x5C, 0x5F01]), st.binary(max_size=300)))
)
def test_tlv_round_trip(objects: list[tuple[int, bytes]]) -> None:
    data = b"".join(tlv.build(tag, value) for tag, value in objects)
    assert [(item.tag, item.value) for item in tlv.parse(data)] == objects


@settings(deadline=None)
@given(st.binary(max_size=64))
def test_any_bytes_are_tlv_or_refused(data: bytes) -> None:
    try:
        objects = tlv.parse(data)
    except tlv.TlvError:
        return
    assert sum(len(item.value) for item in objects) <= len(data)


@pytest.mark.parametrize("data", ["6D", "5F", "5F81", "6D80", "6D83000001", "6D05000000", "6D8201"])
def test_broken_tlv_is_refused(data: str) -> None:
    with pytest.raises(tlv.TlvError):
        tlv.parse(bytes.fromhex(data))


def test_biodata_have_names_and_print_nothing() -> None:
    biodata = parse_card_text(ANDI.text)
    assert tuple(biodata) == FIELD_NAMES
    assert biodata["nik"] == "9901010101800001"
    assert biodata["name"] == "ANDI CONTOH"
    assert biodata["citizenship"] == "WNI"
    shown = f"{biodata!r} {biodata} {biodata.items()!r} {biodata.values()!r}"
    assert not any(text in shown for text in biodata.values() if len(text) > 3)


def test_commas_inside_quotes_stay_and_controls_go() -> None:
    fields = ["x"] * 21
    fields[1], fields[13] = "JL UJI, NO 1", "A\x1b[31mN\u202eDI\x00 "
    fields[12] = "GURU\u2028BESAR\u00a0SD"
    biodata = parse_card_text(",".join(f'"{text}"' for text in fields).encode() + b"\x00\x00")
    assert biodata["address"] == "JL UJI, NO 1"
    assert biodata["name"] == "A[31mNDI"
    assert biodata["occupation"] == "GURU BESAR SD"


@settings(deadline=None)
@given(st.lists(FIELD_TEXT, min_size=21, max_size=21))
def test_biodata_round_trip(texts: list[str]) -> None:
    data = ",".join(f'"{text}"' for text in texts).encode()
    assert list(parse_card_text(data).values()) == [text.strip() for text in texts]


@pytest.mark.parametrize("count", [0, 1, 20, 22])
def test_another_number_of_fields_is_refused(count: int) -> None:
    with pytest.raises(BiodataError):
        parse_card_text(",".join(['"x"'] * count).encode())


@settings(deadline=None)
@given(st.one_of(st.binary(max_size=200), st.text('",x\x00', max_size=90).map(str.encode)))
def test_any_bytes_are_biodata_or_refused_without_telling_them(data: bytes) -> None:
    try:
        biodata: CardBiodata | None = parse_card_text(data)
    except BiodataError as error:
        biodata, told = None, f"{error} {error.__cause__}"
    if biodata is None:
        assert re.fullmatch(r"(text of|no UTF-8|[0-9]+ fields)[a-z0-9 ]* None", told)
        return
    assert all(text.isprintable() for text in biodata.values())

"""Commands and files against a card without a link: status words, chunks, bounds."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.api import CardChannel
from drivers.card import tlv
from drivers.card.apdu import CHUNK_BYTES, ApduChannel, CardAnswer
from drivers.card.profiles import ktpel, open_lds
from drivers.errors import CardUnreadable, DeviceError
from simulators.card import CardContent, KtpelCard, from_person, specimen
from tests.protocol.card_scene import ANDI, read_free_content

Answer = Callable[[bytes], bytes]

STATUS_WORDS = (0x9000, 0x6282, 0x6102, 0x6C02, 0x6A82)


@dataclass
class FakeChannel:
    """A channel to a card that is a function."""

    answer: Answer
    device: str = "reader"
    access_module: CardChannel | None = None

    def transmit(self, apdu: bytes) -> bytes:
        return self.answer(apdu)


def channel_to(answer: Answer) -> ApduChannel:
    return ApduChannel(FakeChannel(answer))


def scripted(*answers: str) -> tuple[ApduChannel, list[str]]:
    """Return a channel that gets these answers and the list that its commands go to."""
    sent: list[str] = []
    coming = iter(answers)

    def answer(apdu: bytes) -> bytes:
        sent.append(apdu.hex().upper())
        return bytes.fromhex(next(coming))

    return channel_to(answer), sent


@pytest.mark.parametrize("size", [1, 247, 248, 249, 6144])
def test_photo_is_read_in_chunks_of_every_size(size: int) -> None:
    photo = (bytes(range(256)) * 24)[:size]
    card = KtpelCard(CardContent(ANDI.card_uid, ANDI.text, photo))
    lengths: list[int] = []

    def answer(apdu: bytes) -> bytes:
        if apdu[1] == 0xB0:
            lengths.append(apdu[4])
        return card.apdu(apdu)

    content = read_free_content(channel_to(answer))
    assert content is not None
    assert content.photo == photo
    assert len(content.card_control) == 51
    assert max(lengths) <= CHUNK_BYTES


def test_short_card_control_is_read_to_the_end_of_its_file() -> None:
    control = "001D" + "AB" * 29
    channel, sent = scripted("9000", "9000", "00019000", "FF9000", "9000", control + "6282")
    content = read_free_content(channel)
    assert content is not None
    assert content.card_control == bytes.fromhex("AB" * 29)
    assert sent == [
        *("00A40000027F0A", "00A40000026FF2", "00B0000002", "00B0000201"),
        *("00A40000026FF0", "00B0000035"),
    ]


def test_more_data_are_fetched_and_a_wrong_length_is_mended_once() -> None:
    channel, sent = scripted("6104", "010203046102", "05069000")
    response = channel.send(bytes.fromhex("00CA000000"))
    assert (response.data, response.status) == (bytes(range(1, 7)), 0x9000)
    assert sent == ["00CA000000", "00C0000004", "00C0000002"]

    channel, sent = scripted("6C02", "6C02")
    assert (channel.send(bytes.fromhex("00B0000004"))).status == 0x6C02
    assert sent == ["00B0000004", "00B0000002"]


@pytest.mark.parametrize(
    ("command", "mended"),
    [
        ("00CB3FFF055C035FC10500", "00CB3FFF055C035FC10542"),  # data and an expected length
        ("00CB3FFF055C035FC105", None),  # data alone: there is no length to mend
        ("00CB3FFF", None),
    ],
)
def test_a_wrong_length_is_mended_where_the_command_has_one(
    command: str, mended: str | None
) -> None:
    channel, sent = scripted("6C42", "AA9000")
    response = channel.send(bytes.fromhex(command))
    assert sent == [command] + ([mended] if mended else [])
    assert response.status == (0x9000 if mended else 0x6C42)


def test_a_card_that_never_stops_announcing_is_unreadable() -> None:
    with pytest.raises(CardUnreadable):
        channel_to(lambda _: b"\x00\x61\xff").send(bytes.fromhex("00CA000000"))


@pytest.mark.parametrize("length", ["0000", "2001", "FFFF"])
def test_impossible_file_lengths_are_refused(length: str) -> None:
    channel, sent = scripted(length + "9000")
    with pytest.raises(CardUnreadable):
        channel.read_file()
    assert len(sent) == 1


@pytest.mark.parametrize("answer", ["0102039000", "0102036282", "01020304059000"])
def test_a_chunk_of_another_size_is_refused(answer: str) -> None:
    channel, _ = scripted("00049000", answer)
    with pytest.raises(CardUnreadable):
        channel.read_file()


def test_refusals_keep_their_status() -> None:
    channel = channel_to(KtpelCard(specimen()).apdu)
    channel.select_file(ktpel.DEDICATED_FILE)
    channel.select_file(0x6FF1)
    with pytest.raises(CardAnswer) as caught:
        channel.read_file()
    assert caught.value.status == 0x6982
    assert caught.value.device_code == "6982"


def test_a_card_without_our_directory_is_no_ktpel() -> None:
    channel = channel_to(lambda _: b"\x6a\x82")
    assert read_free_content(channel) is None
    assert open_lds.read_biodata(channel) is None


@pytest.mark.parametrize(
    "content",
    [
        tlv.build(0x80, b"KARTU LAIN") + tlv.build(0x81, ANDI.text),
        tlv.build(0x81, ANDI.text),
        tlv.build(0x80, b"KARTU UJI"),
        tlv.build(0x80, b"KARTU UJI") + tlv.build(0x81, b'"x"'),
        b"\x80\x7f",
    ],
    ids=["other label", "no label", "no text", "one field", "cut off"],
)
def test_a_test_card_must_be_labelled_and_whole(content: bytes) -> None:
    card = KtpelCard(from_person(ANDI))
    card._test_application = {
        open_lds.EF_COM: open_lds.build_common(),
        open_lds.DG13: tlv.build(open_lds.TAG_DG13, content),
    }
    with pytest.raises(CardUnreadable):
        open_lds.read_biodata(channel_to(card.apdu))


@settings(deadline=None)
@given(st.lists(st.tuples(st.binary(max_size=256), st.sampled_from(STATUS_WORDS))))
def test_any_answers_end_in_content_or_in_a_device_error(
    answers: list[tuple[bytes, int]],
) -> None:
    coming = [data + status.to_bytes(2, "big") for data, status in answers]
    asked = 0

    def answer(apdu: bytes) -> bytes:
        nonlocal asked
        asked += 1
        return coming.pop(0) if coming else b"\x6f\x00"

    channel = channel_to(answer)
    for read in (read_free_content, open_lds.read_biodata):
        with contextlib.suppress(DeviceError):
            read(channel)
    assert asked <= len(answers) + 2

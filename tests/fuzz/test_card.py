"""Damaged bytes from a card, against everything of the card driver that reads them."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from drivers.api import CardChannel
from drivers.card import frames, tlv
from drivers.card.apdu import MAX_FILE_BYTES, MAX_GET_RESPONSES, ApduChannel
from drivers.card.atr import AtrError, check_atr, hint_of, is_contactless
from drivers.card.biodata import BiodataError, parse_card_text
from drivers.card.pcsc_results import split_name
from drivers.card.profiles import ktpel, open_lds
from drivers.errors import CardUnreadable, DeviceRefused
from simulators.card import TYPE_A_ATR, KtpelCard, specimen
from tests.fuzz.harness import fuzz
from tests.protocol.card_scene import read_free_content

ATRS = (
    TYPE_A_ATR,
    bytes.fromhex("3B8C8001501122334430AAAA017781D709"),
    bytes.fromhex("3BF81300008131FE154B545053414D7630E6"),
    bytes.fromhex("3B0400010203"),
)
Reading = Callable[[ApduChannel], object]

MOST_COMMANDS = MAX_FILE_BYTES + 2 * MAX_GET_RESPONSES


@dataclass
class MutatedCard:
    """A card whose answers are cut from the case, one after another: length, then the bytes."""

    answers: bytes
    device: str = "reader"
    access_module: CardChannel | None = None
    asked: int = 0

    def transmit(self, apdu: bytes) -> bytes:
        self.asked += 1
        assert self.asked <= MOST_COMMANDS, "asks without end"
        size = self.answers[0] if self.answers else 0
        answer, self.answers = self.answers[1 : 1 + size], self.answers[1 + size :]
        # a transport delivers two bytes at least; what comes after the case is a refusal
        return answer if len(answer) >= 2 else b"\x6a\x82"


class ReceivedBytes(socket.socket):
    """A connection on which the case arrives, and then its end."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self._data = data

    def setsockopt(self, *arguments: object) -> None:
        """Take the option of a real connection."""

    def recv(self, size: int, flags: int = 0) -> bytes:
        part, self._data = self._data[: min(size, 7)], self._data[min(size, 7) :]
        return part


def recorded_answers(read: Reading) -> bytes:
    """Return what a card answers to a reading, as `MutatedCard` takes it."""
    card = KtpelCard(specimen())
    answers: list[bytes] = []

    @dataclass
    class Recording:
        device: str = "reader"
        access_module: CardChannel | None = None

        def transmit(self, apdu: bytes) -> bytes:
            answers.append(card.apdu(apdu))
            return answers[-1]

    read(ApduChannel(Recording()))
    return b"".join(bytes([len(answer)]) + answer for answer in answers)


def select_and_read(channel: ApduChannel) -> None:
    """Use every command of the channel."""
    channel.select_application(open_lds.APPLICATION)
    channel.select_elementary_file(open_lds.EF_COM)
    channel.read_tlv_file(open_lds.TAG_COM)
    channel.select_file(ktpel.DEDICATED_FILE)
    channel.select_file(ktpel.PHOTO)
    channel.read_file()
    channel.read_binary(0, 53, may_end=True)
    channel.send(bytes.fromhex("00CB3FFF055C035FC10500"))


@pytest.mark.parametrize("read", [read_free_content, select_and_read])
def test_answers_of_a_card_end_in_data_or_in_a_device_error(read: Reading) -> None:
    good = recorded_answers(read)
    more = bytes.fromhex("04AABB6102 0401026CFF 0462826282 02610A 0361FF61 029000")
    examples = [good, good[:300], good[:20] + more + good[20:]]
    accepted = fuzz(
        lambda case: read(ApduChannel(MutatedCard(case))),
        examples,
        (CardUnreadable, DeviceRefused),
    )
    assert accepted > 0


def test_answers_to_reset_are_whole_or_refused() -> None:
    def read(case: bytes) -> None:
        hint_of(case)
        is_contactless(case)
        check_atr(case)
        assert 2 <= len(case) <= 33
        assert case[0] in (0x3B, 0x3F)

    assert fuzz(read, ATRS, (AtrError,)) > 0


def test_data_objects_fit_or_are_refused() -> None:
    nested = tlv.build(0x6D, tlv.build(0x80, b"KARTU UJI") + tlv.build(0x5F01, bytes(300)))

    def read(case: bytes) -> None:
        objects = tlv.parse(case)
        assert sum(len(item.value) for item in objects) <= len(case)
        again = b"".join(tlv.build(item.tag, item.value) for item in objects)
        assert tlv.parse(again) == objects

    assert fuzz(read, [nested, tlv.build(0x60, b"x"), open_lds.APPLICATION], (tlv.TlvError,)) > 0


def test_frames_of_the_loopback_link_are_whole_or_end() -> None:
    stream = b"".join(
        frames.pack(payload)
        for payload in (
            frames.pack_look(frames.Look(7, frames.Found.CARD, TYPE_A_ATR)),
            b"\x90\x00",
            bytes(250) + b"\x90\x00",
            b"",
        )
    )

    def read(case: bytes) -> None:
        with ReceivedBytes(case) as link:
            seen = frames.parse_look(frames.receive(link))
            assert 0 <= seen.counter < 1 << 32
            for _ in range(len(case)):
                assert len(frames.receive(link)) <= 0xFFFF

    assert fuzz(read, [stream, stream[:30]], (EOFError, ValueError)) == 0


def test_biodata_are_21_printable_fields_or_refused() -> None:
    text = specimen().biodata_text

    def read(case: bytes) -> None:
        biodata = parse_card_text(case)
        assert len(biodata) == 21
        assert all(value.isprintable() for value in biodata.values())

    assert fuzz(read, [text, text + bytes(8), b'"x"'], (BiodataError,)) > 0


def test_names_of_readers_are_taken_apart_whatever_they_are() -> None:
    names = [b"ACS ACR1281 1S Dual Reader 00 01", b"Gemalto (1A2B) 01 00", b" 00 00"]

    def read(case: bytes) -> None:
        name = case.decode("latin-1")
        parts = split_name(name)
        assert name == (" ".join(parts) if parts.slot else parts.model)

    assert fuzz(read, names, ()) > 0

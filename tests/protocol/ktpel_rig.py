"""A card and an access module that are objects in this process, with everything between them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from drivers.api import CardChannel
from drivers.card.profiles.ktpel_protected import (
    CHUNK_BYTES,
    KtpelContent,
    ProtectedContent,
    read_ktpel,
)
from drivers.card.sam import PcscSam
from drivers.card.sam_opening import OpeningFile
from simulators.card import CardContent, CardForm, KtpelCard, specimen
from simulators.ktpel_card_content import CHIP_FINGERS, build_template
from simulators.sam import KtpelSam
from simulators.test_keys import write_opening

CARD, SAM = "C", "S"
Log = list[tuple[str, bytes]]
Tamper = Callable[[bytes, bytes], bytes]


class Answering(Protocol):
    """A card or a module."""

    def apdu(self, command: bytes) -> bytes: ...


@dataclass
class MemoryChannel:
    """A `CardChannel` to an object; `tamper(command, answer)` may change answers or raise."""

    slot: str
    answering: Answering
    log: Log
    access_module: CardChannel | None = None
    device: str = "reader"
    tamper: Tamper = field(default=lambda command, answer: answer)

    def transmit(self, apdu: bytes) -> bytes:
        self.log.append((self.slot, apdu))
        return self.tamper(apdu, self.answering.apdu(apdu))


def photo_of(size: int) -> bytes:
    """Return something with the marks of a JPEG and this many bytes."""
    return b"\xff\xd8\xff" + (bytes(range(256)) * 24)[: size - 5] + b"\xff\xd9"


def content_like_the_reference() -> CardContent:
    """Return the sizes of the measured reading: photo 3000, fingers of 402 and 371 bytes or so."""
    text = specimen().biodata_text
    fingers = tuple(
        build_template(finger, (416, 560), bytes((0x40, 100, 0, 100, 9, 60)) * count)
        for finger, count in zip(CHIP_FINGERS, (62, 57), strict=True)
    )
    return CardContent(specimen().uid, text, photo_of(3000), fingers=(fingers[0], fingers[1]))


class Rig:
    """One card in the reader, one module in its slot, and a log of all commands."""

    def __init__(
        self, content: CardContent | None = None, form: CardForm | None = None, **card: bool
    ) -> None:
        self.content = content or content_like_the_reference()
        self.card = KtpelCard(self.content, form=form, **card)
        self.sam = KtpelSam()
        self.log: Log = []
        self.sam_channel = MemoryChannel(SAM, self.sam, self.log)
        self.card_channel = MemoryChannel(CARD, self.card, self.log, self.sam_channel)
        with tempfile.NamedTemporaryFile(prefix="opening-", delete=False) as file:
            self._path = write_opening(Path(file.name))
        self.opening = OpeningFile("reader", self._path)

    @property
    def uid(self) -> bytes:
        return self.card.apdu(bytes.fromhex("FFCA000000"))[:-2]

    @property
    def module(self) -> PcscSam:
        return PcscSam(self.sam_channel, self.opening)

    def read(self, chunk_bytes: int = CHUNK_BYTES) -> KtpelContent:
        content = read_ktpel(self.card_channel, self.uid, self.module, chunk_bytes=chunk_bytes)
        assert content is not None
        return content

    def read_protected(self, chunk_bytes: int = CHUNK_BYTES) -> ProtectedContent:
        content = self.read(chunk_bytes)
        assert content.protected is not None, content.problem
        return content.protected

    def sent(self, slot: str) -> list[bytes]:
        return [command for where, command in self.log if where == slot]

    def close(self) -> None:
        self._path.unlink()

"""The resident's simulated card: free KTP-el files, and the open test application with biodata.

It shares command bytes, lengths and answers to reset with a genuine KTP-el and none of its secrets:
what a genuine card keeps behind the access module, this one refuses altogether. Biodata are offered
by an application of our own, labelled as a test card (`drivers.card.profiles.open_lds`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Final, Protocol

from drivers.card import frames
from drivers.card.profiles import ktpel, open_lds

TYPE_A_ATR: Final = bytes.fromhex("3B8B8001654B5450304432654B54504C")  # "eKTP0D2eKTP"
GET_UID: Final = bytes.fromhex("FFCA000000")
UID_BYTES: Final = 7
MAX_PHOTO_BYTES: Final = 6144  # 1 to 6 KB leave room for the rest of an 8-KB card

OK: Final = b"\x90\x00"
FILE_ENDS: Final = b"\x62\x82"
WRONG_LENGTH: Final = b"\x67\x00"
NOT_ALLOWED: Final = b"\x69\x82"
NO_FILE_SELECTED: Final = b"\x69\x86"
NOT_FOUND: Final = b"\x6a\x82"
WRONG_PARAMETERS: Final = b"\x6a\x86"
WRONG_OFFSET: Final = b"\x6b\x00"
UNKNOWN_COMMAND: Final = b"\x6d\x00"
UNKNOWN_CLASS: Final = b"\x6e\x00"

MASTER_FILE: Final = 0x3F00
PROTECTED_FILES: Final = (0x6FF1, 0x6FF3, 0x6FF4, 0x6FF5, 0x6FF6)

Directory = Mapping[int, bytes | None]
"""File identifier -> content; None is a file that needs an access module."""


class BiodataOnCard(Protocol):
    """Biodata that know their own card text."""

    def to_card_text(self) -> bytes:
        """Return the 21 quoted fields."""
        ...


class CardOwner(Protocol):
    """What a card takes from a resident."""

    @property
    def card_uid(self) -> bytes:
        """Seven bytes."""
        ...

    @property
    def biodata(self) -> BiodataOnCard:
        """What the card says of the resident."""
        ...


@dataclass(frozen=True, slots=True)
class CardContent:
    """What is personal on one card.

    `uid` has 7 bytes, `biodata_text` is the 21 quoted fields, `photo` a JPEG of at most 6 KB.
    """

    uid: bytes = field(repr=False)
    biodata_text: bytes = field(repr=False)
    photo: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.uid) != UID_BYTES or not 0 < len(self.photo) <= MAX_PHOTO_BYTES:
            raise ValueError(f"UID of {len(self.uid)} bytes, photo of {len(self.photo)} bytes")


def from_person(person: CardOwner, photo: bytes | None = None) -> CardContent:
    """Return the content of a resident's card; without `photo`, a grey one that says KARTU UJI."""
    return CardContent(
        uid=person.card_uid,
        biodata_text=person.biodata.to_card_text(),
        photo=placeholder_photo() if photo is None else photo,
    )


@cache
def placeholder_photo() -> bytes:
    """Return a grey JPEG of 160 x 120 pixels with the label of a test card."""
    import cv2
    import numpy as np

    picture = np.full((160, 120), 200, np.uint8)
    for row, word in enumerate(open_lds.LABEL.split()):
        cv2.putText(picture, word, (10, 70 + 32 * row), cv2.FONT_HERSHEY_SIMPLEX, 0.8, 40, 2)
    _, encoded = cv2.imencode(".jpg", picture)
    return encoded.tobytes()


def specimen() -> CardContent:
    """Return the card of nobody: the birth date inside its NIK does not exist."""
    fields = (
        *("3171234567890001", "JL UJI NO 1", "001", "002", "JAKARTA", "KEC UJI", "KEL UJI"),
        *("KAB UJI", "LAKI-LAKI", "O", "ISLAM", "BELUM KAWIN", "KARYAWAN", "BUDI UJI"),
        *("01-01-1990", "DKI JAKARTA", "-", "-", "-", "WNI", "-"),
    )
    text = ",".join(f'"{text}"' for text in fields).encode()
    return CardContent(bytes.fromhex("04A1B2C3D4E580"), text, placeholder_photo())


class KtpelCard:
    """One card and the reader's own answer to the UID command; knows no link and no time."""

    def __init__(self, content: CardContent, *, has_test_application: bool = True) -> None:
        self._uid = content.uid
        self._ktpel: Directory = {
            ktpel.CARD_CONTROL: _card_control(content.uid),
            ktpel.PHOTO: len(content.photo).to_bytes(2, "big") + content.photo,
            **dict.fromkeys(PROTECTED_FILES),
        }
        self._test_application: Directory = (
            {
                open_lds.EF_COM: open_lds.build_common(),
                open_lds.DG13: open_lds.build_biodata(content.biodata_text),
            }
            if has_test_application
            else {}
        )
        self._directory: Directory = {}
        self._file: int | None = None

    @property
    def atr(self) -> bytes:
        """The answer to reset of the first KTP-el type."""
        return TYPE_A_ATR

    def power(self, event: int) -> None:
        """Take power off (0), put it on (1) or reset (2): the selection is forgotten."""
        if event in (frames.POWER_OFF, frames.POWER_ON, frames.RESET):
            self._directory, self._file = {}, None

    def apdu(self, command: bytes) -> bytes:
        """Answer one short command: data and status word."""
        if command == GET_UID:
            return self._uid + OK
        if len(command) < 5:
            return WRONG_LENGTH
        if command[0] != 0x00:
            return UNKNOWN_CLASS
        match command[1]:
            case 0xA4:
                return self._select(command[2], command[4], command[5:])
            case 0xB0:
                return self._read(int.from_bytes(command[2:4], "big"), command[4] or 256)
            case _:
                return UNKNOWN_COMMAND

    def _select(self, how: int, length: int, data: bytes) -> bytes:
        if len(data) not in (length, length + 1):  # with or without Le
            return WRONG_LENGTH
        name = data[:length]
        if how == 0x04:
            if name != open_lds.APPLICATION or not self._test_application:
                return NOT_FOUND
            self._directory, self._file = self._test_application, None
            return OK
        if how not in (0x00, 0x02) or length != 2:
            return WRONG_PARAMETERS
        identifier = int.from_bytes(name, "big")
        if identifier == ktpel.DEDICATED_FILE:
            self._directory, self._file = self._ktpel, None
        elif identifier == MASTER_FILE:
            self._directory, self._file = {}, None
        elif identifier in self._directory:
            self._file = identifier
        else:
            return NOT_FOUND
        return OK

    def _read(self, offset: int, length: int) -> bytes:
        if self._file is None:
            return NO_FILE_SELECTED
        if offset > 0x7FFF:
            return WRONG_PARAMETERS
        content = self._directory[self._file]
        if content is None:
            return NOT_ALLOWED
        if offset >= len(content):
            return WRONG_OFFSET
        whole = offset + length <= len(content)
        return content[offset : offset + length] + (OK if whole else FILE_ENDS)


def _card_control(uid: bytes) -> bytes:
    """Return 51 bytes behind their length, padded so that one read fits both known lengths."""
    length = max(ktpel.CARD_CONTROL_BYTES)
    invented = hashlib.shake_128(b"card control" + uid).digest(length)
    return (length.to_bytes(2, "big") + invented).ljust(ktpel.CARD_CONTROL_READ_BYTES, b"\x00")

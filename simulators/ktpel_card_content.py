"""What is personal on a simulated card, and the cards of people who have nothing but a name."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from functools import cache
from typing import Final, Protocol

import numpy as np

from drivers.card.chip_content import SIGNATURE_BYTES, SIGNATURE_HEIGHT, SIGNATURE_WIDTH
from drivers.card.chip_content_minutiae import MAGIC
from drivers.card.profiles import open_lds
from drivers.positions import Finger
from drivers.values import Image

UID_BYTES: Final = 7
CHIP_BYTES: Final = 8192
MAX_PHOTO_BYTES: Final = 6144
"""1 to 6 KB leave room for the rest of an 8-KB chip."""
CHIP_FINGERS: Final = (Finger.RIGHT_INDEX, Finger.LEFT_INDEX)
PIXELS_PER_CM: Final = 197  # 500 ppi

_OVERHEAD_BYTES: Final = 53 + 80 + 2 + 2 + 3 * (2 + 7)
"""Card control, card signature, two lengths, and three lengths with padding."""
_PLACEHOLDER_MINUTIAE: Final = 24


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


@cache
def placeholder_photo() -> bytes:
    """Return a grey JPEG of 160 x 120 pixels with the label of a test card."""
    import cv2

    picture = np.full((160, 120), 200, np.uint8)
    for row, word in enumerate(open_lds.LABEL.split()):
        cv2.putText(picture, word, (10, 70 + 32 * row), cv2.FONT_HERSHEY_SIMPLEX, 0.8, 40, 2)
    _, encoded = cv2.imencode(".jpg", picture)
    return encoded.tobytes()


@cache
def placeholder_signature() -> bytes:
    """Return a signature image that is the label of a test card."""
    import cv2

    picture = np.full((SIGNATURE_HEIGHT, SIGNATURE_WIDTH), 255, np.uint8)
    cv2.putText(picture, open_lds.LABEL, (6, 30), cv2.FONT_HERSHEY_SIMPLEX, 0.8, 0, 2)
    return pack_signature(picture)


@cache
def placeholder_fingers() -> tuple[bytes, bytes]:
    """Return two templates of fingers that nobody has."""
    first, second = (_invented_template(finger) for finger in CHIP_FINGERS)
    return first, second


def pack_signature(picture: Image) -> bytes:
    """Pack a (44, 168) uint8 picture as the chip holds it: one bit a pixel, 1 is white."""
    return np.packbits(picture >= 128, bitorder="big").tobytes()


def build_template(
    finger: Finger, size: tuple[int, int], minutiae: bytes, quality: int = 0
) -> bytes:
    """Build the ISO/IEC 19794-2:2005 record of one finger.

    Args:
        finger: whose print it is.
        size: width and height of the picture in pixels of 500 ppi.
        minutiae: at most 255 blocks of 6 bytes as the standard has them.
        quality: 1 to 100, 0 where nobody computed one.
    """
    count = len(minutiae) // 6
    view = struct.pack(">BBBB", finger, 0, quality, count) + minutiae + b"\x00\x00"
    head = struct.Struct(">8sIHHHHHBB")
    length = head.size + len(view)
    return head.pack(MAGIC, length, 0, *size, PIXELS_PER_CM, PIXELS_PER_CM, 1, 0) + view


@dataclass(frozen=True, slots=True)
class CardContent:
    """What is personal on one card; all of it fits into a chip of 8 KB.

    `uid` has 7 bytes, `biodata_text` is the 21 quoted fields, `photo` a JPEG of at most 6 KB,
    `signature` the 924 bytes of the signature image, `fingers` two ISO/IEC 19794-2 templates.
    """

    uid: bytes = field(repr=False)
    biodata_text: bytes = field(repr=False)
    photo: bytes = field(repr=False)
    signature: bytes = field(default_factory=placeholder_signature, repr=False)
    fingers: tuple[bytes, bytes] = field(default_factory=placeholder_fingers, repr=False)

    def __post_init__(self) -> None:
        if len(self.uid) != UID_BYTES or not 0 < len(self.photo) <= MAX_PHOTO_BYTES:
            raise ValueError(f"UID of {len(self.uid)} bytes, photo of {len(self.photo)} bytes")
        if len(self.signature) != SIGNATURE_BYTES:
            raise ValueError(f"signature image of {len(self.signature)} bytes")
        if self.chip_bytes > CHIP_BYTES:
            raise ValueError(f"{self.chip_bytes} bytes on a chip of {CHIP_BYTES}")

    @property
    def chip_bytes(self) -> int:
        """How much of the chip the files take, at most."""
        personal = (self.biodata_text, self.photo, self.signature, *self.fingers)
        return _OVERHEAD_BYTES + sum(map(len, personal))


def from_person(person: CardOwner, photo: bytes | None = None) -> CardContent:
    """Return a card with the person's number and biodata, and placeholders for all pictures."""
    return CardContent(
        uid=person.card_uid,
        biodata_text=person.biodata.to_card_text(),
        photo=placeholder_photo() if photo is None else photo,
    )


def specimen() -> CardContent:
    """Return the card of nobody: the birth date inside its NIK does not exist."""
    fields = (
        *("3171234567890001", "JL UJI NO 1", "001", "002", "JAKARTA", "KEC UJI", "KEL UJI"),
        *("KAB UJI", "LAKI-LAKI", "O", "ISLAM", "BELUM KAWIN", "KARYAWAN", "BUDI UJI"),
        *("01-01-1990", "DKI JAKARTA", "-", "-", "-", "WNI", "-"),
    )
    text = ",".join(f'"{text}"' for text in fields).encode()
    return CardContent(bytes.fromhex("04A1B2C3D4E580"), text, placeholder_photo())


def _invented_template(finger: Finger) -> bytes:
    width, height = 416, 560
    rng = np.random.default_rng(int(finger))
    minutiae = b"".join(
        struct.pack(
            ">HHBB",
            int(rng.integers(1, 3)) << 14 | int(rng.integers(60, width - 60)),
            int(rng.integers(80, height - 80)),
            int(rng.integers(256)),
            int(rng.integers(40, 100)),
        )
        for _ in range(_PLACEHOLDER_MINUTIAE)
    )
    return build_template(finger, (width, height), minutiae)

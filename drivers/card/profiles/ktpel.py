"""A KTP-el as far as anybody may read it: the photo and the card control file.

Biodata, signature image, fingerprints and the card's digital signature answer only to an access
module issued by the population authority (`drivers.card.profiles.ktpel_protected`).

Source: file identifiers and order as in public KTP-el clients. Neither the UID nor the photo proves
anything: a UID can be copied and the photo is not signed to us.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from drivers.card.apdu import SUCCESS, ApduChannel, CardAnswer
from drivers.card.sam import UID8_BYTES

DEDICATED_FILE: Final = 0x7F0A
CARD_CONTROL: Final = 0x6FF0
BIODATA: Final = 0x6FF1
PHOTO: Final = 0x6FF2
SIGNATURE_IMAGE: Final = 0x6FF3
MINUTIAE_1: Final = 0x6FF4
MINUTIAE_2: Final = 0x6FF5
CARD_SIGNATURE: Final = 0x6FF6

CARD_CONTROL_READ_BYTES: Final = 0x35  # read in one command, for both lengths
CARD_CONTROL_BYTES: Final = (29, 51)
NO_ACCESS_MODULE: Final = "no SAM"

TYPE_A_UID_BYTES: Final = 7
TYPE_A_PREFIX: Final = b"\x80"
TYPE_B_UID_COMMANDS: Final = (bytes.fromhex("00DD000008"), bytes.fromhex("00DF000000"))
"""Two public clients, two commands; each answers 8 bytes on a type B card, an error on type A."""


@dataclass(frozen=True, slots=True)
class FreeContent:
    """What a KTP-el gives without an access module; `photo` is a JPEG-like image, unverified."""

    photo: bytes = field(repr=False)
    card_control: bytes = field(repr=False)


def select_ktpel(channel: ApduChannel) -> bool:
    """Enter the directory of the KTP-el; False where the card is no KTP-el."""
    try:
        channel.select_file(DEDICATED_FILE)
    except CardAnswer:
        return False
    return True


def read_free_files(channel: ApduChannel) -> FreeContent:
    """Read the free files of the selected directory.

    Raises:
        CardUnreadable: a file contradicts its own length.
        CardAnswer: the directory is there, a free file is not.
    """
    channel.select_file(PHOTO)
    photo = channel.read_file()
    channel.select_file(CARD_CONTROL)
    head = channel.read_binary(0, CARD_CONTROL_READ_BYTES, may_end=True)
    length = int.from_bytes(head[:2], "big")
    if length not in CARD_CONTROL_BYTES or len(head) < 2 + length:
        raise channel.unreadable(f"card control of {length} bytes in {len(head)}")
    return FreeContent(photo, head[2 : 2 + length])


def access_uid(channel: ApduChannel, uid: bytes) -> bytes:
    """Return the 8 bytes by which an access module tells this card from others.

    Type A: 80 and the 7 bytes that the reader gives. A type B card has them behind a command of its
    own. The second command is sent only to cards that cannot be of type A.

    Raises:
        CardUnreadable: neither.
    """
    is_type_a_length = len(uid) == TYPE_A_UID_BYTES
    for command in TYPE_B_UID_COMMANDS[:1] if is_type_a_length else TYPE_B_UID_COMMANDS:
        response = channel.send(command)
        if response.status == SUCCESS:
            if len(response.data) != UID8_BYTES:
                raise channel.unreadable(f"UID of {len(response.data)} bytes")
            return response.data
    if not is_type_a_length:
        raise channel.unreadable(f"UID of {len(uid)} bytes and no longer one")
    return TYPE_A_PREFIX + uid

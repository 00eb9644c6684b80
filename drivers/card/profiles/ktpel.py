"""A KTP-el as far as anybody may read it: the photo and the card control file.

Biodata, signature image, fingerprints and the card's digital signature answer only to an access
module issued by the population authority; this reader has none and says so.

Source: file identifiers and order as in public KTP-el clients. Neither the UID nor the photo proves
anything: a UID can be copied and the photo is not signed to us.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from drivers.card.apdu import ApduChannel, CardAnswer
from drivers.errors import DeviceError

DEDICATED_FILE: Final = 0x7F0A
CARD_CONTROL: Final = 0x6FF0
PHOTO: Final = 0x6FF2
CARD_CONTROL_READ_BYTES: Final = 0x35  # read in one command, for both lengths
CARD_CONTROL_BYTES: Final = (29, 51)
NO_ACCESS_MODULE: Final = "no SAM"


@dataclass(frozen=True, slots=True)
class FreeContent:
    """What a KTP-el gives without an access module; `photo` is a JPEG-like image, unverified."""

    photo: bytes = field(repr=False)
    card_control: bytes = field(repr=False)


def read_free_content(channel: ApduChannel) -> FreeContent | None:
    """Read the free files from the root of the card; None where the card is no KTP-el.

    Raises:
        CardUnreadable: a file contradicts its own length.
        CardAnswer: the directory is there, a free file is not.
    """
    try:
        channel.select_file(DEDICATED_FILE)
    except CardAnswer:
        return None
    channel.select_file(PHOTO)
    photo = channel.read_file()
    channel.select_file(CARD_CONTROL)
    head = channel.read_binary(0, CARD_CONTROL_READ_BYTES, may_end=True)
    return FreeContent(photo, _card_control(channel, head))


def _card_control(channel: ApduChannel, head: bytes) -> bytes:
    length = int.from_bytes(head[:2], "big")
    if length not in CARD_CONTROL_BYTES or len(head) < 2 + length:
        raise _refusal(channel, length, len(head))
    return head[2 : 2 + length]


def _refusal(channel: ApduChannel, length: int, read: int) -> DeviceError:
    return channel.unreadable(f"card control of {length} bytes in {read}")

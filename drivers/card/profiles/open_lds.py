"""The open test application: a card of our own whose biodata anybody may read.

It stands in for the biodata that a genuine KTP-el keeps behind its access module. It is not signed
and proves nothing; its label must be shown wherever its data are.

Layout (ours; file numbers and outer tags as in ICAO 9303-10): application F04B54504F50454E
("KTPOPEN" behind F0, unregistered); EF.COM 011E = 60 [5F01 version, 5C list of file tags];
DG13 010D = 6D [80 label, 81 the 21 quoted fields].
"""

from __future__ import annotations

from typing import Final

from drivers.card import tlv
from drivers.card.apdu import ApduChannel, CardAnswer
from drivers.card.biodata import BiodataError, CardBiodata, parse_card_text

APPLICATION: Final = bytes.fromhex("F04B54504F50454E")
EF_COM: Final = 0x011E
DG13: Final = 0x010D
TAG_COM: Final = 0x60
TAG_VERSION: Final = 0x5F01
TAG_LIST: Final = 0x5C
TAG_DG13: Final = 0x6D
TAG_LABEL: Final = 0x80
TAG_BIODATA: Final = 0x81
VERSION: Final = b"0107"
LABEL: Final = "KARTU UJI"


def read_biodata(channel: ApduChannel) -> CardBiodata | None:
    """Read the biodata of a test card; None where the card has no such application.

    Raises:
        CardUnreadable: the application is there and its files contradict themselves.
    """
    try:
        channel.select_application(APPLICATION)
    except CardAnswer:
        return None
    channel.select_elementary_file(EF_COM)
    common = _objects(channel, channel.read_tlv_file(TAG_COM))
    if TAG_DG13 not in common.get(TAG_LIST, b""):
        raise channel.unreadable("test application without biodata")
    channel.select_elementary_file(DG13)
    content = _objects(channel, channel.read_tlv_file(TAG_DG13))
    if content.get(TAG_LABEL) != LABEL.encode():
        raise channel.unreadable("test application without its label")
    try:
        return parse_card_text(content.get(TAG_BIODATA, b""))
    except BiodataError as error:
        raise channel.unreadable(f"biodata: {error}") from error


def build_common() -> bytes:
    """Return EF.COM of a card whose only data group is DG13."""
    return tlv.build(
        TAG_COM, tlv.build(TAG_VERSION, VERSION) + tlv.build(TAG_LIST, bytes([TAG_DG13]))
    )


def build_biodata(card_text: bytes) -> bytes:
    """Return DG13 with the label and the 21 quoted fields."""
    return tlv.build(
        TAG_DG13, tlv.build(TAG_LABEL, LABEL.encode()) + tlv.build(TAG_BIODATA, card_text)
    )


def _objects(channel: ApduChannel, value: bytes) -> dict[int, bytes]:
    try:
        objects = tlv.parse(value)
    except tlv.TlvError as error:
        raise channel.unreadable(f"test application: {error}") from error
    return {item.tag: item.value for item in objects}

"""The open test application: a card of our own whose content anybody may read and check.

It stands beside the KTP-el, for readers without an access module; it does not replace what the
population authority issues. Its label must be shown wherever its data are.

Layout (ours; file numbers and outer tags as in ICAO 9303-10): application F04B54504F50454E
("KTPOPEN" behind F0, unregistered); EF.COM 011E = 60 [5F01 version, 5C list of file tags];
EF.SOD 011D = 77 [who vouches for the files]; DG2 0102 = 75 [7F61 [02 01 01, 7F60 [A1, 5F2E face
record]]]; DG7 0107 = 67 [02 01 01, 5F43 JPEG of the signature]; DG13 010D = 6D [80 label, 81 the
21 quoted fields].
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Final

from drivers.card import tlv
from drivers.card.apdu import ApduChannel, CardAnswer
from drivers.card.biodata import BiodataError, CardBiodata, parse_card_text
from drivers.card.signature import SignatureCheck
from drivers.sbi.iso19794.face import parse_face
from drivers.sbi.iso19794.fields import RecordMalformed

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

APPLICATION: Final = bytes.fromhex("F04B54504F50454E")
EF_COM: Final = 0x011E
EF_SOD: Final = 0x011D
DG2: Final = 0x0102
DG7: Final = 0x0107
DG13: Final = 0x010D
TAG_COM: Final = 0x60
TAG_VERSION: Final = 0x5F01
TAG_LIST: Final = 0x5C
TAG_SOD: Final = 0x77
TAG_DG2: Final = 0x75
TAG_DG7: Final = 0x67
TAG_DG13: Final = 0x6D
TAG_LABEL: Final = 0x80
TAG_BIODATA: Final = 0x81
TAG_TEMPLATES: Final = 0x7F61
TAG_TEMPLATE: Final = 0x7F60
TAG_RECORD: Final = 0x5F2E
TAG_PICTURE: Final = 0x5F43
VERSION: Final = b"0107"
LABEL: Final = "KARTU UJI"

GROUP_OF_TAG: Final[Mapping[int, int]] = {
    tag: number
    for number, tag in enumerate(
        (0x61, 0x75, 0x63, 0x76, *range(0x65, 0x71)),
        start=1,
    )
}
"""Outer tag -> number of the data group; file 01xx has the number xx (ICAO 9303-10 table 33)."""


@dataclass(frozen=True, slots=True)
class OpenContent:
    """What the open test application says.

    `photo` is the JPEG of DG2 and `signature_jpeg` that of DG7, None where the card has none.
    `signature` is the verdict on EF.SOD, `signature_detail` the check that failed.
    """

    biodata: CardBiodata
    photo: bytes | None = field(default=None, repr=False)
    signature_jpeg: bytes | None = field(default=None, repr=False)
    signature: SignatureCheck = SignatureCheck.UNSIGNED
    signature_detail: str = ""


def is_present(channel: ApduChannel) -> bool:
    """Select the application; False where the card has none, as no genuine card does."""
    try:
        channel.select_application(APPLICATION)
    except CardAnswer:
        return False
    return True


def read_biodata(channel: ApduChannel) -> CardBiodata | None:
    """Read only the biodata of a test card, unchecked; None where there is no such application.

    Raises:
        CardUnreadable: the application is there and its files contradict themselves.
    """
    if not is_present(channel):
        return None
    if TAG_DG13 not in _listed_tags(channel):
        raise channel.unreadable("test application without biodata")
    return _biodata(channel, _read_group(channel, TAG_DG13))


def read_open_lds(
    channel: ApduChannel, authorities: Sequence[Certificate], now: datetime
) -> OpenContent | None:
    """Read every data group that EF.COM lists and check EF.SOD over them.

    A signature that does not hold is a result: the content is there and marked.

    Args:
        channel: inside a session.
        authorities: the station's own list; empty leaves the signature unchecked.
        now: timezone-aware.

    Returns:
        None where the card has no such application.

    Raises:
        CardUnreadable: the application is there and its files contradict themselves.
    """
    if not is_present(channel):
        return None
    tags = _listed_tags(channel)
    if TAG_DG13 not in tags:
        raise channel.unreadable("test application without biodata")
    files = {tag: _read_group(channel, tag) for tag in tags}
    verdict, detail = _check_signature(channel, files, authorities, now)
    return OpenContent(
        biodata=_biodata(channel, files[TAG_DG13]),
        photo=_face(channel, files[TAG_DG2]) if TAG_DG2 in files else None,
        signature_jpeg=_picture(channel, files[TAG_DG7]) if TAG_DG7 in files else None,
        signature=verdict,
        signature_detail=detail,
    )


def build_common(tags: Sequence[int] = (TAG_DG13,)) -> bytes:
    """Return EF.COM of a card with these data groups."""
    return tlv.build(TAG_COM, tlv.build(TAG_VERSION, VERSION) + tlv.build(TAG_LIST, bytes(tags)))


def build_biodata(card_text: bytes) -> bytes:
    """Return DG13 with the label and the 21 quoted fields."""
    return tlv.build(
        TAG_DG13, tlv.build(TAG_LABEL, LABEL.encode()) + tlv.build(TAG_BIODATA, card_text)
    )


def _listed_tags(channel: ApduChannel) -> tuple[int, ...]:
    channel.select_elementary_file(EF_COM)
    common = _objects(channel, channel.read_tlv_file(TAG_COM))
    tags = tuple(common.get(TAG_LIST, b""))
    if len(set(tags)) != len(tags) or not set(tags) <= GROUP_OF_TAG.keys():
        raise channel.unreadable(f"{len(tags)} data groups, some unknown or listed twice")
    return tags


def _read_group(channel: ApduChannel, tag: int) -> bytes:
    channel.select_elementary_file(0x0100 | GROUP_OF_TAG[tag])
    return _read_whole(channel, tag)


def _read_whole(channel: ApduChannel, tag: int) -> bytes:
    """Return the selected file with tag and length as the card has them: they are hashed, too."""
    head = channel.read_binary(0, 6, may_end=True)
    try:
        header = tlv.read_header(head)
    except tlv.TlvError as error:
        raise channel.unreadable(str(error)) from error
    if header.tag != tag:
        raise channel.unreadable(f"file with tag {header.tag:X}, expected {tag:X}")
    value = channel.read_range(header.header_bytes, header.value_bytes)
    return head[: header.header_bytes] + value


def _check_signature(
    channel: ApduChannel,
    files: Mapping[int, bytes],
    authorities: Sequence[Certificate],
    now: datetime,
) -> tuple[SignatureCheck, str]:
    try:
        channel.select_elementary_file(EF_SOD)
    except CardAnswer:
        return SignatureCheck.UNSIGNED, ""
    security_object = _read_whole(channel, TAG_SOD)
    if not authorities:
        return SignatureCheck.NOT_CHECKED, "no authority is configured"
    # here, because its libraries are not needed for most cards
    from drivers.card.profiles.open_lds_sod import SecurityObjectError, check_security_object

    groups = {GROUP_OF_TAG[tag]: content for tag, content in files.items()}
    try:
        check_security_object(security_object, groups, authorities, now)
    except SecurityObjectError as error:
        return SignatureCheck.INVALID, str(error)
    return SignatureCheck.VALID, ""


def _biodata(channel: ApduChannel, file: bytes) -> CardBiodata:
    content = _inner(channel, file)
    if content.get(TAG_LABEL) != LABEL.encode():
        raise channel.unreadable("test application without its label")
    try:
        return parse_card_text(content.get(TAG_BIODATA, b""))
    except BiodataError as error:
        raise channel.unreadable(f"biodata: {error}") from error


def _face(channel: ApduChannel, file: bytes) -> bytes:
    templates = _inner(channel, file).get(TAG_TEMPLATES, b"")
    template = _objects(channel, templates).get(TAG_TEMPLATE, b"")
    record = _objects(channel, template).get(TAG_RECORD, b"")
    try:
        return parse_face(record).image
    except RecordMalformed as error:
        raise channel.unreadable(f"face record: {error}") from error


def _picture(channel: ApduChannel, file: bytes) -> bytes:
    picture = _inner(channel, file).get(TAG_PICTURE)
    if picture is None:
        raise channel.unreadable("signature file without a picture")
    return picture


def _inner(channel: ApduChannel, file: bytes) -> dict[int, bytes]:
    """Return the objects inside the one outer object of a file."""
    (value,) = _objects(channel, file).values()
    return _objects(channel, value)


def _objects(channel: ApduChannel, value: bytes) -> dict[int, bytes]:
    try:
        objects = tlv.parse(value)
    except tlv.TlvError as error:
        raise channel.unreadable(f"test application: {error}") from error
    return {item.tag: item.value for item in objects}

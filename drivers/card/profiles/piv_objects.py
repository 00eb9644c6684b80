"""The data objects of a PIV card, read strictly: certificate, card holder id, discovery, signature.

Source: NIST SP 800-73-4 part 1 (data model, appendix A) and part 2 (card commands).
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import Enum
from typing import Final
from uuid import UUID

from drivers.card import tlv

APPLICATION: Final = bytes.fromhex("A000000308000010000100")
"""Application identifier with version 01 00; cards answer to it without the version too."""

CHUID: Final = 0x5FC102
CAPABILITIES: Final = 0x5FC107
DISCOVERY: Final = 0x7E

MAX_CERTIFICATE_BYTES: Final = 8192
"""Our limit, also behind compression; SP 800-73-4 demands room for 1856 bytes."""

TAG_OBJECT: Final = 0x53
TAG_CERTIFICATE: Final = 0x70
TAG_CERTIFICATE_INFO: Final = 0x71
TAG_GUID: Final = 0x34
TAG_EXPIRES: Final = 0x35
TAG_AID: Final = 0x4F
TAG_PIN_POLICY: Final = 0x5F2F
TAG_DYNAMIC: Final = 0x7C
TAG_CHALLENGE: Final = 0x81
TAG_RESPONSE: Final = 0x82

_COMPRESSED: Final = 0x01
_GZIP: Final = 16 + zlib.MAX_WBITS


class PivObjectError(ValueError):
    """The bytes are not the object that they should be; the text names tags and sizes only."""


class Slot(Enum):
    """A key of the card, by the letters of its reference."""

    AUTHENTICATION = 0x9A
    SIGNATURE = 0x9C
    KEY_MANAGEMENT = 0x9D
    CARD_AUTHENTICATION = 0x9E

    @property
    def certificate_tag(self) -> int:
        """The object that holds the certificate of this key."""
        return _CERTIFICATE_TAGS[self]

    def __str__(self) -> str:
        return f"{self.value:02X}"


_CERTIFICATE_TAGS: Final[Mapping[Slot, int]] = {
    Slot.AUTHENTICATION: 0x5FC105,
    Slot.SIGNATURE: 0x5FC10A,
    Slot.KEY_MANAGEMENT: 0x5FC10B,
    Slot.CARD_AUTHENTICATION: 0x5FC101,
}


@dataclass(frozen=True, slots=True)
class CardholderId:
    """What the CHUID says without its signature; the GUID is another one on every card."""

    guid: UUID | None = field(repr=False)
    expires: date | None


@dataclass(frozen=True, slots=True)
class Discovery:
    """Which PINs the card accepts: its own, that of the whole chip, and which is the usual one."""

    application: bytes
    has_application_pin: bool
    has_global_pin: bool
    global_pin_is_primary: bool


def tag_bytes(tag: int) -> bytes:
    """Return a tag of one to three bytes as it stands in a tag list."""
    return tag.to_bytes((tag.bit_length() + 7) // 8, "big")


def certificate_of(answer: bytes) -> bytes:
    """Return the DER certificate in the answer to GET DATA; compressed ones are unpacked.

    Returns an empty value where the object is there and holds no certificate.

    Raises:
        PivObjectError: not 53 [70 certificate, 71 information, FE].
    """
    fields = _fields(_single(answer, TAG_OBJECT))
    packed = fields.get(TAG_CERTIFICATE, b"")
    information = fields.get(TAG_CERTIFICATE_INFO, b"\x00")
    if len(packed) > MAX_CERTIFICATE_BYTES:
        raise PivObjectError(f"certificate of {len(packed)} bytes")
    if len(information) != 1 or information[0] not in (0x00, _COMPRESSED):
        raise PivObjectError("unknown kind of certificate")
    return _unpacked(packed) if information[0] == _COMPRESSED and packed else packed


def cardholder_id_of(answer: bytes) -> CardholderId:
    """Read GUID and date of expiry from the CHUID.

    Raises:
        PivObjectError: not 53 [.., 34 GUID (16 bytes), 35 YYYYMMDD, ..].
    """
    fields = _fields(_single(answer, TAG_OBJECT))
    guid, expires = fields.get(TAG_GUID), fields.get(TAG_EXPIRES)
    if guid is not None and len(guid) != 16:
        raise PivObjectError(f"GUID of {len(guid)} bytes")
    return CardholderId(
        UUID(bytes=guid) if guid is not None else None,
        _date(expires) if expires is not None else None,
    )


def discovery_of(answer: bytes) -> Discovery:
    """Read the discovery object.

    Raises:
        PivObjectError: not 7E [4F application, 5F2F policy (2 bytes)].
    """
    fields = _fields(_single(answer, DISCOVERY))
    policy = fields.get(TAG_PIN_POLICY, b"")
    if len(policy) != 2:
        raise PivObjectError(f"PIN policy of {len(policy)} bytes")
    return Discovery(
        application=fields.get(TAG_AID, b""),
        has_application_pin=bool(policy[0] & 0x40),
        has_global_pin=bool(policy[0] & 0x20),
        global_pin_is_primary=bool(policy[0] & 0x20) and policy[1] == 0x20,
    )


def signature_of(answer: bytes) -> bytes:
    """Return the response in the dynamic authentication template: 7C [82 signature].

    Raises:
        PivObjectError: another template, or an empty response.
    """
    signature = _fields(_single(answer, TAG_DYNAMIC)).get(TAG_RESPONSE, b"")
    if not signature:
        raise PivObjectError("no signature in the answer")
    return signature


def sign_template(to_be_signed: bytes) -> bytes:
    """Return 7C [82 empty, 81 to_be_signed], which asks for a signature."""
    return tlv.build(
        TAG_DYNAMIC, tlv.build(TAG_RESPONSE, b"") + tlv.build(TAG_CHALLENGE, to_be_signed)
    )


def _single(data: bytes, tag: int) -> bytes:
    objects = _parse(data)
    if len(objects) != 1 or objects[0].tag != tag:
        raise PivObjectError(f"{len(objects)} objects, expected one with tag {tag:X}")
    return objects[0].value


def _fields(data: bytes) -> dict[int, bytes]:
    fields: dict[int, bytes] = {}
    for item in _parse(data):
        if item.tag in fields:
            raise PivObjectError(f"tag {item.tag:X} twice")
        fields[item.tag] = item.value
    return fields


def _parse(data: bytes) -> tuple[tlv.Tlv, ...]:
    try:
        return tlv.parse(data)
    except tlv.TlvError as error:
        raise PivObjectError(str(error)) from error


def _date(text: bytes) -> date:
    try:
        year, month, day = int(text[:4]), int(text[4:6]), int(text[6:])
        if len(text) != 8 or not text.isdigit():
            raise ValueError
        return date(year, month, day)
    except ValueError:
        raise PivObjectError(f"no date in {len(text)} bytes") from None


def _unpacked(packed: bytes) -> bytes:
    unpacker = zlib.decompressobj(_GZIP)
    try:
        # one byte more than the limit tells a certificate at the limit from a bomb
        content = unpacker.decompress(packed, MAX_CERTIFICATE_BYTES + 1)
    except zlib.error as error:
        raise PivObjectError("certificate is not compressed as it says") from error
    if not unpacker.eof or len(content) > MAX_CERTIFICATE_BYTES:
        raise PivObjectError("compressed certificate is cut off or too long")
    return content

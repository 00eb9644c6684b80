"""BER-TLV as cards use it, read strictly.

Source: ISO/IEC 7816-4:2013 clause 5.2; tags of one or two bytes, lengths below 65,536.
"""

from __future__ import annotations

from dataclasses import dataclass, field


class TlvError(ValueError):
    """The bytes are no complete TLV; the text names sizes only."""


@dataclass(frozen=True, slots=True)
class Header:
    """Tag, bytes that tag and length take, and bytes of the value."""

    tag: int
    header_bytes: int
    value_bytes: int


@dataclass(frozen=True, slots=True)
class Tlv:
    """One data object."""

    tag: int
    value: bytes = field(repr=False)


def read_header(data: bytes) -> Header:
    """Read tag and length at the beginning of `data`; the value need not be there."""
    if not data:
        raise TlvError("no tag")
    position = 2 if data[0] & 0x1F == 0x1F else 1
    if len(data) <= position:
        raise TlvError("ends before the length")
    if position == 2 and data[1] & 0x80:
        raise TlvError("tag of more than two bytes")
    tag = int.from_bytes(data[:position], "big")
    first = data[position]
    if first < 0x80:
        return Header(tag, position + 1, first)
    count = first & 0x7F
    if not 1 <= count <= 2 or len(data) < position + 1 + count:
        raise TlvError("length of the length is not 1 or 2, or ends early")
    length = int.from_bytes(data[position + 1 : position + 1 + count], "big")
    return Header(tag, position + 1 + count, length)


def parse(data: bytes) -> tuple[Tlv, ...]:
    """Split `data` into its data objects; nothing may be left over.

    Raises:
        TlvError: an object does not fit.
    """
    objects = []
    while data:
        header = read_header(data)
        end = header.header_bytes + header.value_bytes
        if end > len(data):
            raise TlvError(f"value of {header.value_bytes} bytes in {len(data)} bytes")
        objects.append(Tlv(header.tag, data[header.header_bytes : end]))
        data = data[end:]
    return tuple(objects)


def build(tag: int, value: bytes) -> bytes:
    """Build one data object with the shortest length."""
    size = len(value)
    if size < 0x80:
        length = bytes([size])
    elif size < 0x100:
        length = bytes([0x81, size])
    else:
        length = b"\x82" + size.to_bytes(2, "big")
    return tag.to_bytes(2 if tag > 0xFF else 1, "big") + length + value

"""A conversation with a module as a file: what the host sent and what came back, in order.

Such a file is a test: played back to the driver through a port that fails on any other byte, it
shows that the driver still talks to that hardware. It is text, one line for each direction:

    # rekam wire 1
    @ 57600
    > EF01FFFFFFFF 01 0003 01 0005
    < EF01FFFFFFFF 07 0003 02 000C
    < masked 139 bytes sha256 0123456789abcdef

`@` is the speed of the host's end from here on, `<` without bytes is silence. Of a live module only
commands and acknowledges stand there in clear. Everything else may be a finger: it is written as
length and hash, and a file that holds such lines cannot be played back.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from drivers.serial.commands import SET_PWD, VFY_PWD
from drivers.serial.packet import DamagedPacket, PacketDecoder, PacketKind

HEADER: Final = "# rekam wire 1"
LARGEST_FILE: Final = 4 << 20
LARGEST_LINE: Final = 1 << 18

_MASKED = re.compile(r"masked (\d+) bytes sha256 [0-9a-f]{16}")
_PASSWORDS = frozenset({VFY_PWD.code, SET_PWD.code})
_HEADER_BYTES = 9
_START = b"\xef\x01"


class WireFileError(ValueError):
    """A text is no wire file."""


class MaskedWire(WireFileError):
    """A wire file of a live module holds masked bytes and cannot be played back."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """What the host sent in one go, and everything that came before it sent again."""

    baud: int
    sent: bytes
    received: bytes


def write_lines(exchanges: Sequence[Exchange], *, simulated: bool) -> Iterator[str]:
    """Yield the lines of a wire file; nothing is masked of a `simulated` module."""
    yield HEADER
    baud = 0
    for exchange in exchanges:
        if exchange.baud != baud:
            baud = exchange.baud
            yield f"@ {baud}"
        for mark, data in ((">", exchange.sent), ("<", exchange.received)):
            yield from (f"{mark} {piece}".rstrip() for piece in _pieces(data, simulated))


def read_lines(text: str) -> list[Exchange]:
    """Read a wire file.

    Raises:
        MaskedWire: it holds masked bytes.
        WireFileError: it is something else.
    """
    if len(text) > LARGEST_FILE:
        raise WireFileError(f"{len(text)} characters, at most {LARGEST_FILE}")
    lines = text.splitlines()
    if not lines or lines[0] != HEADER:
        raise WireFileError(f"does not begin with {HEADER!r}")
    exchanges: list[Exchange] = []
    baud, answered = 0, True
    for number, line in enumerate(lines[1:], 2):
        mark, content = line[:1], line[1:].strip()
        if mark in ("", "#"):
            continue
        if mark == "@":
            baud = _baud(content, number)
            continue
        data = _bytes(content, number)
        if mark == ">" and answered:
            exchanges.append(Exchange(baud, data, b""))
        elif mark in (">", "<") and exchanges:
            last = exchanges[-1]
            sent = last.sent + data if mark == ">" else last.sent
            received = last.received + data if mark == "<" else last.received
            exchanges[-1] = Exchange(last.baud, sent, received)
        else:
            raise WireFileError(f"line {number}: no command before it, or unknown mark {mark!r}")
        answered = mark == "<"
    return exchanges


def _baud(content: str, number: int) -> int:
    if not (content.isascii() and content.isdigit() and len(content) <= 7):
        raise WireFileError(f"line {number}: no speed")
    return int(content)


def _bytes(content: str, number: int) -> bytes:
    if _MASKED.fullmatch(content):
        raise MaskedWire(f"line {number} is masked")
    if len(content) > LARGEST_LINE:
        raise WireFileError(f"line {number}: {len(content)} characters")
    try:
        return bytes.fromhex(content)
    except ValueError as error:
        raise WireFileError(f"line {number}: {error}") from error


def _pieces(data: bytes, simulated: bool) -> Iterator[str]:
    """Yield `data` as text, a packet a line, so that a person can read it."""
    if not data:
        yield ""
    for piece, kind in _split(data):
        if simulated or _is_harmless(piece, kind):
            yield piece.hex().upper()
        else:
            digest = hashlib.sha256(piece).hexdigest()[:16]
            yield f"masked {len(piece)} bytes sha256 {digest}"


def _is_harmless(piece: bytes, kind: PacketKind | None) -> bool:
    """Say whether bytes are surely neither a part of a finger nor a password that was chosen."""
    if kind is PacketKind.COMMAND and piece[_HEADER_BYTES] in _PASSWORDS:
        return not any(piece[_HEADER_BYTES + 1 : -2])
    return kind in (PacketKind.COMMAND, PacketKind.ACKNOWLEDGE)


def _split(data: bytes) -> Iterator[tuple[bytes, PacketKind | None]]:
    """Cut `data` into whole undamaged packets with their kind, and what stands between them."""
    start = loose = 0
    while (start := data.find(_START, start)) >= 0:
        size = _HEADER_BYTES + int.from_bytes(data[start + 7 : start + 9], "big")
        kind = _kind_of(data[start : start + size])
        if kind is None:
            start += 1
            continue
        if start > loose:
            yield data[loose:start], None
        yield data[start : start + size], kind
        start = loose = start + size
    if loose < len(data):
        yield data[loose:], None


def _kind_of(piece: bytes) -> PacketKind | None:
    """Return the kind when `piece` is exactly one undamaged packet."""
    decoder = PacketDecoder()
    decoder.feed(piece)
    try:
        packet = decoder.take()
    except DamagedPacket:
        return None
    if packet is None or packet.encode() != piece:
        return None
    return packet.kind

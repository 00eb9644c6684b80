"""The journal's bytes: header and frames; values in, values out.

Header: `RKJ1`, u8 length and text of the session id, u32 generation, 40 bytes content key under
AES-256 key wrap (RFC 3394). Frame: u32 length and u64 counter, then that many bytes of AES-256-GCM
ciphertext with its 16-byte tag; nonce = 00000000 and the counter; associated data = SHA-256 of the
header, counter, length. All big-endian. Body: u32 entry number, u32 length and UTF-8 JSON of the
event, u16 count of blobs, then u32 length and bytes of each.

The counter grows with every attempt to write, so that a nonce is never used twice, even after a
write that the disk refused half-way; the entry number has no gaps, so that a removed frame shows.
"""

from __future__ import annotations

import hashlib
import json
import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from station.records.canonical import Json
from station.records.errors import JournalDamaged

MAGIC = b"RKJ1"
WRAPPED_KEY_BYTES = 40
TAG_BYTES = 16
MAX_FRAME_BYTES = 256 << 20
SESSION_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What a session id may look like: it becomes a file name."""

_FRAME = struct.Struct(">IQ")
_NONCE_ZEROS = bytes(4)
# counters stay far below 2^24, so a later frame begins with its length and at least five zeros
_COUNTER_ZEROS = re.compile(rb"(?=\x00{5})")
_COUNTER_AT = 4


@dataclass(frozen=True, slots=True)
class Header:
    """The first bytes of a journal file; `data` is them, unchanged."""

    session_id: str
    generation: int
    wrapped_key: bytes = field(repr=False)

    @property
    def data(self) -> bytes:
        """The encoded header."""
        name = self.session_id.encode("ascii")
        parts = (MAGIC, bytes([len(name)]), name, self.generation.to_bytes(4, "big"))
        return b"".join(parts) + self.wrapped_key


def parse_header(data: bytes) -> Header:
    """Read the header of a journal file.

    Raises:
        JournalDamaged: the file is too short or does not begin like a journal.
    """
    if data[:4] != MAGIC or len(data) < 5:
        raise JournalDamaged("no journal header")
    end_of_name = 5 + data[4]
    end = end_of_name + 4 + WRAPPED_KEY_BYTES
    if len(data) < end:
        raise JournalDamaged(f"header of {len(data)} bytes, expected {end}")
    name = data[5:end_of_name].decode("ascii", errors="replace")
    if not SESSION_ID.fullmatch(name):
        raise JournalDamaged("session id in the header is malformed")
    generation = int.from_bytes(data[end_of_name : end_of_name + 4], "big")
    return Header(name, generation, data[end_of_name + 4 : end])


@dataclass(frozen=True, slots=True)
class Entry:
    """One accepted event of a session with the samples that came with it."""

    event: Mapping[str, Json] = field(repr=False)
    blobs: tuple[bytes, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a journal holds: entries in order, and how many bytes of a torn last frame follow."""

    entries: list[Entry] = field(repr=False)
    torn_bytes: int


class FrameCipher:
    """Seals and opens the frames of one generation."""

    def __init__(self, header: Header, content_key: bytes) -> None:
        self._header_hash = hashlib.sha256(header.data).digest()
        self._cipher = AESGCM(content_key)

    def seal(self, counter: int, body: bytes) -> bytes:
        """Return the frame of `body`; a counter must never be used twice."""
        prefix = _FRAME.pack(len(body) + TAG_BYTES, counter)
        return prefix + self._cipher.encrypt(
            _NONCE_ZEROS + prefix[_COUNTER_AT:], body, self._associated(prefix)
        )

    def open(self, prefix: bytes, ciphertext: bytes) -> bytes | None:
        """Return the body, or None when the tag does not match."""
        nonce = _NONCE_ZEROS + prefix[_COUNTER_AT:]
        try:
            return self._cipher.decrypt(nonce, ciphertext, self._associated(prefix))
        except InvalidTag:
            return None

    def _associated(self, prefix: bytes) -> bytes:
        return self._header_hash + prefix[_COUNTER_AT:] + prefix[:_COUNTER_AT]


def encode_entry(number: int, event: Mapping[str, Json], blobs: Sequence[bytes]) -> bytes:
    """Encode one entry as the body of a frame.

    Raises:
        TypeError, ValueError: the event is no JSON (NaN and infinity are none).
    """
    text = json.dumps(event, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    parts = [struct.pack(">II", number, len(text)), text, struct.pack(">H", len(blobs))]
    for blob in blobs:
        parts += [len(blob).to_bytes(4, "big"), blob]
    return b"".join(parts)


def decode_entry(body: bytes) -> tuple[int, Entry]:
    """Read the entry number and the entry back.

    Raises:
        JournalDamaged: the body is no entry, although its tag was right.
    """
    try:
        number, length = struct.unpack_from(">II", body)
        position = 8 + length
        event = json.loads(body[8:position])
        (count,) = struct.unpack_from(">H", body, position)
        position += 2
        blobs = []
        for _ in range(count):
            (length,) = struct.unpack_from(">I", body, position)
            blobs.append(body[position + 4 : position + 4 + length])
            position += 4 + length
    except (struct.error, ValueError, RecursionError) as error:
        raise JournalDamaged(f"entry of {len(body)} bytes is malformed") from error
    if position != len(body) or not isinstance(event, dict):
        raise JournalDamaged(f"entry of {len(body)} bytes is malformed")
    return number, Entry(event, tuple(blobs))


def read_frames(data: bytes, start: int, cipher: FrameCipher) -> Reading:
    """Read all frames of a journal file from `start`, the end of its header.

    Raises:
        JournalDamaged: a bad frame is followed by a good one, or frames are missing or repeated.
    """
    entries: list[Entry] = []
    last_counter = -1
    position = start
    while position < len(data):
        opened = _open_at(data, position, cipher)
        if opened is None:
            if _good_frame_follows(data, position + 1, cipher):
                raise JournalDamaged(f"bad frame at byte {position}, good ones behind it")
            return Reading(entries, len(data) - position)
        counter, body, position = opened
        number, entry = decode_entry(body)
        if counter <= last_counter or number != len(entries):
            raise JournalDamaged(f"entry {number} found where {len(entries)} was expected")
        last_counter = counter
        entries.append(entry)
    return Reading(entries, 0)


def _open_at(data: bytes, position: int, cipher: FrameCipher) -> tuple[int, bytes, int] | None:
    """Open the frame at `position`: (counter, body, position behind it), None if it is not good."""
    body_at = position + _FRAME.size
    if body_at > len(data):
        return None
    prefix = data[position:body_at]
    length, counter = _FRAME.unpack(prefix)
    end = body_at + length
    if not TAG_BYTES <= length <= MAX_FRAME_BYTES or end > len(data):
        return None
    body = cipher.open(prefix, data[body_at:end])
    return None if body is None else (counter, body, end)


def _good_frame_follows(data: bytes, start: int, cipher: FrameCipher) -> bool:
    # blocks that a power cut left unwritten read as zeros: no frame begins there
    end = len(data.rstrip(b"\x00")) + TAG_BYTES
    for zeros in _COUNTER_ZEROS.finditer(data, start + _COUNTER_AT, min(end, len(data))):
        if _open_at(data, zeros.start() - _COUNTER_AT, cipher) is not None:
            return True
    return False

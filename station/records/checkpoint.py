"""Signed checkpoints of the audit log, in the C2SP signed-note format with ECDSA P-256.

A local log alone cannot show that its end was cut off; a checkpoint that somebody else keeps can.
Source: c2sp.org/signed-note (signature type 0x02: the key id is the first four bytes of SHA-256
over the DER public key) and c2sp.org/tlog-checkpoint.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from station.records.errors import SignatureInvalid, StructureInvalid
from station.records.merkle import HASH_BYTES, Frontier

_DASH = "\u2014"
_KEY_ID_BYTES = 4


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Number of leaves and Merkle root of a log at one moment."""

    origin: str
    size: int
    root: bytes


def origin_of(station: str) -> str:
    """Return the name of a station's log, which is also the name of its key."""
    return f"rekam/{station}"


def sign_checkpoint(station: str, frontier: Frontier, key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return the signed note for the present state of a log."""
    origin = origin_of(station)
    text = f"{origin}\n{frontier.size}\n{base64.b64encode(frontier.root).decode()}\n"
    signature = key.sign(text.encode(), ec.ECDSA(hashes.SHA256()))
    packed = base64.b64encode(_key_id(key.public_key()) + signature).decode()
    return f"{text}\n{_DASH} {origin} {packed}\n".encode()


def verify_checkpoint(note: bytes, station: str, public: ec.EllipticCurvePublicKey) -> Checkpoint:
    """Verify a note of this station and return what it states; other signatures are ignored.

    Raises:
        StructureInvalid: no checkpoint of this station.
        SignatureInvalid: not signed by this key.
    """
    try:
        text, _, signatures = note.decode().rpartition("\n\n")
        origin, size, root = text.split("\n")
        found = Checkpoint(origin, int(size), base64.b64decode(root, validate=True))
    except ValueError as error:
        raise StructureInvalid(f"checkpoint of {len(note)} bytes is malformed") from error
    if origin != origin_of(station) or len(found.root) != HASH_BYTES or found.size < 0:
        raise StructureInvalid("checkpoint is not of this station")
    for line in signatures.split("\n"):
        if _is_signed(f"{text}\n".encode(), line, origin, public):
            return found
    raise SignatureInvalid("checkpoint is not signed by the station")


def _is_signed(text: bytes, line: str, origin: str, public: ec.EllipticCurvePublicKey) -> bool:
    dash, _, rest = line.partition(" ")
    name, _, encoded = rest.partition(" ")
    if dash != _DASH or name != origin:
        return False
    try:
        packed = base64.b64decode(encoded, validate=True)
    except ValueError:
        return False
    if packed[:_KEY_ID_BYTES] != _key_id(public):
        return False
    try:
        public.verify(packed[_KEY_ID_BYTES:], text, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def _key_id(public: ec.EllipticCurvePublicKey) -> bytes:
    encoded = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(encoded).digest()[:_KEY_ID_BYTES]

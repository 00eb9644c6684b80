"""Cryptography of ICAO basic access control and 3DES secure messaging: keys, MAC, tokens.

Two-key 3DES and SHA-1 are here because the standard asks for them; nothing new should use them.

Source: ICAO Doc 9303-11 clauses 4.3, 9.7.1 and 9.8, checked by the vectors of its appendix D;
ISO/IEC 9797-1 MAC algorithm 3 and padding method 2.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes

BLOCK_BYTES: Final = 8
NONCE_BYTES: Final = 8
SHARE_BYTES: Final = 16
TOKEN_BYTES: Final = 40  # 32 enciphered, 8 of MAC
ZERO_IV: Final = bytes(BLOCK_BYTES)

_ENCIPHERED_BYTES: Final = TOKEN_BYTES - BLOCK_BYTES


class SecureMessagingError(ValueError):
    """A cryptogram, a MAC or a token is wrong: the channel is over; the text names sizes only."""


@dataclass(frozen=True, slots=True)
class KeyPair:
    """An encryption key and a MAC key of two-key 3DES, 16 bytes each."""

    encryption: bytes = field(repr=False)
    mac: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Authentication:
    """What one side puts into its 40-byte token: two nonces of 8 bytes and a share of 16."""

    own_nonce: bytes = field(repr=False)
    peer_nonce: bytes = field(repr=False)
    key_share: bytes = field(repr=False)

    def seal(self, keys: KeyPair) -> bytes:
        """Return the token: the three enciphered, then the MAC over that."""
        plain = self.own_nonce + self.peer_nonce + self.key_share
        enciphered = triple_des_cbc(keys.encryption, plain, encrypt=True)
        return enciphered + retail_mac(keys.mac, enciphered)


def open_token(keys: KeyPair, token: bytes) -> Authentication:
    """Check a token and return what its sender put in (`own` is the sender's).

    Raises:
        SecureMessagingError: not 40 bytes, or made with other keys.
    """
    if len(token) != TOKEN_BYTES:
        raise SecureMessagingError(f"token of {len(token)} bytes")
    enciphered, mac = token[:_ENCIPHERED_BYTES], token[_ENCIPHERED_BYTES:]
    if not hmac.compare_digest(retail_mac(keys.mac, enciphered), mac):
        raise SecureMessagingError("token with a wrong MAC")
    plain = triple_des_cbc(keys.encryption, enciphered, encrypt=False)
    return Authentication(plain[:8], plain[8:16], plain[16:])


def triple_des_cbc(key: bytes, data: bytes, *, encrypt: bool, iv: bytes = ZERO_IV) -> bytes:
    """Run 3DES in CBC mode without padding over whole blocks.

    Args:
        key: 8 bytes (single DES) or 16 (two-key 3DES).
        data: a multiple of 8 bytes.
        encrypt: False deciphers.
        iv: 8 bytes.
    """
    full_key = key * 3 if len(key) == BLOCK_BYTES else key + key[:BLOCK_BYTES]
    cipher = Cipher(TripleDES(full_key), modes.CBC(iv))
    context = cipher.encryptor() if encrypt else cipher.decryptor()
    return context.update(data) + context.finalize()


def add_padding(data: bytes) -> bytes:
    """Append 80 and zeros up to a whole block (ISO/IEC 9797-1 padding method 2)."""
    marked = data + b"\x80"
    return marked + bytes(-len(marked) % BLOCK_BYTES)


def strip_padding(data: bytes) -> bytes:
    """Undo `add_padding`.

    Raises:
        SecureMessagingError: no 80 behind the data, or more than one block of padding.
    """
    content = data.rstrip(b"\x00")
    if not content.endswith(b"\x80") or len(data) - len(content) >= BLOCK_BYTES:
        raise SecureMessagingError("wrong padding")
    return content[:-1]


def retail_mac(key: bytes, message: bytes) -> bytes:
    """Return 8 bytes of ISO/IEC 9797-1 MAC algorithm 3 with DES and padding method 2."""
    first, second = key[:BLOCK_BYTES], key[BLOCK_BYTES:]
    chained = triple_des_cbc(first, add_padding(message), encrypt=True)[-BLOCK_BYTES:]
    return triple_des_cbc(first, triple_des_cbc(second, chained, encrypt=False), encrypt=True)


def derive_keys(seed: bytes) -> KeyPair:
    """Derive both keys of a 16-byte seed (ICAO Doc 9303-11 clause 9.7.1)."""
    return KeyPair(_derived(seed, 1), _derived(seed, 2))


def session_keys(own_share: bytes, peer_share: bytes) -> KeyPair:
    """Derive the keys of a channel from both shares of the authentication."""
    return derive_keys(xor(own_share, peer_share))


def first_counter(card_nonce: bytes, terminal_nonce: bytes) -> int:
    """Return the send sequence counter before the first command: halves of both nonces."""
    return int.from_bytes(card_nonce[4:] + terminal_nonce[4:], "big")


def xor(left: bytes, right: bytes) -> bytes:
    """Return the exclusive or of two strings of equal length."""
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


def _derived(seed: bytes, counter: int) -> bytes:
    digest = hashlib.sha1(seed + counter.to_bytes(4, "big"), usedforsecurity=False).digest()
    return bytes(octet & 0xFE | (octet >> 1).bit_count() % 2 ^ 1 for octet in digest[:16])

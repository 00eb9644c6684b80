"""The files of a simulated KTP-el, its keys and its two ways to be a card without contacts.

OPEN TEST: lengths and access rules are those of public clients, enciphering and signature are ours
(`simulators.test_keys`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import reduce
from operator import xor
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from drivers.card.profiles import ktpel
from drivers.card.profiles.ktpel_protected import ENCIPHERED_FILES
from drivers.card.sam import CARD_SIGNATURE_BYTES
from drivers.card.secure_messaging_keys import BLOCK_BYTES, triple_des_cbc
from simulators.ktpel_card_content import CardContent
from simulators.test_keys import CARD_SIGNER, CardKeys, keys_of_card

TYPE_A_ATR: Final = bytes.fromhex("3B8B8001654B5450304432654B54504C")  # "eKTP0D2eKTP"
_TYPE_B_HEAD: Final = bytes.fromhex("3B8C800150")
_TYPE_B_TAIL: Final = bytes.fromhex("30AAAA017781D7")
FREE_FILES: Final = frozenset({ktpel.CARD_CONTROL, ktpel.PHOTO})


@dataclass(frozen=True, slots=True)
class CardForm:
    """Which of the known forms of a KTP-el a card has.

    `card_control_bytes` is 51 or 29; `is_type_b` the contactless type; `uid_command` the
    instruction by which a type B card gives its 8-byte UID (DD or DF). A card with a
    `forged_signature` carries one that was not made over its content.
    """

    card_control_bytes: int = 51
    is_type_b: bool = False
    uid_command: int = 0xDD
    forged_signature: bool = False


@dataclass(frozen=True, slots=True)
class CardFiles:
    """One card as its chip holds it; the enciphered files are enciphered here."""

    atr: bytes
    reader_uid: bytes = field(repr=False)
    uid8: bytes = field(repr=False)
    keys: CardKeys = field(repr=False)
    files: Mapping[int, bytes] = field(repr=False)


def build_card(content: CardContent, form: CardForm) -> CardFiles:
    """Lay the content out, encipher and sign it."""
    uid8 = b"\x80" + content.uid
    reader_uid, atr = content.uid, TYPE_A_ATR
    if form.is_type_b:
        uid8 = hashlib.sha256(b"type B" + content.uid).digest()[:8]
        reader_uid = content.uid[1:5]  # the PUPI
        atr = _with_check_byte(_TYPE_B_HEAD + reader_uid + _TYPE_B_TAIL)
    control = hashlib.shake_128(b"card control" + content.uid).digest(form.card_control_bytes)
    keys = keys_of_card(control, uid8)
    plain = {
        # padded, so that one read of 35 bytes (hexadecimal) fits both lengths
        ktpel.CARD_CONTROL: _with_length(control).ljust(ktpel.CARD_CONTROL_READ_BYTES, b"\x00"),
        ktpel.BIODATA: _with_length(content.biodata_text),
        ktpel.PHOTO: _with_length(content.photo),
        ktpel.SIGNATURE_IMAGE: _whole_blocks(_with_length(content.signature)),
        ktpel.MINUTIAE_1: _whole_blocks(_with_length(content.fingers[0])),
        ktpel.MINUTIAE_2: _whole_blocks(_with_length(content.fingers[1])),
    }
    enciphered = {
        identifier: triple_des_cbc(keys.files, plain[identifier], encrypt=True)
        for identifier in ENCIPHERED_FILES
    }
    signature = {ktpel.CARD_SIGNATURE: _card_signature(plain, content, form)}
    return CardFiles(atr, reader_uid, uid8, keys, plain | enciphered | signature)


def _card_signature(plain: Mapping[int, bytes], content: CardContent, form: CardForm) -> bytes:
    """Sign biodata file, photo and the three plain padded files; zeros up to 80 bytes."""
    signed = plain[ktpel.BIODATA] + content.photo
    signed += b"".join(plain[identifier] for identifier in ENCIPHERED_FILES)
    if form.forged_signature:
        signed += b"forged"
    signature = CARD_SIGNER.sign(signed, ec.ECDSA(hashes.SHA256()))
    return signature.ljust(CARD_SIGNATURE_BYTES, b"\x00")


def _with_check_byte(atr: bytes) -> bytes:
    return atr + bytes((reduce(xor, atr[1:]),))


def _with_length(data: bytes) -> bytes:
    return len(data).to_bytes(2, "big") + data


def _whole_blocks(data: bytes) -> bytes:
    return data + bytes(-len(data) % BLOCK_BYTES)

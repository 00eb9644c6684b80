"""Personalising a simulated PIV card: the management key, new keys, new objects.

With the published default management key of an unissued card, `yubico-piv-tool` can prepare it as
it prepares a genuine one.

Source: SP 800-73-4 part 2 clause 3.3 (GENERATE ASYMMETRIC KEY PAIR, PUT DATA); INS FF, which sets
the management key, is the extension of Yubico that its tool sends.
"""

from __future__ import annotations

import hmac
import os
from typing import Final

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes

from drivers.card import tlv
from drivers.card.profiles.piv_objects import DISCOVERY, Slot, tag_bytes
from simulators import piv_status as status
from simulators.piv_keys import CardKey, KeyRefused

DEFAULT_MANAGEMENT_KEY: Final = bytes.fromhex("0102030405060708" * 3)
TRIPLE_DES: Final = 0x03
MANAGEMENT_KEY: Final = 0x9B
BLOCK_BYTES: Final = 8
KEY_BYTES: Final = 24
MAX_OBJECT_BYTES: Final = 3072

TAG_WITNESS: Final = 0x80
TAG_CHALLENGE: Final = 0x81
TAG_RESPONSE: Final = 0x82
TAG_DYNAMIC: Final = 0x7C
TAG_OBJECT: Final = 0x53

Answer = tuple[bytes, bytes]
"""Data and status word."""


class Administration:
    """What needs the management key; changes keys and objects of the card in place."""

    def __init__(self, keys: dict[Slot, CardKey], objects: dict[int, bytes]) -> None:
        self._keys = keys
        self._objects = objects
        self._management_key = DEFAULT_MANAGEMENT_KEY
        self.forget()

    def forget(self) -> None:
        """Forget who was authenticated: power was lost."""
        self._witness = b""
        self._allowed = False

    def command(self, instruction: int, p1: int, p2: int, data: bytes) -> Answer:
        """Answer an administrative command.

        Raises:
            TlvError: its data are no TLV.
        """
        if instruction == 0x87:
            return self._authenticate(p1, data)
        if instruction not in (0x47, 0xDB, 0xFF):
            return b"", status.UNKNOWN_COMMAND
        if not self._allowed:
            return b"", status.NOT_SATISFIED
        if instruction == 0x47:
            return self._generate(p2, data)
        if instruction == 0xDB:
            return self._put(data)
        return self._set_management_key(data)

    def _authenticate(self, algorithm: int, data: bytes) -> Answer:
        """Both sides show that they know the key: witness out and back, challenge in and back."""
        if algorithm != TRIPLE_DES:
            return b"", status.WRONG_PARAMETERS
        fields = _fields_of(data, TAG_DYNAMIC)
        witness, challenge = fields.get(TAG_WITNESS), fields.get(TAG_CHALLENGE)
        if witness == b"":
            self._witness = os.urandom(BLOCK_BYTES)
            return _template(TAG_WITNESS, self._encrypt(self._witness)), status.OK
        expected, self._witness = self._witness, b""
        if not expected or witness is None or challenge is None or len(challenge) != BLOCK_BYTES:
            return b"", status.WRONG_DATA
        self._allowed = hmac.compare_digest(witness, expected)
        if not self._allowed:
            return b"", status.NOT_SATISFIED
        return _template(TAG_RESPONSE, self._encrypt(challenge)), status.OK

    def _generate(self, reference: int, data: bytes) -> Answer:
        slot = next((slot for slot in Slot if slot.value == reference), None)
        algorithm = _fields_of(data, 0xAC).get(0x80, b"")
        if slot is None or len(algorithm) != 1:
            return b"", status.WRONG_PARAMETERS
        try:
            key = CardKey.generate(algorithm[0])
        except KeyRefused:
            return b"", status.WRONG_DATA
        self._keys[slot] = key
        return key.public_object(), status.OK

    def _put(self, data: bytes) -> Answer:
        tag, content = tag_of(data)
        if tag == DISCOVERY or len(content) > MAX_OBJECT_BYTES:
            return b"", status.WRONG_DATA
        (item,) = tlv.parse(content)
        if item.tag != TAG_OBJECT:
            return b"", status.WRONG_DATA
        if item.value:
            self._objects[tag] = content
        else:
            self._objects.pop(tag, None)
        return b"", status.OK

    def _set_management_key(self, data: bytes) -> Answer:
        head = bytes((TRIPLE_DES, MANAGEMENT_KEY, KEY_BYTES))
        if data[:3] != head or len(data) != len(head) + KEY_BYTES:
            return b"", status.WRONG_DATA
        self._management_key = data[len(head) :]
        return b"", status.OK

    def _encrypt(self, block: bytes) -> bytes:
        # one block of fresh random bytes: that is how the standard uses the cipher here
        cipher = Cipher(TripleDES(self._management_key), modes.ECB())  # noqa: S305  # see above
        return cipher.encryptor().update(block)


def tag_of(data: bytes) -> tuple[int, bytes]:
    """Split `5C length tag` (1 to 3 bytes) from what follows it.

    Raises:
        TlvError: no such tag list.
    """
    end = 2 + (data[1] if len(data) > 1 else 0)
    if len(data) < 3 or data[0] != 0x5C or not 1 <= data[1] <= 3 or len(data) < end:
        raise tlv.TlvError("no tag list")
    tag = int.from_bytes(data[2:end], "big")
    if tag_bytes(tag) != data[2:end]:
        raise tlv.TlvError("tag with a leading zero")
    return tag, data[end:]


def _template(tag: int, value: bytes) -> bytes:
    return tlv.build(TAG_DYNAMIC, tlv.build(tag, value))


def _fields_of(data: bytes, outer: int) -> dict[int, bytes]:
    objects = tlv.parse(data)
    if len(objects) != 1 or objects[0].tag != outer:
        raise tlv.TlvError(f"no template {outer:X}")
    return {item.tag: item.value for item in tlv.parse(objects[0].value)}

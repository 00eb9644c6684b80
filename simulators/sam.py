"""The simulated secure access module: the public commands, with published test keys.

OPEN TEST, not the government's (see `simulators.test_keys`). What the commands for the signature
check do is our reading of their order in public clients.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from dataclasses import dataclass, field
from functools import reduce
from operator import xor as exclusive_or
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from drivers.card import frames, sam
from drivers.card.profiles import open_lds
from drivers.card.profiles.ktpel_protected import ENCIPHERED_FILES
from drivers.card.secure_messaging import IcaoSecureMessaging
from drivers.card.secure_messaging_keys import (
    NONCE_BYTES,
    SHARE_BYTES,
    ZERO_IV,
    Authentication,
    SecureMessagingError,
    first_counter,
    open_token,
    session_keys,
    triple_des_cbc,
)
from simulators.test_keys import CARD_SIGNER, MODULE_OPENING, CardKeys, keys_of_card

_ATR_HEAD: Final = bytes.fromhex("3BF81300008131FE15") + b"KTPSAMv0"
SAM_ATR: Final = _ATR_HEAD + bytes((reduce(exclusive_or, _ATR_HEAD[1:]),))
IDENTIFIER: Final = f"{open_lds.LABEL} SAM 0001".encode()

OK: Final = b"\x90\x00"
WRONG: Final = b"\x63\x00"
WRONG_LENGTH: Final = b"\x67\x00"
NOT_OPEN: Final = b"\x69\x82"
NOT_READY: Final = b"\x69\x85"
CHANNEL_OVER: Final = b"\x69\x88"
WRONG_DATA: Final = b"\x6a\x80"
UNKNOWN_STEP: Final = b"\x6a\x86"
UNKNOWN_COMMAND: Final = b"\x6d\x00"


@dataclass(slots=True)
class _Check:
    """The digest of what the card's signature covers."""

    signature: bytes = b""
    is_running: bool = False
    is_last_piece: bool = False
    digest: hashlib._Hash = field(default_factory=hashlib.sha256)

    def take(self, data: bytes) -> None:
        if self.is_running and data:
            self.digest.update(data)
            self.is_running = not self.is_last_piece

    def holds(self) -> bool:
        length = 2 + self.signature[1] if len(self.signature) > 1 else 0
        try:
            CARD_SIGNER.public_key().verify(
                self.signature[:length],
                self.digest.digest(),
                ec.ECDSA(utils.Prehashed(hashes.SHA256())),
            )
        except InvalidSignature:
            return False
        return True


@dataclass(slots=True)
class _Files:
    """Deciphering of the files that are enciphered inside: CBC chained over the pieces read."""

    key: bytes
    is_on: bool = False
    is_enciphered: bool = False
    chain: bytes = ZERO_IV

    def selected(self, apdu: bytes) -> None:
        if apdu[1] == 0xA4:
            self.chain = ZERO_IV
            self.is_enciphered = int.from_bytes(apdu[5:7], "big") in ENCIPHERED_FILES

    def decipher(self, data: bytes) -> bytes:
        if not self.is_on or not self.is_enciphered or not data or len(data) % 8:
            return data
        chain, self.chain = self.chain, data[-8:]
        return triple_des_cbc(self.key, data, encrypt=False, iv=chain)


class KtpelSam:
    """One module in its slot; knows no link and no time.

    `refuses` holds instruction bytes that are answered 6F00, for faults.
    """

    def __init__(self, opening: bytes = MODULE_OPENING) -> None:
        self._wanted_opening = opening
        self._is_open = False
        self.refuses: frozenset[int] = frozenset()
        self._forget_card()

    @property
    def atr(self) -> bytes:
        """The answer to reset, T=1."""
        return SAM_ATR

    def power(self, event: int) -> None:
        """Take power off (0), put it on (1) or reset (2): closed again, everything forgotten."""
        if event in (frames.POWER_OFF, frames.POWER_ON, frames.RESET):
            self._is_open = False
            self._forget_card()

    def apdu(self, command: bytes) -> bytes:
        """Answer one short command: data and status word."""
        if len(command) < 4:
            return WRONG_LENGTH
        if command[0] != 0x00:
            return b"\x6e\x00"
        length = command[4] if len(command) > 5 else 0
        data = command[5 : 5 + length]
        if len(data) != length:
            return WRONG_LENGTH
        instruction = command[1]
        if instruction in self.refuses:
            return b"\x6f\x00"
        if instruction == 0xF0:
            self._is_open = hmac.compare_digest(data, self._wanted_opening)
            return OK if self._is_open else WRONG
        if not self._is_open:
            return NOT_OPEN
        return self._answer(instruction, command[2], command[3], data)

    def _answer(self, instruction: int, p1: int, p2: int, data: bytes) -> bytes:
        match instruction:
            case 0xF7:
                return IDENTIFIER + OK
            case 0xFF:
                self._forget_card()
                return OK
            case 0xF1:
                return self._begin(p2, data)
            case 0xF2:
                return self._finish(data)
            case 0xF3 | 0xF4 | 0xFA if self._channel is None:
                return NOT_READY
            case 0xF3:
                return self._protect(data)
            case 0xF4:
                return self._unprotect(data)
            case 0xFA:
                return self._signature_step(p1, data)
            case _:
                return UNKNOWN_COMMAND

    def _forget_card(self) -> None:
        self._keys: CardKeys | None = None
        self._own: Authentication | None = None
        self._channel: IcaoSecureMessaging | None = None
        self._files = _Files(b"")
        self._check = _Check()

    def _begin(self, variant: int, data: bytes) -> bytes:
        tail = sam.UID8_BYTES + sam.CHALLENGE_BYTES
        control_bytes = {1: 51, 0: 29}.get(variant)
        if control_bytes is None or len(data) != control_bytes + tail:
            return WRONG_DATA
        card_control, uid8 = data[:-tail], data[-tail : -sam.CHALLENGE_BYTES]
        self._keys = keys_of_card(card_control, uid8)
        challenge = data[-sam.CHALLENGE_BYTES :]
        self._own = Authentication(os.urandom(NONCE_BYTES), challenge, os.urandom(SHARE_BYTES))
        return self._own.seal(self._keys.access) + OK

    def _finish(self, token: bytes) -> bytes:
        own, keys = self._own, self._keys
        if own is None or keys is None:
            return NOT_READY
        self._own = None
        try:
            peer = open_token(keys.access, token)
        except SecureMessagingError:
            return WRONG
        expected = own.peer_nonce + own.own_nonce
        if not hmac.compare_digest(peer.own_nonce + peer.peer_nonce, expected):
            return WRONG
        self._channel = IcaoSecureMessaging(
            session_keys(own.key_share, peer.key_share),
            first_counter(own.peer_nonce, own.own_nonce),
        )
        self._files = _Files(keys.files)
        self._check = _Check()
        return OK

    def _protect(self, apdu: bytes) -> bytes:
        if self._channel is None or len(apdu) < 4:
            return WRONG_DATA
        self._files.selected(apdu)
        try:
            return self._channel.protect(apdu) + OK
        except SecureMessagingError:
            return CHANNEL_OVER

    def _unprotect(self, body: bytes) -> bytes:
        if self._channel is None:
            return NOT_READY
        try:
            opened = self._channel.unprotect(body)
        except SecureMessagingError:
            self._forget_card()
            return CHANNEL_OVER
        data = self._files.decipher(opened[:-2])
        self._check.take(data)
        return data + opened[-2:] + OK

    def _signature_step(self, step: int, data: bytes) -> bytes:
        match step:
            case 0x00:
                self._check = _Check(is_running=True)
            case 0x02:
                self._check.is_last_piece = True
            case 0x03:
                self._check.take(data)
            case 0x04:
                return OK if self._check.holds() else WRONG
            case 0x05:
                self._files.is_on = True
            case 0x06:
                self._check.signature = data
            case _:
                return UNKNOWN_STEP
        return OK

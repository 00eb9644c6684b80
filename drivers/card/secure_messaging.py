"""Protected exchange with a card: who seals and opens, and a channel that does so by itself.

Two things can stand behind `SecureChannel`: a secure access module (`drivers.card.sam`), which
keeps its keys, and `IcaoSecureMessaging` in software, for cards whose access key may be known.

Source: ICAO Doc 9303-11 clauses 4.3 and 9.8 (3DES); ISO/IEC 7816-4:2013 clause 10.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Callable
from typing import Final, Protocol

from drivers.api import CardChannel
from drivers.card import tlv
from drivers.card.apdu import SUCCESS, ApduChannel, CardAnswer
from drivers.card.errors import CardNotAuthentic, SecureChannelBroken
from drivers.card.secure_messaging_keys import (
    BLOCK_BYTES,
    NONCE_BYTES,
    SHARE_BYTES,
    Authentication,
    KeyPair,
    SecureMessagingError,
    add_padding,
    first_counter,
    open_token,
    retail_mac,
    session_keys,
    strip_padding,
    triple_des_cbc,
)

TAG_CRYPTOGRAM: Final = 0x87
TAG_EXPECTED: Final = 0x97
TAG_STATUS: Final = 0x99
TAG_MAC: Final = 0x8E
MAC_OBJECT_BYTES: Final = 10  # always the last ten bytes: 8E 08 occurs inside of MACs, too
SECURE_CLASS: Final = 0x0C

GET_CHALLENGE: Final = bytes.fromhex("0084000008")
EXTERNAL_AUTHENTICATE: Final = bytes.fromhex("0082000028")

_COUNTER_LIMIT: Final = 1 << 64


class SecureChannel(Protocol):
    """One end of a protected channel; after a failure it is over and protects nothing more."""

    def forget(self) -> None:
        """Be over from now on; idempotent, sends nothing and cannot fail."""
        ...

    def protect(self, apdu: bytes) -> bytes:
        """Seal a short command.

        Raises:
            SecureMessagingError: the channel is over.
        """
        ...

    def unprotect(self, body: bytes) -> bytes:
        """Open a response without its outer status word; return data and inner status word.

        Raises:
            SecureMessagingError: it was not made by the other end of this channel.
        """
        ...


class SecuredCard:
    """A `CardChannel` whose commands travel protected.

    `transmit` raises `SecureChannelBroken` when an answer was changed on its way, comes from
    another card, or the card found our command changed: everything read so far must be thrown away,
    and the channel is over.
    """

    def __init__(self, card: CardChannel, secure: SecureChannel) -> None:
        self._card = card
        self._secure = secure

    @property
    def device(self) -> str:
        """Name of the reader."""
        return self._card.device

    @property
    def access_module(self) -> CardChannel | None:
        """The channel to the module in the reader's other slot, unprotected."""
        return self._card.access_module

    def transmit(self, apdu: bytes) -> bytes:
        """Seal a command, send it, open the answer."""
        try:
            answer = self._card.transmit(self._secure.protect(apdu))
            body, status = answer[:-2], answer[-2:]
            if not body:
                raise SecureMessagingError(f"the card answered {status.hex()} in clear")
            return self._secure.unprotect(body)
        except SecureMessagingError as error:
            self._secure.forget()
            raise SecureChannelBroken(self.device, str(error)) from error


class IcaoSecureMessaging:
    """The terminal's end of a 3DES channel, in software; one counter over both directions."""

    def __init__(self, keys: KeyPair, counter: int) -> None:
        self._keys: KeyPair | None = keys
        self._counter = counter

    def __repr__(self) -> str:
        return f"IcaoSecureMessaging({'open' if self._keys else 'over'})"

    def forget(self) -> None:
        """Forget the keys; idempotent."""
        self._keys = None

    def protect(self, apdu: bytes) -> bytes:
        keys = self._live_keys()
        header = bytes((apdu[0] | SECURE_CLASS,)) + apdu[1:4]
        data, expected = b"", apdu[4:]
        if len(apdu) > 5:
            data, expected = apdu[5 : 5 + apdu[4]], apdu[5 + apdu[4] :]
        body = seal_data(keys, data) if data else b""
        if expected:
            body += tlv.build(TAG_EXPECTED, expected)
        body += tlv.build(TAG_MAC, self._mac(keys, add_padding(header) + body))
        return header + bytes((len(body),)) + body + b"\x00"

    def unprotect(self, body: bytes) -> bytes:
        keys = self._live_keys()
        try:
            covered = check_mac(body, lambda message: self._mac(keys, message))
            objects = parse_objects(covered)
            status = objects.get(TAG_STATUS, b"")
            if len(status) != 2 or not objects.keys() <= {TAG_CRYPTOGRAM, TAG_STATUS}:
                raise SecureMessagingError(f"{len(objects)} objects without a status word")
            cryptogram = objects.get(TAG_CRYPTOGRAM)
            return (b"" if cryptogram is None else open_data(keys, cryptogram)) + status
        except SecureMessagingError:
            self.forget()
            raise

    def _live_keys(self) -> KeyPair:
        if self._keys is None:
            raise SecureMessagingError("the channel is over")
        return self._keys

    def _mac(self, keys: KeyPair, message: bytes) -> bytes:
        self._counter = (self._counter + 1) % _COUNTER_LIMIT
        return retail_mac(keys.mac, self._counter.to_bytes(8, "big") + message)


def open_basic_access(
    card: CardChannel, keys: KeyPair, random: Callable[[int], bytes] = os.urandom
) -> IcaoSecureMessaging:
    """Authenticate to a card, and the card to us, with an access key known in software.

    Raises:
        CardNotAuthentic: the card refuses our token, or its own is not made with these keys.
        CardAnswer: the card knows no such authentication.
    """
    channel = ApduChannel(card)
    answer = channel.send(GET_CHALLENGE)
    if answer.status != SUCCESS or len(answer.data) != NONCE_BYTES:
        raise CardAnswer(card.device, "GET CHALLENGE", answer.status)
    own = Authentication(random(NONCE_BYTES), answer.data, random(SHARE_BYTES))
    answer = channel.send(EXTERNAL_AUTHENTICATE + own.seal(keys))
    if answer.status != SUCCESS:
        raise CardNotAuthentic(card.device, f"the card answered {answer.status:04X}")
    try:
        peer = open_token(keys, answer.data)
    except SecureMessagingError as error:
        raise CardNotAuthentic(card.device, str(error)) from error
    if not hmac.compare_digest(peer.own_nonce + peer.peer_nonce, own.peer_nonce + own.own_nonce):
        raise CardNotAuthentic(card.device, "the card's token answers another challenge")
    return IcaoSecureMessaging(
        session_keys(own.key_share, peer.key_share), first_counter(own.peer_nonce, own.own_nonce)
    )


def seal_data(keys: KeyPair, data: bytes) -> bytes:
    """Return data object 87: padding indicator 01 and the enciphered data."""
    enciphered = triple_des_cbc(keys.encryption, add_padding(data), encrypt=True)
    return tlv.build(TAG_CRYPTOGRAM, b"\x01" + enciphered)


def open_data(keys: KeyPair, cryptogram: bytes) -> bytes:
    """Decipher the value of data object 87.

    Raises:
        SecureMessagingError: another padding indicator, no whole blocks, or wrong padding.
    """
    if cryptogram[:1] != b"\x01" or len(cryptogram) < 1 + BLOCK_BYTES:
        raise SecureMessagingError(f"cryptogram of {len(cryptogram)} bytes")
    if len(cryptogram) % BLOCK_BYTES != 1:
        raise SecureMessagingError(f"cryptogram of {len(cryptogram)} bytes")
    return strip_padding(triple_des_cbc(keys.encryption, cryptogram[1:], encrypt=False))


def check_mac(body: bytes, mac: Callable[[bytes], bytes]) -> bytes:
    """Compare the MAC in the last ten bytes with `mac` of what stands before; return that.

    Raises:
        SecureMessagingError: no MAC there, or another one.
    """
    covered, tail = body[:-MAC_OBJECT_BYTES], body[-MAC_OBJECT_BYTES:]
    expected = mac(covered)
    if tail[:2] != bytes((TAG_MAC, BLOCK_BYTES)) or not hmac.compare_digest(expected, tail[2:]):
        raise SecureMessagingError(f"wrong MAC behind {len(covered)} bytes")
    return covered


def parse_objects(body: bytes) -> dict[int, bytes]:
    """Split a protected body into its objects, none twice.

    Raises:
        SecureMessagingError: cut short, or an object occurs twice.
    """
    try:
        parsed = tlv.parse(body)
    except tlv.TlvError as error:
        raise SecureMessagingError(str(error)) from error
    objects = {item.tag: item.value for item in parsed}
    if len(objects) != len(parsed):
        raise SecureMessagingError("an object occurs twice")
    return objects

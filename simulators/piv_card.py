"""An operator's PIV card that independent programs accept; it knows no link and no time.

It keeps PIN and PUK counters over power cycles, as a genuine card does, and can be personalised by
`yubico-piv-tool` with the published default keys of an unissued card. Its answer to reset and its
certificates say SIMULATION.

Source: NIST SP 800-73-4 part 2 (commands and status words).
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import reduce
from operator import xor
from typing import Final

from drivers.card import frames
from drivers.card.profiles.piv_objects import APPLICATION, DISCOVERY, Slot
from drivers.card.tlv import TlvError, build, parse
from simulators import piv_status as status
from simulators.piv_admin import MANAGEMENT_KEY, Administration, tag_of
from simulators.piv_keys import CardKey, KeyRefused

DEFAULT_PIN: Final = "123456"
DEFAULT_PUK: Final = "12345678"
FULL_TRIES: Final = 3
PIN, PUK = 0x80, 0x81
SECRET_BYTES: Final = 8
MAX_CHAINED_BYTES: Final = 4096
GET_UID: Final = bytes.fromhex("FFCA000000")
HISTORICAL: Final = b"REKAM SIM PIV"


@dataclass(slots=True)
class Secret:
    """PIN or PUK, padded to 8 bytes by FF, and how often it may still be wrong."""

    padded: bytes = field(repr=False)
    tries: int = FULL_TRIES

    @classmethod
    def of(cls, text: str) -> Secret:
        """Return a fresh secret of 6 to 8 ASCII characters."""
        return cls(text.encode("ascii").ljust(SECRET_BYTES, b"\xff"))

    def try_it(self, padded: bytes) -> bool:
        """Compare; a wrong one costs a try, a right one brings all of them back."""
        if self.tries == 0:
            return False
        right = hmac.compare_digest(padded, self.padded)
        self.tries = FULL_TRIES if right else self.tries - 1
        return right

    @property
    def word(self) -> bytes:
        """The status word that tells the tries left."""
        return bytes((0x63, 0xC0 | self.tries)) if self.tries else status.BLOCKED


class OperatorCard:
    """The card of one operator.

    Args:
        keys: of the slots in use.
        objects: tag -> content with its outer tag, as GET DATA gives it.
        uid: what a contactless reader tells of the card; None for a contact card, whose reader
            knows none.
    """

    def __init__(
        self,
        keys: Mapping[Slot, CardKey],
        objects: Mapping[int, bytes],
        *,
        uid: bytes | None = None,
        pin: str = DEFAULT_PIN,
        puk: str = DEFAULT_PUK,
    ) -> None:
        self.keys = dict(keys)
        self.objects = {DISCOVERY: discovery(), **objects}
        self.pin = Secret.of(pin)
        self.puk = Secret.of(puk)
        self._uid = uid
        self._administration = Administration(self.keys, self.objects)
        self.power(frames.POWER_OFF)

    @property
    def atr(self) -> bytes:
        """Contact card, T=1, with the historical bytes REKAM SIM PIV."""
        head = bytes([0xF0 | len(HISTORICAL)]) + bytes.fromhex("1300008131FE15") + HISTORICAL
        return b"\x3b" + head + bytes([reduce(xor, head)])

    def power(self, event: int) -> None:
        """Take power off (0), put it on (1) or reset (2): selection and PIN state are forgotten."""
        if event in (frames.POWER_OFF, frames.POWER_ON, frames.RESET):
            self._selected = False
            self._verified = self._just_verified = False
            self._chained = self._remaining = b""
            self._administration.forget()

    def apdu(self, command: bytes) -> bytes:
        """Answer one short command: data and status word."""
        if command == GET_UID and self._uid is not None:
            return self._uid + status.OK
        if len(command) < 4 or (len(command) > 5 and len(command) not in _lengths(command[4])):
            return status.WRONG_LENGTH
        if command[0] not in (0x00, 0x10):
            return status.UNKNOWN_CLASS
        data, expected = _data_of(command)
        if command[0] == 0x10:
            return self._chain(data)
        data, self._chained = self._chained + data, b""
        if command[1] == 0xC0:
            return self._answer(self._remaining, expected)
        self._remaining = b""
        if command[1] == 0xA4:
            return self._select(command[2], data)
        if not self._selected:
            return status.UNKNOWN_COMMAND
        return self._command(command[1], command[2], command[3], data, expected)

    def _command(self, instruction: int, p1: int, p2: int, data: bytes, expected: int) -> bytes:
        match instruction:
            case 0xCB:
                return self._get_data(data, expected)
            case 0x20:
                return self._verify(p1, p2, data)
            case 0x24:
                return self._change(p2, data)
            case 0x2C:
                return self._unblock(p2, data)
            case 0x87 if p2 != MANAGEMENT_KEY:
                return self._use_key(p1, p2, data, expected)
            case _:
                return self._administer((instruction, p1, p2), data, expected)

    def _chain(self, data: bytes) -> bytes:
        if len(self._chained) + len(data) > MAX_CHAINED_BYTES:
            self._chained = b""
            return status.WRONG_LENGTH
        self._chained += data
        return status.OK

    def _answer(self, data: bytes, expected: int) -> bytes:
        """Give the first piece; GET RESPONSE fetches the others."""
        self._remaining = data[expected:]
        left = len(self._remaining)
        more = bytes((0x61, left if left < 256 else 0))
        return data[:expected] + (more if left else status.OK)

    def _administer(self, header: tuple[int, int, int], data: bytes, expected: int) -> bytes:
        try:
            answer, word = self._administration.command(*header, data)
        except (TlvError, ValueError):
            return status.WRONG_DATA
        return self._answer(answer, expected) if word == status.OK else word

    def _select(self, how: int, name: bytes) -> bytes:
        if how != 0x04 or len(name) < 5 or not APPLICATION.startswith(name):
            return status.NOT_FOUND
        self._selected = True
        return application_template() + status.OK

    def _get_data(self, data: bytes, expected: int) -> bytes:
        try:
            tag, rest = tag_of(data)
        except TlvError:
            return status.WRONG_DATA
        found = self.objects.get(tag)
        if rest or found is None:
            return status.WRONG_DATA if rest else status.NOT_FOUND
        return self._answer(found, expected)

    def _verify(self, p1: int, p2: int, data: bytes) -> bytes:
        if p2 != PIN:
            return status.UNKNOWN_REFERENCE
        if p1 == 0xFF and not data:
            self._verified = self._just_verified = False
            return status.OK
        if not data:
            return status.OK if self._verified else self.pin.word
        if len(data) != SECRET_BYTES:
            return status.WRONG_DATA
        self._verified = self._just_verified = self.pin.try_it(data)
        return status.OK if self._verified else self.pin.word

    def _change(self, p2: int, data: bytes) -> bytes:
        secret = {PIN: self.pin, PUK: self.puk}.get(p2)
        if secret is None:
            return status.UNKNOWN_REFERENCE
        if len(data) != 2 * SECRET_BYTES:
            return status.WRONG_DATA
        if not secret.try_it(data[:SECRET_BYTES]):
            return secret.word
        secret.padded = data[SECRET_BYTES:]
        return status.OK

    def _unblock(self, p2: int, data: bytes) -> bytes:
        if p2 != PIN:
            return status.UNKNOWN_REFERENCE
        if len(data) != 2 * SECRET_BYTES:
            return status.WRONG_DATA
        if not self.puk.try_it(data[:SECRET_BYTES]):
            return self.puk.word
        self.pin = Secret(data[SECRET_BYTES:])
        return status.OK

    def _use_key(self, algorithm: int, reference: int, data: bytes, expected: int) -> bytes:
        key = next((key for slot, key in self.keys.items() if slot.value == reference), None)
        if key is None or algorithm != key.algorithm:
            return status.WRONG_PARAMETERS
        fresh, self._just_verified = self._just_verified, False
        allowed = {Slot.CARD_AUTHENTICATION.value: True, Slot.SIGNATURE.value: fresh}
        if not allowed.get(reference, self._verified):
            return status.NOT_SATISFIED
        try:
            (template,) = parse(data)
            fields = {item.tag: item.value for item in parse(template.value)}
            result = key.use(fields)
        except (TlvError, ValueError, KeyRefused):
            return status.WRONG_DATA
        return self._answer(build(0x7C, build(0x82, result)), expected)


def application_template() -> bytes:
    """Return what SELECT answers: 61 [4F application, 79 [4F authority]]."""
    identifier, authority = APPLICATION[5:], APPLICATION[:5]
    return build(0x61, build(0x4F, identifier) + build(0x79, build(0x4F, authority)))


def discovery() -> bytes:
    """Return the discovery object: the PIN of the application, and no other."""
    return build(DISCOVERY, build(0x4F, APPLICATION) + build(0x5F2F, bytes.fromhex("4000")))


def certificate_object(der: bytes) -> bytes:
    """Return a certificate, not compressed, as it lies in its object."""
    return build(0x53, build(0x70, der) + build(0x71, b"\x00") + build(0xFE, b""))


def _lengths(lc: int) -> tuple[int, int]:
    return 5 + lc, 6 + lc


def _data_of(command: bytes) -> tuple[bytes, int]:
    if len(command) <= 5:
        return b"", (command[4] or 256) if len(command) == 5 else 256
    end = 5 + command[4]
    return command[5:end], (command[end] or 256) if len(command) > end else 256

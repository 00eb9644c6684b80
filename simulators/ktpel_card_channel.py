"""The card's ends of what card and access module say to each other: authentication and 3DES.

A simulated card answers with it, a simulated module checks with it; the terminal's end of the same
channel in software is `drivers.card.secure_messaging`.

Source: ICAO Doc 9303-11 clauses 4.3 and 9.8.
"""

from __future__ import annotations

from typing import Final

from drivers.card.secure_messaging import (
    SECURE_CLASS,
    TAG_CRYPTOGRAM,
    TAG_EXPECTED,
    TAG_MAC,
    TAG_STATUS,
    check_mac,
    open_data,
    parse_objects,
    seal_data,
)
from drivers.card.secure_messaging_keys import (
    KeyPair,
    SecureMessagingError,
    add_padding,
    retail_mac,
)
from drivers.card.tlv import build

_COUNTER_LIMIT: Final = 1 << 64


class CardSecureMessaging:
    """The card's end: opens commands, protects responses; the counter counts both."""

    def __init__(self, keys: KeyPair, counter: int) -> None:
        self._keys = keys
        self._counter = counter

    def open_command(self, apdu: bytes) -> bytes:
        """Return the plain command.

        Raises:
            SecureMessagingError: it was not made by the other end.
        """
        body = apdu[5 : 5 + apdu[4]] if len(apdu) > 5 else b""
        header = apdu[:4]
        covered = check_mac(body, lambda message: self._mac(add_padding(header) + message))
        objects = parse_objects(covered)
        if not objects.keys() <= {TAG_CRYPTOGRAM, TAG_EXPECTED}:
            raise SecureMessagingError("an unknown object in the command")
        plain = bytes((apdu[0] & ~SECURE_CLASS,)) + apdu[1:4]
        if TAG_CRYPTOGRAM in objects:
            data = open_data(self._keys, objects[TAG_CRYPTOGRAM])
            plain += bytes((len(data),)) + data
        return plain + objects.get(TAG_EXPECTED, b"")

    def protect_response(self, response: bytes) -> bytes:
        """Seal data and status word; 9000 follows in clear."""
        data, status = response[:-2], response[-2:]
        body = (seal_data(self._keys, data) if data else b"") + build(TAG_STATUS, status)
        return body + build(TAG_MAC, self._mac(body)) + b"\x90\x00"

    def _mac(self, message: bytes) -> bytes:
        self._counter = (self._counter + 1) % _COUNTER_LIMIT
        return retail_mac(self._keys.mac, self._counter.to_bytes(8, "big") + message)

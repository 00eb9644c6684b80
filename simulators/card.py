"""The resident's simulated card: a KTP-el whose protected files open to the simulated SAM.

It shares command bytes, lengths and answers to reset with a genuine KTP-el and none of its secrets:
keys and enciphering are open test inventions (`simulators.test_keys`). Beside it lies an
application of our own for readers without a SAM, labelled as a test card
(`drivers.card.profiles.open_lds`).
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Mapping
from functools import cached_property
from typing import Final

from drivers.card import frames
from drivers.card.profiles import ktpel, open_lds
from drivers.card.secure_messaging import GET_CHALLENGE, SECURE_CLASS
from drivers.card.secure_messaging_keys import (
    NONCE_BYTES,
    SHARE_BYTES,
    Authentication,
    SecureMessagingError,
    first_counter,
    open_token,
    session_keys,
)
from simulators.ktpel_card_channel import CardSecureMessaging
from simulators.ktpel_card_content import CardContent, from_person, placeholder_photo, specimen
from simulators.ktpel_card_files import FREE_FILES, TYPE_A_ATR, CardFiles, CardForm, build_card
from simulators.ktpel_card_open_lds import open_files

__all__ = [
    "GET_UID",
    "TYPE_A_ATR",
    "CardContent",
    "CardForm",
    "KtpelCard",
    "from_person",
    "placeholder_photo",
    "specimen",
]

GET_UID: Final = bytes.fromhex("FFCA000000")
MASTER_FILE: Final = 0x3F00

OK: Final = b"\x90\x00"
FILE_ENDS: Final = b"\x62\x82"
NOT_AUTHENTIC: Final = b"\x63\x00"
WRONG_LENGTH: Final = b"\x67\x00"
NOT_ALLOWED: Final = b"\x69\x82"
NO_FILE_SELECTED: Final = b"\x69\x86"
NO_CHANNEL: Final = b"\x69\x88"
NOT_FOUND: Final = b"\x6a\x82"
WRONG_PARAMETERS: Final = b"\x6a\x86"
WRONG_OFFSET: Final = b"\x6b\x00"
UNKNOWN_COMMAND: Final = b"\x6d\x00"
UNKNOWN_CLASS: Final = b"\x6e\x00"


class KtpelCard:
    """One card and the reader's own answer to the UID command; knows no link and no time."""

    def __init__(
        self,
        content: CardContent,
        *,
        form: CardForm | None = None,
        has_test_application: bool = True,
    ) -> None:
        self._content = content
        self._form = form or CardForm()
        self._card: CardFiles = build_card(content, self._form)
        self._has_test_application = has_test_application
        self._directory: Mapping[int, bytes] = {}
        self._file: int | None = None
        self._challenge = b""
        self._channel: CardSecureMessaging | None = None

    @property
    def atr(self) -> bytes:
        """The answer to reset of the first KTP-el type A, or that of type B."""
        return self._card.atr

    def power(self, event: int) -> None:
        """Take power off (0), put it on (1) or reset (2): selection and channel are forgotten."""
        if event in (frames.POWER_OFF, frames.POWER_ON, frames.RESET):
            self._forget()

    def apdu(self, command: bytes) -> bytes:
        """Answer one short command: data and status word."""
        if command == GET_UID:  # the reader answers it, the card does not see it
            return self._card.reader_uid + OK
        if len(command) < 5:
            return WRONG_LENGTH
        if command[0] == SECURE_CLASS:
            return self._protected(command)
        # a plain command ends the protected channel, as in ICAO Doc 9303-11 clause 9.8.6
        self._channel = None
        return self._answer(command, is_protected=False) if command[0] == 0 else UNKNOWN_CLASS

    @cached_property
    def _test_application(self) -> Mapping[int, bytes]:
        return open_files(self._content)

    def _forget(self) -> None:
        self._directory, self._file = {}, None
        self._challenge, self._channel = b"", None

    def _protected(self, command: bytes) -> bytes:
        channel = self._channel
        if channel is None:
            return NO_CHANNEL
        try:
            plain = channel.open_command(command)
        except SecureMessagingError:
            self._channel = None
            return NO_CHANNEL
        return channel.protect_response(self._answer(plain, is_protected=True))

    def _answer(self, command: bytes, *, is_protected: bool) -> bytes:
        match command[1]:
            case 0xA4:
                return self._select(command[2], command[4], command[5:])
            case 0xB0:
                offset = int.from_bytes(command[2:4], "big")
                return self._read(offset, command[4] or 256, is_protected)
            case 0x84 if command == GET_CHALLENGE:
                self._challenge = os.urandom(NONCE_BYTES)
                return self._challenge + OK
            case 0x82:
                return self._authenticate(command[5:])
            case instruction if self._form.is_type_b and instruction == self._form.uid_command:
                return self._card.uid8 + OK
            case _:
                return UNKNOWN_COMMAND

    def _select(self, how: int, length: int, data: bytes) -> bytes:
        if len(data) not in (length, length + 1):  # with or without Le
            return WRONG_LENGTH
        name = data[:length]
        if how == 0x04:
            if name != open_lds.APPLICATION or not self._has_test_application:
                return NOT_FOUND
            self._directory, self._file = self._test_application, None
            return OK
        if how not in (0x00, 0x02) or length != 2:
            return WRONG_PARAMETERS
        identifier = int.from_bytes(name, "big")
        if identifier == ktpel.DEDICATED_FILE:
            self._directory, self._file = self._card.files, None
        elif identifier == MASTER_FILE:
            self._directory, self._file = {}, None
        elif identifier in self._directory:
            self._file = identifier
        else:
            return NOT_FOUND
        return OK

    def _read(self, offset: int, length: int, is_protected: bool) -> bytes:
        if self._file is None:
            return NO_FILE_SELECTED
        if offset > 0x7FFF:
            return WRONG_PARAMETERS
        is_free = self._directory is not self._card.files or self._file in FREE_FILES
        if not is_free and not is_protected:
            return NOT_ALLOWED
        content = self._directory[self._file]
        if offset >= len(content):
            return WRONG_OFFSET
        whole = offset + length <= len(content)
        return content[offset : offset + length] + (OK if whole else FILE_ENDS)

    def _authenticate(self, token: bytes) -> bytes:
        challenge, self._challenge = self._challenge, b""
        access = self._card.keys.access
        try:
            peer = open_token(access, token)
        except SecureMessagingError:
            return NOT_AUTHENTIC
        if not challenge or not hmac.compare_digest(peer.peer_nonce, challenge):
            return NOT_AUTHENTIC
        own = Authentication(challenge, peer.own_nonce, os.urandom(SHARE_BYTES))
        self._channel = CardSecureMessaging(
            session_keys(own.key_share, peer.key_share),
            first_counter(challenge, peer.own_nonce),
        )
        return own.seal(access) + OK

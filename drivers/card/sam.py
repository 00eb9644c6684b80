"""The secure access module (SAM) that opens a KTP-el: its interface, and a module in a card slot.

The keys never leave the module. This code moves bytes between card and module and judges status
words; it knows nothing of the cryptography of a genuine KTP-el, which is not public.

Source: commands and lengths as in public KTP-el clients. The status words 6300 and 6988 are those
of the simulated module; for a genuine one it is only known that everything but 9000 is a refusal.
"""

from __future__ import annotations

from typing import Final, Protocol

from drivers.api import CardChannel
from drivers.card.apdu import SUCCESS, ApduChannel
from drivers.card.errors import (
    AccessModuleNotOpened,
    AccessModuleRefused,
    CardNotAuthentic,
    ReaderBusy,
    SamMissing,
    ServiceDown,
)
from drivers.card.secure_messaging import SecureChannel
from drivers.card.secure_messaging_keys import SecureMessagingError
from drivers.errors import Cancelled, CardUnreadable, DeviceError, DeviceTimeout

UID8_BYTES: Final = 8
CHALLENGE_BYTES: Final = 8
TOKEN_BYTES: Final = 40
CARD_SIGNATURE_BYTES: Final = 80
PHOTO_PIECE_BYTES: Final = 248

OPEN: Final = bytes.fromhex("00F00000")
BEGIN: Final = {51: bytes.fromhex("00F10001"), 29: bytes.fromhex("00F10000")}
"""By the length of the card control file."""
FINISH: Final = bytes.fromhex("00F20000")
PROTECT: Final = bytes.fromhex("00F30000")
UNPROTECT: Final = bytes.fromhex("00F40000")
IDENTIFY: Final = bytes.fromhex("00F7000000")
CLEAR: Final = bytes.fromhex("00FF000000")
START_CHECK: Final = bytes.fromhex("00FA000000")
LAST_PIECE_FOLLOWS: Final = bytes.fromhex("00FA020000")
FEED_PHOTO: Final = bytes.fromhex("00FA0300")
VERDICT: Final = bytes.fromhex("00FA040000")
DECIPHER_FILES: Final = bytes.fromhex("00FA050000")
GIVE_SIGNATURE: Final = bytes.fromhex("00FA0600")

WRONG: Final = 0x6300
CHANNEL_OVER: Final = 0x6988


class SecureAccessModule(SecureChannel, Protocol):
    """What a reading asks of a SAM, in this order; every method blocks.

    All raise `SamMissing` when the module does not answer and `AccessModuleRefused` when
    it refuses; more is said where it differs. As a `SecureChannel` it also protects and unprotects.
    """

    def open(self) -> None:
        """Open the module with the data that were issued with it.

        Raises:
            AccessModuleNotOpened: it refuses them.
            AccessOpeningUnusable: there are none.
        """
        ...

    def identifier(self) -> bytes:
        """Return the module's own number."""
        ...

    def clear(self) -> None:
        """Forget the last card."""
        ...

    def begin(self, card_control: bytes, uid8: bytes, challenge: bytes) -> bytes:
        """Answer a card's challenge (8 bytes) by the 40 bytes for its EXTERNAL AUTHENTICATE.

        `card_control` has 29 or 51 bytes, `uid8` 8.
        """
        ...

    def finish(self, token: bytes) -> None:
        """Check the card's own 40 bytes; from now on the module protects and unprotects.

        Raises:
            CardNotAuthentic: they were not made for this exchange with the right keys.
        """
        ...

    def start_signature_check(self) -> None:
        """Begin to take the digest of what is unprotected from now on."""
        ...

    def give_card_signature(self, signature: bytes) -> None:
        """Hand over the 80 bytes of the card's digital signature."""
        ...

    def feed_photo(self, piece: bytes) -> None:
        """Add a piece (at most 248 bytes) of the photo, which was read without protection."""
        ...

    def decipher_files(self) -> None:
        """Decipher the contents of the files that are enciphered inside, from now on."""
        ...

    def last_piece_follows(self) -> None:
        """Announce that the next data to unprotect are the last ones of the digest."""
        ...

    def is_signature_valid(self) -> bool:
        """Give the verdict on the card's digital signature."""
        ...


class SamOpening(Protocol):
    """The data that open a module, and whether it refused them already."""

    is_refused: bool

    def load(self) -> bytes:
        """Return the 32 bytes.

        Raises:
            AccessOpeningUnusable: there is no usable file with them.
        """
        ...


class PcscSam:
    """A `SecureAccessModule` in a card slot.

    Opening data that were refused once are not sent again: a genuine module may count the tries.
    """

    def __init__(self, channel: CardChannel, opening: SamOpening) -> None:
        self._device = channel.device
        self._channel = ApduChannel(channel)
        self._opening = opening
        self._is_over = False

    def open(self) -> None:
        if self._opening.is_refused:
            raise AccessModuleNotOpened(self._device, "", "not sent again before a new connect")
        data = self._opening.load()
        status, _ = self._ask(OPEN, data)
        if status != SUCCESS:
            self._opening.is_refused = True
            raise AccessModuleNotOpened(self._device, f"{status:04X}", "open")

    def identifier(self) -> bytes:
        return self._succeed("identify", IDENTIFY)

    def clear(self) -> None:
        self._succeed("clear", CLEAR)
        self._is_over = False

    def forget(self) -> None:
        # the module keeps its keys until it is cleared or loses power; nothing is asked of it
        self._is_over = True

    def begin(self, card_control: bytes, uid8: bytes, challenge: bytes) -> bytes:
        if len(uid8) != UID8_BYTES or len(challenge) != CHALLENGE_BYTES:
            raise ValueError(f"UID of {len(uid8)} bytes, challenge of {len(challenge)} bytes")
        data = card_control + uid8 + challenge
        token = self._succeed("begin", BEGIN[len(card_control)], data)
        if len(token) != TOKEN_BYTES:
            raise AccessModuleRefused(self._device, "9000", f"begin: token of {len(token)} bytes")
        return token

    def finish(self, token: bytes) -> None:
        if len(token) != TOKEN_BYTES:
            raise CardNotAuthentic(self._device, f"token of {len(token)} bytes from the card")
        status, _ = self._ask(FINISH, token)
        if status >> 8 == WRONG >> 8:
            raise CardNotAuthentic(self._device, f"the access module answered {status:04X}")
        self._expect_success("finish", status)

    def protect(self, apdu: bytes) -> bytes:
        self._check_channel()
        sealed = self._succeed("protect", PROTECT, apdu)
        if len(sealed) < 5:
            raise AccessModuleRefused(self._device, "9000", f"protect: {len(sealed)} bytes")
        return sealed

    def unprotect(self, body: bytes) -> bytes:
        self._check_channel()
        if len(body) > 255:
            raise SecureMessagingError(f"protected answer of {len(body)} bytes")
        status, opened = self._ask(UNPROTECT, body)
        if status == CHANNEL_OVER:
            raise SecureMessagingError(f"the access module answered {status:04X}")
        self._expect_success("unprotect", status)
        if len(opened) < 2:
            raise AccessModuleRefused(self._device, "9000", "unprotect: no status of the card")
        return opened

    def start_signature_check(self) -> None:
        self._succeed("start the signature check", START_CHECK)

    def give_card_signature(self, signature: bytes) -> None:
        self._succeed("take the card's signature", GIVE_SIGNATURE, signature)

    def feed_photo(self, piece: bytes) -> None:
        self._succeed("take a piece of the photo", FEED_PHOTO, piece)

    def decipher_files(self) -> None:
        self._succeed("decipher files", DECIPHER_FILES)

    def last_piece_follows(self) -> None:
        self._succeed("expect the last piece", LAST_PIECE_FOLLOWS)

    def is_signature_valid(self) -> bool:
        status, _ = self._ask(VERDICT)
        return status == SUCCESS

    def _check_channel(self) -> None:
        if self._is_over:
            raise SecureMessagingError("the channel is over")

    def _succeed(self, step: str, header: bytes, data: bytes = b"") -> bytes:
        status, answer = self._ask(header, data)
        self._expect_success(step, status)
        return answer

    def _expect_success(self, step: str, status: int) -> None:
        if status != SUCCESS:
            raise AccessModuleRefused(self._device, f"{status:04X}", step)

    def _ask(self, header: bytes, data: bytes = b"") -> tuple[int, bytes]:
        command = header + bytes((len(data),)) + data if data else header
        try:
            response = self._channel.send(command)
        except (Cancelled, DeviceTimeout, ReaderBusy, SamMissing, ServiceDown):
            raise
        except CardUnreadable as error:
            raise AccessModuleRefused(self._device, "", error.detail) from error
        except DeviceError as error:
            raise SamMissing(self._device, f"no answer: {error.code}") from error
        return response.status, response.data

"""The whole KTP-el through a secure access module: biodata, signature image, minutiae, signature.

What the module's commands for the signature check do exactly is not public; they are sent in the
order of the public clients, and only the verdict at the end counts. What file 6FF6 signs, and with
which key, only the module knows.

Source: order, lengths and chunks as in public KTP-el clients.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from drivers.api import CardChannel
from drivers.card.apdu import MAX_FILE_BYTES, SUCCESS, ApduChannel, CardAnswer
from drivers.card.errors import (
    AccessModuleNotOpened,
    AccessModuleRefused,
    AccessOpeningUnusable,
    CardNotAuthentic,
    ReaderBusy,
    SamMissing,
)
from drivers.card.profiles import ktpel
from drivers.card.sam import CARD_SIGNATURE_BYTES, PHOTO_PIECE_BYTES, SecureAccessModule
from drivers.card.secure_messaging import EXTERNAL_AUTHENTICATE, GET_CHALLENGE, SecuredCard
from drivers.card.secure_messaging_keys import BLOCK_BYTES, NONCE_BYTES
from drivers.errors import DeviceError

HEAD_BYTES: Final = 8  # length (2) and the first 6 bytes, one block of the enciphered files
CHUNK_BYTES: Final = 208
"""208 bytes travel as 234 with their MAC; more than 231 would not fit into a short answer."""
SMALL_CHUNK_BYTES: Final = 96
"""What one public client uses, for readers that pass less on."""

ENCIPHERED_FILES: Final = (ktpel.SIGNATURE_IMAGE, ktpel.MINUTIAE_1, ktpel.MINUTIAE_2)
LAST_FILE: Final = ktpel.MINUTIAE_2

NO_PROTECTED_CONTENT: Final = (
    AccessModuleNotOpened,
    AccessModuleRefused,
    AccessOpeningUnusable,
    CardNotAuthentic,
    ReaderBusy,  # of the module's slot: the card's own is held by this session
    SamMissing,
)
"""Errors after which the free content still counts; all others end the reading."""


@dataclass(frozen=True, slots=True)
class ProtectedContent:
    """What the access module opened, as the files hold it without their lengths.

    `is_signature_valid` is the module's verdict on the card's digital signature; `module` the
    number of the module that gave it.
    """

    biodata_text: bytes = field(repr=False)
    signature_image: bytes = field(repr=False)
    minutiae: tuple[bytes, bytes] = field(repr=False)
    is_signature_valid: bool
    module: bytes


@dataclass(frozen=True, slots=True)
class KtpelContent:
    """Everything read from a KTP-el; `problem` says why `protected` is None with a module there."""

    free: ktpel.FreeContent
    protected: ProtectedContent | None = None
    problem: DeviceError | None = None


def read_ktpel(
    card: CardChannel,
    uid: bytes,
    module: SecureAccessModule | None,
    *,
    chunk_bytes: int = CHUNK_BYTES,
) -> KtpelContent | None:
    """Read a KTP-el from its root; None where the card is no KTP-el.

    A module that is absent, refuses or leaves half-way costs the protected content only. `uid` is
    what the reader gave at the start, `chunk_bytes` the size of one protected READ BINARY.

    Raises:
        SecureChannelBroken: a protected answer was changed or is another card's; keep nothing.
        CardLost: the card left.
        CardUnreadable: a file contradicts its own length.
        CardAnswer: a file is absent.
    """
    channel = ApduChannel(card)
    problem = None
    number = b""
    if module is not None:
        try:
            module.open()
            number = module.identifier()
        except NO_PROTECTED_CONTENT as error:
            module, problem = None, error
    if not ktpel.select_ktpel(channel):
        return None
    if module is None:
        return KtpelContent(ktpel.read_free_files(channel), problem=problem)
    uid8 = ktpel.access_uid(channel, uid)
    free = ktpel.read_free_files(channel)
    try:
        _authenticate(channel, card.device, module, free.card_control, uid8)
        reading = _ProtectedReading(card, module, chunk_bytes)
        return KtpelContent(free, reading.run(free.photo, number))
    except NO_PROTECTED_CONTENT as error:
        return KtpelContent(free, problem=error)


def _authenticate(
    channel: ApduChannel,
    device: str,
    module: SecureAccessModule,
    card_control: bytes,
    uid8: bytes,
) -> None:
    """Let card and module prove themselves to each other."""
    module.clear()
    challenge = channel.send(GET_CHALLENGE)
    if challenge.status != SUCCESS or len(challenge.data) != NONCE_BYTES:
        raise CardAnswer(device, "GET CHALLENGE", challenge.status)
    token = module.begin(card_control, uid8, challenge.data)
    answer = channel.send(EXTERNAL_AUTHENTICATE + token)
    if answer.status != SUCCESS:
        raise CardNotAuthentic(device, f"the card answered {answer.status:04X}")
    module.finish(answer.data)


class _ProtectedReading:
    """The protected half of one reading, in the order of the public clients."""

    def __init__(self, card: CardChannel, module: SecureAccessModule, chunk_bytes: int) -> None:
        self._module = module
        self._channel = ApduChannel(SecuredCard(card, module))
        self._chunk_bytes = chunk_bytes

    def run(self, photo: bytes, number: bytes) -> ProtectedContent:
        self._channel.select_file(ktpel.CARD_SIGNATURE)
        signature = self._channel.read_binary(0, CARD_SIGNATURE_BYTES)
        self._module.start_signature_check()
        self._module.give_card_signature(signature)
        biodata = self._read(ktpel.BIODATA)
        for start in range(0, len(photo), PHOTO_PIECE_BYTES):
            self._module.feed_photo(photo[start : start + PHOTO_PIECE_BYTES])
        self._module.decipher_files()
        image, *minutiae = (self._read(identifier) for identifier in ENCIPHERED_FILES)
        is_valid = self._module.is_signature_valid()
        return ProtectedContent(biodata, image, (minutiae[0], minutiae[1]), is_valid, number)

    def _read(self, identifier: int) -> bytes:
        self._channel.select_file(identifier)
        content = self._channel.read_binary(0, HEAD_BYTES)
        length = int.from_bytes(content[:2], "big")
        total = 2 + length
        if identifier in ENCIPHERED_FILES:
            total += -total % BLOCK_BYTES
        if not HEAD_BYTES < total <= MAX_FILE_BYTES:
            raise self._channel.unreadable(f"file {identifier:04X} of {length} bytes")
        while len(content) < total:
            size = min(self._chunk_bytes, total - len(content))
            if identifier == LAST_FILE and len(content) + size == total:
                self._module.last_piece_follows()
            content += self._channel.read_binary(len(content), size)
        return content[2 : 2 + length]

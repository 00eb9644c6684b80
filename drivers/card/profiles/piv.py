"""A PIV card of an operator: certificates free, signatures by its keys after the PIN.

The PIN counts for one connection only, because its state ends with power: verify and sign inside
one `CardSession.run`. Genuine PIV cards and YubiKeys answer to the same commands.

Source: NIST SP 800-73-4 part 2 clause 3 (card commands); SP 800-78-4 table 6-2 (algorithms).
"""

from __future__ import annotations

import hashlib
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

from drivers.card.apdu import CHUNK_BYTES, SUCCESS, ApduChannel, CardAnswer, Response
from drivers.card.errors import (
    PinBlocked,
    PinLastTry,
    PinUnsuitable,
    PinWrong,
    PivAbsent,
    PivCertificateAbsent,
    PivKeyRefused,
    PivUnreadable,
)
from drivers.card.profiles import piv_objects
from drivers.card.profiles.piv_objects import CardholderId, Discovery, PivObjectError, Slot
from drivers.errors import Cancelled

APPLICATION_PIN: Final = 0x80
PIN_BYTES: Final = range(6, 9)
PADDED_PIN_BYTES: Final = 8

ECC_P256: Final = 0x11
RSA_2048: Final = 0x07
RSA_BYTES: Final = 256

NOT_FOUND: Final = 0x6A82
BLOCKED: Final = 0x6983

_SHA256_DIGEST_INFO: Final = bytes.fromhex("3031300D060960864801650304020105000420")
"""DER in front of a SHA-256 digest. Source: RFC 8017 clause 9.2, note 1."""


class PivCard:
    """The PIV application of the card of one session.

    Args:
        channel: of a running session.
        device: name of the reader, for errors.
    """

    def __init__(self, channel: ApduChannel, device: str) -> None:
        self._channel = channel
        self._device = device

    def select(self) -> None:
        """Select the application; everything else needs this first.

        Raises:
            PivAbsent: the card has none.
        """
        name = piv_objects.APPLICATION
        apdu = bytes((0x00, 0xA4, 0x04, 0x00, len(name))) + name + b"\x00"
        response = self._channel.send(apdu)
        if response.status != SUCCESS:
            raise PivAbsent(self._device, f"SELECT answered {response.status:04X}")

    def certificate(self, slot: Slot = Slot.AUTHENTICATION) -> bytes:
        """Return the certificate of a key (DER), which the card gives to everybody.

        Raises:
            PivCertificateAbsent: the slot is empty.
            PivUnreadable: the object is malformed.
        """
        answer = self._object(slot.certificate_tag)
        if answer is None:
            raise PivCertificateAbsent(self._device, f"slot {slot}")
        try:
            certificate = piv_objects.certificate_of(answer)
        except PivObjectError as error:
            raise self._unreadable(f"certificate of {slot}", error) from error
        if not certificate:
            raise PivCertificateAbsent(self._device, f"slot {slot} is empty")
        return certificate

    def cardholder_id(self) -> CardholderId | None:
        """Return GUID and expiry of the card; None where the card has no CHUID.

        Raises:
            PivUnreadable: the object is malformed.
        """
        answer = self._object(piv_objects.CHUID)
        if answer is None:
            return None
        try:
            return piv_objects.cardholder_id_of(answer)
        except PivObjectError as error:
            raise self._unreadable("CHUID", error) from error

    def discovery(self) -> Discovery | None:
        """Return which PINs the card accepts; None where the card does not say.

        Raises:
            PivUnreadable: the object is malformed.
        """
        answer = self._object(piv_objects.DISCOVERY)
        if answer is None:
            return None
        try:
            return piv_objects.discovery_of(answer)
        except PivObjectError as error:
            raise self._unreadable("discovery object", error) from error

    def tries_left(self) -> int | None:
        """Ask how often the PIN may still be wrong; 0 means blocked, None that it is not told.

        No try is used up. A card whose PIN was verified already does not tell.
        """
        response = self._channel.send(bytes((0x00, 0x20, 0x00, APPLICATION_PIN)))
        return _tries_in(response)

    def verify_pin(self, pin: bytearray, *, allow_last_try: bool = False) -> None:
        """Verify the PIN (6 to 8 printable ASCII bytes) and overwrite `pin` in any case.

        The copy inside the command cannot be overwritten; it lives until the command is sent. The
        PIN is not sent where a wrong one could block the card, unless `allow_last_try`.

        Raises:
            PinUnsuitable: this cannot be a PIN; nothing was sent.
            PinLastTry: one try is left, or the card does not tell; nothing was sent.
            PinBlocked: no try is left.
            PinWrong: with the number of tries left.
            Cancelled: `pin` was overwritten before it could be sent.
        """
        try:
            if not _can_be_pin(bytes(pin)):
                raise PinUnsuitable(self._device, f"{len(pin)} characters")
            self._check_tries(allow_last_try)
            # looked at once more: whoever stopped waiting meanwhile has wiped it
            entered = bytes(pin)
            if not _can_be_pin(entered):
                raise Cancelled(self._device, "the PIN was withdrawn")
            padded = entered.ljust(PADDED_PIN_BYTES, b"\xff")
            apdu = bytes((0x00, 0x20, 0x00, APPLICATION_PIN, PADDED_PIN_BYTES)) + padded
            response = self._channel.send(apdu)
        finally:
            pin[:] = bytes(len(pin))
        if response.status == SUCCESS:
            return
        tries = _tries_in(response)
        if tries == 0:
            raise PinBlocked(self._device)
        if tries is not None or response.status == 0x6300:
            raise PinWrong(self._device, tries)
        raise CardAnswer(self._device, "VERIFY", response.status)

    def sign(self, slot: Slot, message: bytes, key: CertificatePublicKeyTypes) -> bytes:
        """Let a key of the card sign SHA-256 of `message`; the PIN was verified before.

        Args:
            slot: which key; 9C wants the PIN directly before every signature.
            message: of any length; only its hash goes to the card.
            key: the public key of the slot, which decides the algorithm: ECC P-256 gives a DER
                ECDSA signature, RSA 2048 one by PKCS #1 v1.5 (256 bytes).

        Raises:
            PivKeyRefused: no such key on the card, or the PIN was not verified.
            PivUnreadable: the key is of another type, or the answer is malformed.
        """
        digest = hashlib.sha256(message).digest()
        if isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1):
            algorithm, to_be_signed = ECC_P256, digest
        elif isinstance(key, RSAPublicKey) and key.key_size == 8 * RSA_BYTES:
            algorithm, to_be_signed = RSA_2048, _padded(digest)
        else:
            raise PivUnreadable(self._device, f"key of {slot} is neither ECC P-256 nor RSA 2048")
        template = piv_objects.sign_template(to_be_signed)
        response = self._send_chained(bytes((0x87, algorithm, slot.value)), template)
        if response.status != SUCCESS:
            raise PivKeyRefused(self._device, f"slot {slot}, status {response.status:04X}")
        try:
            return piv_objects.signature_of(response.data)
        except PivObjectError as error:
            raise self._unreadable("signature", error) from error

    def _check_tries(self, allow_last_try: bool) -> None:
        response = self._channel.send(bytes((0x00, 0x20, 0x00, APPLICATION_PIN)))
        if response.status == SUCCESS:
            return  # verified already in this connection: the counter is full
        tries = _tries_in(response)
        if tries == 0:
            raise PinBlocked(self._device)
        if (tries is None or tries == 1) and not allow_last_try:
            told = "the card does not tell its tries" if tries is None else "one try left"
            raise PinLastTry(self._device, told)

    def _object(self, tag: int) -> bytes | None:
        wanted = piv_objects.tag_bytes(tag)
        data = bytes((0x5C, len(wanted))) + wanted
        apdu = bytes((0x00, 0xCB, 0x3F, 0xFF, len(data))) + data + b"\x00"
        response = self._channel.send(apdu)
        if response.status == NOT_FOUND:
            return None
        if response.status != SUCCESS:
            raise CardAnswer(self._device, f"GET DATA {tag:X}", response.status)
        return response.data

    def _send_chained(self, command: bytes, data: bytes) -> Response:
        """Send INS, P1, P2 with data of any length, in pieces where one command is too short."""
        pieces = [data[at : at + CHUNK_BYTES] for at in range(0, len(data), CHUNK_BYTES)]
        for piece in pieces[:-1]:
            response = self._channel.send(b"\x10" + command + bytes([len(piece)]) + piece)
            if response.status != SUCCESS:
                return response
        last = pieces[-1]
        return self._channel.send(b"\x00" + command + bytes([len(last)]) + last + b"\x00")

    def _unreadable(self, what: str, error: PivObjectError) -> PivUnreadable:
        return PivUnreadable(self._device, f"{what}: {error}")


def _can_be_pin(entered: bytes) -> bool:
    return len(entered) in PIN_BYTES and all(0x20 < byte < 0x7F for byte in entered)


def _tries_in(response: Response) -> int | None:
    if response.status == BLOCKED:
        return 0
    return response.status & 0x0F if response.status & 0xFFF0 == 0x63C0 else None


def _padded(digest: bytes) -> bytes:
    """EMSA-PKCS1-v1_5 for RSA 2048: the card signs these bytes as they are (RFC 8017 9.2)."""
    info = _SHA256_DIGEST_INFO + digest
    return b"\x00\x01" + b"\xff" * (RSA_BYTES - len(info) - 3) + b"\x00" + info

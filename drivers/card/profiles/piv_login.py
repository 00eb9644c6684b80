"""An operator proves with card and PIN who it is: a fresh challenge, signed by the card's key.

What is signed says what it is for, which desk asked and when, so that a signature made here is of
no use anywhere else. The certificate is checked before the PIN leaves the desk.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.hashes import SHA256

from drivers.api import CardChannel, CardReader
from drivers.card.apdu import ApduChannel
from drivers.card.errors import PivUnreadable
from drivers.card.profiles.piv import PivCard
from drivers.card.profiles.piv_certificate import CertificateError, OperatorCertificate
from drivers.card.profiles.piv_objects import Slot
from drivers.card.profiles.piv_trust import CertificateCheck, OperatorTrust, Reason

NONCE_BYTES: Final = 32
PURPOSE: Final = b"rekam operator sign-in 1\x00"

RandomBytes = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class Challenge:
    """What the card signs: 32 random bytes, the desk that asks, and the time in UTC."""

    nonce: bytes = field(repr=False)
    station_id: str
    made_at: datetime

    @classmethod
    def make(
        cls, station_id: str, now: datetime, random_bytes: RandomBytes = os.urandom
    ) -> Challenge:
        """Return a challenge that nobody has signed before."""
        return cls(random_bytes(NONCE_BYTES), station_id, now)

    def to_bytes(self) -> bytes:
        """Purpose, nonce, length (2) and bytes of the station id, milliseconds since 1970 (8)."""
        station = self.station_id.encode()
        milliseconds = int(self.made_at.timestamp() * 1000)
        return b"".join(
            (
                PURPOSE,
                self.nonce,
                len(station).to_bytes(2, "big"),
                station,
                milliseconds.to_bytes(8, "big"),
            )
        )


@dataclass(frozen=True, slots=True)
class OperatorProof:
    """What a card proved of its operator; accepted where nothing in `reasons` speaks against it.

    `subject`, `name` and `serial` are those of the certificate; believe them only when accepted.
    `signed` and `signature` are kept so that the proof can be repeated; both are empty where the
    certificate was refused and the PIN therefore not sent.
    """

    certificate: CertificateCheck
    certificate_der: bytes = field(repr=False)
    signed: bytes = field(repr=False)
    signature: bytes = field(repr=False)
    reasons: tuple[Reason, ...]

    @property
    def is_accepted(self) -> bool:
        """Whether this operator may sign in."""
        return not self.reasons

    @property
    def subject(self) -> str:
        """Who the operator is (RFC 4514)."""
        return self.certificate.subject

    @property
    def serial(self) -> str:
        """Serial number of the certificate, lower-case hexadecimal."""
        return self.certificate.serial


def authenticate_operator(
    channel: CardChannel,
    pin: bytearray,
    challenge: Challenge,
    trust: OperatorTrust,
    *,
    allow_last_try: bool = False,
) -> OperatorProof:
    """Check the certificate, verify the PIN, and let the card sign the challenge; blocking.

    `pin` is overwritten in any case. Validity is judged at `challenge.made_at`.

    Raises:
        PivAbsent: no operator card.
        PinUnsuitable, PinLastTry, PinWrong, PinBlocked: as `PivCard.verify_pin`.
        PivCertificateAbsent, PivUnreadable, PivKeyRefused: the card cannot do it.
        CardLost: the card left; nothing was proved.
    """
    try:
        card = PivCard(ApduChannel(channel), channel.device)
        card.select()
        der = card.certificate(Slot.AUTHENTICATION)
        try:
            operator = OperatorCertificate.load(der)
        except CertificateError as error:
            raise PivUnreadable(channel.device, f"certificate: {error}") from error
        check = trust.check(operator, challenge.made_at)
        if not check.is_accepted:
            # a card that no authority of ours vouches for is not told the operator's PIN
            return OperatorProof(check, der, b"", b"", check.reasons)
        card.verify_pin(pin, allow_last_try=allow_last_try)
    finally:
        pin[:] = bytes(len(pin))
    signed = challenge.to_bytes()
    signature = card.sign(Slot.AUTHENTICATION, signed, operator.key)
    fits = is_signature_of(operator.key, signature, signed)
    return OperatorProof(check, der, signed, signature, () if fits else (Reason.WRONG_SIGNATURE,))


async def sign_in(
    reader: CardReader,
    pin: bytearray,
    challenge: Challenge,
    trust: OperatorTrust,
    *,
    allow_last_try: bool = False,
    timeout: float = 20.0,
) -> OperatorProof:
    """Authenticate the operator whose card lies on a connected reader, in one session.

    Returns only after the session was confirmed, so that proof and card belong together.

    Raises: as `authenticate_operator`, and NoCard, CardUnreadable, DeviceTimeout.
    """
    try:
        async with reader.session(timeout) as session:
            proof = await session.run(
                lambda channel: authenticate_operator(
                    channel, pin, challenge, trust, allow_last_try=allow_last_try
                ),
                timeout,
            )
        return proof
    finally:
        pin[:] = bytes(len(pin))


def is_signature_of(key: CertificatePublicKeyTypes, signature: bytes, message: bytes) -> bool:
    """Say whether `signature` is that of `message` by ECDSA or RSA (PKCS #1 v1.5), SHA-256."""
    try:
        if isinstance(key, EllipticCurvePublicKey):
            key.verify(signature, message, ECDSA(SHA256()))
        elif isinstance(key, RSAPublicKey):
            key.verify(signature, message, PKCS1v15(), SHA256())
        else:
            return False
    except InvalidSignature:
        return False
    return True

"""The keys inside a simulated PIV card: they sign, and agree on secrets, and never come out.

Source: SP 800-78-4 (algorithms), SP 800-73-4 part 2 clause 3.2.4 (dynamic authentication template)
and appendix A (examples).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec, rsa, utils
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from drivers.card.tlv import build

ECC_P256: Final = 0x11
RSA_2048: Final = 0x07
P256_BYTES: Final = 32
RSA_BYTES: Final = 256

TAG_CHALLENGE: Final = 0x81
TAG_RESPONSE: Final = 0x82
TAG_POINT: Final = 0x85
TAG_PUBLIC_KEY: Final = 0x7F49

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class KeyRefused(Exception):
    """The key cannot do what the template asks for."""


class CardKey:
    """One private key of the card, ECC P-256 or RSA 2048."""

    def __init__(self, key: PrivateKey) -> None:
        self._key = key

    @classmethod
    def generate(cls, algorithm: int) -> CardKey:
        """Make a key of a card algorithm (11 = ECC P-256, 07 = RSA 2048).

        Raises:
            KeyRefused: another algorithm.
        """
        if algorithm == ECC_P256:
            return cls(ec.generate_private_key(ec.SECP256R1()))
        if algorithm == RSA_2048:
            return cls(rsa.generate_private_key(public_exponent=65537, key_size=8 * RSA_BYTES))
        raise KeyRefused(f"algorithm {algorithm:02X}")

    @property
    def algorithm(self) -> int:
        """The card's number of the algorithm."""
        return ECC_P256 if isinstance(self._key, ec.EllipticCurvePrivateKey) else RSA_2048

    @property
    def public(self) -> ec.EllipticCurvePublicKey | rsa.RSAPublicKey:
        """The public key, for a certificate."""
        return self._key.public_key()

    def public_object(self) -> bytes:
        """Return 7F49 [86 point] or 7F49 [81 modulus, 82 exponent]."""
        if isinstance(self._key, ec.EllipticCurvePrivateKey):
            point = self._key.public_key().public_bytes(
                Encoding.X962, PublicFormat.UncompressedPoint
            )
            return build(TAG_PUBLIC_KEY, build(0x86, point))
        numbers = self._key.public_key().public_numbers()
        modulus = numbers.n.to_bytes(RSA_BYTES, "big")
        return build(
            TAG_PUBLIC_KEY, build(0x81, modulus) + build(0x82, numbers.e.to_bytes(3, "big"))
        )

    def use(self, fields: Mapping[int, bytes]) -> bytes:
        """Sign what stands in 81, or agree on a secret with the point in 85.

        Raises:
            KeyRefused: neither is asked for, or not in the size of this key.
        """
        if fields.get(TAG_RESPONSE) != b"":
            raise KeyRefused("no response asked for")
        if (challenge := fields.get(TAG_CHALLENGE)) is not None:
            return self._sign(challenge)
        if (point := fields.get(TAG_POINT)) is not None:
            return self._agree(point)
        raise KeyRefused("nothing to be done")

    def _sign(self, challenge: bytes) -> bytes:
        if isinstance(self._key, ec.EllipticCurvePrivateKey):
            if len(challenge) != P256_BYTES:
                raise KeyRefused(f"digest of {len(challenge)} bytes")
            return self._key.sign(challenge, ec.ECDSA(utils.Prehashed(SHA256())))
        # the card applies the private exponent alone: padding is the caller's
        numbers = self._key.private_numbers()
        modulus, number = numbers.public_numbers.n, int.from_bytes(challenge, "big")
        if len(challenge) != RSA_BYTES or number >= modulus:
            raise KeyRefused(f"block of {len(challenge)} bytes")
        return pow(number, numbers.d, modulus).to_bytes(RSA_BYTES, "big")

    def _agree(self, point: bytes) -> bytes:
        if not isinstance(self._key, ec.EllipticCurvePrivateKey):
            raise KeyRefused("no agreement with RSA")
        try:
            other = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        except ValueError as error:
            raise KeyRefused("no point of the curve") from error
        return self._key.exchange(ec.ECDH(), other)

"""JWS envelopes of SBI: compact RS256 tokens that bring their own certificate.

Source: RFC 7515 (compact form, `x5c`), and SBI 0.9.5 for what is allowed: RS256 only, RSA of 2048
bits or more, a signer issued by a root that the desk was given. The signer is never an authority
itself, and its key usage, where it has one, allows signatures (RFC 5280 4.2.1.3). The signature is
checked over the bytes as received, never over re-encoded JSON.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from drivers.certificates import has_issued, is_authority, is_valid_at, may_sign

MIN_RSA_BITS: Final = 2048

_STANDARD: Final = bytes.maketrans(b"-_", b"+/")


class BadToken(Exception):
    """A token does not hold.

    `check` is "signature", "certificate" (issuer), "certificate-validity" (ended) or "timestamp"
    (begins in the future: somebody's clock is wrong).
    """

    def __init__(self, check: str, detail: str) -> None:
        super().__init__(f"{check}: {detail}")
        self.check = check
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Token:
    """A verified token: its JSON object, its signer, and `compact`, the token as received.

    `payload_text` is the JSON text that was signed, decoded from base64 and no further.
    """

    payload: dict[str, object] = field(repr=False)
    payload_text: str = field(repr=False)
    signer_sha256: str
    signer_valid_until: datetime
    compact: str = field(repr=False)

    @property
    def detached(self) -> str:
        """The token without its payload: `header..signature`."""
        header, signature = self.compact.index("."), self.compact.rindex(".")
        return f"{self.compact[:header]}.{self.compact[signature:]}"

    @property
    def encoded_payload(self) -> str:
        """The payload as received, in base64."""
        return self.compact[self.compact.index(".") + 1 : self.compact.rindex(".")]


@dataclass(frozen=True, slots=True)
class TrustStore:
    """Certificates that may issue signers; leaves are never pinned, because device keys rotate."""

    anchors: tuple[x509.Certificate, ...]

    @classmethod
    def load(cls, files: tuple[Path, ...]) -> TrustStore:
        """Read PEM files, each with one or more certificates.

        Raises:
            OSError: a file cannot be read.
            ValueError: a file holds no certificate.
        """
        found: list[x509.Certificate] = []
        for file in files:
            found += x509.load_pem_x509_certificates(file.read_bytes())
        return cls(tuple(found))

    def check_issuer(self, leaf: x509.Certificate, now: datetime) -> None:
        """Demand that a valid anchor with the right to issue has issued a valid signer.

        Raises:
            BadToken: none has, the certificate is not made for signing data, or anchor or
                certificate is outside its validity.
        """
        issuers = [anchor for anchor in self.anchors if has_issued(anchor, leaf)]
        if not issuers:
            raise BadToken("certificate", "signer not issued by a root of this desk")
        _check_purpose(leaf)
        _check_validity(leaf, "signer", now)
        if not any(is_valid_at(anchor, now) for anchor in issuers):
            _check_validity(issuers[0], "root", now)


def decode_base64(text: str) -> bytes:
    """Decode base64 or base64url, with or without padding (services write both).

    Raises:
        ValueError: not base64.
    """
    try:
        plain = text.encode("ascii").rstrip(b"=").translate(_STANDARD)
        return binascii.a2b_base64(plain + b"=" * (-len(plain) % 4), strict_mode=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ValueError("no base64 text") from error


def encode_base64url(data: bytes) -> str:
    """Encode as base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def parse_object(data: bytes | str) -> dict[str, object]:
    """Parse one JSON object.

    Raises:
        ValueError: not JSON, not an object, or nested beyond reason.
    """
    try:
        value = json.loads(data)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(value, dict):
        raise ValueError("no JSON object")
    return value


def verify_token(token: str, trust: TrustStore, now: datetime) -> Token:
    """Verify a compact token and return its payload.

    Raises:
        BadToken: wrong form, algorithm, key, signature, issuer or validity; validity is looked at
            last, so that "expired" is never said of a stranger.
    """
    parts = token.split(".")
    if len(parts) != 3:
        raise BadToken("signature", f"token of {len(parts)} parts")
    header, payload, signature = parts
    leaf = _signer(header)
    key = _signing_key(leaf)
    try:
        signed = f"{header}.{payload}".encode("ascii")
        key.verify(decode_base64(signature), signed, PKCS1v15(), SHA256())
        payload_text = decode_base64(payload).decode("utf-8")
        content = parse_object(payload_text)
    except InvalidSignature as error:
        raise BadToken("signature", "does not match") from error
    except ValueError as error:
        raise BadToken("signature", "malformed token") from error
    trust.check_issuer(leaf, now)
    fingerprint = hashlib.sha256(leaf.public_bytes(Encoding.DER)).hexdigest()
    return Token(content, payload_text, fingerprint, leaf.not_valid_after_utc, token)


def _signer(header: str) -> x509.Certificate:
    """Return the certificate in `x5c[0]`; later entries are ignored, as the interface says."""
    try:
        fields = parse_object(decode_base64(header))
    except ValueError as error:
        raise BadToken("signature", "malformed header") from error
    if fields.get("alg") != "RS256":
        raise BadToken("signature", "algorithm is not RS256")
    chain = fields.get("x5c")
    first = chain[0] if isinstance(chain, list) and chain else None
    if not isinstance(first, str):
        raise BadToken("certificate", "no certificate in the token")
    try:
        return x509.load_der_x509_certificate(decode_base64(first))
    except (ValueError, x509.InvalidVersion) as error:
        raise BadToken("certificate", "unreadable certificate") from error


def _signing_key(leaf: x509.Certificate) -> RSAPublicKey:
    try:
        key = leaf.public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BadToken("certificate", "unreadable key") from error
    if not isinstance(key, RSAPublicKey) or key.key_size < MIN_RSA_BITS:
        raise BadToken("certificate", f"key is not RSA of {MIN_RSA_BITS} bits or more")
    return key


def _check_purpose(leaf: x509.Certificate) -> None:
    try:
        if is_authority(leaf):
            raise BadToken("certificate", "signed by an authority itself")
        if not may_sign(leaf, must_say_so=False):
            raise BadToken("certificate", "the key may not sign (key usage)")
    except ValueError as error:
        raise BadToken("certificate", "unreadable certificate") from error


def _check_validity(certificate: x509.Certificate, whose: str, now: datetime) -> None:
    if now > certificate.not_valid_after_utc:
        raise BadToken("certificate-validity", f"{whose} has ended")
    if now < certificate.not_valid_before_utc:
        raise BadToken("timestamp", f"certificate of the {whose} begins in the future")

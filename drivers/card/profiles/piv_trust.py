"""Whom this desk accepts as an operator: certificates of its own authorities, checked completely.

An authority is trusted because its certificate is in the desk's list, never because a card shows
it. A listed intermediate authority is therefore enough; what stands above it is not looked at.

Source: RFC 5280 clauses 4.2 (extensions), 5 (revocation lists) and 6.1.3 (checks).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID

from drivers.card.profiles.piv_certificate import OperatorCertificate
from drivers.certificates import extension_of, has_issued, is_authority, is_valid_at, may_sign

RSA_BITS: Final = 2048
ALLOWED_HASHES: Final = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
LOGIN_USES: Final = frozenset(
    {
        ExtendedKeyUsageOID.CLIENT_AUTH,
        ExtendedKeyUsageOID.SMARTCARD_LOGON,
        ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
    }
)
UNDERSTOOD: Final = (
    x509.BasicConstraints,
    x509.KeyUsage,
    x509.ExtendedKeyUsage,
    x509.SubjectAlternativeName,
    x509.CertificatePolicies,
)
"""Extensions that may be critical; any other critical one refuses the certificate."""


class Reason(StrEnum):
    """Why a certificate, or its card, is not accepted."""

    UNKNOWN_AUTHORITY = "not issued by an authority of this desk"
    AUTHORITY_NOT_VALID = "the certificate of the authority is not valid now"
    NOT_YET_VALID = "not valid yet"
    EXPIRED = "expired"
    IS_AUTHORITY = "a certificate of an authority, not of a person"
    KEY_USAGE = "the key may not sign (key usage)"
    LOGIN_NOT_ALLOWED = "not issued for signing in (extended key usage)"
    UNSUITABLE_KEY = "the key is neither ECC P-256 nor RSA 2048"
    WEAK_SIGNATURE = "signed with a weak hash"
    UNKNOWN_EXTENSION = "holds a critical extension that is not understood"
    REVOKED = "revoked"
    REVOCATION_UNKNOWN = "no current list of revoked certificates"
    WRONG_SIGNATURE = "the card does not hold the key of its certificate"


class Revocation(StrEnum):
    """What the lists of revoked certificates say."""

    NOT_REVOKED = "not in a current list"
    REVOKED = "in a list"
    STALE = "not in a list, but the list is out of date"
    MISSING = "no list of this authority"


@dataclass(frozen=True, slots=True)
class CertificateCheck:
    """What one certificate is worth at one time; accepted where `reasons` is empty.

    `subject` (RFC 4514) and `name` (its common name) say who the operator is and print as nothing;
    `serial` is the serial number in lower-case hexadecimal, `valid_until` UTC. `revocation` is told
    also where it refuses nothing.
    """

    subject: str = field(repr=False)
    name: str = field(repr=False)
    serial: str
    valid_until: datetime
    revocation: Revocation
    reasons: tuple[Reason, ...]

    @property
    def is_accepted(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.reasons


@dataclass(frozen=True, slots=True)
class OperatorTrust:
    """Authorities of operators, and their lists of revoked certificates.

    With `revocation_required`, an operator whose authority has no current list is refused; without
    it the missing list is told and the operator accepted.
    """

    authorities: tuple[x509.Certificate, ...]
    lists: tuple[x509.CertificateRevocationList, ...] = ()
    revocation_required: bool = False

    @classmethod
    def load(
        cls,
        authorities: tuple[Path, ...],
        lists: tuple[Path, ...] = (),
        *,
        revocation_required: bool = False,
    ) -> OperatorTrust:
        """Read PEM files of authorities (one or more a file) and lists (PEM or DER).

        A list that is absent is as if it had not been named: the check says that it is missing.

        Raises:
            OSError: a file of authorities cannot be read.
            ValueError: a file holds something else.
        """
        found: list[x509.Certificate] = []
        for path in authorities:
            found += x509.load_pem_x509_certificates(path.read_bytes())
        present = tuple(_load_list(path.read_bytes()) for path in lists if path.exists())
        return cls(tuple(found), present, revocation_required)

    def check(self, operator: OperatorCertificate, now: datetime) -> CertificateCheck:
        """Check issuer, validity, purpose, key and revocation at `now` (timezone-aware)."""
        authority = self._authority_of(operator.certificate, now)
        revocation = self._revocation(operator.certificate, authority, now)
        reasons = [*_faults(operator, now), *_issuer_faults(authority, now)]
        if revocation is Revocation.REVOKED:
            reasons.append(Reason.REVOKED)
        elif revocation is not Revocation.NOT_REVOKED and self.revocation_required:
            reasons.append(Reason.REVOCATION_UNKNOWN)
        return CertificateCheck(
            subject=operator.subject,
            name=operator.name,
            serial=operator.serial,
            valid_until=operator.valid_until,
            revocation=revocation,
            reasons=tuple(reasons),
        )

    def _authority_of(self, leaf: x509.Certificate, now: datetime) -> x509.Certificate | None:
        """Return who issued the certificate; of several with one key, one that is valid now."""
        fitting = [one for one in self.authorities if has_issued(one, leaf)]
        valid = [one for one in fitting if is_valid_at(one, now)]
        return next(iter(valid + fitting), None)

    def _revocation(
        self, leaf: x509.Certificate, authority: x509.Certificate | None, now: datetime
    ) -> Revocation:
        lists = [one for one in self.lists if authority is not None and _is_of(one, authority)]
        if any(_names(one, leaf) for one in lists):
            return Revocation.REVOKED  # a list that is out of date can still only grow
        if any(_is_current(one, now) for one in lists):
            return Revocation.NOT_REVOKED
        return Revocation.STALE if lists else Revocation.MISSING


def _load_list(data: bytes) -> x509.CertificateRevocationList:
    if data.startswith(b"-----"):
        return x509.load_pem_x509_crl(data)
    return x509.load_der_x509_crl(data)


def _faults(operator: OperatorCertificate, now: datetime) -> Iterator[Reason]:
    """What the certificate says against itself."""
    certificate = operator.certificate
    if now < operator.valid_from:
        yield Reason.NOT_YET_VALID
    if now > operator.valid_until:
        yield Reason.EXPIRED
    if is_authority(certificate):
        yield Reason.IS_AUTHORITY
    if not may_sign(certificate, must_say_so=True):
        yield Reason.KEY_USAGE
    extended = extension_of(certificate, x509.ExtendedKeyUsage)
    if extended is not None and not LOGIN_USES & set(extended):
        yield Reason.LOGIN_NOT_ALLOWED
    if not _is_suitable(operator.key):
        yield Reason.UNSUITABLE_KEY
    if not _is_strong(lambda: certificate.signature_hash_algorithm):
        yield Reason.WEAK_SIGNATURE
    if any(
        one.critical and not isinstance(one.value, UNDERSTOOD) for one in certificate.extensions
    ):
        yield Reason.UNKNOWN_EXTENSION


def _issuer_faults(authority: x509.Certificate | None, now: datetime) -> Iterator[Reason]:
    if authority is None:
        yield Reason.UNKNOWN_AUTHORITY
    elif not is_valid_at(authority, now):
        yield Reason.AUTHORITY_NOT_VALID


def _is_suitable(key: CertificatePublicKeyTypes) -> bool:
    if isinstance(key, EllipticCurvePublicKey):
        return isinstance(key.curve, SECP256R1)
    return isinstance(key, RSAPublicKey) and key.key_size == RSA_BITS


def _is_strong(algorithm: Callable[[], hashes.HashAlgorithm | None]) -> bool:
    try:
        return isinstance(algorithm(), ALLOWED_HASHES)
    except UnsupportedAlgorithm:
        return False


def _is_of(revoked: x509.CertificateRevocationList, authority: x509.Certificate) -> bool:
    """Whether the authority signed this complete list; partial lists say less than they seem."""
    usage = extension_of(authority, x509.KeyUsage)
    if revoked.issuer != authority.subject or (usage is not None and not usage.crl_sign):
        return False
    try:
        if any(extension.critical for extension in revoked.extensions):
            return False
        key = authority.public_key()
        return isinstance(key, EllipticCurvePublicKey | RSAPublicKey) and (
            _is_strong(lambda: revoked.signature_hash_algorithm) and revoked.is_signature_valid(key)
        )
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return False


def _names(revoked: x509.CertificateRevocationList, leaf: x509.Certificate) -> bool:
    return revoked.get_revoked_certificate_by_serial_number(leaf.serial_number) is not None


def _is_current(revoked: x509.CertificateRevocationList, now: datetime) -> bool:
    until = revoked.next_update_utc
    return until is not None and revoked.last_update_utc <= now <= until

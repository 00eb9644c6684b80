"""Who may vouch for whom: the checks of certificates that every trust decision shares.

Whom a desk trusts is its own list of authorities, never what a device or a card shows.
Source: RFC 5280 clauses 4.2.1.3 (key usage), 4.2.1.9 (basic constraints) and 6.1.3 (issuing).
"""

from __future__ import annotations

from datetime import datetime
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

X = TypeVar("X", bound=x509.ExtensionType)


def extension_of(certificate: x509.Certificate, kind: type[X]) -> X | None:
    """Return an extension, None where the certificate does not have it.

    Raises:
        ValueError: the extensions cannot be read.
    """
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
    except (x509.DuplicateExtension, x509.UnsupportedGeneralNameType, TypeError) as error:
        raise ValueError(f"unreadable extensions: {type(error).__name__}") from error


def is_valid_at(certificate: x509.Certificate, now: datetime) -> bool:
    """Say whether `now` (timezone-aware) lies between beginning and end."""
    return certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc


def is_authority(certificate: x509.Certificate) -> bool:
    """Say whether the certificate is one of an authority, which signs nothing but certificates.

    Raises:
        ValueError: the extensions cannot be read.
    """
    constraints = extension_of(certificate, x509.BasicConstraints)
    return constraints is not None and constraints.ca


def may_sign(certificate: x509.Certificate, *, must_say_so: bool) -> bool:
    """Say whether the key may sign data: by its key usage, which may be absent unless it must be.

    Raises:
        ValueError: the extensions cannot be read.
    """
    usage = extension_of(certificate, x509.KeyUsage)
    return not must_say_so if usage is None else usage.digital_signature


def has_issued(authority: x509.Certificate, certificate: x509.Certificate) -> bool:
    """Say whether an authority, with the right to do so, has issued a certificate.

    It needs basic constraints with `ca` and, where it states its key usage, the signing of
    certificates. Neither name alone nor key alone is enough. Validity is not looked at.
    """
    try:
        usage = extension_of(authority, x509.KeyUsage)
        if not is_authority(authority) or (usage is not None and not usage.key_cert_sign):
            return False
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True

"""The certificate of an operator, read so completely that later checks cannot stumble over it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.x509.oid import NameOID


class CertificateError(ValueError):
    """The bytes are no certificate that can be read."""


@dataclass(frozen=True, slots=True)
class OperatorCertificate:
    """A certificate of which every part that is looked at can be read."""

    certificate: x509.Certificate = field(repr=False)
    key: CertificatePublicKeyTypes = field(repr=False)
    subject: str = field(repr=False)
    name: str = field(repr=False)
    serial: str
    valid_from: datetime
    valid_until: datetime

    @classmethod
    def load(cls, der: bytes) -> OperatorCertificate:
        """Read a DER certificate.

        Raises:
            CertificateError: it cannot be read, or has a key of a kind unknown here.
        """
        try:
            certificate = x509.load_der_x509_certificate(der)
            names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
            for extension in certificate.extensions:
                del extension  # iterating reads them all
            return cls(
                certificate=certificate,
                key=certificate.public_key(),
                subject=certificate.subject.rfc4514_string(),
                name=str(names[0].value) if names else "",
                serial=f"{certificate.serial_number:x}",
                valid_from=certificate.not_valid_before_utc,
                valid_until=certificate.not_valid_after_utc,
            )
        except _UNREADABLE as error:
            raise CertificateError(type(error).__name__) from error


_UNREADABLE: Final = (
    ValueError,
    TypeError,
    OverflowError,
    UserWarning,  # of cryptography, about a negative serial number, where warnings are errors
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)

"""The keys of a desk: journal key, signing key with certificate, recipients' certificates.

The station can sign and seal, never open what it has sealed: of the recipients it holds
certificates only. Custody here is `file`; a TPM or a token would replace `load_signer`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from station.records.errors import (
    CertificateExpired,
    KeyMismatch,
    KeyMissing,
    KeyUnsuitable,
    StorageFailed,
)
from station.records.files import (
    DISK,
    OPEN_TO_OTHERS,
    Files,
    create_durable,
    private_folder,
    refuse_exposed,
    storage_error,
)
from station.records.journal import find_unfinished

JOURNAL_KEY_BYTES: Final = 32
JOURNAL_KEY_NAME: Final = "journal.key"
MIN_RSA_BITS: Final = 3072
"""Smallest RSA modulus for secrets kept beyond 2030, NIST SP 800-57 part 1."""

RecipientKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass(frozen=True, slots=True)
class Signer:
    """The station's certificate and its EC P-256 private key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey = field(repr=False)


@dataclass(frozen=True, slots=True)
class StationKeys:
    """Everything that a desk signs and seals with; `custody` goes into every manifest."""

    journal_key: bytes = field(repr=False)
    signer: Signer
    recipients: tuple[x509.Certificate, ...]
    custody: str = "file"

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        signing_key: Path,
        certificate: Path,
        recipients: Sequence[Path],
        now: datetime,
    ) -> StationKeys:
        """Load all keys; the journal key is made in `folder` on first use.

        Args:
            folder: private to the desk's user, on another path than the records.
            signing_key: unencrypted PKCS#8 or SEC1 PEM, EC P-256, readable by its owner only.
            certificate: PEM of the station.
            recipients: PEM certificates; at least one, RSA >= 3072 or EC P-256 / P-384.
            now: timezone-aware moment at which all certificates must be valid.

        Raises:
            KeyMissing, KeyExposed, KeyUnsuitable, CertificateExpired, KeyMismatch.
            DiskFull, StorageFailed: the journal key cannot be made.
        """
        if not recipients:
            raise KeyMissing("no recipient certificate: nobody could open a record")
        return cls(
            load_journal_key(folder),
            load_signer(signing_key, certificate, now),
            tuple(load_recipient(path, now) for path in recipients),
        )


def load_journal_key(folder: Path, files: Files = DISK) -> bytes:
    """Return the 32-byte journal key of `folder`, made by the system's random source on first use.

    Raises:
        KeyExposed: folder or file are open to other users.
        KeyUnsuitable: the file has another size.
        KeyMissing: the file cannot be read.
        DiskFull, StorageFailed: folder or key could not be made.
    """
    private_folder(folder, OPEN_TO_OTHERS)
    path = folder / JOURNAL_KEY_NAME
    if not os.path.lexists(path):
        _write_journal_key(path, files)
    key = _read_secret(path)
    if len(key) != JOURNAL_KEY_BYTES:
        raise KeyUnsuitable(f"{path}: {len(key)} bytes, expected {JOURNAL_KEY_BYTES}")
    return key


def renew_journal_key(folder: Path, journals: Path, files: Files = DISK) -> bytes:
    """Replace the journal key, so that remnants of deleted journals can never be read again.

    Raises:
        StorageFailed: a journal in `journals` still needs the present key.
    """
    if find_unfinished(journals):
        raise StorageFailed("a journal exists: the journal key must not be replaced")
    load_journal_key(folder, files)
    _write_journal_key(folder / JOURNAL_KEY_NAME, files)
    return load_journal_key(folder, files)


def _write_journal_key(path: Path, files: Files) -> None:
    key = os.urandom(JOURNAL_KEY_BYTES)
    descriptor = create_durable(files, path, path.with_suffix(".tmp"), key)
    files.close(descriptor)
    try:
        files.sync_folder(path.parent)
    except OSError as error:
        raise storage_error(error, path.name) from error


def load_signer(key_path: Path, certificate_path: Path, now: datetime) -> Signer:
    """Load the station's signing key and certificate and check that they belong together.

    Raises:
        KeyMissing, KeyExposed, KeyUnsuitable, CertificateExpired, KeyMismatch.
    """
    data = _read_secret(key_path)
    try:
        key = serialization.load_pem_private_key(data, password=None)
    except (ValueError, TypeError) as error:
        raise KeyUnsuitable(f"{key_path}: no unencrypted PEM private key") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise KeyUnsuitable(f"{key_path}: the signing key must be EC P-256")
    certificate = load_certificate(certificate_path)
    _refuse_expired(certificate, certificate_path, now)
    if certificate.public_key() != key.public_key():
        raise KeyMismatch(f"{key_path} does not belong to {certificate_path}")
    return Signer(certificate, key)


def load_recipient(path: Path, now: datetime) -> x509.Certificate:
    """Load one recipient's certificate and check that a record can be sealed for it.

    Raises:
        KeyMissing, KeyUnsuitable, CertificateExpired.
    """
    certificate = load_certificate(path)
    _refuse_expired(certificate, path, now)
    public = certificate.public_key()
    if isinstance(public, rsa.RSAPublicKey) and public.key_size >= MIN_RSA_BITS:
        return certificate
    if isinstance(public, ec.EllipticCurvePublicKey) and isinstance(
        public.curve, ec.SECP256R1 | ec.SECP384R1
    ):
        return certificate
    raise KeyUnsuitable(f"{path}: a recipient is RSA of {MIN_RSA_BITS} bits or EC P-256 / P-384")


def load_certificate(path: Path) -> x509.Certificate:
    """Load one PEM certificate.

    Raises:
        KeyMissing, KeyUnsuitable.
    """
    try:
        return x509.load_pem_x509_certificate(_read(path))
    except (ValueError, x509.InvalidVersion) as error:
        raise KeyUnsuitable(f"{path}: no PEM certificate") from error


def load_recipient_key(path: Path) -> RecipientKey:
    """Load a recipient's private key, at the place where records are opened.

    Raises:
        KeyMissing, KeyExposed, KeyUnsuitable.
    """
    data = _read_secret(path)
    try:
        key = serialization.load_pem_private_key(data, password=None)
    except (ValueError, TypeError) as error:
        raise KeyUnsuitable(f"{path}: no unencrypted PEM private key") from error
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise KeyUnsuitable(f"{path}: a recipient key is RSA or EC")
    return key


def fingerprint(certificate: x509.Certificate) -> str:
    """Return the lower-case hexadecimal SHA-256 of the certificate's DER bytes."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise KeyMissing(f"{path}: {error.strerror}") from error


def _read_secret(path: Path) -> bytes:
    try:
        refuse_exposed(path)
    except OSError as error:
        raise KeyMissing(f"{path}: {error.strerror}") from error
    return _read(path)


def _refuse_expired(certificate: x509.Certificate, path: Path, now: datetime) -> None:
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        raise CertificateExpired(f"{path}: not valid at {now:%Y-%m-%d}")

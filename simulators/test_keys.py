"""The published test keys of simulated KTP-el cards, access modules and document signers.

OPEN TEST, not the government's: the keys, their diversification, the enciphering of the files and
what file 6FF6 signs are inventions of ours, published on purpose and worthless on any genuine card.
A genuine card or module shares only the command bytes and the lengths.
"""

from __future__ import annotations

import datetime
import hashlib
import os
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC
from cryptography.x509.oid import NameOID

from drivers.card.secure_messaging_keys import KeyPair, derive_keys, xor

MASTER_KEY: Final = b"OPEN-TEST-MASTER"
MODULE_PCID: Final = b"OPEN-TEST-PCID--"
MODULE_CONF: Final = b"OPEN-TEST-CONF-1OPEN-TEST-CONF-2"
MODULE_OPENING: Final = xor(MODULE_CONF, MODULE_PCID * 2)
CARD_SIGNER: Final = ec.derive_private_key(0x4F50454E, ec.SECP256R1())
DOCUMENT_SIGNER: Final = ec.derive_private_key(0x4F50454E44, ec.SECP256R1())
DOCUMENT_AUTHORITY: Final = ec.derive_private_key(0x4F50454E4353, ec.SECP256R1())

_VALID_DAYS: Final = 3650
_AUTHORITY_NAME: Final = "KARTU UJI CSCA"
_SIGNER_NAME: Final = "KARTU UJI DOCUMENT SIGNER"


@dataclass(frozen=True, slots=True)
class CardKeys:
    """What diversification gives one card: keys of the authentication, key of the files."""

    access: KeyPair
    files: bytes = field(repr=False)


def keys_of_card(card_control: bytes, uid8: bytes) -> CardKeys:
    """Diversify: AES-CMAC(master key, card control, 8-byte UID) is the seed of everything."""
    cmac = CMAC(AES(MASTER_KEY))
    cmac.update(card_control + uid8)
    seed = cmac.finalize()
    return CardKeys(derive_keys(seed), hashlib.sha256(seed + b"FILES").digest()[:16])


def write_opening(path: Path) -> Path:
    """Write the opening data of the simulated module as a station expects them; return `path`."""
    descriptor = os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "w") as file:
        os.fchmod(descriptor, 0o600)  # the file may have been there with other permissions
        file.write(MODULE_OPENING.hex() + "\n")
    return path


def write_authority(path: Path) -> Path:
    """Write the certificate of the test document authority in PEM form; return `path`."""
    path.write_bytes(authority_certificate().public_bytes(serialization.Encoding.PEM))
    return path


@cache
def authority_certificate() -> x509.Certificate:
    """Return the test CSCA, valid from yesterday."""
    return issue(_AUTHORITY_NAME, DOCUMENT_AUTHORITY, _AUTHORITY_NAME, DOCUMENT_AUTHORITY)


@cache
def signer_certificate() -> x509.Certificate:
    """Return the test document signer below the CSCA, valid from yesterday."""
    return issue(_SIGNER_NAME, DOCUMENT_SIGNER, _AUTHORITY_NAME, DOCUMENT_AUTHORITY)


def issue(
    subject: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    issuer_key: ec.EllipticCurvePrivateKey,
    *,
    valid_from: datetime.datetime | None = None,
    days: int = _VALID_DAYS,
) -> x509.Certificate:
    """Make a certificate; one that is its own issuer is an authority, any other a signer."""
    start = valid_from or datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    is_authority = key is issuer_key
    authority_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=days))
        .add_extension(x509.BasicConstraints(is_authority, 0 if is_authority else None), True)
        .add_extension(_usage(is_authority), True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .add_extension(authority_key, False)
        .sign(issuer_key, hashes.SHA256())
    )


def _usage(is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_authority,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "ID"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "SIMULATION"),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )

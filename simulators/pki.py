"""Test keys of a simulated desk: an authority, the station, the data centre and the escrow.

Published on purpose together with the private keys that a real station never sees: a demonstration
must be able to show that its records open. Made once a folder, so that old records stay readable.
"""

from __future__ import annotations

import datetime
import os
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

VALID_DAYS = 3650
AUTHORITY, STATION, DATA_CENTRE, ESCROW = "station-ca", "station", "data-centre", "escrow"

Key = ec.EllipticCurvePrivateKey


def ensure(folder: Path) -> None:
    """Make `NAME.pem` (certificate) and `NAME.key` for all four, unless they are there.

    Key files are readable by their owner only.
    """
    names = (AUTHORITY, STATION, DATA_CENTRE, ESCROW)
    if all((folder / f"{name}.{end}").exists() for name in names for end in ("pem", "key")):
        return
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    authority = ec.generate_private_key(ec.SECP256R1())
    issuer = _name("rekam test authority")
    _write(
        folder, AUTHORITY, authority, _certificate(authority, issuer, authority, issuer, ca=True)
    )
    curves: dict[str, ec.EllipticCurve] = {
        STATION: ec.SECP256R1(),
        DATA_CENTRE: ec.SECP256R1(),
        ESCROW: ec.SECP384R1(),
    }
    for name, curve in curves.items():
        key = ec.generate_private_key(curve)
        subject = _name(f"rekam test {name}")
        _write(folder, name, key, _certificate(key, subject, authority, issuer, ca=False))


def _name(common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "SIMULATION"),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def _certificate(
    key: Key, subject: x509.Name, issuer_key: Key, issuer: x509.Name, *, ca: bool
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=VALID_DAYS))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
    )
    return builder.sign(issuer_key, hashes.SHA256())


def _write(folder: Path, name: str, key: Key, certificate: x509.Certificate) -> None:
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    descriptor = os.open(folder / f"{name}.key", os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(secret)
    (folder / f"{name}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

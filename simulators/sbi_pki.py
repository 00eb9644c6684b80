"""Keys and certificates of simulated SBI devices: roots, two devices, a chip, and a stranger.

Keys are made once a process: they protect nothing and take long to generate.
"""

from __future__ import annotations

import base64
import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Self

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from drivers.sbi.jws import encode_base64url

DEVICE_ROOT_FILE: Final = "sbi-device-root.pem"
CHIP_ROOT_FILE: Final = "sbi-chip-root.pem"
_DEVICE_KEY_DAYS: Final = 30


@dataclass(frozen=True, slots=True)
class Authority:
    """A root that issues signers."""

    key: rsa.RSAPrivateKey
    certificate: x509.Certificate

    @classmethod
    def create(cls, name: str, now: datetime) -> Self:
        """Make a self-signed root that is valid for ten years."""
        key = _key(name)
        subject = _name(name)
        builder = _builder(subject, subject, key, now, timedelta(days=3650), is_root=True)
        return cls(key, builder.sign(key, SHA256()))

    def issue(
        self, name: str, now: datetime, life: timedelta, *, age: timedelta = timedelta(days=1)
    ) -> Signer:
        """Issue a signer whose certificate began `age` ago; a negative `life` has ended already."""
        key = _key(name)
        builder = _builder(
            _name(name), self.certificate.subject, key, now, life, is_root=False, age=age
        )
        return Signer(key, builder.sign(self.key, SHA256()))


@dataclass(frozen=True, slots=True)
class Signer:
    """A key with the certificate that its tokens carry."""

    key: rsa.RSAPrivateKey
    certificate: x509.Certificate

    def token(self, payload: Mapping[str, object], algorithm: str = "RS256") -> str:
        """Sign a payload as a compact JWS."""
        der = self.certificate.public_bytes(Encoding.DER)
        # standard base64, as the reference service writes it
        header = {"x5c": [base64.b64encode(der).decode()], "alg": algorithm, "typ": "JWT"}
        parts = (json.dumps(part).encode() for part in (header, payload))
        text = ".".join(encode_base64url(part) for part in parts)
        signature = self.key.sign(text.encode(), PKCS1v15(), SHA256())
        return f"{text}.{encode_base64url(signature)}"


@dataclass(frozen=True, slots=True)
class SimulatedPki:
    """Everything that signs: `device` and `chip` in good faith, the others not.

    `neighbour` is the key of another device below the same root.
    """

    device_root: Authority
    chip_root: Authority
    device: Signer
    chip: Signer
    expired: Signer
    future: Signer
    stranger: Signer
    neighbour: Signer

    @classmethod
    def create(cls, now: datetime | None = None) -> Self:
        """Make roots and signers that are valid at `now` (default: the machine's clock)."""
        at = now or datetime.now(UTC)
        month = timedelta(days=_DEVICE_KEY_DAYS)
        device_root = Authority.create("Simulated SBI device root", at)
        chip_root = Authority.create("Simulated SBI chip root", at)
        # the same name as the true root: only its signature tells them apart
        impostor = Authority(_key("impostor"), device_root.certificate)
        return cls(
            device_root,
            chip_root,
            device_root.issue("Simulated SBI device", at, month),
            chip_root.issue("Simulated SBI chip", at, month),
            device_root.issue("Simulated SBI device", at, timedelta(hours=-1)),
            device_root.issue("Simulated SBI device", at, month, age=timedelta(days=-1)),
            impostor.issue("Simulated SBI device", at, month),
            device_root.issue("Another simulated SBI device", at, month),
        )

    def write(self, folder: Path) -> tuple[Path, ...]:
        """Write both roots as PEM files; return the files that issue device keys.

        The root of the chip keys is `CHIP_ROOT_FILE` in the same folder.
        """
        folder.mkdir(parents=True, exist_ok=True)
        for name, root in (
            (DEVICE_ROOT_FILE, self.device_root),
            (CHIP_ROOT_FILE, self.chip_root),
        ):
            (folder / name).write_bytes(root.certificate.public_bytes(Encoding.PEM))
        return (folder / DEVICE_ROOT_FILE,)


@functools.cache
def _key(role: str) -> rsa.RSAPrivateKey:
    """Make one key a role and process."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: rsa.RSAPrivateKey,
    now: datetime,
    life: timedelta,
    *,
    is_root: bool,
    age: timedelta = timedelta(days=1),
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - age)
        .not_valid_after(now + life)
        .add_extension(x509.BasicConstraints(ca=is_root, path_length=None), critical=True)
    )

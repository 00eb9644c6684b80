"""A throw-away authority with its certificates, small captures, and a disk that can fail."""

from __future__ import annotations

import errno
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from PIL import Image

from drivers.positions import Eye, Finger, Slap
from drivers.values import BIO_VALUE_PLACEHOLDER, Attestation, Kind
from station.records.content import (
    CaptureException,
    CapturingDevice,
    Decision,
    Document,
    FaceImage,
    FingerImage,
    IrisImage,
    Missing,
    RecordContent,
    Segment,
)
from station.records.files import DiskFiles
from station.records.keys import RecipientKey, Signer, StationKeys

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
NOW = datetime(2026, 11, 23, 9, 20, tzinfo=UTC)
RECORD_ID = "0190a3b0-7c1e-7e2a-9d0e-000000000001"


def make_certificate(
    name: str,
    key: PrivateKey,
    issuer: tuple[x509.Certificate, PrivateKey] | None = None,
    *,
    is_authority: bool = False,
    not_after: datetime = datetime(2040, 1, 1, tzinfo=UTC),
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(not_after)
        .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
        .sign(issuer[1] if issuer else key, hashes.SHA256())
    )


@dataclass(frozen=True)
class Pki:
    authority: x509.Certificate
    authority_key: ec.EllipticCurvePrivateKey
    signer: Signer
    recipients: dict[str, tuple[x509.Certificate, RecipientKey]]

    def write_pem(self, folder: Path) -> None:
        certificates = {"ca": self.authority, "station": self.signer.certificate}
        keys: dict[str, PrivateKey] = {"station": self.signer.key}
        for name, (certificate, key) in self.recipients.items():
            certificates[name], keys[name] = certificate, key
        for name, certificate in certificates.items():
            pem = certificate.public_bytes(serialization.Encoding.PEM)
            (folder / f"{name}.pem").write_bytes(pem)
        for name, key in keys.items():
            path = folder / f"{name}.key"
            path.write_bytes(key_pem(key))
            path.chmod(0o600)


def key_pem(key: PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


@pytest.fixture(scope="session")
def certify() -> Callable[..., x509.Certificate]:
    return make_certificate


@pytest.fixture(scope="session")
def pki() -> Pki:
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority = make_certificate("authority", authority_key, is_authority=True)
    station_key = ec.generate_private_key(ec.SECP256R1())
    station = make_certificate("station", station_key, (authority, authority_key))
    keys: dict[str, RecipientKey] = {
        "rsa": rsa.generate_private_key(65537, 3072),
        "p256": ec.generate_private_key(ec.SECP256R1()),
        "p384": ec.generate_private_key(ec.SECP384R1()),
    }
    recipients = {name: (make_certificate(name, key), key) for name, key in keys.items()}
    return Pki(authority, authority_key, Signer(station, station_key), recipients)


@pytest.fixture
def keys(pki: Pki) -> StationKeys:
    certificates = tuple(certificate for certificate, _ in pki.recipients.values())
    return StationKeys(bytes(32), pki.signer, certificates)


def encode_image(codec: str, width: int, height: int) -> bytes:
    rng = np.random.default_rng(width * height)
    shape = (height, width, 3) if codec == "JPEG" else (height, width)
    pixels = rng.integers(0, 255, shape, dtype=np.uint8)
    target = io.BytesIO()
    options = {"irreversible": False} if codec == "JP2" else {}
    pillow_format = {"JP2": "JPEG2000"}.get(codec, codec)
    Image.fromarray(pixels).save(target, pillow_format, **options)
    return target.getvalue()


@pytest.fixture(scope="session")
def encode() -> Callable[[str, int, int], bytes]:
    return encode_image


def fir(payload: bytes) -> bytes:
    return b"FIR\x00020\x00" + payload


@pytest.fixture(scope="session")
def content() -> RecordContent:
    jp2 = encode_image("JP2", 96, 120)
    proof = Attestation(
        "L1",
        "ab" * 32,
        "t-1",
        tokens=("e30..c2ln",),
        hashes=("AA" * 32,),
        payloads=(f'{{"bioValue":"{BIO_VALUE_PLACEHOLDER}"}}',),
        previous_hashes=("BB" * 32,),
    )
    slap = FingerImage(
        Slap.RIGHT_FOUR,
        encode_image("PNG", 200, 150),
        "PNG",
        200,
        150,
        500,
        segments=(Segment(Finger.RIGHT_INDEX, 1, 2, 50, 140, nfiq2=61),),
    )
    fingers = tuple(
        FingerImage(
            finger,
            jp2,
            "JP2",
            96,
            120,
            500,
            nfiq2=55,
            device_score=70,
            device_record=fir(bytes([finger])),
            device_serial="SLAP-1",
            attestation=proof,
        )
        for finger in (Finger.RIGHT_INDEX, Finger.LEFT_INDEX)
    )
    verification = FingerImage(
        Finger.RIGHT_INDEX,
        bytes(96 * 120),
        "RAW",
        96,
        120,
        500,
        device_record=fir(b"again"),
        verification=True,
    )
    return RecordContent(
        record_id=RECORD_ID,
        station="3201-01",
        operator="op-7",
        created_at=NOW,
        simulated=True,
        software_version="0.1.0",
        configuration_sha256="c" * 64,
        biodata={"nama": "Ayu Lestari", "nik": "3201014107900001"},
        fingers=(slap, *fingers, verification),
        irises=(IrisImage(Eye.RIGHT, encode_image("PNG", 64, 48), "PNG", 64, 48),),
        face=FaceImage(encode_image("JPEG", 48, 64), "JPEG", 48, 64, device_score=80),
        exceptions=(
            CaptureException(Finger.RIGHT_LITTLE, Missing.AMPUTATED, "sup-1"),
            CaptureException(Eye.LEFT, Missing.DAMAGED, "sup-1"),
        ),
        devices=(CapturingDevice(Kind.FINGERPRINT, "Slap", "SLAP-1", "1.2", "cal-9"),),
        decisions=(Decision("right-four", "dry-skin", "op-7", "sup-1", NOW),),
        documents=(Document("signature.png", "image/png", b"\x89PNG"),),
        legal_basis="UU 27/2022 20(2)e",
    )


@dataclass
class FaultyFiles(DiskFiles):
    """A disk with `space` bytes left (None: enough); syncing fails while `sync_fails`."""

    space: int | None = None
    sync_fails: bool = False
    folder_sync_fails: bool = False
    truncate_fails: bool = False
    calls: list[str] = field(default_factory=list)

    def write(self, descriptor: int, data: memoryview, offset: int) -> int:
        if self.space is None:
            return super().write(descriptor, data, offset)
        if self.space == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        # half at a time, as a real system call may do
        part = data[: max(1, min(self.space, len(data) // 2))]
        self.space -= len(part)
        return super().write(descriptor, part, offset)

    def truncate(self, descriptor: int, length: int) -> None:
        if self.truncate_fails:
            raise OSError(errno.EIO, "Input/output error")
        super().truncate(descriptor, length)

    def sync(self, descriptor: int) -> None:
        self.calls.append("sync")
        if self.sync_fails:
            raise OSError(errno.EIO, "Input/output error")

    def sync_data(self, descriptor: int) -> None:
        self.sync(descriptor)

    def sync_folder(self, path: Path) -> None:
        self.calls.append("sync folder")
        if self.folder_sync_fails:
            raise OSError(errno.EIO, "Input/output error")

    def rename(self, source: Path, target: Path) -> None:
        self.calls.append(f"rename {target.suffix}")
        super().rename(source, target)


@pytest.fixture
def faulty_files() -> FaultyFiles:
    return FaultyFiles()


@dataclass
class WallClock:
    """A wall clock that stands still until told."""

    now: datetime = NOW

    def monotonic(self) -> float:
        return 0.0

    def utc_now(self) -> datetime:
        return self.now

    def wait(self, event: object, seconds: float) -> bool:
        self.now += timedelta(seconds=seconds)
        return False


@pytest.fixture
def clock() -> WallClock:
    return WallClock()

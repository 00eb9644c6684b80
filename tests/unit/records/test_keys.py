"""Keys are refused with a clear reason before a resident sits down."""

from __future__ import annotations

import stat
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from station.records.errors import (
    CertificateExpired,
    KeyExposed,
    KeyMismatch,
    KeyMissing,
    KeyUnsuitable,
    StorageFailed,
)
from station.records.journal import Journal
from station.records.keys import (
    StationKeys,
    fingerprint,
    load_journal_key,
    load_recipient_key,
    renew_journal_key,
)

NOW = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.fixture
def folder(pki: Any, tmp_path: Path) -> Path:
    pki.write_pem(tmp_path)
    return tmp_path


def load(folder: Path, **changes: Any) -> StationKeys:
    arguments: dict[str, Any] = {
        "signing_key": folder / "station.key",
        "certificate": folder / "station.pem",
        "recipients": [folder / "rsa.pem", folder / "p384.pem"],
        "now": NOW,
    }
    return StationKeys.open(folder / "secret", **(arguments | changes))


def write_key(path: Path, key: Any) -> None:
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    path.chmod(0o600)


def test_all_keys_are_loaded(folder: Path, pki: Any) -> None:
    keys = load(folder)
    assert keys.signer.certificate == pki.signer.certificate
    assert keys.recipients[1] == pki.recipients["p384"][0]
    assert keys.custody == "file"
    assert len(fingerprint(keys.recipients[0])) == 64


def test_repr_shows_no_secret(folder: Path) -> None:
    keys = load(folder)
    assert repr(keys.journal_key) not in repr(keys)
    assert "PrivateKey" not in repr(keys)


def test_journal_key_is_made_once_and_private(tmp_path: Path) -> None:
    key = load_journal_key(tmp_path / "secret")
    assert len(key) == 32
    assert load_journal_key(tmp_path / "secret") == key
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "secret" / "journal.key").stat().st_mode) == 0o600


def test_journal_key_is_renewed_only_without_journals(tmp_path: Path) -> None:
    secret, journals = tmp_path / "secret", tmp_path / "journal"
    key = load_journal_key(secret)
    journal = Journal.create(journals, "session", key)
    with pytest.raises(StorageFailed):
        renew_journal_key(secret, journals)
    journal.wipe()
    renewed = renew_journal_key(secret, journals)
    assert renewed != key
    assert load_journal_key(secret) == renewed


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_key_that_others_can_reach_is_refused(folder: Path, mode: int) -> None:
    load(folder)
    (folder / "station.key").chmod(mode)
    with pytest.raises(KeyExposed):
        load(folder)
    (folder / "station.key").chmod(0o600)
    (folder / "secret" / "journal.key").chmod(mode)
    with pytest.raises(KeyExposed):
        load(folder)


def test_open_key_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir(mode=0o755)
    (tmp_path / "secret").chmod(0o755)
    with pytest.raises(KeyExposed):
        load_journal_key(tmp_path / "secret")


def test_short_journal_key_is_refused(tmp_path: Path) -> None:
    load_journal_key(tmp_path / "secret")
    (tmp_path / "secret" / "journal.key").write_bytes(b"short")
    with pytest.raises(KeyUnsuitable):
        load_journal_key(tmp_path / "secret")


@pytest.mark.parametrize("name", ["station.key", "station.pem", "rsa.pem"])
def test_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(KeyMissing, match=name):
        load(folder)


def test_no_recipient_is_refused(folder: Path) -> None:
    with pytest.raises(KeyMissing):
        load(folder, recipients=[])


@pytest.mark.parametrize("name", ["station.key", "station.pem", "rsa.pem"])
def test_garbage_is_unsuitable(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"-----BEGIN NOTHING-----\n")
    with pytest.raises(KeyUnsuitable):
        load(folder)


def test_signing_key_on_another_curve_is_unsuitable(folder: Path) -> None:
    write_key(folder / "station.key", ec.generate_private_key(ec.SECP384R1()))
    with pytest.raises(KeyUnsuitable, match="P-256"):
        load(folder)


def test_signing_key_of_another_certificate_is_a_mismatch(folder: Path) -> None:
    write_key(folder / "station.key", ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(KeyMismatch):
        load(folder)


@pytest.mark.parametrize(
    "now", [datetime(2019, 1, 1, tzinfo=UTC), datetime(2041, 1, 1, tzinfo=UTC)]
)
def test_expired_certificate_is_refused(folder: Path, now: datetime) -> None:
    with pytest.raises(CertificateExpired):
        load(folder, now=now)


@pytest.mark.parametrize("kind", ["short rsa", "odd curve"])
def test_recipient_with_a_weak_key_is_unsuitable(
    folder: Path, certify: Callable[..., x509.Certificate], kind: str
) -> None:
    key: Any = (
        rsa.generate_private_key(65537, 2048)
        if kind == "short rsa"
        else ec.generate_private_key(ec.SECP521R1())
    )
    pem = certify("weak", key).public_bytes(serialization.Encoding.PEM)
    (folder / "rsa.pem").write_bytes(pem)
    with pytest.raises(KeyUnsuitable):
        load(folder)


def test_recipient_key_is_loaded_or_refused(folder: Path) -> None:
    assert isinstance(load_recipient_key(folder / "rsa.key"), rsa.RSAPrivateKey)
    write_key(folder / "rsa.key", ed25519.Ed25519PrivateKey.generate())
    with pytest.raises(KeyUnsuitable):
        load_recipient_key(folder / "rsa.key")


def test_key_folder_that_cannot_be_is_storage_failed(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"")
    for folder in (file, file / "keys"):
        with pytest.raises(StorageFailed, match="file"):
            load_journal_key(folder)


def test_journal_key_that_cannot_be_read_is_missing(tmp_path: Path) -> None:
    (tmp_path / "journal.key").mkdir(mode=0o700)
    with pytest.raises(KeyMissing, match=r"journal\.key"):
        load_journal_key(tmp_path)

"""What is sealed here opens with the stock openssl program, and only whole."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from station.errors import IntegrityError
from station.records.errors import (
    NotARecord,
    RecordDamaged,
    SignatureInvalid,
    StructureInvalid,
    UntrustedSigner,
    WrongRecipient,
)
from station.records.keys import Signer
from station.records.seal import open_sealed, outer, seal
from station.records.signature import (
    check_trust,
    sign_attached,
    sign_detached,
    verify_attached,
    verify_detached,
)

BUNDLE = b"line\nline\r\n" + bytes(range(256)) * 40
MINIMUM_OPENSSL = 3


def _openssl_version() -> int:
    program = shutil.which("openssl")
    if program is None:
        return 0
    text = subprocess.run([program, "version"], capture_output=True, text=True, check=True).stdout
    match = re.match(r"OpenSSL (\d+)", text)
    return int(match[1]) if match else 0


needs_openssl = pytest.mark.skipif(
    _openssl_version() < MINIMUM_OPENSSL, reason="no openssl program of version 3.0 or later"
)


@pytest.fixture(scope="module")
def sealed(pki: Any) -> bytes:
    return seal(BUNDLE, pki.signer, [certificate for certificate, _ in pki.recipients.values()])


def openssl(*arguments: object) -> int:
    command = ["openssl", "cms", "-binary", "-inform", "DER", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, check=False).returncode


@needs_openssl
@pytest.mark.parametrize("names", [["rsa"], ["p256"], ["p384"], ["rsa", "p256", "p384"]])
def test_every_recipient_opens_it_with_openssl(pki: Any, tmp_path: Path, names: list[str]) -> None:
    pki.write_pem(tmp_path)
    record, inner, opened = tmp_path / "r.cms", tmp_path / "inner", tmp_path / "opened"
    record.write_bytes(seal(BUNDLE, pki.signer, [pki.recipients[name][0] for name in names]))
    for name in names:
        recipient = ["-recip", tmp_path / f"{name}.pem", "-inkey", tmp_path / f"{name}.key"]
        assert openssl("-decrypt", "-in", record, *recipient, "-out", inner) == 0
        trust = ["-CAfile", tmp_path / "ca.pem", "-purpose", "any"]
        assert openssl("-verify", "-in", inner, *trust, "-out", opened) == 0
        assert opened.read_bytes() == BUNDLE


@needs_openssl
def test_detached_signature_is_verified_by_openssl(pki: Any, tmp_path: Path, sealed: bytes) -> None:
    pki.write_pem(tmp_path)
    (tmp_path / "r.cms").write_bytes(sealed)
    (tmp_path / "r.sig").write_bytes(sign_detached(sealed, pki.signer))
    arguments = ["-verify", "-in", tmp_path / "r.sig", "-content", tmp_path / "r.cms"]
    trust = ["-CAfile", tmp_path / "ca.pem", "-purpose", "any", "-out", tmp_path / "out"]
    assert openssl(*arguments, *trust) == 0
    (tmp_path / "r.cms").write_bytes(sealed + b"x")
    assert openssl(*arguments, *trust) != 0


@needs_openssl
def test_openssl_refuses_a_changed_record(pki: Any, tmp_path: Path, sealed: bytes) -> None:
    pki.write_pem(tmp_path)
    changed = bytearray(sealed)
    changed[len(changed) - 200] ^= 1
    (tmp_path / "r.cms").write_bytes(changed)
    recipient = ["-recip", tmp_path / "rsa.pem", "-inkey", tmp_path / "rsa.key"]
    arguments = ["-in", tmp_path / "r.cms", *recipient, "-out", tmp_path / "inner"]
    assert openssl("-decrypt", *arguments) != 0


@pytest.mark.parametrize("name", ["rsa", "p256", "p384"])
def test_every_recipient_opens_it_here(pki: Any, sealed: bytes, name: str) -> None:
    signed = verify_attached(open_sealed(sealed, *pki.recipients[name]))
    assert signed.content == BUNDLE
    check_trust(signed, pki.authority)


def test_outside_shows_recipients_and_nothing_else(sealed: bytes) -> None:
    envelope = outer(sealed)
    assert sorted(r.kind for r in envelope.recipients) == ["EC", "EC", "RSA"]
    assert {r.issuer for r in envelope.recipients} == {
        "Common Name: rsa",
        "Common Name: p256",
        "Common Name: p384",
    }
    assert b"line\nline" not in sealed
    assert b"station" not in sealed


def test_sealing_twice_gives_other_bytes(pki: Any) -> None:
    recipients = [pki.recipients["p256"][0]]
    assert seal(BUNDLE, pki.signer, recipients) != seal(BUNDLE, pki.signer, recipients)


def test_no_recipient_is_refused(pki: Any) -> None:
    with pytest.raises(ValueError, match="recipient"):
        seal(BUNDLE, pki.signer, [])


def test_unsupported_recipient_is_refused(pki: Any, certify: Any) -> None:
    odd = certify("odd", ec.generate_private_key(ec.SECP521R1()))
    with pytest.raises(ValueError, match="key"):
        seal(BUNDLE, pki.signer, [odd])


def test_stranger_and_foreign_key_are_told_apart_from_damage(pki: Any, certify: Any) -> None:
    sealed = seal(BUNDLE, pki.signer, [pki.recipients["rsa"][0]])
    key = ec.generate_private_key(ec.SECP256R1())
    with pytest.raises(WrongRecipient, match="not sealed for"):
        open_sealed(sealed, certify("stranger", key), key)
    with pytest.raises(WrongRecipient, match="does not belong"):
        open_sealed(sealed, pki.recipients["rsa"][0], key)


def test_changed_content_releases_nothing(pki: Any, sealed: bytes) -> None:
    middle = len(sealed) - 300
    changed = sealed[:middle] + bytes([sealed[middle] ^ 1]) + sealed[middle + 1 :]
    assert outer(changed).content_bytes == outer(sealed).content_bytes
    with pytest.raises(RecordDamaged):
        open_sealed(changed, *pki.recipients["p384"])


def test_truncated_tag_is_damage(pki: Any, sealed: bytes) -> None:
    changed = sealed[:-1] + bytes([sealed[-1] ^ 0x80])
    with pytest.raises(RecordDamaged):
        open_sealed(changed, *pki.recipients["rsa"])


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"0\x80", b"0\x03\x06\x01*", bytes(1000)])
def test_other_files_are_no_records(data: bytes) -> None:
    with pytest.raises(NotARecord):
        outer(data)


def test_signed_data_is_no_record(pki: Any) -> None:
    with pytest.raises(NotARecord):
        outer(sign_attached(BUNDLE, pki.signer))


def test_bytes_behind_the_envelope_are_noticed(sealed: bytes) -> None:
    with pytest.raises(NotARecord):
        outer(sealed + b"\x00")


def test_signature_over_other_content_is_invalid(pki: Any) -> None:
    signature = sign_detached(BUNDLE, pki.signer)
    assert verify_detached(signature, BUNDLE).certificate == pki.signer.certificate
    with pytest.raises(SignatureInvalid):
        verify_detached(signature, BUNDLE + b"x")


def test_signature_by_another_key_is_invalid(pki: Any) -> None:
    # the certificate of the station with a key that is not its own
    impostor = Signer(pki.signer.certificate, ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(SignatureInvalid):
        verify_detached(sign_detached(BUNDLE, impostor), BUNDLE)


def test_detached_signature_has_no_content(pki: Any) -> None:
    with pytest.raises(StructureInvalid):
        verify_attached(sign_detached(BUNDLE, pki.signer))


def test_station_of_another_authority_is_untrusted(pki: Any, certify: Any) -> None:
    signed = verify_attached(sign_attached(BUNDLE, pki.signer))
    key = ec.generate_private_key(ec.SECP256R1())
    same_name = certify("authority", key, is_authority=True)
    other_name = certify("other", key, is_authority=True)
    no_authority = certify("authority", key)
    for wrong in (same_name, other_name, no_authority):
        with pytest.raises(UntrustedSigner):
            check_trust(signed, wrong)


def test_certificate_outside_its_validity_is_untrusted(pki: Any, certify: Any) -> None:
    from datetime import UTC, datetime

    issuer = (pki.authority, pki.authority_key)
    old = certify("station", pki.signer.key, issuer, not_after=datetime(2021, 1, 1, tzinfo=UTC))
    signed = verify_attached(sign_attached(BUNDLE, Signer(old, pki.signer.key)))
    with pytest.raises(UntrustedSigner, match="valid"):
        check_trust(signed, pki.authority)


def test_own_certificate_may_serve_as_authority(pki: Any) -> None:
    signed = verify_attached(sign_attached(BUNDLE, pki.signer))
    check_trust(signed, pki.signer.certificate)
    assert isinstance(signed.certificate, x509.Certificate)


@given(st.binary(max_size=200))
def test_arbitrary_bytes_fail_in_one_way(data: bytes) -> None:
    with pytest.raises((NotARecord, StructureInvalid)):
        outer(data)
    with pytest.raises(StructureInvalid):
        verify_attached(data)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(data=st.data())
def test_changed_records_never_open(pki: Any, small_record: bytes, data: st.DataObject) -> None:
    where = data.draw(st.integers(0, len(small_record) - 1))
    changed = bytearray(small_record)
    changed[where] ^= data.draw(st.integers(1, 255))
    try:
        opened = open_sealed(bytes(changed), *pki.recipients["p256"])
    except IntegrityError:
        return
    # what the tag does not cover (the other recipient's entry) must not change the content
    assert verify_attached(opened).content == b"x"


@pytest.fixture(scope="module")
def small_record(pki: Any) -> bytes:
    return seal(b"x", pki.signer, [pki.recipients["p256"][0], pki.recipients["p384"][0]])


@pytest.mark.parametrize("change", [0x01, 0x80])
def test_no_changed_byte_of_a_signature_is_accepted(pki: Any, signed_x: bytes, change: int) -> None:
    accepted = []
    for where in range(len(signed_x)):
        changed = bytearray(signed_x)
        changed[where] ^= change
        try:
            check_trust(verify_attached(bytes(changed)), pki.authority)
        except IntegrityError:
            continue
        accepted.append(where)
    assert accepted == []


@pytest.fixture(scope="module")
def signed_x(pki: Any) -> bytes:
    return sign_attached(b"x" * 40, pki.signer)


def test_random_sizes_come_back(pki: Any) -> None:
    for size in (1, 15, 16, 17, 127, 128, 65_535, 65_536):
        content = os.urandom(size)
        sealed = seal(content, pki.signer, [pki.recipients["p256"][0]])
        assert verify_attached(open_sealed(sealed, *pki.recipients["p256"])).content == content

"""The open test application: files read from the card, and the object that vouches for them."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from asn1crypto import cms
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from drivers.card import tlv
from drivers.card.apdu import ApduChannel
from drivers.card.chip_content import decode_photo
from drivers.card.profiles import open_lds
from drivers.card.profiles.open_lds_sod import SecurityObjectError, check_security_object
from drivers.card.signature import SignatureCheck
from drivers.errors import CardUnreadable
from simulators.card import KtpelCard, specimen
from simulators.ktpel_card_open_lds import build_security_object, open_files
from simulators.test_keys import (
    DOCUMENT_AUTHORITY,
    DOCUMENT_SIGNER,
    authority_certificate,
    issue,
    signer_certificate,
    write_authority,
)
from tests.protocol.ktpel_rig import CARD, MemoryChannel

NOW = datetime.now(UTC)
GROUPS = {2: b"face", 3: b"fingers", 4: b"iris", 7: b"signature", 13: b"biodata"}
SIGNER_NAME = "KARTU UJI DOCUMENT SIGNER"
AUTHORITY_NAME = "KARTU UJI CSCA"
OTHER_KEY = ec.derive_private_key(77, ec.SECP256R1())


@pytest.fixture(scope="module")
def sod() -> bytes:
    return build_security_object(GROUPS)


@pytest.fixture(scope="module")
def files() -> Mapping[int, bytes]:
    return open_files(specimen())


def channel_to(files: Mapping[int, bytes]) -> ApduChannel:
    card = KtpelCard(specimen())
    card.__dict__["_test_application"] = dict(files)
    return ApduChannel(MemoryChannel(CARD, card, []))


def read(files: Mapping[int, bytes]) -> open_lds.OpenContent:
    content = open_lds.read_open_lds(channel_to(files), (authority_certificate(),), NOW)
    assert content is not None
    return content


def test_everything_is_read_and_vouched_for(files: Mapping[int, bytes]) -> None:
    content = read(files)
    assert content.signature is SignatureCheck.VALID
    assert content.biodata["name"] == "BUDI UJI"
    assert content.photo == specimen().photo
    assert content.signature_jpeg is not None
    assert decode_photo(content.signature_jpeg).shape == (44, 168, 3)


@pytest.mark.parametrize("group", [open_lds.DG2, open_lds.DG7, open_lds.DG13])
def test_a_changed_file_is_read_and_marked(files: Mapping[int, bytes], group: int) -> None:
    changed = bytearray(files[group])
    position = len(changed) - 30 if group != open_lds.DG13 else changed.index(b"BUDI")
    changed[position] ^= 0x01
    content = read({**files, group: bytes(changed)})
    assert content.signature is SignatureCheck.INVALID
    assert "groups signed" in content.signature_detail


def test_a_group_that_is_not_listed_or_not_signed_is_marked(files: Mapping[int, bytes]) -> None:
    fewer = open_lds.build_common((open_lds.TAG_DG13,))
    assert read({**files, open_lds.EF_COM: fewer}).signature is SignatureCheck.INVALID
    more = open_lds.build_common((0x75, 0x67, 0x6D, 0x6B))
    extra = {open_lds.EF_COM: more, 0x010B: tlv.build(0x6B, b"more")}
    assert read({**files, **extra}).signature is SignatureCheck.INVALID


def test_a_card_without_a_security_object_is_unsigned(files: Mapping[int, bytes]) -> None:
    without = {number: file for number, file in files.items() if number != open_lds.EF_SOD}
    assert read(without).signature is SignatureCheck.UNSIGNED


def test_without_an_authority_nothing_is_claimed(files: Mapping[int, bytes]) -> None:
    content = open_lds.read_open_lds(channel_to(files), (), NOW)
    assert content is not None
    assert content.signature is SignatureCheck.NOT_CHECKED


@pytest.mark.parametrize(
    ("number", "file"),
    [
        (open_lds.EF_COM, open_lds.build_common((0x75, 0x75, 0x6D))),
        (open_lds.EF_COM, open_lds.build_common((0x6D, 0x99))),
        (open_lds.EF_COM, open_lds.build_common((0x75,))),
        (open_lds.DG2, tlv.build(0x75, b"")),
        (open_lds.DG2, tlv.build(0x67, b"\x02\x01\x01")),
        (open_lds.DG7, tlv.build(0x67, b"\x02\x01\x01")),
        (open_lds.DG13, tlv.build(0x6D, b"\x80\x01A")),
        (open_lds.EF_SOD, b"\x77\x82\xff\xff"),
    ],
)
def test_files_that_contradict_themselves_are_refused(
    files: Mapping[int, bytes], number: int, file: bytes
) -> None:
    with pytest.raises(CardUnreadable):
        read({**files, number: file})


# --- the security object ------------------------------------------------------------------------


def check(
    sod: bytes,
    groups: Mapping[int, bytes] | None = None,
    authorities: tuple[x509.Certificate, ...] | None = None,
    now: datetime = NOW,
) -> None:
    check_security_object(
        sod,
        GROUPS if groups is None else groups,
        (authority_certificate(),) if authorities is None else authorities,
        now,
    )


def test_genuine_object_is_accepted_and_fast(sod: bytes) -> None:
    check(sod)
    started = time.perf_counter()
    for _ in range(10):
        check(sod)
    assert (time.perf_counter() - started) / 10 < 0.05
    assert 900 < len(sod) < 1100


@pytest.mark.parametrize("number", GROUPS)
def test_other_or_fewer_or_more_groups_are_refused(sod: bytes, number: int) -> None:
    fewer = {n: group for n, group in GROUPS.items() if n != number}
    for groups in (fewer, {**GROUPS, number: b"other"}, {**GROUPS, 15: b"more"}, {}):
        with pytest.raises(SecurityObjectError, match="groups signed"):
            check(sod, groups)


def test_every_changed_bit_of_a_hash_is_refused(sod: bytes) -> None:
    at = sod.index(hashlib.sha256(b"face").digest())
    for bit in range(256):
        changed = bytearray(sod)
        changed[at + bit // 8] ^= 1 << bit % 8
        with pytest.raises(SecurityObjectError, match="digest"):
            check(bytes(changed))


def test_another_authority_of_the_same_name_is_refused(sod: bytes) -> None:
    impostor = issue(AUTHORITY_NAME, OTHER_KEY, AUTHORITY_NAME, OTHER_KEY)
    with pytest.raises(SecurityObjectError, match="no authority"):
        check(sod, authorities=(impostor,))
    check(sod, authorities=(impostor, authority_certificate()))


def test_a_signer_below_nobody_is_refused() -> None:
    signer = issue(SIGNER_NAME, OTHER_KEY, "SOMEBODY", DOCUMENT_SIGNER)
    with pytest.raises(SecurityObjectError, match="no authority"):
        check(build_security_object(GROUPS, signer, OTHER_KEY))


def test_a_signature_of_another_key_is_refused() -> None:
    with pytest.raises(SecurityObjectError, match="signature"):
        check(build_security_object(GROUPS, key=OTHER_KEY))


def test_the_authority_itself_signs_no_documents() -> None:
    sod = build_security_object(GROUPS, authority_certificate(), DOCUMENT_AUTHORITY)
    with pytest.raises(SecurityObjectError, match="not made for"):
        check(sod)


def test_validity_of_signer_and_authority_counts(sod: bytes) -> None:
    for now in (NOW - timedelta(days=3), NOW + timedelta(days=3700)):
        with pytest.raises(SecurityObjectError, match="not valid now"):
            check(sod, now=now)
    old = issue(
        AUTHORITY_NAME,
        DOCUMENT_AUTHORITY,
        AUTHORITY_NAME,
        DOCUMENT_AUTHORITY,
        valid_from=NOW - timedelta(days=10),
        days=5,
    )
    with pytest.raises(SecurityObjectError, match="no authority"):
        check(sod, authorities=(old,))


@pytest.mark.parametrize("right", ["no authority", "no issuing"])
def test_who_may_not_issue_vouches_for_nobody(sod: bytes, right: str) -> None:
    """The key and the name are those of the authority; its certificate does not let it issue."""
    name = authority_certificate().subject
    key = DOCUMENT_AUTHORITY
    usage = x509.KeyUsage(True, *[False] * 8)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=1))
        .add_extension(x509.BasicConstraints(right == "no issuing", None), critical=True)
    )
    if right == "no issuing":
        builder = builder.add_extension(usage, critical=True)
    with pytest.raises(SecurityObjectError, match="no authority"):
        check(sod, authorities=(builder.sign(key, SHA256()),))


def test_two_signers_or_certificates_are_refused(sod: bytes) -> None:
    message = cms.ContentInfo.load(tlv.parse(sod)[0].value)
    content = message["content"]
    content["certificates"] = [content["certificates"][0], content["certificates"][0]]
    with pytest.raises(SecurityObjectError, match="exactly one"):
        check(tlv.build(0x77, message.dump(force=True)))


@pytest.mark.parametrize("data", [b"", b"\x77\x00", b"\x77\x02\x30\x00", b"\x78\x00", bytes(9000)])
def test_what_is_no_security_object_is_refused(data: bytes) -> None:
    with pytest.raises(SecurityObjectError):
        check(data)


@pytest.mark.interop
@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_openssl_accepts_ours_and_refuses_a_changed_one(tmp_path: Path, sod: bytes) -> None:
    def verdict(security_object: bytes, anchor: Path) -> int:
        message = tmp_path / "sod.der"
        message.write_bytes(tlv.parse(security_object)[0].value)
        command = ["openssl", "cms", "-verify", "-inform", "DER", "-in", str(message), "-binary"]
        command += ["-purpose", "any", "-CAfile", str(anchor), "-out", str(tmp_path / "so.bin")]
        return subprocess.run(command, capture_output=True, check=False, timeout=10).returncode

    authority = write_authority(tmp_path / "csca.pem")
    assert verdict(sod, authority) == 0
    changed = bytearray(sod)
    changed[sod.index(hashlib.sha256(b"face").digest())] ^= 0x01
    assert verdict(bytes(changed), authority) == 4
    impostor = tmp_path / "impostor.pem"
    certificate = issue(AUTHORITY_NAME, OTHER_KEY, AUTHORITY_NAME, OTHER_KEY)
    impostor.write_bytes(certificate.public_bytes(Encoding.PEM))
    assert verdict(sod, impostor) == 4
    assert signer_certificate().subject != authority_certificate().subject

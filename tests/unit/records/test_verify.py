"""A stored record can be checked by anybody from outside, and by a recipient to the last image."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from drivers.positions import Eye, Finger, Slap
from drivers.values import Kind
from station.records.bundle import pack, unpack
from station.records.content import CaptureException, Missing, RecordContent
from station.records.errors import RecordUnreadable, StructureInvalid
from station.records.itl import build
from station.records.itl_check import parse
from station.records.keys import Signer, StationKeys, fingerprint
from station.records.manifest import AuditHead, build_manifest
from station.records.parts import ITL_PATH, collect_parts
from station.records.rows import StoredRecord
from station.records.seal import open_sealed, seal
from station.records.signature import sign_detached, verify_attached
from station.records.store import RecordStore
from station.records.verify import Check, Outcome, verify_record
from station.records.writer import seal_and_store

PASSED, FAILED, NOT_CHECKED = Outcome.PASSED, Outcome.FAILED, Outcome.NOT_CHECKED


@pytest.fixture
def stored(tmp_path: Path, content: RecordContent, keys: StationKeys) -> tuple[StoredRecord, Path]:
    with RecordStore(tmp_path, station=content.station, signer=keys.signer) as store:
        record = seal_and_store(content, keys, store)
        return record, store.object_path(record.record_id)


def flip(path: Path, where: int) -> None:
    data = bytearray(path.read_bytes())
    data[where] ^= 1
    path.write_bytes(data)


def code_of(verification: Any, check: Check) -> str:
    return next(str(result.code) for result in verification.results if result.check is check)


def test_stored_record_states_its_recipients(
    stored: tuple[StoredRecord, Path], keys: StationKeys, content: RecordContent
) -> None:
    record, _ = stored
    assert record.recipients == tuple(fingerprint(c) for c in keys.recipients)
    assert (record.record_id, record.operator) == (content.record_id, content.operator)
    assert record.simulated is content.simulated


def test_anybody_can_check_the_outside(stored: tuple[StoredRecord, Path], pki: Any) -> None:
    record, path = stored
    verification = verify_record(path, station_ca=pki.authority, expected_sha256=record.sha256)
    assert verification.is_sound
    assert [result.outcome for result in verification.results] == [PASSED] * 4 + [NOT_CHECKED] * 6
    assert verification.envelope is not None
    assert len(verification.envelope.recipients) == 3
    assert verification.signer == fingerprint(pki.signer.certificate)


@pytest.mark.parametrize("name", ["rsa", "p384"])
def test_recipient_can_check_everything(
    stored: tuple[StoredRecord, Path], pki: Any, name: str
) -> None:
    record, path = stored
    verification = verify_record(
        path,
        station_ca=pki.authority,
        recipient=pki.recipients[name],
        expected_sha256=record.sha256,
    )
    assert {result.outcome for result in verification.results} == {PASSED}


def test_without_an_authority_trust_is_not_checked(
    stored: tuple[StoredRecord, Path], pki: Any
) -> None:
    verification = verify_record(stored[1], recipient=pki.recipients["rsa"])
    assert verification.is_sound
    assert verification.outcome(Check.OUTER_TRUST) is NOT_CHECKED
    assert verification.outcome(Check.INNER_TRUST) is NOT_CHECKED
    assert verification.outcome(Check.HASH) is NOT_CHECKED


def test_trust_needs_an_authority_and_everything_sound(
    stored: tuple[StoredRecord, Path], pki: Any
) -> None:
    path, recipient = stored[1], pki.recipients["p256"]
    assert verify_record(path, station_ca=pki.authority).is_trusted
    assert verify_record(path, station_ca=pki.authority, recipient=recipient).is_trusted
    for unchecked in (verify_record(path), verify_record(path, recipient=recipient)):
        assert unchecked.is_sound
        assert not unchecked.is_trusted
    assert not verify_record(path, station_ca=pki.authority, expected_sha256="0" * 64).is_trusted
    foreign = verify_record(path, station_ca=pki.recipients["p384"][0], recipient=recipient)
    assert not foreign.is_trusted
    path.with_suffix(".sig").unlink()
    inside = verify_record(path, station_ca=pki.authority, recipient=recipient)
    assert inside.outcome(Check.INNER_TRUST) is PASSED
    assert not inside.is_trusted, "nobody vouches for the file as it lies there"


@pytest.mark.parametrize("reason", [Missing.AMPUTATED, Missing.BANDAGED, Missing.NOT_CAPTURED])
def test_record_with_missing_fingers_and_eyes_is_sound(
    tmp_path: Path, content: RecordContent, keys: StationKeys, pki: Any, reason: Missing
) -> None:
    left_out = (*Slap.LEFT_FOUR.fingers, Finger.LEFT_THUMB, *Eye)
    changed = dataclasses.replace(
        content,
        fingers=content.fingers[:2],
        irises=(),
        exceptions=tuple(CaptureException(part, reason, "sup-1") for part in left_out),
    )
    with RecordStore(tmp_path, station=content.station, signer=keys.signer) as store:
        path = store.object_path(seal_and_store(changed, keys, store).record_id)
    verification = verify_record(path, station_ca=pki.authority, recipient=pki.recipients["p384"])
    assert verification.is_trusted
    assert verification.outcome(Check.ITL) is PASSED
    opened = open_sealed(path.read_bytes(), *pki.recipients["p384"])
    records = parse(unpack(verify_attached(opened).content).parts[ITL_PATH])
    without_image = [r for r in records if r.kind in (14, 17) and r.image is None]
    assert [r.text(13 if r.kind == 14 else 3) for r in without_image] == [
        *("7", "8", "9", "10", "6"),
        *("1", "2"),
    ]


def test_changed_record_fails_from_outside_and_inside(
    stored: tuple[StoredRecord, Path], pki: Any
) -> None:
    record, path = stored
    flip(path, -300)
    verification = verify_record(
        path,
        station_ca=pki.authority,
        recipient=pki.recipients["rsa"],
        expected_sha256=record.sha256,
    )
    assert not verification.is_sound
    assert code_of(verification, Check.HASH) == "SEC-103"
    assert code_of(verification, Check.OUTER_SIGNATURE) == "SEC-102"
    assert code_of(verification, Check.SEAL) == "SEC-101"
    assert verification.outcome(Check.BUNDLE) is NOT_CHECKED


def test_other_file_is_no_record(tmp_path: Path) -> None:
    path = tmp_path / "x.cms"
    path.write_bytes(b"PK\x03\x04")
    verification = verify_record(path)
    assert code_of(verification, Check.ENVELOPE) == "SEC-105"
    assert verification.envelope is None


def test_absent_file_raises(tmp_path: Path) -> None:
    with pytest.raises(RecordUnreadable):
        verify_record(tmp_path / "absent.cms")


def test_missing_signature_fails_unless_the_inside_is_seen(
    stored: tuple[StoredRecord, Path], pki: Any
) -> None:
    path = stored[1]
    path.with_suffix(".sig").unlink()
    assert code_of(verify_record(path), Check.OUTER_SIGNATURE) == "SEC-102"
    verification = verify_record(path, recipient=pki.recipients["rsa"])
    assert verification.is_sound
    assert verification.signer == fingerprint(pki.signer.certificate)


def test_foreign_authority_is_untrusted(
    stored: tuple[StoredRecord, Path], pki: Any, certify: Any
) -> None:
    foreign = certify("authority", pki.authority_key, is_authority=False)
    verification = verify_record(stored[1], station_ca=foreign, recipient=pki.recipients["p256"])
    assert code_of(verification, Check.OUTER_TRUST) == "SEC-107"
    assert code_of(verification, Check.INNER_TRUST) == "SEC-107"


def test_key_of_a_stranger_is_named(
    stored: tuple[StoredRecord, Path], pki: Any, certify: Any
) -> None:
    _, key = pki.recipients["p256"]
    verification = verify_record(stored[1], recipient=(certify("stranger", key), key))
    assert code_of(verification, Check.SEAL) == "SEC-106"


def test_record_under_another_name_fails(stored: tuple[StoredRecord, Path], pki: Any) -> None:
    path = stored[1]
    renamed = path.with_name("0190a3b0-7c1e-7e2a-9d0e-000000000002.cms")
    path.rename(renamed)
    path.with_suffix(".sig").rename(renamed.with_suffix(".sig"))
    verification = verify_record(renamed, recipient=pki.recipients["rsa"])
    assert code_of(verification, Check.IDENTITY) == "SEC-103"


def test_record_signed_again_by_another_station_fails(
    stored: tuple[StoredRecord, Path], pki: Any, certify: Any
) -> None:
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    other = Signer(certify("other", key, (pki.authority, pki.authority_key)), key)
    path = stored[1]
    path.with_suffix(".sig").write_bytes(sign_detached(path.read_bytes(), other))
    verification = verify_record(path, station_ca=pki.authority, recipient=pki.recipients["rsa"])
    assert code_of(verification, Check.IDENTITY) == "SEC-107"


@pytest.mark.parametrize(
    ("spoil", "check", "code"),
    [
        ("part", Check.BUNDLE, "SEC-103"),
        ("itl", Check.ITL, "SEC-104"),
    ],
)
def test_sealed_but_wrong_inside_fails(
    tmp_path: Path, pki: Any, content: RecordContent, spoil: str, check: Check, code: str
) -> None:
    itl = build(content)
    parts = collect_parts(content, itl.replace(b"14.012:8", b"14.012:1") if spoil == "itl" else itl)
    head = AuditHead(size=0, root="0" * 64)
    manifest = build_manifest(content, parts, custody="file", sequence=1, audit=head)
    if spoil == "part":
        parts[1] = dataclasses.replace(parts[1], data=b"{}")
    path = tmp_path / f"{content.record_id}.cms"
    path.write_bytes(seal(pack(manifest, parts), pki.signer, [pki.recipients["p256"][0]]))
    verification = verify_record(path, recipient=pki.recipients["p256"])
    assert code_of(verification, check) == code


def test_content_that_makes_no_valid_record_is_not_stored(
    tmp_path: Path, content: RecordContent, keys: StationKeys
) -> None:
    wrong = dataclasses.replace(content.fingers[1], height=1)
    broken = dataclasses.replace(content, fingers=(wrong,))
    with RecordStore(tmp_path, station="s") as store:
        with pytest.raises(StructureInvalid):
            seal_and_store(broken, keys, store)
        assert store.records() == []


def test_manifest_continues_the_audit_log(
    tmp_path: Path, content: RecordContent, keys: StationKeys, pki: Any
) -> None:
    from station.records.bundle import unpack
    from station.records.seal import open_sealed
    from station.records.signature import verify_attached

    with RecordStore(tmp_path, station="s") as store:
        store.append_event("recording.opened", actor="op-7")
        head = store.head()
        seal_and_store(content, keys, store)
        sealed = store.object_path(content.record_id).read_bytes()
    manifest = unpack(verify_attached(open_sealed(sealed, *pki.recipients["rsa"])).content).manifest
    assert manifest.audit == head
    assert (manifest.sequence, head.size) == (1, 1)
    assert manifest.devices[0].kind == Kind.FINGERPRINT.value


def test_nothing_personal_lies_in_the_store(
    stored: tuple[StoredRecord, Path], content: RecordContent, tmp_path: Path
) -> None:
    for path in tmp_path.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            for value in content.biodata.values():
                assert value.encode() not in data
                assert value not in path.name

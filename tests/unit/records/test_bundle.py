"""Equal content gives equal bytes, and a part that differs from the manifest is noticed."""

from __future__ import annotations

import dataclasses
import io
import json
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from station.records.bundle import pack, read_files, unpack
from station.records.canonical import canonical
from station.records.content import Document, FingerImage, RecordContent, new_record_id
from station.records.errors import HashMismatch, StructureInvalid
from station.records.itl import build
from station.records.manifest import AuditHead, Manifest, build_manifest, parse_manifest
from station.records.objects import RECORD_ID
from station.records.parts import Part, collect_parts


@pytest.fixture(scope="module")
def parts(content: RecordContent) -> list[Part]:
    return collect_parts(content, build(content))


@pytest.fixture(scope="module")
def manifest(content: RecordContent, parts: list[Part]) -> Manifest:
    head = AuditHead(size=4, root="d" * 64)
    return build_manifest(content, parts, custody="file", sequence=9, audit=head)


@pytest.fixture(scope="module")
def bundle(manifest: Manifest, parts: list[Part]) -> bytes:
    return pack(manifest, parts)


def test_bundle_opens_with_its_parts(bundle: bytes, parts: list[Part], manifest: Manifest) -> None:
    opened = unpack(bundle)
    assert opened.manifest == manifest
    assert opened.parts == {part.path: part.data for part in parts}


def test_order_and_names_of_the_parts(bundle: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(bundle)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [
            "manifest.json",
            "record.an2",
            "biodata.json",
            "docs/signature.png",
            "device/right_index.fir",
            "device/left_index.fir",
            "device/right_index-verification.fir",
            "attestations.json",
        ]


def test_equal_content_gives_equal_bytes(
    content: RecordContent, manifest: Manifest, bundle: bytes
) -> None:
    assert pack(manifest, collect_parts(content, build(content))) == bundle


def test_device_records_are_kept_byte_for_byte(bundle: bytes, content: RecordContent) -> None:
    record = content.fingers[1].device_record
    assert unpack(bundle).parts["device/right_index.fir"] == record


def test_manifest_states_what_was_decided(manifest: Manifest) -> None:
    stated = json.loads(manifest.encoded())
    assert stated["schema"] == "ktp-record/1"
    assert (stated["sequence"], stated["simulated"], stated["custody"]) == (9, True, "file")
    assert stated["operators"] == ["op-7", "sup-1"]
    assert stated["exceptions"][1]["position"] == "left_eye"
    assert stated["devices"][0]["serial"] == "SLAP-1"
    capture = next(c for c in stated["captures"] if c["label"] == "right_index")
    assert (capture["nfiq2"], capture["device_score"]) == (55, 70)
    assert capture["part"] == "device/right_index.fir"


def test_manifest_names_nobody(manifest: Manifest, content: RecordContent) -> None:
    for value in content.biodata.values():
        assert value.encode() not in manifest.encoded()


def test_attestations_can_be_repeated_centrally(bundle: bytes) -> None:
    stated = json.loads(unpack(bundle).parts["attestations.json"])
    proof = next(entry for entry in stated if entry["label"] == "right_index")
    assert proof["tokens"] == ["e30..c2ln"]
    assert proof["payloads"] == ['{"bioValue":"<bioValue>"}']
    assert proof["previous_hashes"] == ["BB" * 32]
    assert proof["hashes"] == ["AA" * 32]


def test_score_of_a_portrait_is_the_cameras_own(content: RecordContent, manifest: Manifest) -> None:
    stated = json.loads(manifest.encoded())["captures"][0]
    assert (stated["label"], stated["device_score"], stated["nfiq2"]) == ("face", 80, None)
    assert content.face is not None
    assert content.face.device_score == 80


def test_changed_part_is_a_hash_mismatch(manifest: Manifest, parts: list[Part]) -> None:
    changed = [dataclasses.replace(parts[0], data=parts[0].data + b"x"), *parts[1:]]
    with pytest.raises(HashMismatch, match=r"record\.an2"):
        unpack(pack(manifest, changed))


@pytest.mark.parametrize("change", ["missing", "extra", "moved"])
def test_other_parts_than_stated_are_refused(
    manifest: Manifest, parts: list[Part], change: str
) -> None:
    changed = {
        "missing": parts[:-1],
        "extra": [*parts, Part("docs/more", "text/plain", b"")],
        "moved": [*parts[1:], parts[0]],
    }[change]
    with pytest.raises(StructureInvalid):
        unpack(pack(manifest, changed))


@pytest.mark.parametrize("junk", ["before", "behind", "comment", "compressed"])
def test_archive_of_another_spelling_is_refused(bundle: bytes, junk: str) -> None:
    changed = {"before": b"x" + bundle, "behind": bundle + b"x"}.get(junk)
    if changed is None:
        target = io.BytesIO()
        method = zipfile.ZIP_DEFLATED if junk == "compressed" else zipfile.ZIP_STORED
        with zipfile.ZipFile(target, "w", method) as archive:
            for path, data in read_files(bundle).items():
                archive.writestr(path, data)
        changed = target.getvalue()
    with pytest.raises(StructureInvalid):
        unpack(changed)


def test_manifest_of_another_spelling_is_refused(manifest: Manifest) -> None:
    stated = json.loads(manifest.encoded())
    with pytest.raises(StructureInvalid, match="canonical"):
        parse_manifest(json.dumps(stated).encode())
    with pytest.raises(StructureInvalid):
        parse_manifest(canonical(stated | {"more": 1}))
    with pytest.raises(StructureInvalid):
        parse_manifest(canonical(stated | {"schema": "ktp-record/2"}))


def test_floats_have_no_canonical_form() -> None:
    with pytest.raises(ValueError, match="float"):
        canonical({"a": [{"b": 0.5}]})


@pytest.mark.parametrize("name", ["../x", "a/b", ".hidden", "", "näme"])
def test_document_name_that_is_no_file_name_is_refused(content: RecordContent, name: str) -> None:
    documents = (Document(name, "text/plain", b""),)
    with pytest.raises(ValueError, match="document name"):
        collect_parts(dataclasses.replace(content, documents=documents), b"")


def test_two_documents_of_one_name_are_refused(content: RecordContent) -> None:
    documents = (Document("a.txt", "text/plain", b"1"), Document("a.txt", "text/plain", b"2"))
    with pytest.raises(ValueError, match="same name"):
        collect_parts(dataclasses.replace(content, documents=documents), b"")


def test_printing_content_shows_no_person(content: RecordContent) -> None:
    text = repr(content) + repr(content.fingers) + repr(content.face) + repr(content.documents)
    assert "Ayu" not in text
    assert "3201014107900001" not in text
    assert "\\x" not in text


def test_naive_time_is_refused(content: RecordContent) -> None:
    with pytest.raises(ValueError, match="timezone"):
        dataclasses.replace(content, created_at=content.created_at.replace(tzinfo=None))


def test_record_ids_are_sortable_and_fit_the_store() -> None:
    first, second = new_record_id(), new_record_id()
    assert RECORD_ID.fullmatch(first)
    assert first[14] == "7"
    assert first < second


@given(st.binary(max_size=300), st.booleans())
def test_arbitrary_bytes_are_no_bundle(data: bytes, has_magic: bool) -> None:
    with pytest.raises(StructureInvalid):
        unpack(b"PK\x03\x04" + data if has_magic else data)


@given(st.binary(max_size=100))
def test_arbitrary_bytes_are_no_manifest(data: bytes) -> None:
    with pytest.raises(StructureInvalid):
        parse_manifest(data)


def test_changed_bundles_are_refused(manifest: Manifest) -> None:
    small = _archive_of(manifest)

    @given(st.integers(0, len(small) - 1), st.integers(1, 255))
    def check(where: int, change: int) -> None:
        changed = bytearray(small)
        changed[where] ^= change
        with pytest.raises((StructureInvalid, HashMismatch)):
            unpack(bytes(changed))

    assert unpack(small).manifest.parts[0].path == "a"
    check()


def _archive_of(manifest: Manifest) -> bytes:
    part = Part("a", "text/plain", b"0123456789")
    entry = manifest.parts[0].model_copy(
        update={"path": "a", "sha256": part.sha256, "size": 10, "media_type": "text/plain"}
    )
    return pack(manifest.model_copy(update={"parts": [entry]}), [part])


def test_image_labels_are_distinct(content: RecordContent) -> None:
    labels = [image.label for image in content.images]
    assert len(set(labels)) == len(labels)
    assert isinstance(content.images[1], FingerImage)

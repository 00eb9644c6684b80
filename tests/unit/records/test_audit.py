"""The audit log is a Merkle tree that shows every change, and a checkpoint that shows a cut."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from station.records.checkpoint import sign_checkpoint, verify_checkpoint
from station.records.errors import AuditBroken, AuditRefused, SignatureInvalid, StructureInvalid
from station.records.merkle import Frontier, leaf_hash, node_hash, unpack_frontier
from station.records.rows import RecordMeta
from station.records.store import RecordStore


def tree_root(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962 section 2.1, written as it stands there."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaf_hash(leaves[0])
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    return node_hash(tree_root(leaves[:split]), tree_root(leaves[split:]))


@pytest.fixture
def store(tmp_path: Path, pki: Any, clock: Any) -> Iterator[RecordStore]:
    with RecordStore(tmp_path, station="3201-01", signer=pki.signer, clock=clock) as opened:
        yield opened


def database(store: RecordStore) -> Any:
    return store._database.connection


def test_hash_of_the_empty_leaf_is_that_of_the_standard() -> None:
    expected = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert leaf_hash(b"").hex() == expected


@given(st.lists(st.binary(max_size=8), max_size=40))
def test_compact_range_gives_the_root_of_the_standard(leaves: list[bytes]) -> None:
    frontier = Frontier()
    for leaf in leaves:
        frontier = frontier.append(leaf)
    assert frontier.root == tree_root(leaves)
    assert unpack_frontier(frontier.size, frontier.packed) == frontier


@given(st.integers(0, 1000), st.binary(max_size=100))
def test_only_matching_lengths_are_compact_ranges(size: int, packed: bytes) -> None:
    if len(packed) == 32 * size.bit_count():
        assert unpack_frontier(size, packed).packed == packed
    else:
        with pytest.raises(ValueError, match="compact range"):
            unpack_frontier(size, packed)


def test_events_are_numbered_and_the_log_is_sound(store: RecordStore) -> None:
    assert [store.append_event("shift.opened", actor="op-7") for _ in range(3)] == [1, 2, 3]
    check = store.verify_chain()
    assert check.is_sound
    assert (check.size, check.root) == (3, store.head().root)


@pytest.mark.parametrize("detail", [{"nik": "3201014107900001"}, {"3201014107900001": 1}])
def test_entry_that_looks_like_a_nik_is_refused(store: RecordStore, detail: Any) -> None:
    with pytest.raises(AuditRefused, match="ST-305") as raised:
        store.append_event("capture.accepted", detail)
    assert "3201014107900001" not in str(raised.value)
    assert store.verify_chain().size == 0


def test_hash_with_many_digits_is_no_nik(store: RecordStore) -> None:
    assert store.append_event("config.changed", {"sha256": "a1234567890123456" + "b" * 47}) == 1


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE audit SET body = CAST(replace(body, 'op-7', 'op-8') AS BLOB) WHERE seq = 2",
        "DELETE FROM audit WHERE seq = 2",
        "UPDATE audit SET frontier = zeroblob(32) WHERE seq = 2",
        "UPDATE audit SET seq = 9 WHERE seq = 4",
        "UPDATE audit SET body = x'00' WHERE seq = 3",
    ],
)
def test_every_change_of_a_row_is_noticed(tmp_path: Path, tampering: str) -> None:
    with RecordStore(tmp_path, station="s") as store:
        for _ in range(4):
            store.append_event("shift.opened", actor="op-7")
        database(store).execute(tampering)
        assert not store.verify_chain().is_sound


def test_rewritten_log_differs_from_its_checkpoints(store: RecordStore) -> None:
    store.append_event("shift.opened", actor="op-7")
    with store._database.transaction():
        store._audit.write_checkpoint(store._signer.key)  # type: ignore[union-attr]
    with store._database.transaction() as connection:
        connection.execute("DELETE FROM audit")
        store._audit.append("shift.opened", {}, actor="op-8")
    assert store.verify_chain().problems == ("checkpoint 1 differs from the log",)


def test_cut_end_shows_against_a_kept_checkpoint(tmp_path: Path, pki: Any) -> None:
    with RecordStore(tmp_path, station="s", signer=pki.signer) as store:
        for _ in range(5):
            store.append_event("shift.opened")
    with RecordStore(tmp_path, station="s", signer=pki.signer) as store:
        note = store.last_checkpoint()
        assert note is not None
        assert store.verify_chain(note).is_sound
        database(store).execute("DELETE FROM audit WHERE seq > 3")
        database(store).execute("DELETE FROM checkpoint")
        assert store.verify_chain().is_sound
        assert "kept checkpoint" in store.verify_chain(note).problems[0]


def test_checkpoint_is_signed_at_close_and_at_the_interval(
    tmp_path: Path, pki: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("station.records.audit.CHECKPOINT_INTERVAL", 4)
    with RecordStore(tmp_path, station="s", signer=pki.signer) as store:
        for _ in range(6):
            store.append_event("shift.opened")
        note = store.last_checkpoint()
    public = pki.signer.key.public_key()
    assert note is not None
    assert verify_checkpoint(note, "s", public).size == 4
    with RecordStore(tmp_path, station="s", signer=pki.signer) as store:
        note = store.last_checkpoint()
    assert note is not None
    assert verify_checkpoint(note, "s", public).size == 6


def test_clock_steps_back_are_counted(store: RecordStore, clock: Any) -> None:
    store.append_event("shift.opened")
    clock.now -= timedelta(hours=1)
    store.append_event("shift.closed")
    check = store.verify_chain()
    assert (check.is_sound, check.clock_steps) == (True, 1)


def test_log_whose_last_row_contradicts_itself_is_not_continued(tmp_path: Path, pki: Any) -> None:
    store = RecordStore(tmp_path, station="s", signer=pki.signer)
    store.append_event("shift.opened")
    database(store).execute("UPDATE audit SET frontier = x'00'")
    with pytest.raises(AuditBroken):
        store.append_event("shift.closed")
    with pytest.raises(AuditBroken):
        store.close()
    # released all the same
    RecordStore(tmp_path, station="s").close()


def test_record_and_leaf_must_agree(store: RecordStore) -> None:
    record_id = "0190a3b0-7c1e-7e2a-9d0e-000000000001"
    meta = RecordMeta(record_id, "op-7", ())
    store.commit(b"sealed", b"signature", meta)
    assert store.verify_chain().is_sound
    database(store).execute("UPDATE record SET sha256 = 'other'")
    assert store.verify_chain().problems == (f"record {record_id} and the audit log differ",)
    database(store).execute("DELETE FROM record")
    assert store.verify_chain().problems == (f"record {record_id} and the audit log differ",)


def test_checkpoint_has_the_format_of_a_signed_note(pki: Any) -> None:
    note = sign_checkpoint("3201-01", Frontier().append(b"x"), pki.signer.key).decode()
    lines = note.split("\n")
    assert lines[:2] == ["rekam/3201-01", "1"]
    assert lines[3] == ""
    assert lines[4].startswith("\u2014 rekam/3201-01 ")
    assert note.endswith("\n")


def test_checkpoint_of_another_station_or_key_is_refused(pki: Any) -> None:
    public = pki.signer.key.public_key()
    note = sign_checkpoint("a", Frontier(), pki.signer.key)
    with pytest.raises(StructureInvalid):
        verify_checkpoint(note, "b", public)
    with pytest.raises(SignatureInvalid):
        verify_checkpoint(note, "a", ec.generate_private_key(ec.SECP256R1()).public_key())
    with pytest.raises(SignatureInvalid):
        verify_checkpoint(note.replace(b"\n0\n", b"\n1\n"), "a", public)


def test_arbitrary_notes_are_refused(pki: Any) -> None:
    public = pki.signer.key.public_key()
    note = sign_checkpoint("a", Frontier(), pki.signer.key)

    @given(st.binary(max_size=80), st.integers(0, len(note) - 40))
    def check(data: bytes, cut: int) -> None:
        for candidate in (data, note[:cut] + data):
            with pytest.raises((StructureInvalid, SignatureInvalid)):
                verify_checkpoint(candidate, "a", public)

    check()

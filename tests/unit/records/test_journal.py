"""The journal keeps what it acknowledged, and never mistakes damage for an end."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from station.records.errors import (
    DiskFull,
    JournalDamaged,
    JournalExists,
    JournalKeyWrong,
    KeyExposed,
    StorageFailed,
)
from station.records.frames import (
    Entry,
    FrameCipher,
    Header,
    decode_entry,
    encode_entry,
    parse_header,
    read_frames,
)
from station.records.journal import Journal, find_unfinished

KEY = bytes(range(32))
SESSION = "0190a3b0-7c1e-7e2a-9d0e-000000000001"


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal.create(tmp_path, SESSION, KEY)
    yield opened
    opened.close()


def resume(path: Path) -> list[Entry]:
    journal, entries = Journal.resume(path, KEY)
    journal.close()
    return entries


def fill(journal: Journal, count: int = 3) -> None:
    for number in range(count):
        journal.append({"type": "accepted", "number": number}, [bytes([number]) * 500, b""])


def test_entries_come_back_as_they_were_appended(journal: Journal) -> None:
    fill(journal)
    journal.close()
    entries = resume(journal.path)
    assert [entry.event["number"] for entry in entries] == [0, 1, 2]
    assert entries[2].blobs == (b"\x02" * 500, b"")


def test_file_is_private_and_shows_no_content(journal: Journal) -> None:
    journal.append({"nama": "Ayu"}, [b"ridge pattern"])
    assert stat.S_IMODE(journal.path.stat().st_mode) == 0o600
    data = journal.path.read_bytes()
    assert b"Ayu" not in data
    assert b"ridge" not in data


def test_entry_repr_shows_no_content() -> None:
    assert "Ayu" not in repr(Entry({"nama": "Ayu"}, (b"Ayu",)))


def test_append_is_synchronised_before_it_returns(tmp_path: Path, faulty_files: Any) -> None:
    journal = Journal.create(tmp_path, SESSION, KEY, faulty_files)
    faulty_files.calls.clear()
    journal.append({"type": "accepted"})
    journal.close()
    assert faulty_files.calls == ["sync"]


def test_creation_is_synchronised_in_the_right_order(tmp_path: Path, faulty_files: Any) -> None:
    Journal.create(tmp_path, SESSION, KEY, faulty_files).close()
    assert faulty_files.calls == ["sync", "rename .0", "sync folder"]


def test_resume_moves_to_a_fresh_generation_and_key(journal: Journal) -> None:
    fill(journal)
    journal.close()
    old = journal.path.read_bytes()
    resumed, _ = Journal.resume(journal.path, KEY)
    resumed.append({"type": "accepted", "number": 3})
    resumed.close()
    assert resumed.path.name == f"{SESSION}.1"
    assert not journal.path.exists()
    assert parse_header(old).wrapped_key != parse_header(resumed.path.read_bytes()).wrapped_key
    assert [entry.event["number"] for entry in resume(resumed.path)] == [0, 1, 2, 3]


def test_second_journal_of_a_session_is_refused(journal: Journal, tmp_path: Path) -> None:
    with pytest.raises(JournalExists):
        Journal.create(tmp_path, SESSION, KEY)


@pytest.mark.parametrize("session", ["", "a/b", "..", "3201.1", "x" * 65])
def test_session_id_that_is_no_file_name_is_refused(session: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="session id"):
        Journal.create(tmp_path, session, KEY)


def test_wrong_key_is_named(journal: Journal) -> None:
    with pytest.raises(JournalKeyWrong):
        Journal.resume(journal.path, bytes(32))


def test_newest_generation_wins_when_a_resume_was_interrupted(journal: Journal) -> None:
    fill(journal, 2)
    journal.close()
    old = journal.path.read_bytes()
    resumed, _ = Journal.resume(journal.path, KEY)
    resumed.append({"type": "accepted", "number": 2})
    resumed.close()
    journal.path.write_bytes(old)
    assert find_unfinished(journal.path.parent) == [resumed.path]
    assert len(resume(journal.path)) == 3
    assert [path.suffix for path in journal.path.parent.iterdir()] == [".2"]


def test_unfinished_journals_are_found_by_session(tmp_path: Path) -> None:
    for session in ("b", "a"):
        Journal.create(tmp_path, session, KEY).close()
    (tmp_path / ".c.0.tmp").write_bytes(b"half")
    (tmp_path / "notes.txt").write_bytes(b"")
    assert [path.name for path in find_unfinished(tmp_path)] == ["a.0", "b.0"]
    assert find_unfinished(tmp_path / "absent") == []


def test_wipe_leaves_nothing(journal: Journal, tmp_path: Path) -> None:
    fill(journal)
    (tmp_path / f".{SESSION}.1.tmp").write_bytes(b"half a resume")
    journal.wipe()
    assert list(tmp_path.iterdir()) == []


def test_every_cut_of_the_file_keeps_the_whole_frames(journal: Journal, tmp_path: Path) -> None:
    ends = [journal.path.stat().st_size]
    for number in range(3):
        journal.append({"number": number}, [b"x" * 20])
        ends.append(journal.path.stat().st_size)
    data = journal.path.read_bytes()
    header = parse_header(data)
    cipher = _cipher_of(header)
    for cut in range(len(header.data), len(data) + 1):
        reading = read_frames(data[:cut], len(header.data), cipher)
        whole = sum(end <= cut for end in ends[1:])
        assert len(reading.entries) == whole
        assert reading.torn_bytes == cut - ends[whole]


def _cipher_of(header: Header) -> FrameCipher:
    from cryptography.hazmat.primitives.keywrap import aes_key_unwrap

    return FrameCipher(header, aes_key_unwrap(KEY, header.wrapped_key))


@pytest.mark.parametrize("tail", [b"\x00" * 70_000, b"\xff" * 100, b"\x00\x00\x00\x30"])
def test_torn_tail_is_left_out_and_reported(journal: Journal, tail: bytes) -> None:
    fill(journal)
    journal.close()
    journal.path.write_bytes(journal.path.read_bytes() + tail)
    resumed, entries = Journal.resume(journal.path, KEY)
    resumed.close()
    assert len(entries) == 3
    assert resumed.torn_bytes == len(tail)


def test_damaged_last_frame_counts_as_torn(journal: Journal) -> None:
    fill(journal)
    journal.close()
    _flip(journal.path, -1)
    assert len(resume(journal.path)) == 2


@pytest.mark.parametrize("where", [0, 3, 8, 11, 30])
def test_bad_frame_before_a_good_one_is_damage(journal: Journal, where: int) -> None:
    start = journal.path.stat().st_size
    fill(journal)
    journal.close()
    _flip(journal.path, start + where)
    before = journal.path.read_bytes()
    with pytest.raises(JournalDamaged):
        Journal.resume(journal.path, KEY)
    assert journal.path.read_bytes() == before
    assert len(list(journal.path.parent.iterdir())) == 1


def test_removed_or_repeated_frame_is_damage(journal: Journal) -> None:
    ends = [journal.path.stat().st_size]
    for number in range(3):
        journal.append({"number": number})
        ends.append(journal.path.stat().st_size)
    journal.close()
    data = journal.path.read_bytes()
    for altered in (
        data[: ends[1]] + data[ends[2] :],
        data + data[ends[2] :],
        data[: ends[0]] + data[ends[1] : ends[2]] + data[ends[0] : ends[1]] + data[ends[2] :],
    ):
        journal.path.write_bytes(altered)
        with pytest.raises(JournalDamaged):
            Journal.resume(journal.path, KEY)


def test_renamed_journal_is_damage(journal: Journal, tmp_path: Path) -> None:
    journal.close()
    journal.path.rename(tmp_path / "other.0")
    with pytest.raises(JournalDamaged):
        Journal.resume(tmp_path / "other.0", KEY)


def test_full_disk_keeps_the_journal_usable(tmp_path: Path, faulty_files: Any) -> None:
    journal = Journal.create(tmp_path, SESSION, KEY, faulty_files)
    journal.append({"number": 0})
    size = journal.path.stat().st_size
    faulty_files.space = 300
    with pytest.raises(DiskFull):
        journal.append({"number": 1}, [b"x" * 1000])
    assert journal.path.stat().st_size == size
    faulty_files.space = None
    journal.append({"number": 2}, [b"y" * 1000])
    journal.close()
    assert [entry.event["number"] for entry in resume(journal.path)] == [0, 2]


def test_refused_frame_never_lends_its_nonce(tmp_path: Path, faulty_files: Any) -> None:
    journal = Journal.create(tmp_path, SESSION, KEY, faulty_files)
    start = journal.path.stat().st_size
    faulty_files.space = 0
    with pytest.raises(DiskFull):
        journal.append({"number": 0})
    faulty_files.space = None
    journal.append({"number": 0})
    journal.close()
    assert int.from_bytes(journal.path.read_bytes()[start + 4 : start + 12], "big") == 1


def test_full_disk_at_creation_leaves_nothing(tmp_path: Path, faulty_files: Any) -> None:
    faulty_files.space = 20
    with pytest.raises(DiskFull):
        Journal.create(tmp_path, SESSION, KEY, faulty_files)
    assert list(tmp_path.iterdir()) == []


def test_full_disk_at_resume_keeps_the_old_generation(
    journal: Journal, tmp_path: Path, faulty_files: Any
) -> None:
    fill(journal)
    journal.close()
    faulty_files.space = 700
    with pytest.raises(DiskFull):
        Journal.resume(journal.path, KEY, faulty_files)
    assert list(tmp_path.iterdir()) == [journal.path]
    assert len(resume(journal.path)) == 3


def test_failed_sync_ends_the_descriptor(tmp_path: Path, faulty_files: Any) -> None:
    journal = Journal.create(tmp_path, SESSION, KEY, faulty_files)
    journal.append({"number": 0})
    faulty_files.sync_fails = True
    with pytest.raises(StorageFailed):
        journal.append({"number": 1})
    faulty_files.sync_fails = False
    with pytest.raises(StorageFailed):
        journal.append({"number": 2})
    assert resume(journal.path)[0].event == {"number": 0}


def test_frame_that_cannot_be_taken_back_ends_the_descriptor(
    tmp_path: Path, faulty_files: Any
) -> None:
    journal = Journal.create(tmp_path, SESSION, KEY, faulty_files)
    faulty_files.space, faulty_files.truncate_fails = 50, True
    with pytest.raises(StorageFailed):
        journal.append({"number": 0}, [b"x" * 500])
    with pytest.raises(StorageFailed):
        journal.append({"number": 1})
    assert resume(journal.path) == []


def test_folder_sync_failure_at_creation_leaves_no_journal(
    tmp_path: Path, faulty_files: Any
) -> None:
    faulty_files.folder_sync_fails = True
    with pytest.raises(StorageFailed):
        Journal.create(tmp_path, SESSION, KEY, faulty_files)
    assert list(tmp_path.iterdir()) == []


def test_event_that_is_no_json_is_refused_and_nothing_written(journal: Journal) -> None:
    size = journal.path.stat().st_size
    with pytest.raises(ValueError, match="JSON"):
        journal.append({"score": float("nan")})
    assert journal.path.stat().st_size == size


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(), children),
    max_leaves=5,
)


@given(st.dictionaries(st.text(), json_values, max_size=4), st.lists(st.binary(), max_size=4))
def test_entries_survive_encoding(event: dict[str, Any], blobs: list[bytes]) -> None:
    number, entry = decode_entry(encode_entry(7, event, blobs))
    assert (number, entry.event, entry.blobs) == (7, event, tuple(blobs))


@given(st.binary(max_size=200))
def test_arbitrary_bodies_are_entries_or_damage(body: bytes) -> None:
    try:
        number, _ = decode_entry(body)
    except JournalDamaged:
        return
    assert number >= 0


@given(st.binary(max_size=300), st.booleans())
def test_arbitrary_files_are_damage_or_empty(data: bytes, has_magic: bool) -> None:
    data = b"RKJ1" + data if has_magic else data
    try:
        header = parse_header(data)
    except JournalDamaged:
        return
    cipher = FrameCipher(header, KEY)
    assert read_frames(data, len(header.data), cipher).entries == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(where=st.integers(0, 10_000), value=st.integers(1, 255))
def test_any_changed_byte_is_noticed_or_costs_only_the_end(
    tmp_path: Path, where: int, value: int
) -> None:
    header = Header("s", 0, bytes(40))
    cipher = FrameCipher(header, KEY)
    frames = [cipher.seal(n, encode_entry(n, {"n": n}, [b"z" * 30])) for n in range(3)]
    data = bytearray(header.data + b"".join(frames))
    where = len(header.data) + where % (len(data) - len(header.data))
    data[where] ^= value
    in_last = where >= len(data) - len(frames[2])
    if in_last:
        assert len(read_frames(bytes(data), len(header.data), cipher).entries) == 2
    else:
        with pytest.raises(JournalDamaged):
            read_frames(bytes(data), len(header.data), cipher)


def _flip(path: Path, where: int) -> None:
    data = bytearray(path.read_bytes())
    data[where] ^= 0x40
    path.write_bytes(data)


@pytest.mark.parametrize("damage", ["frame", "header", "empty"])
def test_damaged_journal_is_discarded_whole(journal: Journal, tmp_path: Path, damage: str) -> None:
    fill(journal)
    journal.close()
    data = bytearray(journal.path.read_bytes())
    data[{"frame": 200, "header": 5, "empty": 0}[damage]] ^= 0xFF
    journal.path.write_bytes(b"" if damage == "empty" else data)
    journal.path.with_name(f"{SESSION}.1").write_bytes(b"newer")
    journal.path.with_name(f".{SESSION}.2.tmp").write_bytes(b"half")
    other = Journal.create(tmp_path, f"{SESSION}x", KEY)
    other.close()
    half = tmp_path / f".{SESSION}x.1.tmp"
    half.write_bytes(b"half")
    with pytest.raises((JournalDamaged, JournalKeyWrong)):
        Journal.resume(journal.path, KEY)
    Journal.discard(journal.path)
    assert sorted(tmp_path.iterdir()) == sorted([other.path, half])
    Journal.discard(journal.path)


def test_discard_is_synchronised_and_says_when_it_failed(
    journal: Journal, faulty_files: Any
) -> None:
    journal.close()
    Journal.discard(journal.path, faulty_files)
    assert faulty_files.calls == ["sync folder"]
    faulty_files.folder_sync_fails = True
    with pytest.raises(StorageFailed):
        Journal.discard(journal.path, faulty_files)


def test_only_a_journal_is_discarded(tmp_path: Path) -> None:
    kept = tmp_path / "station.db"
    kept.write_bytes(b"rows")
    with pytest.raises(ValueError, match="session id"):
        Journal.discard(kept)
    assert kept.exists()


def test_folder_that_cannot_be_is_storage_failed(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"")
    for folder in (file, file / "journal"):
        with pytest.raises(StorageFailed, match="file"):
            Journal.create(folder, SESSION, KEY)
        with pytest.raises(StorageFailed, match="file"):
            find_unfinished(folder)
        with pytest.raises(StorageFailed, match="file"):
            Journal.discard(folder / f"{SESSION}.0")
    assert find_unfinished(tmp_path / "absent") == []


@pytest.mark.parametrize("mode", [0o770, 0o702])
def test_folder_that_others_may_write_is_refused(tmp_path: Path, mode: int) -> None:
    folder = tmp_path / "journal"
    folder.mkdir()
    folder.chmod(mode)
    with pytest.raises(KeyExposed, match="journal"):
        Journal.create(folder, SESSION, KEY)
    folder.chmod(0o755)
    journal = Journal.create(folder, SESSION, KEY)
    journal.close()
    folder.chmod(mode)
    with pytest.raises(KeyExposed, match="journal"):
        Journal.resume(journal.path, KEY)


def test_new_folder_is_private(tmp_path: Path) -> None:
    Journal.create(tmp_path / "journal", SESSION, KEY).close()
    assert stat.S_IMODE((tmp_path / "journal").stat().st_mode) == 0o700

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from drivers.positions import Finger
from simulators.people import cache
from simulators.people.fingerprints import Master
from simulators.people.person import Person


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(cache.FOLDER_VARIABLE, str(tmp_path))
    return tmp_path / "people"


def small_master() -> Master:
    levels = np.random.default_rng(1).integers(-127, 128, (560, 416)).astype(np.int8)
    return Master("whorl", levels)


def test_a_grown_finger_is_loaded_the_next_time(folder: Path) -> None:
    grown = Person(5).finger(Finger.LEFT_THUMB)
    (file,) = folder.iterdir()
    written = file.stat().st_mtime_ns
    loaded = Person(5).finger(Finger.LEFT_THUMB)
    assert loaded.pattern == grown.pattern
    assert np.array_equal(loaded.levels, grown.levels)
    assert file.stat().st_mtime_ns == written


def test_a_damaged_file_is_grown_again(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    grown = Person(5).finger(Finger.LEFT_THUMB)
    (file,) = folder.iterdir()
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0xFF
    file.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        again = Person(5).finger(Finger.LEFT_THUMB)
    assert "damaged cache file" in caplog.text
    assert np.array_equal(again.levels, grown.levels)
    assert file.read_bytes() != bytes(content)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x93NUMPY", b"x" * 5000])
def test_no_content_of_a_file_breaks_loading(folder: Path, content: bytes) -> None:
    folder.mkdir()
    cache.path_of(7).write_bytes(content)
    assert cache.load(7) is None


def test_a_file_cut_anywhere_is_damaged(folder: Path) -> None:
    cache.store(7, small_master())
    whole = cache.path_of(7).read_bytes()
    for length in range(0, len(whole), len(whole) // 20):
        cache.path_of(7).write_bytes(whole[:length])
        assert cache.load(7) is None


def test_bits_flipped_anywhere_never_raise(folder: Path) -> None:
    cache.store(7, small_master())
    whole = cache.path_of(7).read_bytes()
    rng = np.random.default_rng(2)
    for _ in range(200):
        content = bytearray(whole)
        # names, headers and directory: the first and the last bytes
        for position in rng.integers(-600, 300, 3).tolist():
            content[position] = int(rng.integers(256))
        cache.path_of(7).write_bytes(content)
        loaded = cache.load(7)
        assert loaded is None or loaded.levels.shape == (560, 416)


def test_an_array_of_another_shape_is_refused(folder: Path) -> None:
    folder.mkdir()
    with cache.path_of(7).open("wb") as file:
        np.savez(file, pattern=np.array("whorl"), levels=np.zeros((5, 5), np.int8))
    assert cache.load(7) is None


def test_storing_leaves_only_the_finished_file(folder: Path) -> None:
    cache.store(7, small_master())
    assert [path.name for path in folder.iterdir()] == [cache.path_of(7).name]


def test_an_unwritable_folder_costs_only_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv(cache.FOLDER_VARIABLE, str(tmp_path / "file"))
    cache.store(7, small_master())
    assert "cannot write the cache" in caplog.text
    assert cache.load(7) is None

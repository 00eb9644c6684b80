"""The harness itself: it notices growth and hangs, and a soak leaves no case out."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz import harness
from tests.fuzz.harness import MEASURED_EVERY, Hang, fuzz, share, survive


def test_a_slow_parser_gets_a_share_and_all_of_a_soak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(harness, "CASES", 20_000)
    assert share(4) == 5000
    monkeypatch.setattr(harness, "CASES", harness.SOAK_CASES)
    assert share(20) == harness.SOAK_CASES


def test_memory_that_is_kept_is_noticed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    told = tmp_path / "statm"  # the real figure depends on what was freed before
    told.write_text("2000 1000 0 0 0 0 0")
    monkeypatch.setattr(harness, "MEMORY_TOLD", told)
    cases = [b"case"] * MEASURED_EVERY
    assert survive(len, cases, ()) == MEASURED_EVERY
    grown = 1001 + harness.GROWTH_LIMIT_BYTES // harness.PAGE_BYTES
    with pytest.raises(AssertionError, match="bytes more"):
        survive(lambda _: told.write_text(f"900000 {grown} 0 0 0 0 0"), cases, ())


def test_a_parser_that_does_not_return_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(harness, "HANG_S", 0.02)

    def hang(_: bytes) -> None:
        while True:
            pass

    with pytest.raises(AssertionError) as caught:
        fuzz(hang, [b"case"], (ValueError,), cases=1)
    assert isinstance(caught.value.__cause__, Hang)


def test_another_error_than_a_refusal_is_noticed() -> None:
    def misunderstand(case: bytes) -> None:
        raise KeyError(case)

    with pytest.raises(AssertionError, match="case 0: KeyError"):
        fuzz(misunderstand, [b"case"], (ValueError,), cases=1)

"""The harness itself: it notices growth and hangs, and a soak leaves no case out."""

from __future__ import annotations

import pytest

from tests.fuzz import harness
from tests.fuzz.harness import MEASURED_EVERY, Hang, fuzz, share, survive


def test_a_slow_parser_gets_a_share_and_all_of_a_soak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(harness, "CASES", 20_000)
    assert share(4) == 5000
    monkeypatch.setattr(harness, "CASES", harness.SOAK_CASES)
    assert share(20) == harness.SOAK_CASES


def test_memory_that_is_kept_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(harness, "GROWTH_LIMIT_BYTES", 8 << 20)
    kept: list[bytes] = []
    cases = [b"x" * (256 << 10)] * MEASURED_EVERY
    with pytest.raises(AssertionError, match="bytes more"):
        survive(lambda case: kept.append(case + b"y"), cases, ())
    kept.clear()
    assert survive(len, cases, ()) == MEASURED_EVERY


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

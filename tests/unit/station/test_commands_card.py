"""`rekam card info` in words: one language at a time, and names to choose from."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from drivers.api import CardReader
from drivers.card.errors import ReaderAbsent
from drivers.card.info import Problem, ReaderFacts
from drivers.card.info_applications import Application, ApplicationFacts
from station.commands import card, card_words
from station.i18n import Translator

NAMES = ("KTPEL-SIM 00 00", "KTPEL-SIM 00 01", "PIV-SIM 01 00")
DETAIL = "2 of 3 readers fit the configured name"


@pytest.fixture(autouse=True)
def service(monkeypatch: pytest.MonkeyPatch) -> None:
    """A smart-card service with three readers, of which none can be looked at."""

    async def describe(reader: CardReader) -> ReaderFacts:
        return ReaderFacts(reader.name, problem=Problem("DEV-514", DETAIL))

    monkeypatch.setattr(card, "list_readers", lambda _socket: NAMES)
    monkeypatch.setattr(card, "describe", describe)


def info(capsys: pytest.CaptureFixture[str], wanted: str, language: str, *, json: bool) -> str:
    status = card.run(None, reader=wanted, service_socket="", as_json=json, language=language)
    assert status == 1
    return capsys.readouterr().out


@pytest.mark.parametrize(("language", "said"), [("en", "These readers"), ("id", "Pembaca yang")])
def test_the_readers_that_fit_are_listed(
    capsys: pytest.CaptureFixture[str], language: str, said: str
) -> None:
    words = info(capsys, "KTPEL", language, json=False)
    assert said in words
    assert words.splitlines()[-2:] == [f"    {name}" for name in NAMES[:2]]
    assert json.loads(info(capsys, "KTPEL", language, json=True))["fitting"] == list(NAMES[:2])


def test_readers_plugged_in_again_fit_by_model_and_slot(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    twins = ("ACR39U 01 00", "ACR39U 02 00")
    monkeypatch.setattr(card, "list_readers", lambda _socket: twins)
    fitting = json.loads(info(capsys, "ACR39U 00 00", "en", json=True))["fitting"]
    assert fitting == list(twins)


def test_service_that_ended_meanwhile_lists_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def ended(_socket: str) -> Iterator[str]:
        raise ReaderAbsent("card readers")

    monkeypatch.setattr(card, "list_readers", ended)
    assert "These readers" not in info(capsys, "KTPEL", "en", json=False)


def test_an_english_detail_stands_in_parentheses_of_english_only(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert f"({DETAIL})" in info(capsys, "KTPEL", "en", json=False)
    words = info(capsys, "KTPEL", "id", json=False)
    assert f"({DETAIL})" not in words
    assert f"  rincian teknis: {DETAIL}" in words


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", ["its free data cannot be read (SW 6A82)"]),
        ("id", ["data bebasnya tidak terbaca", "rincian teknis: SW 6A82"]),
    ],
)
def test_unreadable_application(language: str, expected: list[str]) -> None:
    facts = ApplicationFacts(Application.PIV, unreadable="SW 6A82")
    assert list(card_words._fact_lines(facts, Translator(language))) == expected

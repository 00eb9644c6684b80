"""`rekam card info`: which readers there are, and what a card says to everybody.

No secret is used, no PIN is tried and nobody's data are shown: UID and NIK are masked.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import typer

from drivers.api import CardReader
from drivers.card.errors import ReaderAmbiguous
from drivers.card.info import CardFacts, Problem, ReaderFacts, describe, list_readers
from drivers.card.pcsc_results import split_name
from drivers.errors import DeviceError, NoCard
from station.commands import card_words
from station.config import StationConfig
from station.i18n import DEFAULT_LANGUAGE, N_, Translator
from station.messages import explain

CARD_ROLE = "card"


@dataclass(frozen=True, slots=True)
class Report:
    """What was found; `problem` says why no reader could be looked at.

    `fitting` are the names of the readers that fit a name which fits several.
    """

    readers: tuple[ReaderFacts, ...] = ()
    problem: Problem | None = None
    fitting: tuple[str, ...] = ()

    @property
    def is_good(self) -> bool:
        """Whether a card was read and nothing failed besides empty readers."""
        problems = [one.problem for one in self.readers if one.problem is not None]
        failed = [problem for problem in problems if problem.code != NoCard.code]
        return any(one.card is not None for one in self.readers) and not failed


def run(
    config: StationConfig | None,
    *,
    reader: str,
    service_socket: str,
    as_json: bool,
    language: str | None,
) -> int:
    """Describe one named reader, the configured one, or every reader of the machine.

    Returns:
        0 when a card was read, 1 when none was or something failed.
    """
    configured = config.station.language if config is not None else DEFAULT_LANGUAGE
    _ = Translator(language or configured)
    report = _collect(config, reader, service_socket)
    if as_json:
        typer.echo(json.dumps(_as_json(report, _), indent=2, ensure_ascii=False))
    else:
        typer.echo("\n".join(_as_text(report, _)))
    return 0 if report.is_good else 1


def _collect(config: StationConfig | None, reader: str, service_socket: str) -> Report:
    try:
        readers = tuple(_chosen(config, reader, service_socket))
    except DeviceError as error:
        return Report(problem=Problem.of(error))
    facts = asyncio.run(_describe_all(readers))
    codes = {one.problem.code for one in facts if one.problem is not None}
    if ReaderAmbiguous.code not in codes:
        return Report(facts)
    return Report(facts, fitting=_fitting(*_asked(config, reader, service_socket)))


def _asked(config: StationConfig | None, reader: str, service_socket: str) -> tuple[str, str]:
    """Return name and socket that were asked for, on the command line or in the configuration."""
    entry = config.devices.get(CARD_ROLE) if config is not None else None
    if entry is None or reader:
        return reader, service_socket
    settings = entry.settings
    return str(getattr(settings, "reader", "")), str(getattr(settings, "service_socket", ""))


def _fitting(wanted: str, service_socket: str) -> tuple[str, ...]:
    try:
        names = list_readers(service_socket)
    except DeviceError:
        return ()  # the service ended meanwhile
    beginning = tuple(name for name in names if name.startswith(wanted))
    identity = split_name(wanted).identity
    return beginning or tuple(name for name in names if split_name(name).identity == identity)


async def _describe_all(readers: tuple[CardReader, ...]) -> tuple[ReaderFacts, ...]:
    # one after the other: slots of one reader may share a wire
    return tuple([await describe(reader) for reader in readers])


def _chosen(config: StationConfig | None, reader: str, service_socket: str) -> Iterator[CardReader]:
    """Build the reader that was named, that of the configuration, or all that there are."""
    entry = config.devices.get(CARD_ROLE) if config is not None else None
    if entry is not None and not reader:
        device = entry.kind(CARD_ROLE, entry.settings)
        if not isinstance(device, CardReader):
            raise TypeError(f"{entry.driver} is no card reader")
        yield device
        return
    from drivers.card.reader import PcscReader

    names = (reader,) if reader else list_readers(service_socket)
    for name in names:
        settings = PcscReader.Settings(reader=name, service_socket=service_socket)
        yield PcscReader(name, settings)


def _as_text(report: Report, _: Translator) -> Iterator[str]:
    if report.problem is not None:
        yield from _problem_lines(report.problem, _)
    for number, reader in enumerate(report.readers):
        if number:
            yield ""
        mark = _(N_(" (simulated)")) if reader.is_simulated else ""
        yield _(N_("Reader: {name}{mark}"), name=reader.name, mark=mark)
        if reader.problem is not None:
            yield from (f"  {line}" for line in _problem_lines(reader.problem, _))
            if reader.problem.code == ReaderAmbiguous.code and report.fitting:
                yield "  " + _(N_("These readers fit:"))
                yield from (f"    {name}" for name in report.fitting)
        if reader.card is not None:
            yield from (f"  {line}" for line in card_words.card_lines(reader.card, _))


def _problem_lines(problem: Problem, _: Translator) -> Iterator[str]:
    message, action = explain(problem.code, _)
    yield f"[{problem.code}] {message}" + card_words.english_detail(problem.detail, _)
    yield f"  {action}"
    yield from (f"  {line}" for line in card_words.foreign_detail(problem.detail, _))


def _as_json(report: Report, _: Translator) -> dict[str, Any]:
    return {
        "readers": [
            {
                "name": reader.name,
                "driver": reader.driver,
                "simulated": reader.is_simulated,
                "card": _card_json(reader.card) if reader.card is not None else None,
                "problem": _problem_json(reader.problem, _),
            }
            for reader in report.readers
        ],
        "problem": _problem_json(report.problem, _),
        "fitting": list(report.fitting),
    }


def _problem_json(problem: Problem | None, _: Translator) -> dict[str, str] | None:
    if problem is None:
        return None
    message, action = explain(problem.code, _)
    facts = {"code": problem.code, "detail": problem.detail}
    return facts | {"message": message, "action": action}


def _card_json(card: CardFacts) -> dict[str, Any]:
    atr = card.atr_facts
    return {
        "atr": {
            "bytes": card.atr,
            "convention": atr.convention.value,
            "protocols": [f"T={number}" for number in atr.protocols],
            "specific_protocol": atr.specific_protocol,
            "clock_conversion": atr.clock_conversion,
            "baud_adjustment": atr.baud_adjustment,
            "highest_clock_mhz": atr.highest_clock_mhz,
            "extra_guard": atr.extra_guard,
            "block_bytes": atr.block_bytes,
            "historical": atr.historical_text,
            "historical_form": atr.historical_form.value,
            "check_byte": "right" if atr.has_check_byte else "none",
            "contactless": atr.is_contactless,
            "storage_card": atr.storage_card,
            "hint": atr.hint.value,
        },
        "uid": card.uid,
        "answers_to_everything": card.applications.answers_to_everything,
        "applications": [
            {
                "application": one.application.value,
                "facts": dict(one.facts),
                "unreadable": one.unreadable,
            }
            for one in card.applications.present
        ],
    }

"""`rekam demo`: the real station on a simulated desk, with a screen or without."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import typer
from platformdirs import user_state_path

from station import config as configuration
from station.commands.reporting import explain, sentences
from station.commands.residents import Residents
from station.commands.simulated_desk import SimulatedDesk
from station.errors import StationError
from station.recording.headless import GaveUp, HeadlessOperator
from station.recording.session import SessionState
from station.recording.station import RecordingStation
from station.recording.view import StationView

Build = Callable[[configuration.StationConfig], RecordingStation]
OPEN = (
    SessionState.IDENTIFY,
    SessionState.CAPTURING,
    SessionState.REVIEW,
    SessionState.SUSPENDED,
)
TROUBLE = ("problem", "failed", "gave-up")
"""Events that carry the code of what went wrong."""


def demo_folder() -> Path:
    """Where a demonstration keeps its simulated desk and its records."""
    return user_state_path("rekam") / "demo"


class Printer:
    """Events for people, a line each, or as JSON lines for programs."""

    def __init__(self, out: TextIO, as_json: bool) -> None:
        self._out = out
        self._as_json = as_json

    def __call__(self, event: str, facts: dict[str, Any]) -> None:
        """Print one event at once: a reader may act on "accepted"."""
        if self._as_json:
            if event in TROUBLE:
                message, action = sentences(facts["code"])
                facts = facts | {"message": message, "action": action}
            line = json.dumps({"event": event} | facts)
        else:
            line = _plain(event, facts)
        typer.echo(line, file=self._out)


def _plain(event: str, facts: dict[str, Any]) -> str:
    match event:
        case "accepted":
            scores = " ".join(map(str, facts["scores"]))
            tries = f"{facts['attempts']} attempt{'s' if facts['attempts'] != 1 else ''}"
            return f"  accepted {facts['step']:<19} {facts['decision']:<17} {tries:<11} {scores}"
        case "retry":
            return f"  again    {facts['step']:<19} {', '.join(facts['findings'])}"
        case "sealed":
            size = f"{facts['size'] / 1000:.0f} kB"
            return f"  sealed   {facts['record']}  {size}  in {facts['seconds']:.1f} s"
        case event if event in TROUBLE:
            return f"{event} {explain(facts['code'], facts['detail'])}"
        case _:
            rest = "  ".join(f"{key} {value}" for key, value in facts.items())
            return f"{event} {rest}".rstrip()


class Witness:
    """Hears every event of the operator: tells it on, notes the recording, counts decisions."""

    def __init__(
        self, tell: Callable[[str, dict[str, Any]], None], who: Residents, station: RecordingStation
    ) -> None:
        self._tell = tell
        self._who = who
        self._station = station
        self._statuses: Counter[str] = Counter()
        self._totals: Counter[str] = Counter()

    def __call__(self, event: str, facts: dict[str, Any]) -> None:
        """Take one event, after it is durable."""
        if event in ("started", "resumed"):
            self._who.opened(facts["session"])
        view = self._station.view
        if view.steps:
            # of the whole recording: a resumed one may have been decided about before
            self._statuses = Counter(step.status for step in view.steps)
        if event == "sealed":
            self._totals += self._statuses
            self._statuses = Counter()
        self._tell(event, facts)

    @property
    def decisions(self) -> dict[str, int]:
        """How often something else than a good capture went into the sealed records."""
        return {
            "exceptions": self._totals["excepted"],
            "best-of-attempts": self._totals["best"],
        }


@contextmanager
def simulated_config(
    lab: Path | None, folder: Path, seed: int, fingers: Path | None
) -> Iterator[configuration.StationConfig]:
    """The configuration of a running simulated desk (`lab`), or of one started here."""
    if lab is not None:
        yield configuration.load(lab)
        return
    with SimulatedDesk(folder / "desk", seed, fingers) as desk:
        yield configuration.load(desk.config)


def run_headless(
    config: configuration.StationConfig, build: Build, residents: int, as_json: bool
) -> int:
    """Record `residents` one after another; return the exit status."""
    printer = Printer(sys.stdout, as_json)
    try:
        asyncio.run(_record_all(config, build, residents, printer))
    except GaveUp as error:
        printer("gave-up", {"code": error.problem.code, "detail": error.problem.detail})
        return 1
    except StationError as error:
        printer("failed", {"code": error.code, "detail": error.detail})
        return 1
    return 0


async def _record_all(
    config: configuration.StationConfig, build: Build, residents: int, printer: Printer
) -> None:
    who = Residents(config)
    # before the station takes the store: it may have to be asked who was recorded
    await asyncio.to_thread(who.take)
    station = build(config)
    try:
        await station.open()
        witness = Witness(printer, who, station)
        operator = HeadlessOperator(station, witness, asyncio.sleep)
        for count in range(residents):
            if count:
                await asyncio.to_thread(who.take)
            await operator.record()
            who.done()
        told = {"residents": residents, **witness.decisions, "records": str(config.station.data)}
        printer("finished", told)
    finally:
        await station.close()


class SeatedResidents:
    """Residents for the screens: the first sits down now, the others when they are asked for."""

    def __init__(self, config: configuration.StationConfig) -> None:
        self._who = Residents(config) if config.simulation is not None else None
        if self._who is not None:
            self._who.take()

    def seen(self, view: StationView) -> None:
        """Note whose recording is open, from any view of the station."""
        # a finished recording is still shown when the next resident sits there already
        if self._who is not None and view.session_id and view.session in OPEN:
            self._who.opened(view.session_id)

    async def next(self) -> None:
        """Seat whoever is next; for when a record is sealed or cancelled."""
        if self._who is not None:
            self._who.done()
            await asyncio.to_thread(self._who.take)

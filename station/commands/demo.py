"""`rekam demo`: the real station on a simulated desk, with a screen or without.

Whoever sits at the simulated desk is numbered; the number of the resident in progress is kept
beside the data, so that a demonstration killed in the middle goes on with the same person.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import typer
from platformdirs import user_state_path

from station import config as configuration
from station.commands.simulated_desk import SimulatedDesk, SimulationFailed, seat
from station.errors import StationError
from station.recording.headless import GaveUp, HeadlessOperator
from station.recording.station import RecordingStation

Build = Callable[[configuration.StationConfig], RecordingStation]


def demo_folder() -> Path:
    """Where a demonstration keeps its simulated desk and its records."""
    return user_state_path("rekam") / "demo"


class Residents:
    """Who is next: a number beside the data."""

    def __init__(self, folder: Path, control: str) -> None:
        self._file = folder / "resident-in-progress"
        self._control = control

    @property
    def number(self) -> int:
        """The resident in progress, from 1."""
        try:
            return int(self._file.read_text())
        except (OSError, ValueError):
            return 1

    def take(self) -> None:
        """Seat the resident in progress."""
        seat(self._control, self.number)

    def done(self) -> None:
        """Note that the resident in progress is recorded."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        following = self._file.with_suffix(".new")
        following.write_text(str(self.number + 1))
        following.replace(self._file)


class Printer:
    """Events for people, a line each, or as JSON lines for programs."""

    def __init__(self, out: TextIO, as_json: bool) -> None:
        self._out = out
        self._as_json = as_json

    def __call__(self, event: str, facts: dict[str, Any]) -> None:
        """Print one event at once: a reader may act on "accepted"."""
        if self._as_json:
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
        case _:
            rest = "  ".join(f"{key} {value}" for key, value in facts.items())
            return f"{event} {rest}".rstrip()


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
    if config.simulation is None:
        raise SimulationFailed("the configuration names no simulated desk")
    who = Residents(config.station.data, config.simulation.control)
    station = build(config)
    try:
        await asyncio.gather(station.open(), asyncio.to_thread(who.take))
        operator = HeadlessOperator(station, printer, asyncio.sleep)
        for count in range(residents):
            if count:
                await asyncio.to_thread(who.take)
            await operator.record()
            who.done()
        printer("finished", {"residents": residents, "records": str(config.station.data)})
    finally:
        await station.close()


async def next_resident(config: configuration.StationConfig) -> None:
    """Seat whoever is next; called by the screens when a record is sealed or cancelled."""
    if config.simulation is not None:
        who = Residents(config.station.data, config.simulation.control)
        who.done()
        await asyncio.to_thread(who.take)


def seat_current(config: configuration.StationConfig) -> None:
    """Seat the resident in progress before the screens open."""
    if config.simulation is not None:
        Residents(config.station.data, config.simulation.control).take()

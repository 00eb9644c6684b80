"""Kill a recording anywhere: whatever it had called accepted is there when it goes on.

The desk runs as its own process and survives; the station is killed with SIGKILL at seeded moments
and started again on the same folder, until all residents are recorded.
"""

from __future__ import annotations

import hashlib
import json
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from station import config as configuration
from station.commands.simulated_desk import SimulatedDesk
from station.records.itl_check import parse
from tests.recording.opening import opened

KILLS = 20
SEED = 20261124
LONGEST_LIFE = 4.0
"""Seconds from the first event to the kill, at most: a whole recording takes about as long."""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatedDesk]:
    with SimulatedDesk(tmp_path_factory.mktemp("desk"), 7) as running:
        yield running


class Run:
    """One life of the headless station; events are read as they are printed."""

    def __init__(self, desk: SimulatedDesk, residents: int) -> None:
        command = [str(Path(sys.executable).with_name("rekam")), "demo", "--headless", "--json"]
        command += ["--lab", str(desk.config), "--residents", str(residents)]
        self.events: list[dict[str, Any]] = []
        self.began = threading.Event()
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        out = self._process.stdout
        assert out is not None
        for line in out:
            if line.endswith("\n"):  # a line cut by the kill was never said
                self.events.append(json.loads(line))
                self.began.set()
        self.began.set()

    def kill_after(self, seconds: float) -> bool:
        """Kill the run so long after its first event; False when it had ended by itself."""
        self.began.wait(60)
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGKILL)
        return self.finish() == -signal.SIGKILL

    def finish(self) -> int:
        """Wait for the end and return the exit status."""
        status = self._process.wait(120)
        self._reader.join()
        assert self._process.stdout is not None
        self._process.stdout.close()
        return status


def accepted_of(events: list[dict[str, Any]]) -> dict[str, dict[str, list[str]]]:
    """Session to step to the hashes of its samples, as the station had reported them."""
    told: dict[str, dict[str, list[str]]] = {}
    session = ""
    for event in events:
        if event["event"] in ("started", "resumed"):
            session = event["session"]
        elif event["event"] == "accepted":
            told.setdefault(session, {})[event["step"]] = event["samples"]
    return told


def hashes_in(sealed: Path, keys: Path) -> set[str]:
    """Hashes of everything in a sealed record, opened as the data centre opens it."""
    bundle = opened(sealed, keys)
    images = [record.image for record in parse(bundle.parts["record.an2"])]
    delivered = [*bundle.parts.values(), *(image for image in images if image is not None)]
    return {hashlib.sha256(data).hexdigest() for data in delivered}


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_every_accepted_capture_survives_twenty_kills(desk: SimulatedDesk) -> None:
    survive(desk, KILLS, SEED)


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_every_accepted_capture_survives_three_hundred_kills(desk: SimulatedDesk) -> None:
    survive(desk, 300, SEED + 1)


def survive(desk: SimulatedDesk, wanted: int, seed: int) -> None:
    """Kill the station `wanted` times; whatever it had called accepted must be in a record."""
    moments = random.Random(seed)  # noqa: S311  # seeded moments, no secret
    told: dict[str, dict[str, list[str]]] = {}
    sealed: dict[str, Path] = {}
    kills = resumed = 0
    while kills < wanted:
        run = Run(desk, residents=50)
        kills += run.kill_after(moments.uniform(0.0, LONGEST_LIFE))
        for event in run.events:
            if event["event"] == "resumed":
                resumed += 1
                assert set(told.get(event["session"], {})) <= set(event["kept"])
            elif event["event"] == "sealed":
                sealed[event["record"]] = Path(event["path"])
            assert event["event"] not in ("gave-up", "failed"), event
        for session, steps in accepted_of(run.events).items():
            told.setdefault(session, {}).update(steps)
    last = Run(desk, residents=1)
    assert last.finish() == 0
    for event in last.events:
        if event["event"] == "sealed":
            sealed[event["record"]] = Path(event["path"])
    for session, steps in accepted_of(last.events).items():
        told.setdefault(session, {}).update(steps)

    assert resumed >= wanted // 4
    config = configuration.load(desk.config)
    records = config.station.data / "records"
    for session, steps in told.items():
        path = sealed.get(session) or next(records.rglob(f"{session}.cms"))
        inside = hashes_in(path, desk.config.parent / "pki")
        for step, samples in steps.items():
            assert set(samples) <= inside, (session, step)

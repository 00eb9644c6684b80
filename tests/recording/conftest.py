"""A simulated desk in this process, so that a test can reach behind every wire."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from simulators.lab import Lab
from station import config as configuration
from station.compose import build_station
from station.config import StationConfig
from station.recording.station import RecordingStation

SEED = 7


STATION_THREADS = ("device-", "judge-", "vault", "finger-assessor")


@pytest.fixture(autouse=True)
def no_thread_survives() -> Iterator[None]:
    """Fail the test that leaves a thread of the station; those of the lab live on."""
    yield
    left = [t for t in threading.enumerate() if t.name.startswith(STATION_THREADS)]
    for thread in left:
        thread.join(2.0)
    assert not [thread.name for thread in left if thread.is_alive()]


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab(tmp_path_factory.mktemp("lab"), SEED) as desk:
        desk.seat(1)
        yield desk


@pytest.fixture
def config(lab: Lab, tmp_path: Path) -> StationConfig:
    """The lab's configuration with a data folder of this test's own."""
    loaded = configuration.load(lab.config)
    station = loaded.station.model_copy(update={"data": tmp_path / "data"})
    return dataclasses.replace(loaded, station=station)


@pytest.fixture
async def station(config: StationConfig) -> AsyncIterator[RecordingStation]:
    desk = build_station(config)
    await desk.open()
    yield desk
    await desk.close()

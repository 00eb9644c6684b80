"""A simulated desk in this process, so that a test can reach behind every wire."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from drivers.camera.environment import prepare_environment
from simulators.lab import Lab
from station import config as configuration
from station.compose import build_station
from station.config import StationConfig
from station.recording.station import RecordingStation

SEED = 7


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    prepare_environment()
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

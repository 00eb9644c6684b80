"""`rekam devices record` on a simulated desk and on one that is not."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulators.lab import Lab
from station import config as configuration
from station.commands import record_line
from station.config import StationConfig
from station.errors import ConfigError


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab(tmp_path_factory.mktemp("lab"), 7, pcsc=False) as desk:
        desk.seat(1)
        yield desk


@pytest.fixture(autouse=True)
def no_thread_survives() -> None:
    """The lab of this module lives on; what the devices leave is checked elsewhere."""


@pytest.fixture
def config(lab: Lab) -> StationConfig:
    return configuration.load(lab.config)


def test_simulated_line_is_written_in_clear(
    config: StationConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "line.txt"
    assert record_line.run(config, "verifier", file, with_finger=True) == 0
    assert "exchanges" in capsys.readouterr().out
    assert "masked" not in file.read_text().lower()


def test_line_of_a_real_desk_is_masked(
    config: StationConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    station = config.station.model_copy(update={"simulated": False})
    real = dataclasses.replace(config, station=station)
    clear, masked = tmp_path / "clear.txt", tmp_path / "masked.txt"
    assert record_line.run(config, "verifier", clear, with_finger=True) == 0
    assert record_line.run(real, "verifier", masked, with_finger=True) == 0
    assert "biometric data masked" in capsys.readouterr().out
    longest = max(len(line) for line in masked.read_text().splitlines())
    assert longest < 128 < max(len(line) for line in clear.read_text().splitlines())


def test_other_roles_and_existing_files_are_refused(config: StationConfig, tmp_path: Path) -> None:
    for role in ("face", "nobody"):
        with pytest.raises(ConfigError):
            record_line.run(config, role, tmp_path / "line.txt", with_finger=False)
    (tmp_path / "there.txt").touch()
    with pytest.raises(ConfigError):
        record_line.run(config, "verifier", tmp_path / "there.txt", with_finger=False)


def test_absent_device_is_told_with_its_code(
    config: StationConfig, lab: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lab.injectors["verifier"].inject("unplug")
    try:
        assert record_line.run(config, "verifier", tmp_path / "l.txt", with_finger=False) == 1
    finally:
        lab.injectors["verifier"].clear()
    assert "[DEV-" in capsys.readouterr().err

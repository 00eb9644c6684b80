"""`rekam devices record` on a simulated desk and on one that is not."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulators.lab import Lab
from station import config as configuration
from station.commands import record_line
from station.commands.reporting import explain
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
    there = tmp_path / "there.txt"
    there.write_text("somebody's\n")
    with pytest.raises(record_line.FileThere) as refusal:
        record_line.run(config, "verifier", there, with_finger=False)
    said = explain(refusal.value.code, refusal.value.detail)
    assert said.startswith(f"[CLI-102] The file to be written exists already ({there})")
    assert "technician" not in said
    assert there.read_text() == "somebody's\n"


@pytest.mark.parametrize(
    ("fault", "words"),
    [("unplug", ("[DEV-", "nothing was recorded")), ("silent", ("the module never answered",))],
)
def test_module_that_never_answers_leaves_no_file_and_is_shown_no_finger(
    config: StationConfig,
    lab: Lab,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    fault: str,
    words: tuple[str, ...],
) -> None:
    file = tmp_path / "l.txt"
    lab.injectors["verifier"].inject(fault)
    try:
        assert record_line.run(config, "verifier", file, with_finger=True) == 1
    finally:
        lab.injectors["verifier"].clear()
    told = capsys.readouterr()
    assert all(word in told.err for word in words)
    assert "Place a finger" not in told.out
    assert not file.exists()


def test_line_until_a_failure_is_kept(
    config: StationConfig, lab: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "l.txt"
    listed = lab.injectors["verifier"]
    assert record_line.run(config, "verifier", file, with_finger=True) == 0
    whole = file.read_text()
    assert capsys.readouterr().out.splitlines()[0] == "Place a finger."
    file.unlink()
    listed.inject("wrong-password")
    try:
        assert record_line.run(config, "verifier", file, with_finger=True) == 1
    finally:
        listed.clear()
    assert f"{file}: the line until then" in capsys.readouterr().err
    assert 0 < len(file.read_text()) < len(whole)

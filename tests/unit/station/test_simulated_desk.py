"""Why a simulated desk did not start is told in its own words."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from station.commands.simulated_desk import SimulatedDesk, SimulationFailed, seat, world_of


def program(folder: Path, script: str) -> str:
    path = folder / "rekam-sim-of-this-test"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o700)
    return str(path)


def test_last_line_of_this_run_is_quoted(tmp_path: Path) -> None:
    desk = tmp_path / "desk"
    for reason in ("first reason", "second reason"):
        script = f'echo noise >&2; echo "rekam-sim: {reason}" >&2; exit 2'
        with (
            pytest.raises(SimulationFailed, match=f"^SIM-101: rekam-sim: {reason}$"),
            SimulatedDesk(desk, 7, program=program(tmp_path, script)),
        ):
            pytest.fail("it is not ready")


def test_silent_death_tells_the_status(tmp_path: Path) -> None:
    with (
        pytest.raises(SimulationFailed, match="it ended with 3"),
        SimulatedDesk(tmp_path, 7, program=program(tmp_path, "exit 3")),
    ):
        pytest.fail("it is not ready")


def test_hanging_start_is_given_up(tmp_path: Path) -> None:
    hanging = program(tmp_path, f"echo $$ > {tmp_path}/pid; exec sleep 60")
    with (
        pytest.raises(SimulationFailed, match=r"not ready within 0\.3 s"),
        SimulatedDesk(tmp_path, 7, start_timeout=0.3, program=hanging),
    ):
        pytest.fail("it is not ready")
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_ready_desk_ends_with_its_block(tmp_path: Path) -> None:
    script = f"echo ready; cat > /dev/null; touch {tmp_path}/ended"
    with SimulatedDesk(tmp_path / "desk", 7, program=program(tmp_path, script)):
        assert not (tmp_path / "ended").exists()
    assert (tmp_path / "ended").exists()


@pytest.mark.parametrize("where", ["/proc/nope", "file/below", "file"])
def test_unusable_folder_is_named(tmp_path: Path, where: str) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(SimulationFailed, match=r"No such file|Not a directory|File exists"),
        SimulatedDesk(tmp_path / where, 7),
    ):
        pytest.fail("it is not ready")


def test_absent_program_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(SimulationFailed, match="No such file"),
        SimulatedDesk(tmp_path, 7, program=str(tmp_path / "absent")),
    ):
        pytest.fail("it is not ready")


def test_desk_that_is_gone_is_an_error() -> None:
    for ask in (lambda: seat("http://127.0.0.1:9", 1), lambda: world_of("http://127.0.0.1:9")):
        with pytest.raises(SimulationFailed, match="Connection refused"):
            ask()

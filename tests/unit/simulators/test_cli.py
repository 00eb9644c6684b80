"""One simulated device by itself: where it is, and a clean end."""

from __future__ import annotations

import signal
import stat
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from simulators.cli import app

REKAM_SIM = str(Path(sys.executable).with_name("rekam-sim"))


@contextmanager
def started(*words: str) -> Iterator[subprocess.Popen[str]]:
    """Run the command; it must end well, and without a word of complaint."""
    with subprocess.Popen(
        [REKAM_SIM, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
            process.send_signal(signal.SIGTERM)
            _, complaints = process.communicate(timeout=10)
        finally:
            process.kill()
    assert complaints == ""
    assert process.returncode == 0


def test_scanner_tells_its_port(tmp_path: Path) -> None:
    link = tmp_path / "module.tty"
    with started("scanner", "--link", str(link)) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == f"{link}\n"
        assert stat.S_ISCHR(link.stat().st_mode)
    assert not link.is_symlink()


def test_camera_tells_its_streams() -> None:
    with started("camera") as process:
        assert process.stdout is not None
        told = [process.stdout.readline().split() for _ in range(4)]
        assert [line[0] for line in told] == ["face", "face", "iris", "ready"]
        with urllib.request.urlopen(told[0][1], timeout=5) as stream:  # noqa: S310  # loopback
            assert b"image/jpeg" in stream.read(200).lower()


@pytest.mark.parametrize("baud", ["1234", "0", "-9600", "124800"])
def test_speed_that_no_module_has_is_refused(baud: str) -> None:
    done = CliRunner().invoke(app, ["scanner", "--baud", baud])
    assert done.exit_code == 2
    assert done.stdout == ""
    assert done.stderr.startswith(f"rekam-sim: --baud {baud} is not one of: 9600, 19200, 28800, ")
    assert done.stderr.endswith(", 57600, 67200, 76800, 86400, 96000, 105600, 115200\n")


def test_port_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [REKAM_SIM, "scanner", "--link", str(tmp_path / "absent" / "module.tty")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("rekam-sim: ")
    assert done.stderr.count("\n") == 1

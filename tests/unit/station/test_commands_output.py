"""What the command line does with outputs that refuse, and who may write on the terminal."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from station.commands.quiet import quiet_stderr
from station.commands.reporting import Reported, explain, surviving_output
from station.commands.terminal import screen_of_its_own
from station.errors import ConfigError

REKAM = str(Path(sys.executable).with_name("rekam"))


def test_screen_draws_on_the_terminal_while_libraries_write_to_a_file(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before = sys.__stderr__, sys.stderr
    with screen_of_its_own(tmp_path / "logs") as native:
        os.write(2, b"a decoder complains\n")
        assert sys.__stderr__ is not None
        assert sys.stderr is sys.__stderr__
        sys.__stderr__.write("the picture\n")
    os.write(2, b"afterwards\n")
    assert (sys.__stderr__, sys.stderr) == before
    assert capfd.readouterr().err == "the picture\nafterwards\n"
    assert native.read_text() == "a decoder complains\n"
    assert stat.S_IMODE(native.stat().st_mode) == 0o600


def test_terminal_is_given_back_after_a_crash(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    open_before = set(Path("/proc/self/fd").iterdir())
    with pytest.raises(ZeroDivisionError), screen_of_its_own(tmp_path):
        raise ZeroDivisionError
    os.write(2, b"told\n")
    assert capfd.readouterr().err == "told\n"
    assert set(Path("/proc/self/fd").iterdir()) == open_before


def test_quiet_lasts_as_long_as_the_block(capfd: pytest.CaptureFixture[str]) -> None:
    with quiet_stderr():
        os.write(2, b"libpng error\n")
    os.write(2, b"ours\n")
    assert capfd.readouterr().err == "ours\n"


def test_known_errors_are_one_message(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended, Reported():
        raise ConfigError("station.toml: no such file")
    assert ended.value.code == 1
    assert capsys.readouterr().err == explain("CFG-001", "station.toml: no such file") + "\n"


def test_what_the_system_refuses_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    def command() -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(SystemExit) as ended:
        surviving_output(command)
    assert ended.value.code == 1
    assert capsys.readouterr().err == "rekam: No space left on device\n"


def test_reader_that_went_away_is_not_mentioned(capsys: pytest.CaptureFixture[str]) -> None:
    def command() -> None:
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    with pytest.raises(SystemExit):
        surviving_output(command)
    assert capsys.readouterr().err == ""


def test_full_disk_behind_standard_output_ends_without_traceback() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [REKAM, "verify", "--help"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 1
    assert done.stderr == "rekam: No space left on device\n"

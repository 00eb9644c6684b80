"""A simulated desk for demonstrations: a second process with every device, and its configuration.

The station talks to it over the devices' own wires. Beside them it is only asked whose world it is,
and told "the next resident, please", at the address that the simulated configuration names.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from station.commands.reporting import reason_of
from station.errors import StationError

START_TIMEOUT = 60.0
CONTROL_TIMEOUT = 60.0
"""Seconds; growing the ten fingers of a resident takes some, the first time."""
END_TIMEOUT = 10.0
LONGEST_REASON = 300
LONGEST_ANSWER = 65536
LOG_NAME = "simulators.log"


class SimulationFailed(StationError):
    """The simulated desk did not start or does not answer."""

    code = "SIM-101"


@dataclass(frozen=True, slots=True)
class World:
    """Which people live at a simulated desk: by a seed, or with the pictures of a folder."""

    seed: int
    fingers: str = ""


class SimulatedDesk:
    """The process of `rekam-sim lab`; leaving the block ends it.

    Entering raises `SimulationFailed` with the reason that the process gave.
    """

    def __init__(
        self,
        folder: Path,
        seed: int,
        fingers: Path | None = None,
        *,
        start_timeout: float = START_TIMEOUT,
        program: str = "",
    ) -> None:
        self._folder = folder
        self._start_timeout = start_timeout
        self._command = [
            program or str(Path(sys.executable).with_name("rekam-sim")),
            "lab",
            "--seed",
            str(seed),
            "--folder",
            str(folder),
            "--until-stdin-closes",
        ]
        if fingers is not None:
            self._command += ["--fingers", str(fingers)]
        self._process: subprocess.Popen[str] | None = None

    @property
    def config(self) -> Path:
        """The configuration that the desk wrote for the station."""
        return self._folder / "station.toml"

    def __enter__(self) -> Self:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            log = (self._folder / LOG_NAME).open("ab")
        except OSError as error:
            raise SimulationFailed(reason_of(error)) from error
        with log:
            before = log.tell()
            try:
                # its standard input is our pipe: when this process dies, the desk ends too
                self._process = subprocess.Popen(  # noqa: S603  # our own command
                    self._command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                )
            except OSError as error:
                raise SimulationFailed(reason_of(error)) from error
        try:
            self._wait_until_ready(self._process, before)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            process.wait(END_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()

    def _wait_until_ready(self, process: subprocess.Popen[str], before: int) -> None:
        if process.stdout is None:
            raise SimulationFailed("not started")
        late = threading.Event()

        def give_up() -> None:
            late.set()
            process.kill()

        watchdog = threading.Timer(self._start_timeout, give_up)
        watchdog.start()
        try:
            for line in process.stdout:
                if line.strip() == "ready":
                    return
            status = process.wait()
        finally:
            watchdog.cancel()
            watchdog.join()
        if late.is_set():
            raise SimulationFailed(f"not ready within {self._start_timeout:g} s")
        raise SimulationFailed(self._last_words(before) or f"it ended with {status}")

    def _last_words(self, before: int) -> str:
        """The last line that this run of the process wrote on standard error."""
        with (self._folder / LOG_NAME).open("rb") as log:
            log.seek(before)
            lines = log.read().decode(errors="replace").split("\n")
        told = [line.strip() for line in lines if line.strip()]
        return told[-1][:LONGEST_REASON] if told else ""


def seat(control: str, number: int) -> None:
    """Let resident `number` (from 1) of the simulated world sit down at the desk.

    Raises:
        SimulationFailed: the desk does not answer, or refuses.
    """
    body = json.dumps({"resident": number}).encode()
    _ask(urllib.request.Request(f"{control}/seat", body, method="POST"))  # noqa: S310  # loopback


def world_of(control: str) -> World:
    """Ask a simulated desk whose world it is.

    Raises:
        SimulationFailed: the desk does not answer, or says something else.
    """
    answer = _ask(urllib.request.Request(f"{control}/world"))  # noqa: S310  # loopback
    match answer:
        case {"seed": int(seed), "fingers": str(fingers)}:
            return World(seed, fingers)
        case _:
            raise SimulationFailed("the desk does not say whose world it is")


def _ask(request: urllib.request.Request) -> Any:
    try:
        with urllib.request.urlopen(request, timeout=CONTROL_TIMEOUT) as answer:  # noqa: S310
            return json.loads(answer.read(LONGEST_ANSWER))
    except urllib.error.HTTPError as error:
        with error:
            raise SimulationFailed(f"the desk answers {error.code} {error.reason}") from error
    except urllib.error.URLError as error:
        raise SimulationFailed(f"no answer: {error.reason}") from error
    except OSError as error:
        raise SimulationFailed(f"no answer: {reason_of(error)}") from error
    except ValueError as error:
        raise SimulationFailed("the desk gave an unreadable answer") from error

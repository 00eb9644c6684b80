"""A simulated desk for demonstrations: a second process with every device, and its configuration.

The station talks to it over the devices' own wires. The only thing it says beside them is "the next
resident, please", to the address that the simulated configuration names.
"""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Self

from station.errors import StationError

START_TIMEOUT = 60.0
CONTROL_TIMEOUT = 60.0
"""Seconds; growing the ten fingers of a resident takes some, the first time."""


class SimulationFailed(StationError):
    """The simulated desk did not start or does not answer."""

    code = "SIM-101"


class SimulatedDesk:
    """The process of `rekam-sim lab`; leaving the block ends it."""

    def __init__(self, folder: Path, seed: int, fingers: Path | None = None) -> None:
        self._folder = folder
        self._command = [
            str(Path(sys.executable).with_name("rekam-sim")),
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
        self._folder.mkdir(parents=True, exist_ok=True)
        # its standard input is our pipe: when this process dies, however, the desk ends too
        with (self._folder / "simulators.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603  # our own command
                self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
            )
        self._wait_until_ready()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()

    def _wait_until_ready(self) -> None:
        process = self._process
        if process is None or process.stdout is None:
            raise SimulationFailed("not started")
        for line in process.stdout:
            if line.strip() == "ready":
                return
        code = process.wait()
        self.__exit__(None, None, None)
        raise SimulationFailed(f"ended with {code}; see {self._folder / 'simulators.log'}")


def seat(control: str, number: int) -> None:
    """Let resident `number` (from 1) of the simulated world sit down at the desk.

    Raises:
        SimulationFailed: the desk does not answer, or refuses.
    """
    body = json.dumps({"resident": number}).encode()
    request = urllib.request.Request(f"{control}/seat", body, method="POST")  # noqa: S310  # loopback
    try:
        with urllib.request.urlopen(request, timeout=CONTROL_TIMEOUT) as answer:  # noqa: S310
            answer.read()
    except (urllib.error.URLError, OSError) as error:
        raise SimulationFailed(type(error).__name__) from error

"""`rekam devices watch`: one line an event in plain words, and a clean end."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from drivers.errors import DeviceTimeout, Disconnected, OtherDevice
from drivers.health import Health
from drivers.supervisor import Event, Happening, Status
from drivers.values import DeviceInfo, Kind, State
from station.commands.watch import Json, Plain, watch
from tests.unit.drivers.scripted import ScriptedDevice, TurnedClock

REKAM = str(Path(sys.executable).with_name("rekam"))
AT = datetime(2026, 11, 23, 2, 3, 4, tzinfo=UTC)
INFO = DeviceInfo(Kind.FINGERPRINT, "r30x", "R307", "1234", "1")
LINE = re.compile(r"^\d\d:\d\d:\d\d  (\w+) +(.*)$")
STATUS = Status(
    State.READY,
    Health(connections=2, losses=1, ready_s=3661.2),
    attempts=4,
    downtime_s=5.0,
    longest_outage_s=4.0,
)


def event(what: Happening, code: str = "", detail: str = "R307 1234") -> Event:
    return Event(AT, "verifier", what, code, detail, attempt=3, outage_s=65.4)


@pytest.mark.parametrize(
    ("happened", "english", "indonesian"),
    [
        (
            event(Happening.CONNECTED),
            "connected: R307 1234",
            "tersambung: R307 1234",
        ),
        (
            event(Happening.BACK),
            "works again after 0:01:05.4: R307 1234",
            "bekerja lagi setelah 0:01:05.4: R307 1234",
        ),
        (
            event(Happening.OTHER_DEVICE, OtherDevice.code),
            "another device answers in its place: R307 1234  [DEV-105]",
            "perangkat lain menjawab sebagai gantinya: R307 1234  [DEV-105]",
        ),
        (
            event(Happening.LOST, Disconnected.code),
            "lost: The device was disconnected. Plug it in again, then try again  [DEV-103]",
            "hilang: Perangkat terputus. Pasang kembali, lalu coba lagi  [DEV-103]",
        ),
        (
            event(Happening.RESET),
            "is being reset",
            "sedang diatur ulang",
        ),
    ],
)
def test_each_event_is_one_line_in_both_languages(
    capsys: pytest.CaptureFixture[str], happened: Event, english: str, indonesian: str
) -> None:
    for language, words in (("en", english), ("id", indonesian)):
        Plain(language).event(happened)
        line = capsys.readouterr().out
        assert line == f"{AT.astimezone():%H:%M:%S}  verifier  {words}\n"


@pytest.mark.parametrize("what", list(Happening))
@pytest.mark.parametrize("language", ["id", "en"])
def test_every_happening_has_words_and_its_code(
    capsys: pytest.CaptureFixture[str], what: Happening, language: str
) -> None:
    Plain(language).event(event(what, DeviceTimeout.code))
    line = capsys.readouterr().out
    assert line.count("\n") == 1
    assert line.endswith("[DEV-201]\n")
    assert "{" not in line


@pytest.mark.parametrize(
    ("seconds", "written"),
    [(0.0, "0:00:00.0"), (0.66, "0:00:00.7"), (59.96, "0:01:00.0"), (3599.96, "1:00:00.0")],
)
def test_durations_have_tenths(
    capsys: pytest.CaptureFixture[str], seconds: float, written: str
) -> None:
    Plain("en").event(Event(AT, "verifier", Happening.BACK, "", "R307", outage_s=seconds))
    assert f" after {written}: R307" in capsys.readouterr().out


def test_summary_says_how_long_and_how_often(capsys: pytest.CaptureFixture[str]) -> None:
    Plain("en").summary("verifier", STATUS)
    assert LINE.match(capsys.readouterr().out.strip()).groups() == (  # type: ignore[union-attr]
        "verifier",
        "usable for 1:01:01.2; connections: 2; losses: 1; longest outage: 0:00:04.0",
    )


def test_programs_get_json_lines(capsys: pytest.CaptureFixture[str]) -> None:
    output = Json()
    output.watched("verifier", "r30x")
    output.event(Event(AT, "verifier", Happening.BACK, attempt=3, outage_s=65.4, device=INFO))
    output.summary("verifier", STATUS)
    watched, back, summary = map(json.loads, capsys.readouterr().out.splitlines())
    assert (watched["what"], watched["driver"]) == ("watched", "r30x")
    assert back == {
        "at": "2026-11-23T02:03:04+00:00",
        "role": "verifier",
        "what": "back",
        "code": "",
        "detail": "",
        "attempt": 3,
        "outage_s": 65.4,
        "model": "R307",
        "serial": "1234",
    }
    assert (summary["what"], summary["losses"], summary["ready_s"]) == ("summary", 1, 3661.2)


class Told:
    """Keeps what it is told; ends the watch after some events."""

    def __init__(self, ended: asyncio.Event, after: int, error: Exception | None = None) -> None:
        self.events: list[Event] = []
        self._ended = ended
        self._after = after
        self._error = error

    def watched(self, role: str, driver: str) -> None:
        raise AssertionError("told before the watch begins")

    def summary(self, role: str, status: Status) -> None:
        raise AssertionError("told after the watch")

    def event(self, event: Event) -> None:
        if self._error is not None:
            raise self._error
        self.events.append(event)
        if len(self.events) == self._after:
            self._ended.set()


async def test_watch_tells_until_it_is_ended_and_closes_everything() -> None:
    devices = {role: ScriptedDevice(TurnedClock()) for role in ("scanner", "face")}
    ended = asyncio.Event()
    told = Told(ended, after=2)
    status = await asyncio.wait_for(watch(devices, told, ended), 5)
    assert {happened.role for happened in told.events} == {"scanner", "face"}
    assert {one.state for one in status.values()} == {State.READY}, "as it was before the end"
    assert {device.state for device in devices.values()} == {State.CLOSED}


async def test_output_that_refuses_ends_the_watch() -> None:
    devices = {"face": ScriptedDevice(TurnedClock())}
    ended = asyncio.Event()
    with pytest.raises(BrokenPipeError):
        await asyncio.wait_for(watch(devices, Told(ended, 1, BrokenPipeError()), ended), 5)
    assert devices["face"].state is State.CLOSED


@pytest.fixture
def watching(configured: Any, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """The command, on a desk on which nothing is plugged in."""
    configured()
    words = ["devices", "--config", str(tmp_path / "station.toml"), "watch", "--language", "en"]
    with subprocess.Popen(
        [REKAM, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_it_with_a_summary(
    watching: subprocess.Popen[str], number: signal.Signals
) -> None:
    assert watching.stdout is not None
    roles = {"scanner", "iris", "face", "verifier"}
    first = [watching.stdout.readline() for _ in range(8)]
    watching.send_signal(number)
    rest, complaints = watching.communicate(timeout=10)
    lines = [LINE.match(line) for line in [*first, *rest.splitlines()]]
    told = [line.groups() for line in lines if line is not None]
    assert len(told) == len(lines)
    assert complaints == ""
    assert watching.returncode == 0
    assert [words.split(",")[0] for _, words in told[:4]] == ["is watched"] * 4
    refused = {role for role, words in told[4:8] if words.startswith("cannot be connected: ")}
    assert refused == roles
    assert all(re.search(r"\[DEV-\d{3}\]$", words) for _, words in told[4:8])
    assert {role for role, words in told if words.startswith("usable for 0:00:00")} == roles


def test_reader_that_goes_away_is_no_crash(watching: subprocess.Popen[str]) -> None:
    assert watching.stdout is not None
    watching.stdout.readline()
    watching.stdout.close()
    watching.wait(10)
    assert watching.stderr is not None
    assert watching.stderr.read() == ""
    assert watching.returncode == 1

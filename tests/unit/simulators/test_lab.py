"""One lab a folder, a resident who is ready for the camera, and nothing left after a kill."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from simulators import lab, pcscd
from simulators.lab import Lab, LabBusy

REKAM_SIM = str(Path(sys.executable).with_name("rekam-sim"))


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lab, "LOCK_PATIENCE", 0.0)


@pytest.mark.usefixtures("impatient")
def test_second_lab_in_a_folder_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    with Lab(tmp_path, 7, pcsc=False) as first:
        before = first.config.read_bytes()
        with pytest.raises(LabBusy, match="another simulated desk"), Lab(tmp_path, 8, pcsc=False):
            pytest.fail("two labs in one folder")
        assert first.config.read_bytes() == before
    with Lab(tmp_path, 8, pcsc=False):
        pass  # free again


def test_lab_waits_for_one_that_is_ending(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tries = []
    free = lab._is_locked

    def busy_at_first(descriptor: int) -> bool:
        tries.append(descriptor)
        return len(tries) > 2 and free(descriptor)

    monkeypatch.setattr(lab, "_is_locked", busy_at_first)
    with Lab(tmp_path, 7, pcsc=False):
        assert len(tries) == 3


def test_face_is_ready_when_the_resident_sits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Lab(tmp_path, 7, pcsc=False) as desk:
        monkeypatch.setattr(desk, "_prepare_later", lambda _number: None)
        shown: list[object] = []
        frame = desk.scene.face_frame

        def spy(index: int) -> Any:
            shown.append(desk.scene.person)
            return frame(index)

        monkeypatch.setattr(desk.scene, "face_frame", spy)
        monkeypatch.setattr("simulators.people.person.Person.prepare", lambda _self: None)
        person = desk.seat(1)
        assert person in shown


def test_desk_tells_whose_world_it_is(tmp_path: Path) -> None:
    with Lab(tmp_path, 7, pcsc=False) as desk:
        control = _control_of(desk)
        with urllib.request.urlopen(f"{control}/world") as answer:  # noqa: S310  # loopback
            assert json.loads(answer.read()) == {"seed": 7, "fingers": ""}
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{control}/nothing")  # noqa: S310
        refused.value.close()


def _control_of(desk: Lab) -> str:
    return str(tomllib.loads(desk.config.read_text())["simulation"]["control"])


def test_audit_log_of_a_folder_is_that_of_one_desk(tmp_path: Path) -> None:
    stations = []
    for seed in (7, 8):
        with Lab(tmp_path, seed, pcsc=False) as desk:
            stations.append(desk.config.read_text().split("\n")[1])
    assert stations[0] == stations[1]


@pytest.mark.parametrize("where", ["/proc/nope", "file"])
def test_unusable_folder_is_one_line(tmp_path: Path, where: str) -> None:
    (tmp_path / "file").write_text("")
    done = subprocess.run(
        [REKAM_SIM, "lab", "--folder", str(tmp_path / where)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith(f"rekam-sim: {tmp_path / where}: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.pcsc
@pytest.mark.skipif(pcscd.available() is not None, reason=str(pcscd.available()))
def test_private_pcscd_dies_with_its_owner(tmp_path: Path) -> None:
    script = (
        "import sys; from simulators.pcscd import PrivatePcscd\n"
        "service = PrivatePcscd(['READER'])\n"
        "print(service._process.pid, service._log_path, service.socket_path, flush=True)\n"
        "sys.stdin.read()"
    )
    owner = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    assert owner.stdin is not None
    pid, log_path, socket_path = owner.stdout.readline().split()
    try:
        assert stat.S_IMODE(Path(log_path).stat().st_mode) == 0o600
        owner.send_signal(signal.SIGKILL)
        owner.wait(5)
        assert _ends(int(pid))
    finally:
        owner.kill()
        owner.wait(5)
        owner.stdin.close()
        owner.stdout.close()
        for folder in (Path(log_path).parent, Path(socket_path).parent):
            subprocess.run(["rm", "-r", str(folder)], check=True)


def _ends(pid: int) -> bool:
    """Whether a process ends within five seconds; one that nobody has buried yet has ended too."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.01)
    return False

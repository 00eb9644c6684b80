"""The control address of a desk, and the commands that use it."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator, Mapping
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from simulators.cli import app
from simulators.control import Control
from simulators.control_client import ControlFailed, DeskControl
from simulators.injection import FaultNote, Injector
from simulators.json_service import LARGEST_REQUEST
from simulators.people.person import Person
from simulators.scene import Scene


class Fault(StrEnum):
    """Two faults of a device that does not exist."""

    UNPLUG = "unplug"
    SMOKE = "smoke"


NOTES = {
    Fault.UNPLUG: FaultNote("the plug is pulled", "the device is gone", ("DEV-103",)),
    Fault.SMOKE: FaultNote("it smokes", "a smell"),
}


class Desk:
    """A desk without devices: an empty scene and two roles with faults."""

    def __init__(self) -> None:
        self.scene = Scene()
        self.world = {"seed": 7, "fingers": ""}
        self.injectors: Mapping[str, Injector[Any]] = {
            "verifier": Injector(NOTES),
            "card": Injector(NOTES),
        }
        self.seated: list[int] = []

    def seat(self, number: int) -> Person:
        self.seated.append(number)
        return Person(number)


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def url(desk: Desk) -> Iterator[str]:
    with Control(desk) as control:
        yield control.url


@pytest.fixture
def client(url: str) -> DeskControl:
    return DeskControl(url)


def ask(url: str, request: str) -> tuple[int, dict[str, Any]]:
    """Send raw bytes; return status and body."""
    port = int(url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(request.encode())
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


def post(path: str, body: str) -> str:
    return f"POST {path} HTTP/1.0\r\nContent-Length: {len(body)}\r\n\r\n{body}"


def test_faults_are_listed_with_what_they_do(desk: Desk, url: str, client: DeskControl) -> None:
    desk.injectors["card"].inject(Fault.SMOKE)
    faults = client.faults()
    assert list(faults) == ["verifier", "card"]
    assert faults["verifier"].known == {"unplug": "the plug is pulled", "smoke": "it smokes"}
    assert faults["verifier"].active == ()
    assert faults["card"].active == ("smoke",)
    _, told = ask(url, "GET /faults HTTP/1.0\r\n\r\n")
    assert told["card"]["faults"]["unplug"]["codes"] == ["DEV-103"]


def test_faults_come_and_go(desk: Desk, client: DeskControl) -> None:
    injector = desk.injectors["verifier"]
    assert client.inject("verifier", "unplug") == ("unplug",)
    assert client.inject("verifier", "smoke") == ("smoke", "unplug")
    assert injector.active == (Fault.SMOKE, Fault.UNPLUG)
    assert client.clear("verifier", "unplug") == ("smoke",)
    assert client.clear("verifier") == ()
    assert desk.injectors["card"].active == ()


def test_unknown_names_list_those_that_exist(client: DeskControl) -> None:
    with pytest.raises(ControlFailed, match="'printer' is not one of: verifier, card"):
        client.inject("printer", "unplug")
    with pytest.raises(ControlFailed, match="verifier: fire is not one of: smoke, unplug"):
        client.clear("verifier", "fire")


def test_somebody_sits_down(desk: Desk, client: DeskControl) -> None:
    client.seat(3)
    assert desk.seated == [3]
    with pytest.raises(ControlFailed, match="a whole number from 1"):
        client.seat(0)


def test_scene_and_world_are_told(url: str) -> None:
    status, scene = ask(url, "GET /scene HTTP/1.0\r\n\r\n")
    assert (status, scene) == (200, {"seated": None, "placed": None, "card": False})
    assert ask(url, "GET /world HTTP/1.0\r\n\r\n")[1] == {"seed": 7, "fingers": ""}


@pytest.mark.parametrize(
    ("request_text", "status", "reason"),
    [
        ("GET /nothing HTTP/1.0\r\n\r\n", 404, "GET /world"),
        (post("/nothing", "{}"), 404, "POST /seat"),
        (post("/seat", '{"resident": true}'), 400, "whole number"),
        (post("/seat", '{"resident": "1"}'), 400, "whole number"),
        (post("/seat", "[1]"), 400, "no JSON object"),
        (post("/seat", "\xff"), 400, "no JSON"),
        (post("/seat", "[" * 4000), 400, "no JSON"),
        (post("/faults", '{"role": "card"}'), 400, '"active": true'),
        (post("/faults", '{"role": "card", "fault": null, "active": true}'), 400, "which fault"),
        (post("/faults", '{"role": "card", "fault": 1, "active": true}'), 400, '"active": true'),
        ("POST /seat HTTP/1.0\r\n\r\n", 400, "1 to 4096 bytes"),
        ("POST /seat HTTP/1.0\r\nContent-Length: -5\r\n\r\n", 400, "1 to 4096 bytes"),
        (
            f"POST /faults HTTP/1.0\r\nContent-Length: {LARGEST_REQUEST + 1}\r\n\r\n",
            400,
            "1 to 4096 bytes",
        ),
    ],
)
def test_wrong_requests_are_refused_with_a_reason(
    desk: Desk, url: str, request_text: str, status: int, reason: str
) -> None:
    got, body = ask(url, request_text)
    assert got == status
    assert reason in body["error"]
    assert desk.seated == []
    assert all(injector.active == () for injector in desk.injectors.values())


def test_only_this_machine_is_answered(url: str) -> None:
    assert url.startswith("http://127.0.0.1:")
    with pytest.raises(ControlFailed, match=r"http://127\.0\.0\.1:PORT only"):
        DeskControl("http://example.org:80")


def test_no_desk_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ControlFailed, match="no simulated desk answers at http://127"):
        DeskControl("http://127.0.0.1:9").faults()
    with pytest.raises(ControlFailed, match="start `rekam-sim lab` first"):
        DeskControl.of_folder(tmp_path)
    (tmp_path / "station.toml").write_text("[station]\n")
    with pytest.raises(ControlFailed, match="names no simulated desk"):
        DeskControl.of_folder(tmp_path)


class _Stranger(BaseHTTPRequestHandler):
    """A service that knows nothing of desks: a page, a list, or an error for what it is asked."""

    def do_GET(self) -> None:
        status, body = self.server.answer  # type: ignore[attr-defined]
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ((405, b"not allowed"), "no simulated desk (it answers HTTP 405)"),
        ((500, b'{"error": 5}'), "no simulated desk (it answers HTTP 500)"),
        ((200, b"<html>"), "no simulated desk;"),
        ((200, b"[]"), "no simulated desk;"),
        ((200, b'{"scanner": 1}'), "no simulated desk;"),
    ],
)
def test_somebody_else_at_the_address_is_told_as_that(answer: tuple[int, bytes], told: str) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Stranger) as server:
        server.answer = answer  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            url = f"http://127.0.0.1:{server.server_port}"
            status, _, complaint = run("active", "--url", url)
        finally:
            server.shutdown()
            thread.join()
    assert status == 2
    assert complaint.startswith(f"rekam-sim: what listens at {url} is {told}")
    assert "`rekam-sim lab` prints the address" in complaint
    assert complaint.count("\n") == 1


def run(*words: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["control", *words])
    return done.exit_code, done.stdout, done.stderr


def test_commands_change_the_faults(desk: Desk, url: str) -> None:
    at = ("--url", url)
    assert run("unplug", "card", *at) == (0, "card: unplug\n", "")
    assert run("inject", "card", "smoke", *at) == (0, "card: smoke, unplug\n", "")
    assert run("active", *at) == (0, "card: smoke, unplug\n", "")
    assert run("unplug", "printer", *at)[0] == 2
    assert run("plug", "card", *at) == (0, "card: smoke\n", "")
    status, shown, _ = run("list", "card", *at)
    assert status == 0
    assert shown.split("\n")[:3] == [
        "card",
        "   unplug                   the plug is pulled",
        " * smoke                    it smokes",
    ]
    assert run("clear", "card", *at) == (0, "card: well\n", "")
    assert run("seat", "2", *at)[0] == 0
    assert desk.seated == [2]


def test_commands_find_the_desk_of_a_folder(url: str, tmp_path: Path) -> None:
    (tmp_path / "station.toml").write_text(f'[simulation]\ncontrol = "{url}"\n')
    told = "no fault is active: every device is well\n"
    assert run("active", "--folder", str(tmp_path)) == (0, told, "")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("inject", "printer", "unplug"), "'printer' is not one of: verifier, card"),
        (("inject", "card", "fire"), "card: fire is not one of: smoke, unplug"),
        (("list", "printer"), "'printer' is not one of: verifier, card"),
    ],
)
def test_unknown_names_are_one_line(url: str, words: tuple[str, ...], reason: str) -> None:
    assert run(*words, "--url", url) == (2, "", f"rekam-sim: {reason}\n")


def test_no_desk_is_one_line(tmp_path: Path) -> None:
    status, _, told = run("active", "--folder", str(tmp_path))
    assert status == 2
    assert told.startswith("rekam-sim: ")
    assert told.count("\n") == 1

"""Cameras that do not work: which address, which size, and what a server answers."""

from __future__ import annotations

import socket
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from drivers.camera.opencv import OpenCvCamera
from drivers.errors import ConnectFailed, DeviceTimeout
from drivers.values import Image
from simulators.stream_camera import StreamCamera
from station.commands import camera_check
from station.commands.device_check import check_devices
from station.commands.findings import CauseCode
from station.commands.host import StreamAnswer, stream_answer
from station.config import ConfiguredDevice, StationConfig
from tests.unit.station.fake_host import FakeHost

Configured = Callable[..., StationConfig]


def test_network_camera(machine: FakeHost) -> None:
    url, error = "http://user:secret@10.0.0.9:8080/face", DeviceTimeout("face")
    silent = camera_check.find_cause(url, error, machine.host)
    assert silent is not None
    assert silent.code is CauseCode.CAMERA_SILENT
    assert camera_check.find_cause(url, ConnectFailed("face"), machine.host) is None
    machine.unreachable["10.0.0.9", 8080] = "No route to host"
    away = camera_check.find_cause(url, error, machine.host)
    assert away is not None
    assert away.found == "nobody answers at 10.0.0.9:8080: No route to host"
    assert "secret" not in away.found + silent.found


@pytest.mark.parametrize(
    ("answer", "expected", "said"),
    [
        (StreamAnswer(404, "text/html"), CauseCode.CAMERA_ADDRESS, "nothing at /face (status 404)"),
        (StreamAnswer(200, "text/html"), CauseCode.CAMERA_ADDRESS, "a page at /face"),
        (StreamAnswer(401, "text/html"), CauseCode.CAMERA_LOGIN, "refuses the login (status 401)"),
        (StreamAnswer(200, "multipart/x-mixed-replace"), None, ""),
        (None, None, ""),
    ],
)
def test_address_without_a_stream(
    machine: FakeHost, answer: StreamAnswer | None, expected: CauseCode | None, said: str
) -> None:
    url = "http://user:secret@10.0.0.9:8080/face"
    if answer is not None:
        machine.web[url] = answer
    cause = camera_check.find_cause(url, ConnectFailed("face"), machine.host)
    assert (cause.code if cause is not None else None) is expected
    if cause is not None:
        assert said in cause.found
        assert "secret" not in cause.found + cause.action
        assert "cable" not in cause.action


class Grey:
    """A picture that the simulated camera sends: 320 x 240, another one each time."""

    def face_frame(self, index: int) -> Image:
        image = np.full((240, 320, 3), 90, np.uint8)
        image[:, (index * 16) % 320 :][:, :16] = 200
        return image


@pytest.mark.parametrize(
    ("path", "size", "expected"),
    [
        ("/face.mjpg", {}, ""),
        ("/no-such.mjpg", {}, CauseCode.CAMERA_ADDRESS),
        ("/face.mjpg", {"width": 640, "height": 480}, CauseCode.CAMERA_SIZE),
    ],
)
def test_real_camera_at_another_address_or_of_another_size(
    configured: Configured, path: str, size: dict[str, int], expected: str
) -> None:
    with StreamCamera(Grey()) as camera:
        source = camera.url.removesuffix("/face.mjpg") + path
        settings = OpenCvCamera.Settings.model_validate({"source": source, "serial": "1", **size})
        entry = ConfiguredDevice("face", "opencv", OpenCvCamera, settings)
        first, *_ = check_devices(replace(configured(), devices={"face": entry}))
    assert first.code == expected, first
    if size:
        assert "320 x 240" in first.cause
        assert "width = 640, height = 480" in first.cause
        assert first.action.startswith("Write width = 320 and height = 240")


def test_kinds_of_answers_of_real_servers() -> None:
    with StreamCamera(Grey()) as camera:
        stream = stream_answer(camera.url)
        nothing = stream_answer(camera.url + "x")
    assert stream == StreamAnswer(200, "multipart/x-mixed-replace")
    assert nothing is not None
    assert nothing.status == 404
    assert stream_answer(camera.url) is None, "it is gone"


def test_kinds_of_answers_over_rtsp() -> None:
    with StreamCamera(Grey(), rtsp=True) as camera:
        url = camera.rtsp_url
        assert stream_answer(url) == StreamAnswer(200)
    assert stream_answer(url) is None, "it is gone"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (b"RTSP/1.0 404 Stream Not Found\r\nCSeq: 1\r\n\r\n", StreamAnswer(404)),
        (b"HTTP/1.1 200 OK\r\n\r\n", None),
        (b"", None),
    ],
)
def test_answers_of_a_server_without_the_stream(said: bytes, expected: StreamAnswer | None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as thread:
        host, port = server.getsockname()

        def serve() -> bytes:
            link, _ = server.accept()
            with link:
                asked = link.recv(4096)
                link.sendall(said)
            return asked

        asked = thread.submit(serve)
        assert stream_answer(f"rtsp://siti:secret@{host}:{port}/live") == expected
        lines = asked.result().decode().split("\r\n")
    assert lines[0] == f"DESCRIBE rtsp://{host}:{port}/live RTSP/1.0"
    assert f"Authorization: Basic {b64encode(b'siti:secret').decode()}" in lines


@pytest.mark.parametrize(("text", "expected"), [("rtsp://x/1", True), ("/dev/v4l/by-id/x", False)])
def test_what_is_a_network_camera(text: str, expected: bool) -> None:
    assert camera_check.is_network(text) is expected

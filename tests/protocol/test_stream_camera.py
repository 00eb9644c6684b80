"""The simulated network camera, seen without the driver."""

from __future__ import annotations

import json
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.camera.jpeg import decode_jpeg
from simulators.stream_camera import StreamCamera, StreamFaults
from tests.protocol.camera_scenes import HEIGHT, WIDTH, NumberedScene, read_number


class Viewer:
    """Reads parts of the stream as the format says."""

    def __init__(self, camera: StreamCamera) -> None:
        self._answer = urllib.request.urlopen(camera.url, timeout=5.0)  # noqa: S310
        assert self._answer.headers["Content-Type"] == "multipart/x-mixed-replace; boundary=frame"

    def next(self) -> bytes:
        """Return the next JPEG, empty at the end of the stream."""
        if self._answer.readline() == b"":
            return b""
        assert self._answer.readline() == b"Content-Type: image/jpeg\r\n"
        length = int(self._answer.readline().removeprefix(b"Content-Length: "))
        assert self._answer.readline() == b"\r\n"
        data = self._answer.read(length)
        assert self._answer.readline() == b"\r\n"
        return bytes(data)

    def close(self) -> None:
        self._answer.close()


@pytest.fixture
def scene() -> NumberedScene:
    return NumberedScene()


@pytest.fixture
def camera(scene: NumberedScene) -> Iterator[StreamCamera]:
    with StreamCamera(scene, fps=60) as running:
        yield running


@pytest.fixture
def watch(camera: StreamCamera) -> Iterator[Callable[[], Viewer]]:
    opened: list[Viewer] = []

    def open_viewer() -> Viewer:
        opened.append(Viewer(camera))
        return opened[-1]

    yield open_viewer
    for viewer in opened:
        viewer.close()


def wait_for(condition: Callable[[], bool], timeout: float = 2.0) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def number_in(jpeg: bytes) -> int:
    image = decode_jpeg(jpeg)
    assert image is not None
    return read_number(image)


def put(camera: StreamCamera, body: bytes) -> tuple[int, dict[str, object]]:
    request = urllib.request.Request(camera.control_url, data=body, method="PUT")  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=2.0) as answer:  # noqa: S310
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def test_two_viewers_get_the_same_bytes_encoded_once(
    camera: StreamCamera, watch: Callable[[], Viewer]
) -> None:
    first, second = watch(), watch()
    seen = [{viewer.next() for _ in range(6)} for viewer in (first, second)]
    assert len(seen[0] & seen[1]) >= 3
    assert all(jpeg in camera.recent_jpegs() for jpeg in seen[0] | seen[1])
    assert camera.frames_encoded < 12


def test_nothing_is_encoded_without_a_viewer(
    camera: StreamCamera, scene: NumberedScene, watch: Callable[[], Viewer]
) -> None:
    assert not scene.made_at
    viewer = watch()
    viewer.next()
    viewer.close()
    wait_for(lambda: camera.viewers == 0)
    wait_for(lambda: camera.frames_encoded == len(scene.made_at))
    before = len(scene.made_at)
    time.sleep(0.05)
    assert len(scene.made_at) <= before + 1


def test_pictures_keep_their_pace(scene: NumberedScene) -> None:
    with StreamCamera(scene, fps=50) as camera:
        viewer = Viewer(camera)
        stamps = []
        for _ in range(16):
            viewer.next()
            stamps.append(time.monotonic())
        viewer.close()
    assert 15 < 15 / (stamps[-1] - stamps[0]) < 55


def test_slow_scene_is_not_followed_by_a_burst(scene: NumberedScene) -> None:
    pause = threading.Event()

    class Slow:
        def face_frame(self, index: int) -> object:
            if index == 2:
                pause.wait(0.2)  # five periods
            return scene.face_frame(index)

    with StreamCamera(Slow(), fps=25) as camera:  # type: ignore[arg-type]
        viewer = Viewer(camera)
        while number_in(viewer.next()) < 6:
            continue
        viewer.close()
    # catching up would put the five missed pictures at one moment
    assert scene.made_at[6] - scene.made_at[3] > 0.06


def test_restart_keeps_the_address(camera: StreamCamera) -> None:
    url = camera.url
    camera.stop()
    with pytest.raises(urllib.error.URLError):
        Viewer(camera)
    camera.start()
    assert camera.url == url
    viewer = Viewer(camera)
    assert viewer.next()
    viewer.close()


def test_stop_ends_a_running_stream_at_once(
    camera: StreamCamera, watch: Callable[[], Viewer]
) -> None:
    watch().next()
    with socket.create_connection(("127.0.0.1", int(camera.url.split(":")[2].split("/")[0]))):
        started = time.monotonic()
        camera.stop()
    assert time.monotonic() - started < 1.0
    assert not [t for t in camera._threads if t.is_alive()]


def test_closed_camera_does_not_start_again(scene: NumberedScene) -> None:
    camera = StreamCamera(scene)
    camera.close()
    with pytest.raises(RuntimeError, match="closed"):
        camera.start()


def test_frozen_camera_repeats_the_same_bytes(
    camera: StreamCamera, watch: Callable[[], Viewer]
) -> None:
    viewer = watch()
    viewer.next()
    camera.set_faults(frozen=True)
    last = [viewer.next() for _ in range(8)][-3:]
    assert len(set(last)) == 1


def test_late_camera_keeps_its_rate(
    camera: StreamCamera, scene: NumberedScene, watch: Callable[[], Viewer]
) -> None:
    camera.set_faults(late_ms=150)
    viewer = watch()
    started = time.monotonic()
    numbers = []
    for _ in range(12):
        numbers.append(number_in(viewer.next()))
        assert time.monotonic() - scene.made_at[numbers[-1]] >= 0.15
    assert time.monotonic() - started < 12 * 0.15
    assert numbers == sorted(numbers)


def test_garbled_picture_is_cut(camera: StreamCamera, watch: Callable[[], Viewer]) -> None:
    camera.set_faults(garbled=True)
    jpeg = watch().next()
    assert jpeg.startswith(b"\xff\xd8")
    assert decode_jpeg(jpeg) is None


def test_wrong_size_is_half(camera: StreamCamera, watch: Callable[[], Viewer]) -> None:
    camera.set_faults(wrong_size=True)
    image = decode_jpeg(watch().next())
    assert image is not None
    assert image.shape == (HEIGHT // 2, WIDTH // 2, 3)


@pytest.mark.parametrize("fault", ["closing", "refusing"])
def test_stream_ends(camera: StreamCamera, watch: Callable[[], Viewer], fault: str) -> None:
    viewer = watch()
    viewer.next()
    camera.set_faults(**{fault: True})
    wait_for(lambda: viewer.next() == b"")


def test_refusing_camera_answers_503(camera: StreamCamera) -> None:
    camera.set_faults(refusing=True)
    with pytest.raises(urllib.error.HTTPError) as caught:
        Viewer(camera)
    with caught.value as error:
        assert error.code == 503


def test_control_changes_and_tells(camera: StreamCamera) -> None:
    status, faults = put(camera, b'{"late_ms": 20, "frozen": true}')
    assert status == 200
    assert faults == asdict(StreamFaults(late_ms=20, frozen=True)) == asdict(camera.faults)
    with urllib.request.urlopen(camera.control_url, timeout=2.0) as answer:  # noqa: S310
        assert json.loads(answer.read()) == faults


@pytest.mark.parametrize(
    "body",
    [
        b'{"stalled": 1}',
        b'{"late_ms": true}',
        b'{"late_ms": -1}',
        b'{"late_ms": 10001}',
        b'{"no_such_fault": true}',
        b'{"stalled": true, "no_such_fault": true}',
        b"[]",
        b"\xff",
        b"",
        b"[" * 4000,
        b" " * 5000,
    ],
)
def test_wrong_control_changes_nothing(camera: StreamCamera, body: bytes) -> None:
    status, answer = put(camera, body)
    assert status == 400
    assert answer["error"]
    assert camera.faults == StreamFaults()


@given(
    st.binary(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(st.sampled_from(list(asdict(StreamFaults()))) | st.text(), inner)
        ),
    ).map(lambda value: json.dumps(value).encode())
)
def test_any_control_body_is_applied_or_refused(body: bytes) -> None:
    try:
        faults = StreamFaults.parse(body, StreamFaults())
    except ValueError:
        return
    assert 0 <= faults.late_ms <= 10_000
    assert all(type(value) in (bool, int) for value in asdict(faults).values())

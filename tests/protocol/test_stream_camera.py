"""The simulated network camera, seen without the driver."""

from __future__ import annotations

import json
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from drivers.camera.inspection import sharpness
from drivers.camera.jpeg import decode_jpeg
from simulators.camera_controls import CameraControls
from simulators.camera_eyes import EyeFilm
from simulators.camera_faults import CAMERA_FAULTS, CameraFault
from simulators.camera_feed import LATE_S
from simulators.camera_side_channel import parse
from simulators.injection import Injector
from simulators.people.person import Person
from simulators.scene import Scene
from simulators.stream_camera import StreamCamera
from tests.protocol.camera_scenes import (
    HEIGHT,
    WIDTH,
    NumberedEyes,
    NumberedScene,
    StillScene,
    pattern,
    read_number,
)


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
    camera.faults.inject("frozen")
    last = [viewer.next() for _ in range(8)][-3:]
    assert len(set(last)) == 1


def test_late_camera_keeps_its_rate(
    camera: StreamCamera, scene: NumberedScene, watch: Callable[[], Viewer]
) -> None:
    camera.faults.inject("late")
    viewer = watch()
    started = time.monotonic()
    numbers = []
    for _ in range(12):
        numbers.append(number_in(viewer.next()))
        assert time.monotonic() - scene.made_at[numbers[-1]] >= LATE_S
    assert time.monotonic() - started < 12 * LATE_S
    assert numbers == sorted(numbers)


def test_garbled_picture_is_cut(camera: StreamCamera, watch: Callable[[], Viewer]) -> None:
    camera.faults.inject("garbled")
    jpeg = watch().next()
    assert jpeg.startswith(b"\xff\xd8")
    assert decode_jpeg(jpeg) is None


def test_wrong_size_is_half(camera: StreamCamera, watch: Callable[[], Viewer]) -> None:
    camera.faults.inject("wrong-size")
    image = decode_jpeg(watch().next())
    assert image is not None
    assert image.shape == (HEIGHT // 2, WIDTH // 2, 3)


@pytest.mark.parametrize("fault", ["closing", "refusing"])
def test_stream_ends(camera: StreamCamera, watch: Callable[[], Viewer], fault: str) -> None:
    viewer = watch()
    viewer.next()
    camera.faults.inject(fault)
    wait_for(lambda: viewer.next() == b"")


def test_refusing_camera_answers_503(camera: StreamCamera) -> None:
    camera.faults.inject("refusing")
    with pytest.raises(urllib.error.HTTPError) as caught:
        Viewer(camera)
    with caught.value as error:
        assert error.code == 503


def test_control_changes_and_tells(camera: StreamCamera) -> None:
    status, told = put(camera, b'{"exposure": 2, "auto_exposure": false, "faults": ["frozen"]}')
    assert status == 200
    assert camera.controls == CameraControls(exposure=2.0, auto_exposure=False)
    assert list(camera.faults.active) == ["frozen"]
    assert told == camera.controls.as_json() | {"faults": ["frozen"]}
    with urllib.request.urlopen(camera.control_url, timeout=2.0) as answer:  # noqa: S310
        assert json.loads(answer.read()) == told
    put(camera, b'{"faults": ["black", "late"]}')
    assert list(camera.faults.active) == ["black", "late"]
    assert camera.controls.exposure == 2.0


def test_control_survives_the_unplugging(camera: StreamCamera) -> None:
    put(camera, b'{"faults": ["unplug"]}')
    with pytest.raises(urllib.error.URLError):
        Viewer(camera)
    put(camera, b'{"faults": []}')
    viewer = Viewer(camera)
    assert viewer.next()
    viewer.close()


def test_replugged_camera_comes_back_alone(camera: StreamCamera) -> None:
    camera.faults.inject("replug")
    assert not camera.faults.active
    with pytest.raises(urllib.error.URLError):
        Viewer(camera)

    def is_back() -> bool:
        try:
            Viewer(camera).close()
        except urllib.error.URLError:
            return False
        return True

    wait_for(is_back)


@pytest.mark.parametrize(
    "body",
    [
        b'{"auto_focus": 1}',
        b'{"exposure": true}',
        b'{"exposure": "1"}',
        b'{"exposure": -1}',
        b'{"focus": 1.5}',
        b'{"white_balance_k": 100000}',
        b'{"eye": "third"}',
        b'{"no_such_control": true}',
        b'{"exposure": 2.0, "no_such_control": true}',
        b'{"exposure": 2.0, "faults": ["no-such-fault"]}',
        b'{"exposure": 2.0, "faults": "frozen"}',
        b'{"faults": [1]}',
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
    assert camera.controls == CameraControls()
    assert not camera.faults.active


@given(
    st.binary(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from([*CameraControls().as_json(), "faults"]) | st.text(), inner
            )
        ),
    ).map(lambda value: json.dumps(value).encode())
)
def test_any_control_body_is_applied_or_refused(body: bytes) -> None:
    known: Injector[CameraFault] = Injector(CAMERA_FAULTS)
    try:
        controls, faults = parse(body, CameraControls(), known)
    except ValueError:
        return
    assert 0 <= controls.exposure <= 16
    assert type(controls.auto_focus) is bool
    assert faults is None or all(isinstance(fault, CameraFault) for fault in faults)


class TestControls:
    """Each control changes the picture as it would on a real camera."""

    @pytest.fixture
    def flat(self) -> Iterator[StreamCamera]:
        image = pattern()
        with StreamCamera(StillScene(image), fps=60) as running:
            yield running

    def picture(self, camera: StreamCamera, **controls: object) -> NDArray[np.float64]:
        camera.set_controls(**controls)
        viewer = Viewer(camera)
        for _ in range(3):
            jpeg = viewer.next()
        viewer.close()
        image = decode_jpeg(jpeg)
        assert image is not None
        return image.astype(np.float64)

    def test_exposure_and_gain_need_the_automatic_off(self, flat: StreamCamera) -> None:
        usual = self.picture(flat).mean()
        assert self.picture(flat, exposure=0.5).mean() == pytest.approx(usual, rel=0.01)
        half = self.picture(flat, exposure=0.5, auto_exposure=False)
        assert half.mean() == pytest.approx(usual / 2, rel=0.05)
        assert self.picture(flat, gain=2.0).mean() == pytest.approx(usual, rel=0.05)

    def test_white_balance_moves_red_against_blue(self, flat: StreamCamera) -> None:
        usual = self.picture(flat).mean(axis=(0, 1))
        warm = self.picture(flat, white_balance_k=8000.0, auto_white_balance=False)
        blue, _, red = warm.mean(axis=(0, 1)) / usual
        assert red > 1.05 > 0.95 > blue

    def test_focus_blurs(self, flat: StreamCamera) -> None:
        image = self.picture(flat).astype(np.uint8)
        blurred = self.picture(flat, focus=0.8, auto_focus=False).astype(np.uint8)
        assert sharpness(blurred).value < 0.2 * sharpness(image).value


def test_lamps_light_the_eyes() -> None:
    with StreamCamera(NumberedScene(), fps=60, eyes=NumberedEyes()) as camera:
        means = []
        for led in (True, False):
            camera.set_controls(led=led)
            with urllib.request.urlopen(camera.iris_url, timeout=2.0) as stream:  # noqa: S310
                assert stream.readline() == b"YUV4MPEG2 W320 H120 F60:1 Ip A1:1 Cmono\n"
                assert stream.readline() == b"FRAME\n"
                means.append(np.frombuffer(stream.read(320 * 120), np.uint8).mean())
    assert means[1] < 0.1 * means[0]


def test_scene_without_eyes_has_no_iris_stream(camera: StreamCamera) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(camera.iris_url, timeout=2.0)  # noqa: S310
    with caught.value as error:
        assert error.code == 404


def test_eyes_of_the_scene_are_side_by_side() -> None:
    scene = Scene(Person(7001))
    film = EyeFilm(scene)
    first, second = film.frame(0), film.frame(1)
    assert first.shape == (480, 1280)
    assert not np.array_equal(first, second)  # a live sensor has noise
    halves = first[:, :640], first[:, 640:]
    likeness = np.corrcoef(halves[0].ravel(), halves[1].ravel())[0, 1]
    again = np.corrcoef(halves[0].ravel(), second[:, :640].ravel())[0, 1]
    assert again > 0.98 > likeness  # two eyes, each the same from picture to picture
    scene.stand_up()
    assert film.frame(2).std() < 6  # an empty place is grey
    film.close()


def test_same_seed_gives_the_same_faults() -> None:
    drawn = []
    for _ in range(2):
        with StreamCamera(NumberedScene(), seed=11) as camera:
            drawn.append([camera.faults.random.random() for _ in range(5)])
    assert drawn[0] == drawn[1]


def test_every_fault_has_a_note_and_a_meaning() -> None:
    assert set(CAMERA_FAULTS) == set(CameraFault)
    assert len(CameraFault) >= 16
    assert all(note.happens and note.shown for note in CAMERA_FAULTS.values())

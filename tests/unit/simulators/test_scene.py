from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from drivers.positions import Eye, Finger, Slap
from simulators.people.faces import Shot
from simulators.people.fingerprints import Impression
from simulators.people.irises import IrisView
from simulators.people.person import Person
from simulators.scene import NobodySeated, Scene

Extract = Callable[[NDArray[np.uint8]], Any]

THRESHOLDS = {
    Finger.RIGHT_INDEX: 40,
    Finger.RIGHT_MIDDLE: 40,
    Finger.RIGHT_RING: 30,
    Finger.RIGHT_LITTLE: 20,
}
WANTED_MARGIN = 5


def dark_pixels(image: NDArray[np.uint8]) -> int:
    return int((image < 128).sum())


def test_empty_desk_shows_nothing() -> None:
    scene = Scene()
    scene.asked_for(Slap.RIGHT_FOUR)
    assert scene.placed is None
    assert scene.fingers_on_platen() == {}
    assert scene.single_finger() is None
    assert scene.finger_on_sensor is None
    assert not scene.card_inserted
    assert scene.platen_image().min() > 230
    assert scene.iris_image(Eye.LEFT).std() < 5
    assert scene.face_frame(0).std() < 5


@pytest.mark.parametrize(
    "ask",
    [
        lambda scene: scene.insert_card(),
        lambda scene: scene.place(Slap.THUMBS),
        lambda scene: scene.place_eyes(IrisView()),
    ],
)
def test_nobody_can_be_asked_for_anything(ask: Callable[[Scene], None]) -> None:
    with pytest.raises(NobodySeated):
        ask(Scene())


def test_cooperative_resident_does_what_devices_ask(resident: Person) -> None:
    scene = Scene(resident)
    assert scene.card_inserted
    scene.asked_for(Slap.LEFT_FOUR)
    assert scene.placed is Slap.LEFT_FOUR
    scene.asked_for(Finger.LEFT_INDEX)
    assert scene.finger_on_sensor is Finger.LEFT_INDEX


def test_eyes_do_not_move_the_hand(resident: Person) -> None:
    scene = Scene(resident)
    scene.place(Slap.THUMBS)
    scene.asked_for(Eye.LEFT)
    assert scene.placed is Slap.THUMBS
    scene.lift()
    assert scene.fingers_on_platen() == {}


def test_asking_again_keeps_the_hand_as_it_lies(resident: Person) -> None:
    scene = Scene(resident)
    scene.place(Slap.THUMBS, Impression(contact=0.4))
    light = dark_pixels(scene.fingers_on_platen()[Finger.LEFT_THUMB])
    scene.asked_for(Slap.THUMBS)
    assert dark_pixels(scene.fingers_on_platen()[Finger.LEFT_THUMB]) < 1.5 * light


def test_stubborn_resident_does_nothing_alone(resident: Person) -> None:
    scene = Scene(resident, cooperative=False)
    scene.asked_for(Slap.RIGHT_FOUR)
    assert scene.placed is None
    assert scene.single_finger() is None
    assert not scene.card_inserted
    assert scene.iris_image(Eye.LEFT).std() < 5
    scene.place_eyes(IrisView())
    assert scene.iris_image(Eye.LEFT).std() > 20


def test_wrong_hand_is_simply_what_lies_there(resident: Person) -> None:
    scene = Scene(resident, cooperative=False)
    scene.place(Slap.THUMBS)
    scene.asked_for(Slap.RIGHT_FOUR)
    assert set(scene.fingers_on_platen()) == {Finger.RIGHT_THUMB, Finger.LEFT_THUMB}


def test_every_capture_is_new_and_can_be_repeated_from_the_seed() -> None:
    runs = []
    for _ in range(2):
        scene = Scene(Person(1))
        scene.asked_for(Finger.RIGHT_INDEX)
        runs.append([scene.fingers_on_platen()[Finger.RIGHT_INDEX] for _ in range(2)])
    assert not np.array_equal(runs[0][0], runs[0][1])
    assert np.array_equal(runs[0][0], runs[1][0])
    assert np.array_equal(runs[0][1], runs[1][1])


def test_previews_do_not_count_and_show_the_coming_capture(resident: Person) -> None:
    scene = Scene(resident)
    scene.asked_for(Finger.RIGHT_INDEX)
    previews = [scene.platen_image() for _ in range(3)]
    assert not np.array_equal(previews[0], previews[1])
    print_image = scene.fingers_on_platen()[Finger.RIGHT_INDEX]
    untouched = Scene(Person(1))
    untouched.asked_for(Finger.RIGHT_INDEX)
    assert np.array_equal(print_image, untouched.fingers_on_platen()[Finger.RIGHT_INDEX])
    assert dark_pixels(previews[0]) == pytest.approx(dark_pixels(print_image), rel=0.1)


def test_missing_fingers_stay_away(resident: Person) -> None:
    scene = Scene(resident)
    scene.seat(resident, missing={Finger.RIGHT_INDEX})
    scene.place(Slap.RIGHT_FOUR, missing={Finger.RIGHT_RING})
    assert list(scene.fingers_on_platen()) == [Finger.RIGHT_MIDDLE, Finger.RIGHT_LITTLE]
    scene.asked_for(Finger.RIGHT_INDEX)
    assert scene.single_finger() is None
    assert scene.fingers_on_platen() == {}


def test_next_impressions_serve_one_capture_each(resident: Person) -> None:
    scene = Scene(resident)
    scene.asked_for(Finger.RIGHT_INDEX)
    scene.next_impressions([Impression(contact=0.4), Impression(contact=0.5)])
    sizes = [dark_pixels(scene.fingers_on_platen()[Finger.RIGHT_INDEX]) for _ in range(4)]
    assert sizes[0] < 0.8 * sizes[1]
    assert sizes[1] < 0.6 * sizes[2]
    assert sizes[3] == pytest.approx(sizes[2], rel=0.2)


def test_worn_fingers_fail_quality(resident: Person, extract: Extract) -> None:
    scene = Scene(resident)
    scene.worn(6.0)
    scene.asked_for(Finger.RIGHT_INDEX)
    image = scene.fingers_on_platen()[Finger.RIGHT_INDEX]
    assert extract(image).quality().score < 20


@pytest.mark.parametrize("seed", [1, 2])
def test_healthy_slap_passes_every_threshold_with_margin(seed: int, extract: Extract) -> None:
    scene = Scene(Person(seed))
    scene.asked_for(Slap.RIGHT_FOUR)
    scores = {f: extract(i).quality().score for f, i in scene.fingers_on_platen().items()}
    assert list(scores) == list(THRESHOLDS)
    for finger, score in scores.items():
        assert score >= max(40, THRESHOLDS[finger] + WANTED_MARGIN), (finger.name, score)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_sensor_and_slap_agree_on_the_right_index(seed: int, extract: Extract) -> None:
    scene = Scene(Person(seed))
    scene.place(Slap.RIGHT_FOUR, missing=set(Slap.RIGHT_FOUR.fingers) - {Finger.RIGHT_INDEX})
    index = extract(scene.fingers_on_platen()[Finger.RIGHT_INDEX])
    sensor = scene.single_finger()
    assert sensor is not None
    assert sensor.shape == (288, 256)
    assert extract(sensor).compare(index) >= 60


def test_slap_lies_within_the_platen_with_gaps(resident: Person) -> None:
    scene = Scene(resident)
    scene.asked_for(Slap.RIGHT_FOUR)
    columns = (scene.platen_image() < 128).any(axis=0)
    edges = np.flatnonzero(np.diff(columns.astype(int)))
    wide = [b - a for a, b in zip(edges[1::2], edges[2::2], strict=False) if b - a > 10]
    assert len(wide) == 3
    assert min(wide) >= 30
    assert edges[0] > 10
    assert edges[-1] < 1590


def test_swap_of_residents_reaches_every_device(resident: Person) -> None:
    other = Person(2)
    scene = Scene(resident)
    scene.look(Shot(size=(320, 240), eye_distance_px=30))
    scene.asked_for(Finger.RIGHT_INDEX)
    seen = scene.fingers_on_platen(), scene.iris_image(Eye.LEFT)
    scene.seat(other)
    assert scene.person is other
    assert scene.card is other
    assert scene.placed is None
    scene.asked_for(Finger.RIGHT_INDEX)
    now = scene.fingers_on_platen(), scene.iris_image(Eye.LEFT)
    assert not np.array_equal(seen[0][Finger.RIGHT_INDEX], now[0][Finger.RIGHT_INDEX])
    assert not np.array_equal(seen[1], now[1])


def test_forgotten_card_stays_on_the_reader(resident: Person) -> None:
    scene = Scene(resident, cooperative=False)
    scene.insert_card()
    scene.stand_up()
    assert scene.card is resident
    scene.remove_card()
    assert not scene.card_inserted


def test_listeners_hear_of_changes_until_they_leave(resident: Person) -> None:
    scene = Scene()
    heard: list[bool] = []
    unsubscribe = scene.subscribe(lambda: heard.append(scene.card_inserted))
    scene.seat(resident)
    scene.remove_card()
    scene.remove_card()
    assert heard == [True, False]
    unsubscribe()
    unsubscribe()
    scene.insert_card()
    assert heard == [True, False]


def test_face_frames_move_a_little_and_repeat_by_index(resident: Person) -> None:
    scene = Scene(resident)
    frames = [scene.face_frame(index) for index in (0, 1, 0)]
    assert frames[0].shape == (720, 1280, 3)
    assert np.array_equal(frames[0], frames[2])
    change = np.abs(frames[0].astype(int) - frames[1]).mean()
    assert 0.2 < change < 5


def test_captures_from_many_threads_are_all_different(resident: Person) -> None:
    scene = Scene(resident)
    scene.asked_for(Finger.RIGHT_INDEX)
    barrier = threading.Barrier(4)

    def capture(_: int) -> bytes:
        barrier.wait()
        return scene.fingers_on_platen()[Finger.RIGHT_INDEX].tobytes()

    with ThreadPoolExecutor(4) as pool:
        pictures = set(pool.map(capture, range(4)))
    assert len(pictures) == 4


def test_preparing_grows_every_finger(resident: Person) -> None:
    resident.prepare()
    assert {resident.finger(finger).levels.shape for finger in Finger} == {(560, 416)}

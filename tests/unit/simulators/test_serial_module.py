"""The simulated finger module without its wire: sensor noise, templates, fingers in turn."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
import serial

from drivers.api import Finger, Image
from drivers.serial.commands import Confirmation
from simulators import serial_templates
from simulators.injection import UnknownFault
from simulators.people.fingerprints import Impression
from simulators.people.person import Person
from simulators.scene import Scene
from simulators.serial_faults import SerialFault
from simulators.serial_line import seconds_on_line
from simulators.serial_model import NOISY_PIXELS, FingerModel
from simulators.serial_module import R30xModule
from simulators.serial_scanner import FINGERS, FingersInTurn, run
from simulators.serial_templates import (
    TEMPLATE_BYTES,
    THRESHOLDS,
    NoTemplate,
    Template,
    TooFewFeatures,
    TooMessy,
    extract,
    merge,
    score,
)

SEED = 7002


@pytest.fixture(scope="module")
def scene() -> Scene:
    return Scene(Person(SEED))


def take(scene: Scene, finger: Finger, impression: Impression | None = None) -> Image:
    scene.place(finger, impression or Impression())
    picture = scene.single_finger()
    assert picture is not None
    return picture


def test_takes_of_one_finger_match_and_others_do_not(scene: Scene) -> None:
    fingers = (Finger.RIGHT_INDEX, Finger.RIGHT_THUMB, Finger.LEFT_INDEX)
    takes = {finger: [extract(take(scene, finger)) for _ in range(2)] for finger in fingers}
    for finger, (first, second) in takes.items():
        assert score(first, second) >= THRESHOLDS[5]
        assert score(first, second) == score(second, first)
        for other in fingers:
            if other is not finger:
                assert score(first, takes[other][0]) < THRESHOLDS[3]
                merged = merge(first, second)
                assert score(merged, takes[other][0]) < THRESHOLDS[3]


def test_a_template_survives_the_wire(scene: Scene) -> None:
    template = extract(take(scene, Finger.RIGHT_INDEX))
    merged = merge(template, extract(take(scene, Finger.RIGHT_INDEX)))
    for one in (template, merged):
        assert len(one.encode()) == TEMPLATE_BYTES
        assert Template.decode(one.encode()) == one
    assert len(merged.views) == 2
    assert "views" not in repr(merged)


@pytest.mark.parametrize("damage", [slice(0, 4), slice(20, 21), slice(511, 512)])
def test_a_damaged_template_is_none(scene: Scene, damage: slice) -> None:
    data = bytearray(extract(take(scene, Finger.RIGHT_INDEX)).encode())
    data[damage] = bytes(byte ^ 0xFF for byte in data[damage])
    with pytest.raises(NoTemplate):
        Template.decode(bytes(data))
    with pytest.raises(NoTemplate):
        Template.decode(bytes(data[:-1]))


def test_nothing_and_noise_give_no_template(scene: Scene) -> None:
    with pytest.raises(TooFewFeatures):
        extract(np.full((288, 256), 200, np.uint8))
    with pytest.raises(TooMessy):
        extract(np.random.default_rng(1).integers(0, 256, (288, 256), dtype=np.uint8))
    with pytest.raises(TooMessy):
        extract(take(scene, Finger.RIGHT_INDEX, Impression(noise=6)))


def test_no_two_takes_are_equal(scene: Scene) -> None:
    class Still:
        picture = take(scene, Finger.RIGHT_INDEX)

        def single_finger(self, width: int = 256, height: int = 288) -> Image | None:
            return self.picture

    images = []
    for model in (FingerModel(Still()), FingerModel(Still())):
        assert model.take_picture()
        images.append(model.image)
        assert model.take_picture()
        images.append(model.image)
    first, second, again, _ = images
    assert first is not None
    assert second is not None
    assert again is not None
    assert np.array_equal(first, again)  # the same module always sees the same noise
    assert 0 < np.count_nonzero(first != second) <= 2 * NOISY_PIXELS


def test_the_security_level_decides_what_matches(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = FingerModel(scene)
    for buffer in (1, 2):
        scene.place(Finger.RIGHT_INDEX)
        assert model.take_picture()
        assert model.extract(buffer) is Confirmation.OK
    monkeypatch.setattr(serial_templates, "score", lambda a, b: 70)
    model.security_level = 3
    assert model.compare() == 70
    model.security_level = 4
    assert model.compare() == 0


def test_the_best_page_is_found_and_only_in_its_range(scene: Scene) -> None:
    model = FingerModel(scene)
    for page, finger in ((4, Finger.RIGHT_INDEX), (9, Finger.RIGHT_THUMB)):
        scene.place(finger)
        assert model.take_picture()
        assert model.extract(1) is Confirmation.OK
        model.library[page] = model.buffers[1]
    assert model.take_picture()  # the thumb again
    assert model.extract(2) is Confirmation.OK
    found = model.search(2, 0, 200)
    assert found is not None
    assert found[0] == 9
    assert model.search(2, 0, 9) is None
    assert model.search(1, 9, 1) is not None


def test_fingers_come_go_and_come_again() -> None:
    turns = FingersInTurn(Person(SEED), FINGERS[:2], takes=2, looks_without=1)
    seen = []
    for _ in range(9):
        finger = turns.finger
        seen.append(finger if turns.single_finger() is not None else None)
    first, second = FINGERS[:2]
    assert seen == [first, None, first, None, second, None, second, None, first]


def test_one_module_is_served_alone(tmp_path: Path) -> None:
    stop, ready = threading.Event(), threading.Event()
    told: list[str] = []

    def announce(text: str) -> None:
        told.append(text)
        ready.set()

    link = tmp_path / "tty"
    serving = threading.Thread(target=run, args=(link, SEED, 115200, False, stop, announce))
    serving.start()
    try:
        assert ready.wait(20.0)
        assert told == [str(link)]
        with serial.Serial(str(link), 115200, timeout=0.5) as port:
            port.write(bytes.fromhex("EF01FFFFFFFF010003530057"))
            assert port.read(12) == bytes.fromhex("EF01FFFFFFFF07000355005F")
    finally:
        stop.set()
        serving.join()
    assert not link.is_symlink()


def test_replugging_elsewhere_keeps_the_link_and_changes_the_port(tmp_path: Path) -> None:
    with R30xModule(FingersInTurn(Person(SEED)), link=tmp_path / "tty") as module:
        before = module.terminal
        module.faults.inject(SerialFault.REPLUG_ELSEWHERE)
        assert module.faults.active == ()
        assert module.terminal != before
        assert Path(module.path).readlink() == Path(module.terminal)
        module.faults.inject("unplug")
        assert not Path(module.path).is_symlink()
        module.faults.clear("unplug")
        assert Path(module.path).readlink() == Path(module.terminal)
        with pytest.raises(UnknownFault):
            module.faults.inject("black-picture")


def test_a_picture_takes_seven_seconds_at_the_factory_speed() -> None:
    assert seconds_on_line(288 * 139, 57600) == pytest.approx(6.95)

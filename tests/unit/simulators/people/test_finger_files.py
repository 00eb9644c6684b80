from __future__ import annotations

from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image as Pillow

from drivers.positions import Finger, Slap
from simulators.people.finger_files import FingerFileError, FingerFiles
from simulators.people.person import Person
from simulators.scene import Scene


def picture(seed: int, height: int = 420, width: int = 320) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width)).astype(np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number, suffix in enumerate((".png", ".pgm", ".bmp")):
        Pillow.fromarray(picture(number)).save(tmp_path / f"{number}{suffix}")
    (tmp_path / "README.md").write_text("not a finger")
    (tmp_path / "record.an2").write_bytes(b"\x00\x01")
    return tmp_path


def test_files_are_dealt_in_the_order_of_finger_codes_again_and_again(folder: Path) -> None:
    files = FingerFiles(folder)
    names = [files.path(finger).name for finger in Finger]
    assert names == (["0.png", "1.pgm", "2.bmp"] * 4)[:10]
    for finger in Finger:
        assert np.array_equal(files.image(finger), picture((finger - 1) % 3))


def test_scene_serves_the_pixels_of_the_files(folder: Path) -> None:
    scene = Scene(Person(1), fingers=FingerFiles(folder))
    scene.place(Slap.RIGHT_FOUR)
    for _ in range(2):
        shown = scene.fingers_on_platen()
        assert list(shown) == list(Slap.RIGHT_FOUR.fingers)
        for finger, image in shown.items():
            assert np.array_equal(image, picture((finger - 1) % 3))


def test_sensor_shows_the_middle_of_the_same_file(folder: Path) -> None:
    scene = Scene(Person(1), fingers=FingerFiles(folder))
    shown = scene.single_finger()
    assert shown is not None
    assert np.array_equal(shown, picture(1)[66:354, 32:288])


def test_platen_is_composed_of_the_files(folder: Path) -> None:
    scene = Scene(Person(1), fingers=FingerFiles(folder))
    scene.place(Slap.THUMBS)
    platen = scene.platen_image()
    assert platen.shape == (1500, 1600)
    assert platen[450:800, 450:550].mean() < 200
    assert platen[450:800, 1050:1150].mean() < 200
    assert platen[:300].min() == 250


def test_folder_without_pictures_is_named(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("nothing")
    with pytest.raises(FingerFileError, match=f"{tmp_path.name}: no finger picture"):
        FingerFiles(tmp_path)


def test_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(FingerFileError, match="nowhere: No such file"):
        FingerFiles(tmp_path / "nowhere")


@pytest.mark.parametrize("suffix", [".png", ".pgm", ".bmp", ".wsq"])
def test_unreadable_file_is_named(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"broken{suffix}").write_bytes(b"\xff\xa0" + bytes(100))
    with pytest.raises(FingerFileError, match=f"broken{suffix}: not a readable picture"):
        FingerFiles(tmp_path)


@pytest.mark.parametrize("size", [(100, 400), (400, 199), (2500, 300)])
def test_file_of_a_wrong_size_is_named(tmp_path: Path, size: tuple[int, int]) -> None:
    Pillow.fromarray(picture(1, *size)).save(tmp_path / "odd.png")
    with pytest.raises(FingerFileError, match=r"odd.png: \d+ x \d+ pixels"):
        FingerFiles(tmp_path)


def test_deep_grey_is_refused(tmp_path: Path) -> None:
    Pillow.fromarray(picture(1).astype(np.uint16) * 200).save(tmp_path / "deep.png")
    with pytest.raises(FingerFileError, match=r"deep.png: more than 8 bits"):
        FingerFiles(tmp_path)


def encoded(form: str) -> bytes:
    buffer = BytesIO()
    Pillow.fromarray(picture(1, 220, 210)).save(buffer, form)
    return buffer.getvalue()


@settings(max_examples=60, deadline=None)
@given(
    form=st.sampled_from(["PNG", "BMP", "PPM"]),
    changes=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=6),
    length=st.integers(0, 60_000),
)
def test_damaged_files_give_a_picture_or_a_clear_error(
    form: str, changes: list[tuple[int, int]], length: int
) -> None:
    content = bytearray(encoded(form))
    for position, value in changes:
        content[position] = value
    with TemporaryDirectory() as folder:
        Path(folder, "finger.png").write_bytes(content[:length])
        try:
            smallest = min(FingerFiles(Path(folder)).image(Finger.LEFT_INDEX).shape)
            message = ""
        except FingerFileError as error:
            smallest, message = 0, str(error)
    assert smallest >= 200 or "finger.png: " in message


@pytest.mark.shared_data
def test_sample_prints_are_served(shared_prints: Path) -> None:
    files = FingerFiles(shared_prints)
    assert files.path(Finger.RIGHT_THUMB).name == "SFinGe_Test01.pgm"
    assert files.image(Finger.RIGHT_THUMB).shape == (560, 416)
    wsq = [files.image(f) for f in Finger if files.path(f).suffix == ".wsq"]
    assert {image.shape for image in wsq} == {(512, 512), (800, 800)}
    with pytest.raises(ValueError, match="read-only"):
        wsq[0][0, 0] = 0

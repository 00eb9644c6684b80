"""Photo, signature image and minutiae of a chip as arrays and types."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from drivers.card.chip_content import (
    ChipContentError,
    decode_photo,
    decode_signature_image,
    find_jpeg,
)
from drivers.card.chip_content_minutiae import Minutia, MinutiaKind, parse_template
from drivers.positions import Finger
from simulators.card import placeholder_photo
from simulators.ktpel_card_content import (
    CHIP_BYTES,
    CHIP_FINGERS,
    build_template,
    pack_signature,
    placeholder_fingers,
)
from simulators.ktpel_card_resident import ResidentCards, draw_signature, template_of
from simulators.people.fingerprints import make_impression
from simulators.people.person import Person
from station.biometrics.fingers.matching import SAME_FROM, SUSPECT_FROM, compare, from_iso

BLOCKS = struct.pack(">HHBB", 1 << 14 | 100, 200, 64, 80) + struct.pack(
    ">HHBB", 2 << 14 | 415, 559, 255, 0
)
TEMPLATE = build_template(Finger.RIGHT_INDEX, (416, 560), BLOCKS, quality=55)


@pytest.mark.parametrize(
    ("before", "after"), [(b"", b""), (b"\x00\x01", b"\x02\x03"), (b"\xff\xd9", b"\xff" * 9)]
)
def test_photo_is_found_inside_an_unknown_frame(before: bytes, after: bytes) -> None:
    image = decode_photo(before + placeholder_photo() + after)
    assert image.shape == (160, 120, 3)
    assert image.dtype == np.uint8
    assert not image.flags.writeable


def test_photo_is_blue_green_red() -> None:
    import cv2

    red = np.zeros((32, 32, 3), np.uint8)
    red[..., 2] = 250
    blue, green, reds = decode_photo(cv2.imencode(".jpg", red)[1].tobytes())[16, 16]
    assert reds > 230
    assert max(blue, green) < 20


@pytest.mark.parametrize(
    "data",
    [b"", b"\xff\xd8", b"\xff\xd9" + b"\xff\xd8\xff", b"\xff\xd8\xff\xe0\xff\xd9", b"x" * 100],
)
def test_what_is_no_jpeg_is_refused(data: bytes) -> None:
    with pytest.raises(ChipContentError):
        decode_photo(data)


def test_a_photo_that_claims_a_wall_of_pixels_is_refused_undecoded() -> None:
    photo = bytearray(placeholder_photo())
    frame = photo.index(b"\xff\xc0")
    photo[frame + 5 : frame + 9] = b"\x7f\xff\x00\x40"
    with pytest.raises(ChipContentError, match="32767"):
        decode_photo(bytes(photo))


def test_a_damaged_photo_writes_nothing_on_the_screen(capfd: pytest.CaptureFixture[str]) -> None:
    photo = bytearray(placeholder_photo())
    for position in range(len(photo) // 2, len(photo) - 2, 11):
        photo[position] ^= 0x5A
    try:
        decode_photo(bytes(photo))
    except ChipContentError:
        pass
    assert capfd.readouterr() == ("", "")


def test_a_file_longer_than_the_chip_is_refused() -> None:
    with pytest.raises(ChipContentError):
        find_jpeg(placeholder_photo() + bytes(CHIP_BYTES))


def test_signature_image_has_the_first_pixel_in_the_highest_bit() -> None:
    data = bytearray(b"\xff" * 924)
    data[0] = 0x7F  # first pixel of the first row: ink
    data[21 * 43 + 20] = 0xFE  # last pixel of the last row
    image = decode_signature_image(bytes(data))
    assert image.shape == (44, 168)
    assert image.dtype == np.uint8
    assert {(int(y), int(x)) for y, x in np.argwhere(image == 0)} == {(0, 0), (43, 167)}
    assert set(np.unique(image)) == {0, 255}
    assert not image.flags.writeable


def test_a_drawn_signature_comes_back_as_it_was() -> None:
    picture = draw_signature(7)
    assert np.array_equal(decode_signature_image(pack_signature(picture)), picture)
    assert 0.02 < np.mean(picture == 0) < 0.4
    assert not np.array_equal(draw_signature(8), picture)


@pytest.mark.parametrize("size", [0, 923, 925, 8192])
def test_signature_images_of_other_sizes_are_refused(size: int) -> None:
    with pytest.raises(ChipContentError):
        decode_signature_image(bytes(size))


def test_a_template_gives_typed_minutiae() -> None:
    template = parse_template(TEMPLATE)
    assert template.position is Finger.RIGHT_INDEX
    assert (template.width, template.height) == (416, 560)
    assert (template.x_per_cm, template.y_per_cm) == (197, 197)
    assert template.quality == 55
    assert template.minutiae == (
        Minutia(100, 200, 90.0, MinutiaKind.RIDGE_ENDING, 80),
        Minutia(415, 559, 255 * 360 / 256, MinutiaKind.BIFURCATION, None),
    )
    assert template.iso == TEMPLATE
    assert "100" not in repr(template.minutiae)
    assert "minutiae" not in repr(template)


def test_extended_data_are_skipped() -> None:
    data = bytearray(TEMPLATE)
    data[-2:] = b"\x00\x04data"
    data[8:12] = len(data).to_bytes(4, "big")
    assert len(parse_template(bytes(data)).minutiae) == 2


@pytest.mark.parametrize(
    ("at", "value"),
    [
        *((0, "47"), (5, "33"), (8, "00000063"), (12 + 2, "0000"), (16, "0000"), (18, "0000")),
        *((22, "02"), (22, "00"), (24, "0B"), (27, "03"), (27, "00"), (27, "FF")),
        *((28, "C0"), (28, "7FFF"), (30, "3FFF"), (34, "81A0"), (36, "0230")),
        *((-2, "0001"), (-2, "FFFF"), (-7, ""), (len(TEMPLATE), "00")),
    ],
)
def test_a_template_that_contradicts_itself_is_refused(at: int, value: str) -> None:
    """Magic, version, length, sizes, resolution, views, position, count, kind, place, extension."""
    new = bytes.fromhex(value)
    end = len(TEMPLATE) if not new else (at % len(TEMPLATE) if at < 0 else at) + len(new)
    damaged = TEMPLATE[:at] + new + TEMPLATE[end:]
    assert damaged != TEMPLATE
    with pytest.raises(ChipContentError):
        parse_template(damaged)


def test_the_card_of_a_resident_holds_the_residents_own_fingers() -> None:
    """The chip's template matches another touch of that finger, and of no other."""
    person = Person(1)
    content = ResidentCards().content_of(person)
    assert content.chip_bytes <= CHIP_BYTES
    assert 1024 <= len(content.photo) <= 6144
    assert decode_photo(content.photo).shape == (240, 180, 3)
    chip = [from_iso(template) for template in content.fingers]
    assert [parse_template(t).position for t in content.fingers] == list(CHIP_FINGERS)
    touch = from_iso(template_of(CHIP_FINGERS[0], make_impression(person.finger(Finger(2)), 99)))
    assert compare(chip[0], touch) >= SAME_FROM
    assert compare(chip[1], touch) < SUSPECT_FROM


def test_placeholder_templates_are_readable() -> None:
    for finger, data in zip(CHIP_FINGERS, placeholder_fingers(), strict=True):
        template = parse_template(data)
        assert template.position is finger
        assert len(template.minutiae) == 24

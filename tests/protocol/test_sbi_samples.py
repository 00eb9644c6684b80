"""A record must be what registration accepts, and every check has an error of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import cv2
import numpy as np
import pytest

from drivers.errors import DeviceRefused, Untrusted
from drivers.positions import Eye, Finger, Slap
from drivers.sbi import errors
from drivers.sbi.checks import verify_answer, verify_received
from drivers.sbi.codes import ERROR_TEXTS, error_for
from drivers.sbi.iso19794.face import (
    ColourSpace,
    FaceDataType,
    FaceImageType,
    FaceRecord,
    parse_face,
)
from drivers.sbi.iso19794.fields import RecordMalformed
from drivers.sbi.iso19794.finger import FingerCompression, parse_finger
from drivers.sbi.iso19794.images import is_reversible
from drivers.sbi.iso19794.iris import IrisFormat, IrisImageType, parse_iris
from drivers.sbi.protocol import Position
from drivers.sbi.samples import sample_of
from drivers.sbi.trust import ERROR_OF, Check, CheckFailed
from drivers.values import Image
from simulators.sbi_exception_photo import SIZE, exception_photo
from simulators.sbi_injection import FaultView
from simulators.sbi_records import record_of
from tests.protocol.sbi_rig import SmallScene, ridges
from tests.protocol.test_sbi_wire import EXPECTED, signed

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
SHAPE = (40, 48)


def record(position: Position | None) -> bytes:
    image = ridges(8.0, SHAPE)
    if position is None:
        image = np.repeat(image[:, :, None], 3, axis=2)
    return record_of(position, image, NOW, FaultView(()))


def finger(**changes: object) -> bytes:
    return replace(parse_finger(record(Finger.LEFT_RING)), **changes).to_bytes()  # type: ignore[arg-type]


def iris(**changes: object) -> bytes:
    return replace(parse_iris(record(Eye.LEFT)), **changes).to_bytes()  # type: ignore[arg-type]


def face(**changes: object) -> bytes:
    return replace(parse_face(record(None)), **changes).to_bytes()  # type: ignore[arg-type]


def refusal(position: Position | None, data: bytes, *, exceptions: bool = False) -> str:
    with pytest.raises(CheckFailed) as caught:
        sample_of(position, data, (), exceptions)
    return caught.value.check


@pytest.mark.parametrize(
    ("position", "make", "changes", "check"),
    [
        (Finger.LEFT_RING, finger, {"position": 4}, Check.RECORD_POSITION),
        (Finger.LEFT_RING, finger, {"compression": FingerCompression.WSQ}, Check.COMPRESSION),
        (Finger.LEFT_RING, finger, {"compression": FingerCompression.PNG}, Check.IMAGE),
        (Finger.LEFT_RING, finger, {"image_sampling": (500, 510)}, Check.RESOLUTION),
        (Finger.LEFT_RING, finger, {"image_sampling": (1011, 1011)}, Check.RESOLUTION),
        (Finger.LEFT_RING, finger, {"bit_depth": 16}, Check.IMAGE),
        (Finger.LEFT_RING, finger, {"image": b"no image"}, Check.IMAGE),
        (Finger.LEFT_RING, finger, {"impression": 1}, Check.IMAGE),
        (Finger.LEFT_RING, finger, {"impression": 8}, Check.IMAGE),
        (Finger.LEFT_RING, finger, {"impression": 29}, Check.IMAGE),
        (Eye.LEFT, iris, {"eye": 0}, Check.RECORD_POSITION),
        (Eye.LEFT, iris, {"image_type": IrisImageType.UNCROPPED}, Check.IMAGE),
        (Eye.LEFT, iris, {"image_type": IrisImageType.CROPPED_MASKED}, Check.IMAGE),
        (Eye.LEFT, iris, {"width": 47}, Check.IMAGE),
        (None, face, {"data_type": FaceDataType.JPEG}, Check.COMPRESSION),
        (None, face, {"data_type": FaceDataType.PNG}, Check.IMAGE),
        (None, face, {"colour_space": ColourSpace.GREY8}, Check.IMAGE),
        (None, face, {"image_type": FaceImageType.BASIC}, Check.IMAGE),
        (None, face, {"height": 41}, Check.IMAGE),
    ],
)
def test_record_that_registration_refuses(
    position: Position | None,
    make: Callable[..., bytes],
    changes: dict[str, object],
    check: Check,
) -> None:
    assert sample_of(position, make(), ()).image.shape[:2] == SHAPE
    assert refusal(position, make(**changes)) == check


def coded(ending: str, image: np.ndarray[Any, Any]) -> bytes:
    return cv2.imencode(ending, image)[1].tobytes()


GREY = ridges(8.0, SHAPE)
COLOUR = np.repeat(GREY[:, :, None], 3, axis=2)
DEEP = GREY.astype(np.uint16) * 257
AS_PNG: dict[str, object] = {"compression": FingerCompression.PNG}
FACE_PNG: dict[str, object] = {"data_type": FaceDataType.PNG}
MONO_PNG: dict[str, object] = {"format": IrisFormat.MONO_PNG}


@pytest.mark.parametrize(
    ("position", "make", "changes", "ending", "image"),
    [
        (Finger.LEFT_RING, finger, AS_PNG, ".png", DEEP),
        (Finger.LEFT_RING, finger, AS_PNG, ".png", COLOUR),
        (Finger.LEFT_RING, finger, {}, ".jp2", DEEP),
        (Finger.LEFT_RING, finger, {}, ".jp2", COLOUR),
        (Eye.LEFT, iris, MONO_PNG, ".png", COLOUR),
        (Eye.LEFT, iris, MONO_PNG, ".png", DEEP),
        (Eye.LEFT, iris, {"format": IrisFormat.MONO_JPEG}, ".jpg", COLOUR),
        (Eye.LEFT, iris, {"format": IrisFormat.RGB_JPEG}, ".jpg", GREY),
        (None, face, FACE_PNG, ".png", GREY),
        (None, face, {}, ".jp2", GREY),
        (None, face, FACE_PNG, ".png", np.repeat(DEEP[:, :, None], 3, axis=2)),
        (None, face, FACE_PNG, ".png", np.dstack([COLOUR, GREY])),
    ],
)
def test_depth_and_channels_are_those_of_the_record(
    position: Position | None,
    make: Callable[..., bytes],
    changes: dict[str, object],
    ending: str,
    image: np.ndarray[Any, Any],
) -> None:
    assert refusal(position, make(image=coded(ending, image), **changes)) == Check.IMAGE


@pytest.mark.parametrize(
    ("position", "make", "changes", "ending", "image"),
    [
        (Finger.LEFT_RING, finger, AS_PNG, ".png", GREY),
        (Finger.LEFT_RING, finger, {"impression": 24}, ".jp2", GREY),
        (Eye.LEFT, iris, MONO_PNG, ".png", GREY),
        (Eye.LEFT, iris, {"format": IrisFormat.RGB_PNG}, ".png", COLOUR),
        (Eye.LEFT, iris, {"format": IrisFormat.MONO_JPEG}, ".jpg", GREY),
        (None, face, FACE_PNG, ".png", COLOUR),
    ],
)
def test_picture_that_is_what_its_record_says(
    position: Position | None,
    make: Callable[..., bytes],
    changes: dict[str, object],
    ending: str,
    image: np.ndarray[Any, Any],
) -> None:
    data = make(image=coded(ending, image), **changes)
    assert sample_of(position, data, ()).image.shape[:2] == SHAPE


def test_code_stream_with_signed_or_coarse_channels() -> None:
    image = parse_finger(finger()).image
    first = image.index(b"\xff\x4f\xff\x51") + 42
    for at, value in ((first, 0x87), (first + 1, 2), (first, 11)):
        changed = image[:at] + bytes([value]) + image[at + 1 :]
        assert refusal(Finger.LEFT_RING, finger(image=changed)) == Check.IMAGE


def test_exception_photo_may_be_any_picture() -> None:
    basic = face(image_type=FaceImageType.BASIC)
    assert sample_of(None, basic, (), True).image.shape == (*SHAPE, 3)
    assert refusal(None, face(data_type=FaceDataType.JPEG), exceptions=True) == Check.COMPRESSION


def test_record_of_another_kind() -> None:
    assert refusal(Finger.LEFT_RING, iris()) == Check.RECORD
    assert refusal(Eye.LEFT, face()) == Check.RECORD
    assert refusal(None, finger()) == Check.RECORD


def test_lossless_is_believed_of_the_transform_that_can_be() -> None:
    image = parse_finger(finger()).image
    assert is_reversible(image)
    style = image.index(b"\xff\x52")
    lossy = image[: style + 13] + b"\0" + image[style + 14 :]
    assert not is_reversible(lossy)
    assert is_reversible(image[image.index(b"\xff\x4f\xff\x51") :])
    for broken in (b"", image[: style + 5], image.replace(b"\xff\x52", b"\xff\x64", 1)):
        with pytest.raises(RecordMalformed):
            is_reversible(broken)
    assert refusal(Finger.LEFT_RING, finger(image=lossy)) == Check.COMPRESSION


def test_every_check_has_an_error_of_its_own() -> None:
    assert set(ERROR_OF) == set(Check)
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    own = [k for k in kinds if issubclass(k, Untrusted | DeviceRefused) and "sbi" in k.__module__]
    codes = [kind.code for kind in own]
    assert len(set(codes)) == len(codes) == 29
    assert {kind for kind in own if issubclass(kind, Untrusted)} == set(ERROR_OF.values())


@pytest.mark.parametrize("code", sorted(ERROR_TEXTS.keys() - {"0"}))
def test_no_refusal_of_the_interface_is_tried_again_by_itself_but_busy(code: str) -> None:
    error = error_for(code, "slap")
    if isinstance(error, DeviceRefused):
        assert not error.retryable
        assert error.device_usable


def test_earlier_transaction_is_a_replay_and_a_foreign_one_is_not() -> None:
    with pytest.raises(errors.Replayed):
        verify_answer(signed(transactionId="before"), EXPECTED)
    with pytest.raises(errors.OtherTransaction):
        verify_answer(signed(transactionId="nobody's"), EXPECTED)
    with pytest.raises(errors.Replayed):
        verify_received(json.dumps(signed(transactionId="before")).encode(), EXPECTED)


def test_exception_photo_shows_what_is_missing() -> None:
    face_picture: Image = SmallScene().face_frame(0)
    whole = exception_photo(face_picture, ())
    assert whole.shape == (SIZE[1], SIZE[0], 3)
    without_left = exception_photo(face_picture, (Finger.LEFT_INDEX,))
    changed = np.argwhere((whole != without_left).any(axis=2))
    assert changed.size
    # the left hand of who faces the camera is on the right side of the picture
    assert changed[:, 1].min() > SIZE[0] // 2
    every = exception_photo(face_picture, tuple(Slap.LEFT_FOUR.fingers))
    assert not np.array_equal(every, without_left)
    assert np.array_equal(exception_photo(face_picture, (Eye.LEFT,)), whole)


def test_photo_of_a_real_size_survives_its_record() -> None:
    photo = exception_photo(np.full((720, 1280, 3), 90, np.uint8), (Finger.RIGHT_THUMB,))
    data = record_of(None, photo, NOW, FaultView(()), with_exceptions=True)
    assert isinstance(parse_face(data), FaceRecord)
    sample = sample_of(None, data, (), True)
    assert np.array_equal(sample.image, photo)
    assert sample.record is not None
    decoded = cv2.imdecode(np.frombuffer(sample.record.image_bytes, np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None
    assert np.array_equal(decoded, photo)

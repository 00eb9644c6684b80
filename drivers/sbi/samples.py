"""From a delivered record to a sample: the record must be what its label says.

Source: SBI 0.9.5 and 1.0 for what registration accepts: fingers lossless, plain and live, at 490 to
1010 pixels per inch, irises as VGA or cropped pictures, faces in colour, lossless and full frontal
(an exception photo shows the palms too and may be any picture); one position or eye a record, 8
bits a channel, of the size, channels and compression in the header.
"""

from __future__ import annotations

from typing import Final

from drivers.positions import Eye, Finger
from drivers.sbi.iso19794 import face as face_format
from drivers.sbi.iso19794 import finger as finger_format
from drivers.sbi.iso19794 import iris as iris_format
from drivers.sbi.iso19794.face import (
    ColourSpace,
    FaceDataType,
    FaceImageType,
    FaceRecord,
    parse_face,
)
from drivers.sbi.iso19794.fields import RecordMalformed
from drivers.sbi.iso19794.finger import FingerRecord, parse_finger
from drivers.sbi.iso19794.images import decode_image, is_reversible
from drivers.sbi.iso19794.iris import IrisImageType, IrisRecord, parse_iris
from drivers.sbi.protocol import Position
from drivers.sbi.trust import Check, CheckFailed
from drivers.values import DeviceRecord, Sample, Score

MIN_PPI: Final = 490.0
MAX_PPI: Final = 1010.0
PLAIN_IMPRESSIONS: Final = frozenset({0, 24})
"""Live plain and contactless (ISO/IEC 19794-4:2011): what is asked for is never a rolled finger."""

_IRIS_TYPES: Final = frozenset({IrisImageType.VGA, IrisImageType.CROPPED})
_PORTRAIT_TYPES: Final = frozenset({FaceImageType.FULL_FRONTAL, FaceImageType.TOKEN_FRONTAL})
_LOSSLESS_FACES: Final = frozenset({FaceDataType.JP2_LOSSLESS, FaceDataType.PNG})


def sample_of(
    position: Position | None, data: bytes, scores: tuple[Score, ...], with_exceptions: bool = False
) -> Sample:
    """Parse and decode the record of a finger, an eye or (None) a face; its bytes stay as they are.

    A face `with_exceptions` is an exception photo.

    Raises:
        CheckFailed: the record is malformed, labelled otherwise, or its picture does not hold.
    """
    try:
        if isinstance(position, Finger):
            return _finger_sample(position, parse_finger(data), data, scores)
        if isinstance(position, Eye):
            return _iris_sample(position, parse_iris(data), data, scores)
        return _face_sample(parse_face(data), data, scores, with_exceptions)
    except RecordMalformed as error:
        raise CheckFailed(Check.RECORD, str(error)) from error


def _finger_sample(
    position: Finger, record: FingerRecord, data: bytes, scores: tuple[Score, ...]
) -> Sample:
    if record.position != position:
        raise CheckFailed(Check.RECORD_POSITION, "record is labelled with another position")
    if record.impression not in PLAIN_IMPRESSIONS:
        raise CheckFailed(Check.IMAGE, f"finger picture of impression type {record.impression}")
    if not record.compression.is_lossless:
        raise CheckFailed(Check.COMPRESSION, f"{record.compression.name} loses detail")
    horizontal, vertical = record.image_sampling
    if horizontal != vertical or not MIN_PPI <= record.resolution_ppi <= MAX_PPI:
        raise CheckFailed(Check.RESOLUTION, f"{horizontal} x {vertical} {record.scale_unit.name}")
    _check_reversible(record.codec, record.image)
    return _sample(position, record, finger_format.FORMAT, data, record.resolution_ppi, scores)


def _iris_sample(
    position: Eye, record: IrisRecord, data: bytes, scores: tuple[Score, ...]
) -> Sample:
    if record.eye != position:
        raise CheckFailed(Check.RECORD_POSITION, "record is labelled with another eye")
    if record.image_type not in _IRIS_TYPES:
        raise CheckFailed(Check.IMAGE, f"iris picture of type {record.image_type.name}")
    return _sample(position, record, iris_format.FORMAT, data, 0.0, scores)


def _face_sample(
    record: FaceRecord, data: bytes, scores: tuple[Score, ...], with_exceptions: bool
) -> Sample:
    if record.data_type not in _LOSSLESS_FACES:
        raise CheckFailed(Check.COMPRESSION, f"{record.data_type.name} loses detail")
    if record.colour_space is not ColourSpace.RGB24:
        raise CheckFailed(Check.IMAGE, f"face picture in {record.colour_space.name}")
    if record.image_type not in _PORTRAIT_TYPES and not with_exceptions:
        raise CheckFailed(Check.IMAGE, f"face picture of type {record.image_type.name}")
    _check_reversible(record.codec, record.image)
    return _sample(None, record, face_format.FORMAT, data, 0.0, scores)


def _check_reversible(codec: str, image: bytes) -> None:
    """Believe "lossless JPEG 2000" only of a code stream that can be lossless."""
    try:
        if codec == "JP2" and not is_reversible(image):
            raise CheckFailed(Check.COMPRESSION, "JPEG 2000 with the transform that loses detail")
    except RecordMalformed as error:
        raise CheckFailed(Check.IMAGE, str(error)) from error


def _sample(
    position: Position | None,
    record: FingerRecord | IrisRecord | FaceRecord,
    name: str,
    data: bytes,
    resolution_ppi: float,
    scores: tuple[Score, ...],
) -> Sample:
    try:
        picture = decode_image(record)
    except RecordMalformed as error:
        raise CheckFailed(Check.IMAGE, str(error)) from error
    kept = DeviceRecord(name, data, record.codec, record.image)
    return Sample(position, picture, resolution_ppi, kept, scores)

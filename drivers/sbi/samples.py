"""From a delivered record to a sample: the record must be what its label says.

Source: SBI 0.9.5 for what registration accepts: fingers lossless at 490 to 1010 pixels per inch,
one position or eye a record, 8-bit pictures of the size in the header.
"""

from __future__ import annotations

from typing import Final

from drivers.positions import Eye, Finger
from drivers.sbi.iso19794 import finger as finger_format
from drivers.sbi.iso19794 import iris as iris_format
from drivers.sbi.iso19794.fields import RecordMalformed
from drivers.sbi.iso19794.finger import FingerRecord, parse_finger
from drivers.sbi.iso19794.images import decode_image
from drivers.sbi.iso19794.iris import IrisRecord, parse_iris
from drivers.sbi.protocol import Position
from drivers.sbi.trust import Check, CheckFailed
from drivers.values import DeviceRecord, Sample, Score

MIN_PPI: Final = 490.0
MAX_PPI: Final = 1010.0


def sample_of(position: Position, data: bytes, scores: tuple[Score, ...]) -> Sample:
    """Parse and decode the record of one finger or eye; its bytes are kept as they are.

    Raises:
        CheckFailed: the record is malformed, labelled otherwise, or its picture does not hold.
    """
    try:
        if isinstance(position, Finger):
            return _finger_sample(position, parse_finger(data), data, scores)
        return _iris_sample(position, parse_iris(data), data, scores)
    except RecordMalformed as error:
        raise CheckFailed(Check.RECORD, str(error)) from error


def _finger_sample(
    position: Finger, record: FingerRecord, data: bytes, scores: tuple[Score, ...]
) -> Sample:
    if record.position != position:
        raise CheckFailed(Check.RECORD_POSITION, "record is labelled with another position")
    if not record.compression.is_lossless:
        raise CheckFailed(Check.COMPRESSION, f"{record.compression.name} loses detail")
    horizontal, vertical = record.image_sampling
    if horizontal != vertical or not MIN_PPI <= record.resolution_ppi <= MAX_PPI:
        raise CheckFailed(Check.RESOLUTION, f"{horizontal} x {vertical} {record.scale_unit.name}")
    return _sample(position, record, finger_format.FORMAT, data, record.resolution_ppi, scores)


def _iris_sample(
    position: Eye, record: IrisRecord, data: bytes, scores: tuple[Score, ...]
) -> Sample:
    if record.eye != position:
        raise CheckFailed(Check.RECORD_POSITION, "record is labelled with another eye")
    return _sample(position, record, iris_format.FORMAT, data, 0.0, scores)


def _sample(
    position: Position,
    record: FingerRecord | IrisRecord,
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

"""Pictures of the scene as the ISO records that simulated SBI devices deliver, and their faults."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

import cv2
import numpy as np

from drivers.positions import Eye, Finger
from drivers.sbi.iso19794.face import FaceDataType, FaceImageType, FaceRecord
from drivers.sbi.iso19794.fields import Origin, QualityBlock, RecordTime
from drivers.sbi.iso19794.finger import FingerCompression, FingerRecord
from drivers.sbi.iso19794.iris import IrisFormat, IrisImageType, IrisRecord
from drivers.sbi.protocol import Position
from drivers.values import Image
from simulators.sbi_faults import SbiFault
from simulators.sbi_injection import FaultView

_LOSSLESS: Final = (cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, 1000)
_CODING_STYLE: Final = b"\xff\x52"
_TRANSFORM_AT: Final = 13  # ISO/IEC 15444-1 A.6.1
_CUT_BYTES: Final = 10
_STEP: Final = 4


def contrast_score(image: Image) -> float:
    """Rate a picture cheaply, as devices do: the spread of its grey levels, 0 to 100.

    This is the simulated device's own measure and says nothing about ridges or lids.
    """
    dark, bright = np.percentile(image[::_STEP, ::_STEP], (5, 95))
    return round(float(bright - dark) / 2.55, 1)


def record_of(
    position: Position | None,
    image: Image,
    at: datetime,
    faults: FaultView,
    with_exceptions: bool = False,
) -> bytes:
    """Build the record of a finger, an eye or (position None) a face, lossless JPEG 2000.

    A face `with_exceptions` shows the palms too and is no full frontal face.
    """
    score = int(contrast_score(image))
    origin = Origin(RecordTime.of(at), 1, qualities=(QualityBlock(score),))
    height, width = image.shape[:2]
    width += SbiFault.WRONG_SIZE in faults
    data = _image_bytes(image, faults)
    if isinstance(position, Finger):
        record = _finger(FingerRecord(position, width, height, data, origin=origin), faults)
    elif isinstance(position, Eye):
        eye = 3 - position if SbiFault.SWAPPED_HAND in faults else position
        kind = IrisImageType.VGA
        record = IrisRecord(eye, width, height, data, IrisFormat.MONO_JP2, kind, origin).to_bytes()
    else:
        shown = FaceImageType.BASIC if with_exceptions else FaceImageType.FULL_FRONTAL
        lossy = SbiFault.LOSSY_IMAGE in faults
        coded = FaceDataType.JP2_LOSSY if lossy else FaceDataType.JP2_LOSSLESS
        record = FaceRecord(width, height, data, coded, shown, origin).to_bytes()
    return record[:-_CUT_BYTES] if SbiFault.BROKEN_RECORD in faults else record


def _image_bytes(image: Image, faults: FaultView) -> bytes:
    if SbiFault.WRONG_TYPE in faults:
        return _encoded(".png", image, ())
    data = _encoded(".jp2", image, _LOSSLESS)
    if SbiFault.DISGUISED_LOSS in faults:
        style = data.index(_CODING_STYLE)
        data = data[: style + _TRANSFORM_AT] + b"\0" + data[style + _TRANSFORM_AT + 1 :]
    return data


def _finger(record: FingerRecord, faults: FaultView) -> bytes:
    if SbiFault.SWAPPED_HAND in faults:
        record = replace(record, position=(record.position + 4) % 10 + 1)
    if SbiFault.LOSSY_IMAGE in faults:
        record = replace(record, compression=FingerCompression.JP2_LOSSY)
    if SbiFault.LOW_RESOLUTION in faults:
        record = replace(record, image_sampling=(250, 250))
    return record.to_bytes()


def shrink(image: Image, scale: float) -> Image:
    """Return a smaller picture for the live picture."""
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)


def preview_jpeg(image: Image) -> bytes:
    """Encode one frame of the live picture."""
    return _encoded(".jpg", image, ())


def _encoded(ending: str, image: Image, options: Sequence[int]) -> bytes:
    """Encode a picture; JPEG 2000 needs at least 32 pixels a side."""
    done, data = cv2.imencode(ending, image, options)
    if not done:
        raise ValueError(f"{image.shape[1]} x {image.shape[0]} pixels cannot become {ending}")
    return data.tobytes()

"""Pictures of the scene as the ISO records that simulated SBI devices deliver, and their faults."""

from __future__ import annotations

from collections.abc import Sequence, Set
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

_LOSSLESS: Final = (cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, 1000)
_CUT_BYTES: Final = 10
_STEP: Final = 4


def contrast_score(image: Image) -> float:
    """Rate a picture cheaply, as devices do: the spread of its grey levels, 0 to 100.

    This is the simulated device's own measure and says nothing about ridges or lids.
    """
    dark, bright = np.percentile(image[::_STEP, ::_STEP], (5, 95))
    return round(float(bright - dark) / 2.55, 1)


def record_of(
    position: Position | None, image: Image, at: datetime, faults: Set[SbiFault], palms: bool = False
) -> bytes:
    """Build the record of a finger, an eye or (position None) a face, lossless JPEG 2000.

    `palms` marks an exception photo, which shows the palms too and is no full frontal face.
    """
    score = int(contrast_score(image))
    origin = Origin(RecordTime.of(at), 1, qualities=(QualityBlock(score),))
    height, width = image.shape[:2]
    width += SbiFault.WRONG_SIZE in faults
    data = _encoded(".jp2", image, _LOSSLESS)
    if isinstance(position, Finger):
        record = _finger(FingerRecord(position, width, height, data, origin=origin), faults)
    elif isinstance(position, Eye):
        eye = 3 - position if SbiFault.SWAPPED_HAND in faults else position
        kind = IrisImageType.VGA
        record = IrisRecord(eye, width, height, data, IrisFormat.MONO_JP2, kind, origin).to_bytes()
    else:
        kind_of_face = FaceImageType.BASIC if palms else FaceImageType.FULL_FRONTAL
        lossless = FaceDataType.JP2_LOSSLESS
        record = FaceRecord(width, height, data, lossless, kind_of_face, origin).to_bytes()
    return record[:-_CUT_BYTES] if SbiFault.BROKEN_RECORD in faults else record


def _finger(record: FingerRecord, faults: Set[SbiFault]) -> bytes:
    if SbiFault.SWAPPED_HAND in faults:
        record = replace(record, position=(record.position + 4) % 10 + 1)
    if SbiFault.LOSSY_IMAGE in faults:
        record = replace(record, compression=FingerCompression.JP2_LOSSY)
    if SbiFault.LOW_RESOLUTION in faults:
        record = replace(record, image_sampling=(250, 250))
    return record.to_bytes()


def preview_jpeg(image: Image, scale: float = 1.0) -> bytes:
    """Encode one frame of the live picture."""
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return _encoded(".jpg", np.asarray(small, np.uint8), ())


def _encoded(ending: str, image: Image, options: Sequence[int]) -> bytes:
    """Encode a picture; JPEG 2000 needs at least 32 pixels a side."""
    done, data = cv2.imencode(ending, image, options)
    if not done:
        raise ValueError(f"{image.shape[1]} x {image.shape[0]} pixels cannot become {ending}")
    return data.tobytes()

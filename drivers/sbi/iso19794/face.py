"""Face image records, ISO/IEC 19794-5:2011, two-dimensional images only."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from drivers.sbi.iso19794.fields import (
    UNKNOWN_ORIGIN,
    Origin,
    RecordMalformed,
    close_record,
    member,
    open_record,
)

FORMAT: Final = "ISO/IEC 19794-5:2011"
MAGIC: Final = b"FAC\x00030\x00"
_LANDMARK_BYTES: Final = 8


class FaceImageType(IntEnum):
    """How far the picture is normalised."""

    BASIC = 0
    FULL_FRONTAL = 1
    TOKEN_FRONTAL = 2


class FaceDataType(IntEnum):
    """How the image is stored."""

    JPEG = 0
    JP2_LOSSY = 1
    JP2_LOSSLESS = 2
    PNG = 3

    @property
    def codec(self) -> str:
        """The compression as `DeviceRecord.codec` names it."""
        return self.name.split("_")[0]


class ColourSpace(IntEnum):
    """What the pixels mean."""

    UNSPECIFIED = 0
    RGB24 = 1
    YUV422 = 2
    GREY8 = 3


@dataclass(frozen=True, slots=True)
class FaceRecord:
    """One face in a record of its own.

    `gender` is 1 male, 2 female, 255 unknown; `features` is the 24-bit mask of glasses, beard and
    the like; `pose` and `pose_uncertainty` are the yaw, pitch and roll bytes of the standard (0 not
    stated); `landmarks` are 8-byte blocks, kept unread.
    """

    width: int
    height: int
    image: bytes = field(repr=False)
    data_type: FaceDataType = FaceDataType.JP2_LOSSLESS
    image_type: FaceImageType = FaceImageType.FULL_FRONTAL
    origin: Origin = UNKNOWN_ORIGIN
    gender: int = 0xFF
    eye_colour: int = 0xFF
    hair_colour: int = 0xFF
    subject_height_cm: int = 0
    features: int = 0
    expression: int = 0
    pose: tuple[int, int, int] = (0, 0, 0)
    pose_uncertainty: tuple[int, int, int] = (0, 0, 0)
    landmarks: tuple[bytes, ...] = field(default=(), repr=False)
    spatial_sampling: int = 0
    post_processing: int = 0
    cross_reference: int = 0
    colour_space: ColourSpace = ColourSpace.RGB24
    temporal_flags: int = 0

    @property
    def codec(self) -> str:
        """The compression as `DeviceRecord.codec` names it."""
        return self.data_type.codec

    def to_bytes(self) -> bytes:
        """Build the record.

        Raises:
            RecordMalformed: a value does not fit its field.
        """
        if any(len(landmark) != _LANDMARK_BYTES for landmark in self.landmarks):
            raise RecordMalformed("a landmark is 8 bytes long")
        person = (self.gender, self.eye_colour, self.hair_colour, self.subject_height_cm)
        size = (self.image_type, self.data_type, self.width, self.height)
        made = (self.spatial_sampling, self.post_processing, self.cross_reference)
        try:
            body = b"".join(
                (
                    self.origin.to_bytes(),
                    struct.pack(">HBBBB", len(self.landmarks), *person),
                    struct.pack(">I", self.features)[1:] + struct.pack(">H", self.expression),
                    struct.pack(">3b3B", *self.pose, *self.pose_uncertainty),
                    *self.landmarks,
                    struct.pack(">BBHHBHBB", *size, *made, self.colour_space),
                    struct.pack(">I", len(self.image)) + self.image,
                )
            )
            tail = struct.pack(">BH", 0, self.temporal_flags)
        except struct.error as error:
            raise RecordMalformed(f"a value does not fit its field: {error}") from error
        return close_record(MAGIC, tail, body)


def parse_face(data: bytes) -> FaceRecord:
    """Read a record with one representation.

    Raises:
        RecordMalformed: the bytes are no such record; nothing else is ever raised.
    """
    fields, (_, temporal) = open_record(data, MAGIC, "BH")
    origin = Origin.read(fields)
    count, gender, eyes, hair, height_cm = fields.numbers("HBBBB", "facial information")
    features = int.from_bytes(fields.take(3, "feature mask"), "big")
    expression, *pose = fields.numbers("H3b3B", "expression and pose")
    landmarks = tuple(fields.take(_LANDMARK_BYTES, "landmark") for _ in range(count))
    image_type, data_type, width, height = fields.numbers("BBHH", "image information")
    sampling, post, cross, colour = fields.numbers("BHBB", "image information")
    image = fields.take(fields.number("I", "image length"), "image")
    if fields.left:
        raise RecordMalformed(f"{fields.left} bytes behind the image")
    return FaceRecord(
        width,
        height,
        image,
        member(FaceDataType, data_type, "image data type"),
        member(FaceImageType, image_type, "face image type"),
        origin,
        gender,
        eyes,
        hair,
        height_cm,
        features=features,
        expression=expression,
        pose=(pose[0], pose[1], pose[2]),
        pose_uncertainty=(pose[3], pose[4], pose[5]),
        landmarks=landmarks,
        spatial_sampling=sampling,
        post_processing=post,
        cross_reference=cross,
        colour_space=member(ColourSpace, colour, "colour space"),
        temporal_flags=temporal,
    )

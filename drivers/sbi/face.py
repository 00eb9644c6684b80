"""The driver of a face camera behind SBI."""

from __future__ import annotations

from typing import Final

from drivers.api import CaptureRequest, FaceCamera
from drivers.device import Call
from drivers.sbi.device import SbiDevice
from drivers.sbi.protocol import BioType, Target, face_target
from drivers.values import Capture, FaceRequest

WANTED_SCORE: Final = 60
"""What the device is asked for; it delivers its best picture at the end of the time anyway."""


class SbiFaceCamera(SbiDevice, FaceCamera):
    """A face camera; the device chooses the picture itself, so that `burst` means nothing to it.

    With `missing` in the request it takes an exception photo: face and both palms in one picture,
    one sample without a position.
    """

    bio_type = BioType.FACE
    driver = "sbi-face"
    sub_types = frozenset({"Full face"})
    has_colour = True

    def _target(self, request: CaptureRequest) -> Target:
        if isinstance(request, FaceRequest):
            return face_target(request.missing_fingers, request.missing_eyes)
        raise ValueError("a face camera captures faces")

    def _do_capture(self, request: FaceRequest, call: Call) -> Capture:
        return self._capture_samples(request, WANTED_SCORE, call)

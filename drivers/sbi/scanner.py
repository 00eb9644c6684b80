"""The driver of a ten-print scanner behind SBI."""

from __future__ import annotations

from drivers.api import CaptureRequest, FingerprintScanner
from drivers.device import Call
from drivers.sbi.device import SbiDevice
from drivers.sbi.protocol import BioType, Target, finger_target, slap_target
from drivers.values import Capture, FingerRequest, SlapRequest


class SbiScanner(SbiDevice, FingerprintScanner):
    """A slap scanner; it segments itself and delivers one sample a finger.

    Samples come in the order of the interface (left thumb before right thumb). A single finger is
    taken as its slap with all other fingers excepted. The score that the device compares with
    `wanted_score` is the mean over the fingers, so that a bad one can hide.
    """

    bio_type = BioType.FINGER
    driver = "sbi-scanner"
    sub_types = frozenset({"Slap"})

    def _target(self, request: CaptureRequest) -> Target:
        if isinstance(request, SlapRequest):
            return slap_target(request.slap, request.missing)
        if isinstance(request, FingerRequest):
            return finger_target(request.finger)
        raise ValueError("a scanner captures fingers")

    def _do_capture(self, request: SlapRequest | FingerRequest, call: Call) -> Capture:
        return self._capture_samples(request, request.wanted_score, call)

"""The driver of an iris camera behind SBI."""

from __future__ import annotations

from drivers.api import CaptureRequest, IrisCamera
from drivers.device import Call
from drivers.sbi.device import SbiDevice
from drivers.sbi.protocol import BioType, Target, iris_target
from drivers.values import Capture, IrisRequest


class SbiIrisCamera(SbiDevice, IrisCamera):
    """A camera for both irises; samples come in the order of the interface, left eye first."""

    bio_type = BioType.IRIS
    driver = "sbi-iris"
    sub_types = frozenset({"Double", "Single"})

    def _target(self, request: CaptureRequest) -> Target:
        if isinstance(request, IrisRequest):
            return iris_target(request.eyes)
        raise ValueError("an iris camera captures eyes")

    def _do_capture(self, request: IrisRequest, call: Call) -> Capture:
        return self._capture_samples(request, request.wanted_score, call)

"""Judge one near-infrared image of an eye."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from drivers.positions import Eye
from station.biometrics.findings import Finding, is_acceptable
from station.biometrics.iris.circle import Circle
from station.biometrics.measure import Measure

_GATE_OF: Final = {
    "iris.radius": Finding.IRIS_TOO_SMALL,
    "iris.margin": Finding.IRIS_OFF_EDGE,
    "iris.sharpness": Finding.IRIS_BLURRED,
    "iris.usable-area": Finding.IRIS_OCCLUDED,
    "iris.pupil-ratio": Finding.IRIS_PUPIL,
    "iris.concentricity": Finding.IRIS_PUPIL,
    "iris.pupil-circularity": Finding.IRIS_PUPIL,
    "iris.sclera-contrast": Finding.IRIS_LOW_CONTRAST,
    "iris.pupil-contrast": Finding.IRIS_LOW_CONTRAST,
}
_AN_EYE_HAS: Final = {
    "iris.pupil-rim": 90.0,
    "iris.pupil-evenness": 70.0,
    "iris.pupil-contrast": 15.0,
    "iris.sclera-contrast": 2.0,
    "iris.pupil-circularity": 55.0,
    "iris.concentricity": 80.0,
    "iris.usable-area": 25.0,
}
"""Below any of these a round dark spot with a ring is no eye; working values."""


@dataclass(frozen=True, slots=True)
class IrisAssessment:
    """What is known about one image; circles are None and measures empty where no eye was found."""

    eye: Eye | None
    found: bool
    pupil: Circle | None
    iris: Circle | None
    measures: tuple[Measure, ...]
    findings: tuple[Finding, ...]

    @property
    def acceptable(self) -> bool:
        """Whether the image may be taken as it is; warnings do not count."""
        return is_acceptable(self.findings)


def assess_iris(grey: NDArray[np.uint8], eye: Eye | None = None) -> IrisAssessment:
    """Judge one eye image; any thread may call it.

    Args:
        grey: (height, width) uint8, near infrared, iris radius 55 to 220 px.
        eye: which eye was asked for; not checked, an image does not tell.

    Raises:
        ValueError: not a grey uint8 image.
    """
    from station.biometrics.iris.metrics import measure_iris
    from station.biometrics.iris.segmentation import segment_iris

    if grey.ndim != 2 or grey.dtype != np.uint8:
        raise ValueError(f"grey uint8 image expected, got {grey.shape} {grey.dtype}")
    seen = segment_iris(grey)
    measures = measure_iris(grey, seen) if seen is not None else ()
    values = {measure.name: measure.value for measure in measures}
    if seen is None or any(values[name] < least for name, least in _AN_EYE_HAS.items()):
        return IrisAssessment(eye, False, None, None, (), (Finding.IRIS_NOT_FOUND,))
    failed = {_GATE_OF[m.name] for m in measures if m.name in _GATE_OF and not m.passes}
    findings = tuple(finding for finding in Finding if finding in failed)
    return IrisAssessment(eye, True, seen.pupil, seen.iris, measures, findings)

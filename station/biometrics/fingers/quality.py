"""Judge single prints: NFIQ 2 beside the gates that see what it does not see."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from drivers.positions import Finger
from station.biometrics.findings import Finding, is_acceptable
from station.biometrics.fingers.extraction import (
    MINUTIAE_CAP,
    Extraction,
    Extractor,
    library_version,
)
from station.biometrics.fingers.matching import FingerTemplate
from station.biometrics.fingers.segmentation import WORKING_PPI, to_working_ppi
from station.biometrics.fingers.thresholds import NFIQ2_FAILED, Profile, threshold
from station.biometrics.measure import Measure

MAX_MEAN_GREY: Final = 250.0
MIN_UNIFORMITY: Final = 1.0
MIN_MINUTIAE: Final = 6.0
"""Limits of NFIQ 2's actionable features: EmptyImageOrContrastTooLow, UniformImage and
FingerprintImageWithMinutiae."""

_ACTIONABLE: Final = (
    ("finger.mean-grey", "EmptyImageOrContrastTooLow", MAX_MEAN_GREY, False, Finding.FINGER_EMPTY),
    ("finger.uniformity", "UniformImage", MIN_UNIFORMITY, True, Finding.FINGER_EMPTY),
    (
        "finger.nfiq2-minutiae",
        "FingerprintImageWithMinutiae",
        MIN_MINUTIAE,
        True,
        Finding.FINGER_NO_RIDGES,
    ),
)
_SMALLEST_SIDE_PX: Final = 64
_NOTHING: Final = Extraction(NFIQ2_FAILED, {}, 0, None)


@dataclass(frozen=True, slots=True)
class FingerAssessment:
    """What is known about one print.

    `nfiq2` is 0 to 100, or 255 where it could not be computed. Findings are in a fixed order.
    """

    position: Finger | None
    nfiq2: int
    threshold: int
    measures: tuple[Measure, ...]
    findings: tuple[Finding, ...]
    template: FingerTemplate | None = field(repr=False)
    duration_ms: float

    @property
    def acceptable(self) -> bool:
        """Whether the print may be taken as it is; warnings do not count."""
        return is_acceptable(self.findings)


class FingerAssessor:
    """Assesses prints on a pool of threads of its own; any thread may call it.

    Close it, or use it as a context manager. The constructor loads nothing: `warm_up` does, else
    the first print takes half a second longer.
    """

    def __init__(self, profile: Profile = Profile.KTPEL_STRICT) -> None:
        self.profile = profile
        self._extractor = Extractor()
        self._pool = ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="finger-assessor")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Wait for running assessments and end the threads; closing twice is harmless."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def warm_up(self) -> None:
        """Load the NFIQ 2 forest and the minutiae extractor now."""
        self._extractor.warm_up()

    def assess(
        self,
        image: NDArray[np.uint8],
        position: Finger | None,
        resolution_ppi: float = WORKING_PPI,
    ) -> FingerAssessment:
        """Judge one upright print in the calling thread.

        Args:
            image: (height, width) uint8, dark ridges on light ground.
            position: the finger, None where unknown (the profile's highest threshold then holds).
            resolution_ppi: 300 to 1100; anything but 500 is resampled for the judgement only.

        Raises:
            ValueError: not a grey uint8 image, or a resolution outside the range.
        """
        started = time.perf_counter()
        at_500 = to_working_ppi(image, resolution_ppi)
        wanted = threshold(self.profile, position)
        if min(at_500.shape) < _SMALLEST_SIDE_PX:
            extraction, measures = _NOTHING, []
            seen = {Finding.FINGER_UNRATED, Finding.FINGER_TOO_SMALL}
        else:
            from station.biometrics.fingers.gates import measure_print

            gates = measure_print(at_500)
            extraction = self._extractor.extract(at_500)
            rated, seen = _judge_extraction(extraction, wanted)
            seen.update(gates.findings)
            measures = [self._score(extraction, wanted), *rated, *gates.measures]
        return FingerAssessment(
            position=position,
            nfiq2=extraction.nfiq2,
            threshold=wanted,
            measures=tuple(measures),
            findings=tuple(finding for finding in Finding if finding in seen),
            template=_template(position, extraction),
            duration_ms=1e3 * (time.perf_counter() - started),
        )

    def assess_many(
        self,
        prints: Sequence[tuple[NDArray[np.uint8], Finger | None]],
        resolution_ppi: float = WORKING_PPI,
    ) -> list[FingerAssessment]:
        """Judge several prints of one resolution in parallel; results in the order given.

        What `segment` cut out is at 500 ppi, whatever the slap was.
        """
        return list(self._pool.map(lambda one: self.assess(one[0], one[1], resolution_ppi), prints))

    def _score(self, extraction: Extraction, wanted: int) -> Measure:
        source = f"{library_version()}; limit: {self.profile.source}"
        return Measure(
            "finger.nfiq2",
            float(extraction.nfiq2),
            "0-100",
            source,
            float(wanted),
            upper_limit=100.0,
        )


def _template(position: Finger | None, extraction: Extraction) -> FingerTemplate | None:
    if not extraction.minutiae:
        return None
    return FingerTemplate(position, extraction.minutiae, extraction.nfiq2, extraction.native)


def _judge_extraction(extraction: Extraction, wanted: int) -> tuple[list[Measure], set[Finding]]:
    source = library_version()
    seen: set[Finding] = set()
    measures = [
        Measure(
            "finger.minutiae",
            float(extraction.minutiae),
            "",
            "mindtct (NBIS)",
            MIN_MINUTIAE,
            upper_limit=float(MINUTIAE_CAP - 1),
        )
    ]
    if extraction.nfiq2 == NFIQ2_FAILED:
        seen.add(Finding.FINGER_UNRATED)
    elif extraction.nfiq2 < wanted:
        seen.add(Finding.FINGER_QUALITY)
    if extraction.minutiae >= MINUTIAE_CAP:
        seen.add(Finding.FINGER_NOISE)
    if extraction.minutiae < MIN_MINUTIAE:
        seen.add(Finding.FINGER_NO_RIDGES)
    for name, feature, limit, higher, finding in _ACTIONABLE:
        if feature in extraction.actionable:
            value = extraction.actionable[feature]
            measures.append(Measure(name, value, "", source, limit, higher_is_better=higher))
            if not measures[-1].passes:
                seen.add(finding)
    return measures, seen

"""Residents and the independent libraries that judge them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from simulators.people.person import Person

Extract = Callable[[NDArray[np.uint8]], Any]


@pytest.fixture(scope="session")
def extract() -> Extract:
    """Minutiae and NFIQ 2 of a finger picture, by nbis."""
    import nbis

    extractor = nbis.new_nbis_extractor(
        nbis.NbisExtractorSettings(
            min_quality=0.0,
            get_center=False,
            check_fingerprint=False,
            compute_nfiq2=True,
            ppi=500.0,
        )
    )

    def run(image: NDArray[np.uint8]) -> Any:
        return extractor.extract_minutiae(cv2.imencode(".png", image)[1].tobytes())

    return run


@pytest.fixture
def resident() -> Person:
    """Resident 1, without any capture yet; the fingers come from the cache after the first use."""
    return Person(1)

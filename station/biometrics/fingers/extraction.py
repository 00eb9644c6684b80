"""The one place that calls nbis: NFIQ 2.3 scores and mindtct minutiae."""

from __future__ import annotations

import importlib.metadata
import threading
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from station.biometrics.codecs import encode_png
from station.biometrics.fingers.thresholds import NFIQ2_FAILED

MAX_WIDTH_PX, MAX_HEIGHT_PX = 799, 999
"""Largest image NFIQ 2 takes after it removed the white border."""

MINUTIAE_CAP: Final = 150
"""mindtct stops here; a plain print never has that many, noise and card scans do."""

_WHITE: Final = 250


@dataclass(frozen=True, slots=True)
class Extraction:
    """What the library says about one print; `actionable` is empty when the score failed."""

    nfiq2: int
    actionable: dict[str, float]
    minutiae: int
    native: Any


@cache
def library_version() -> str:
    """Name the measure, the library and its version, as written beside each score."""
    return f"NFIQ 2.3 (nbis-py {importlib.metadata.version('nbis-py')})"


def _new_extractor(with_score: bool) -> Any:
    import nbis

    return nbis.new_nbis_extractor(
        nbis.NbisExtractorSettings(
            min_quality=0.0,
            get_center=False,
            check_fingerprint=False,
            compute_nfiq2=with_score,
            ppi=500.0,
        )
    )


_loading = threading.Lock()


@cache
def _reader() -> Any:
    return _new_extractor(with_score=False)


def load_minutiae(data: bytes) -> Any:
    """Give the matcher's object for its own template bytes.

    Raises:
        ValueError: bytes the matcher refuses.
    """
    import nbis

    with _loading:
        reader = _reader()
    try:
        return reader.load_iso_19794_2_2005(data)
    except nbis.NbisError as error:
        raise ValueError(f"template refused: {type(error).__name__}") from error


class Extractor:
    """One extractor with and one without NFIQ 2, made at first use; any thread may extract.

    Making them takes about half a second and 100 MB.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._quality: Any = None
        self._minutiae: Any = None

    def warm_up(self) -> None:
        """Load both now instead of at the first print."""
        with self._lock:
            self._quality = self._quality or _new_extractor(with_score=True)
            self._minutiae = self._minutiae or _new_extractor(with_score=False)

    def extract(self, image: NDArray[np.uint8]) -> Extraction:
        """Score and extract one upright 500 ppi print, (height, width) uint8.

        A score that cannot be computed is 255; the minutiae are then extracted without it.
        """
        import nbis

        self.warm_up()
        data = encode_png(fit(image))
        try:
            found = self._quality.extract_minutiae(data)
        except nbis.NbisError.Nfiq2ComputeFailed:
            # a failed score takes the minutiae down with it
            return self._without_score(data)
        quality = found.quality()
        actionable = {item.name: float(item.value) for item in quality.actionable}
        return Extraction(int(quality.score), actionable, len(found.get()), found)

    def _without_score(self, data: bytes) -> Extraction:
        import nbis

        try:
            found = self._minutiae.extract_minutiae(data)
        except nbis.NbisError:
            return Extraction(NFIQ2_FAILED, {}, 0, None)
        return Extraction(NFIQ2_FAILED, {}, len(found.get()), found)


def fit(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Crop an image that is too large for NFIQ 2 around its dark part; never scaled."""
    height, width = image.shape
    if height <= MAX_HEIGHT_PX and width <= MAX_WIDTH_PX:
        return image
    rows, columns = np.flatnonzero(image.mean(1) < _WHITE), np.flatnonzero(image.mean(0) < _WHITE)
    top = _start(rows, height, MAX_HEIGHT_PX)
    left = _start(columns, width, MAX_WIDTH_PX)
    return np.ascontiguousarray(image[top : top + MAX_HEIGHT_PX, left : left + MAX_WIDTH_PX])


def _start(inked: NDArray[np.intp], size: int, limit: int) -> int:
    middle = int(inked[0] + inked[-1]) // 2 if inked.size else size // 2
    return min(max(0, middle - limit // 2), max(0, size - limit))

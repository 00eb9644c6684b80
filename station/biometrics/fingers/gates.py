"""What NFIQ 2 does not see: contrast, polarity, clipping, size, ridge period and sharpness.

NFIQ 2 gives white noise 41, a blurred print 70 and a print with 15 % of its contrast 67; these
gates refuse them. The limits are working values between good prints (five SFinGe samples, one ink
print, synthetic captures) and spoilt ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from station.biometrics.findings import Finding
from station.biometrics.fingers.foreground import (
    BLOCK_PX,
    PIXELS_PER_MM,
    Foreground,
    GreyImage,
    Mask,
    find_foreground,
)
from station.biometrics.measure import Measure

MIN_CONTRAST: Final = 110.0
MIN_DARKER: Final = 25.0
MAX_CLIPPED_PERCENT: Final = 15.0
MIN_AREA_PX: Final = 50_000.0
"""NFIQ 2's own limit of SufficientFingerprintForeground, at 500 ppi."""
MIN_WIDTH_MM, MIN_HEIGHT_MM = 9.0, 13.0
MIN_PERIOD_PX, MAX_PERIOD_PX = 6.0, 13.0
MIN_RIDGE_PEAK: Final = 1.8
"""White noise gives 1.0, unusable skin 2.5, an ink print of many periods 2.4, good ones 4 to 9."""
MIN_SHARPNESS, SOFT_SHARPNESS = 0.22, 0.27

_OWN: Final = "station, working value"
_RING_BLOCKS: Final = 10  # 4 mm
_ERODE_BLOCKS: Final = 4  # 33 px
_SPECTRUM_PX: Final = 512
_BINS_PER_CYCLE: Final = 200
_DETREND_SIGMA_BLOCKS: Final = 1.5  # 12 px


@dataclass(frozen=True, slots=True)
class Gates:
    """Measures of one print and the gates it did not pass."""

    measures: tuple[Measure, ...]
    findings: tuple[Finding, ...]


def measure_print(image: GreyImage) -> Gates:
    """Measure one upright print.

    Args:
        image: (height, width) uint8, 500 ppi, dark ridges on light ground, at least 64 px a side.

    Returns:
        Every measure that could be taken; an image without foreground has FINGER_EMPTY and no
        measures but its area.
    """
    foreground = find_foreground(image)
    area = Measure(
        "finger.area", float(foreground.mask.sum()) * BLOCK_PX**2, "px", "NFIQ 2 limit", MIN_AREA_PX
    )
    if not foreground.mask.any():
        return Gates((area,), (Finding.FINGER_EMPTY,))
    largest = _largest_area(foreground.mask)
    whole = image[: largest.shape[0] * BLOCK_PX, : largest.shape[1] * BLOCK_PX]
    inside = cv2.resize(largest, whole.shape[::-1], interpolation=cv2.INTER_NEAREST)
    measures = [
        *_grey_measures(whole, inside.astype(np.uint8)),
        *_polarity(foreground, largest),
        area,
        *_box(largest),
        *_ridges(whole, foreground, largest),
        *_sharpness(whole, largest),
    ]
    failed = {_GATE_OF[measure.name] for measure in measures if not measure.passes}
    return Gates(tuple(measures), _without_consequences(failed, measures))


def _without_consequences(failed: set[Finding], measures: list[Measure]) -> tuple[Finding, ...]:
    """Leave out what only follows from another finding, so that the advice is about the cause."""
    if failed & {Finding.FINGER_BLURRED, Finding.FINGER_NO_RIDGES}:
        failed = failed - {Finding.FINGER_SOFT, Finding.FINGER_RIDGE_PERIOD}
    darker = [m.value for m in measures if m.name == "finger.darker-than-ground"]
    faint = failed & {Finding.FINGER_BLURRED, Finding.FINGER_LOW_CONTRAST}
    if faint and darker and darker[0] > 0:
        failed = failed - {Finding.FINGER_POLARITY}
    return tuple(finding for finding in Finding if finding in failed)


_GATE_OF: Final = {
    "finger.contrast": Finding.FINGER_LOW_CONTRAST,
    "finger.clipped": Finding.FINGER_CLIPPED,
    "finger.darker-than-ground": Finding.FINGER_POLARITY,
    "finger.area": Finding.FINGER_TOO_SMALL,
    "finger.width": Finding.FINGER_TOO_SMALL,
    "finger.height": Finding.FINGER_TOO_SMALL,
    "finger.ridge-peak": Finding.FINGER_NO_RIDGES,
    "finger.ridge-period": Finding.FINGER_RIDGE_PERIOD,
    "finger.sharpness": Finding.FINGER_BLURRED,
    "finger.softness": Finding.FINGER_SOFT,
}


def _largest_area(mask: Mask) -> Mask:
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
    if count < 3:
        return mask
    largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    return np.asarray(labels == largest, np.uint8)


def _grey_measures(image: GreyImage, inside: Mask) -> list[Measure]:
    counts = cv2.calcHist([image], [0], inside, [256], [0, 256]).ravel()
    share = np.cumsum(counts) / counts.sum()
    low, high = np.searchsorted(share, (0.005, 0.995))
    clipped = 100.0 * float(share[0])
    return [
        Measure("finger.contrast", float(high - low), "grey levels", _OWN, MIN_CONTRAST),
        Measure("finger.clipped", clipped, "%", _OWN, MAX_CLIPPED_PERCENT, higher_is_better=False),
    ]


def _polarity(foreground: Foreground, largest: Mask) -> list[Measure]:
    """How much darker the print is than a ring of 4 mm; nothing when the print fills the image."""
    side = 2 * _RING_BLOCKS + 1
    near = cv2.dilate(largest, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))
    # one block of distance: the mask is soft at its edge
    touching = cv2.dilate(foreground.mask, np.ones((3, 3), np.uint8))
    ring = (near > 0) & (touching == 0)
    if not ring.any():
        return []
    darker = float(foreground.mean[ring].mean() - foreground.mean[largest > 0].mean())
    return [Measure("finger.darker-than-ground", darker, "grey levels", _OWN, MIN_DARKER)]


def _box(largest: Mask) -> list[Measure]:
    _, _, width, height = cv2.boundingRect(largest)
    per_mm = PIXELS_PER_MM / BLOCK_PX
    return [
        Measure("finger.width", width / per_mm, "mm", _OWN, MIN_WIDTH_MM),
        Measure("finger.height", height / per_mm, "mm", _OWN, MIN_HEIGHT_MM),
    ]


def _ridges(image: GreyImage, foreground: Foreground, largest: Mask) -> list[Measure]:
    """Period of the strongest ring of the spectrum and how far it stands out.

    Source: own; radial mean of the magnitude in bins of 1/200 cycle per pixel, peak between periods
    of 5 and 16 px over the median of bins 4 to 60.
    """
    y, x = (int(v) for v in np.argwhere(largest).mean(0) * BLOCK_PX)
    half = _SPECTRUM_PX // 2
    top, left = max(0, y - half), max(0, x - half)
    part = image[top : top + _SPECTRUM_PX, left : left + _SPECTRUM_PX].astype(np.float32)
    ground = cv2.GaussianBlur(foreground.mean, (0, 0), _DETREND_SIGMA_BLOCKS)
    weight = largest.astype(np.float32)
    size = image.shape[::-1]
    trend = cv2.resize(ground, size, interpolation=cv2.INTER_LINEAR)
    cover = cv2.resize(weight, size, interpolation=cv2.INTER_LINEAR)
    window = (slice(top, top + part.shape[0]), slice(left, left + part.shape[1]))
    field = np.zeros((_SPECTRUM_PX, _SPECTRUM_PX), np.float32)
    field[: part.shape[0], : part.shape[1]] = (part - trend[window]) * cover[window]
    spectrum = cv2.dft(field, flags=cv2.DFT_COMPLEX_OUTPUT)[:, : half + 1]
    magnitude = cv2.magnitude(spectrum[..., 0], spectrum[..., 1])
    radial = np.bincount(_RADIAL_BIN, magnitude.ravel(), _BIN_COUNT) / _BIN_SIZE
    radial = cv2.GaussianBlur(radial[:, None], (0, 0), 1.0)[:, 0].astype(np.float64)
    first, last = _BINS_PER_CYCLE // 16 + 1, _BINS_PER_CYCLE // 5
    peak = first + int(np.argmax(radial[first : last + 1]))
    stands_out = float(radial[peak] / max(float(np.median(radial[4:61])), 1e-9))
    period = _BINS_PER_CYCLE / peak
    return [
        Measure("finger.ridge-peak", stands_out, "", _OWN, MIN_RIDGE_PEAK),
        Measure(
            "finger.ridge-period", period, "px", _OWN, MIN_PERIOD_PX, upper_limit=MAX_PERIOD_PX
        ),
    ]


def _radial_bins() -> tuple[NDArray[np.intp], int, NDArray[np.float64]]:
    fy = np.fft.fftfreq(_SPECTRUM_PX)[:, None]
    fx = np.fft.rfftfreq(_SPECTRUM_PX)[None]
    index = np.rint(np.hypot(fx, fy) * _BINS_PER_CYCLE).astype(np.intp).ravel()
    size = np.bincount(index).astype(np.float64)
    return index, len(size), np.maximum(size, 1)


_RADIAL_BIN, _BIN_COUNT, _BIN_SIZE = _radial_bins()


def _sharpness(image: GreyImage, largest: Mask) -> list[Measure]:
    """90th percentile of the gradient over the grey range, well inside the print.

    Independent of contrast and, up to rough skin, of noise; blur sigma 1.1, 1.5, 2 px gives about
    0.26, 0.23, 0.18. Source: own.
    """
    side = 2 * _ERODE_BLOCKS + 1
    inner = cv2.erode(largest, np.ones((side, side), np.uint8), borderValue=0)
    if not inner.any():
        return []
    x, y, width, height = (v * BLOCK_PX for v in cv2.boundingRect(inner))
    part = image[y : y + height, x : x + width]
    blocks = inner[
        y // BLOCK_PX : (y + height) // BLOCK_PX, x // BLOCK_PX : (x + width) // BLOCK_PX
    ]
    inside = cv2.resize(blocks, (width, height), interpolation=cv2.INTER_NEAREST) > 0
    gx, gy = (cv2.Scharr(part, cv2.CV_32F, *way) for way in ((1, 0), (0, 1)))
    gradient = (cv2.magnitude(gx, gy) / 32)[inside]
    low, high = np.percentile(part[inside], (5, 95))
    strongest = np.percentile(gradient, 90)
    value = float(strongest / max(float(high - low), 1.0))
    return [
        Measure("finger.sharpness", value, "", _OWN, MIN_SHARPNESS),
        Measure("finger.softness", value, "", _OWN, SOFT_SHARPNESS),
    ]

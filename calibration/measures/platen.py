"""Is the glass of a fingerprint scanner clean? From one picture of the empty platen.

Two things dirty a platen: spots (dust, skin, dried drops), dark and compact, and latent prints of
the last person, faint and periodic like ridges. Spots are found against the smooth background,
latent prints as power in the spatial frequencies of ridges above the noise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibration.verdict import Verdict

MM_PER_INCH: Final = 25.4
CELL_MM: Final = 6.35
"""0.25 inch, the cell of EBTS Appendix F uniformity."""

SPOT_SIGMAS: Final = 6.0
SMALLEST_SPOT_MM2: Final = 0.05
"""A spot is darker than six noise deviations on more than 0.05 mm2 (own)."""

LEAST_SPOT_DEPTH: Final = 4.0
"""Grey levels; on a platen nearly free of noise a rounding step is no spot (own)."""

DARK_SHARE_LIMIT: Final = 0.001
LATENT_RMS_LIMIT: Final = 1.5
"""Working limits (own): 4 mm2 of spots on a four-finger platen; 1.5 grey levels of ridge power."""

WARN_SHARE: Final = 0.9
"""A value above this share of its limit warns."""

CONTACT_DEPTH_SHARE: Final = 0.4
CONTACT_SHARE_LIMIT: Final = 0.02
LEAST_BACKGROUND: Final = 80.0
"""More than 2 % of pixels 40 % below the background: something lies on the glass (own)."""

RIDGE_BAND_PER_MM: Final = (1.4, 2.8)
"""Human ridge frequency, cycles per mm."""

NOISE_BAND_PER_MM: Final = (4.0, 7.0)
"""Above the ridges and below the Nyquist frequency of 500 ppi, 9.84 cycles per mm."""

_FIT_BLOCK_PX = 16
_QUANTISATION_SIGMA = 12**-0.5

FloatImage = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class PlatenCleanliness:
    """What one picture of the empty platen says.

    Attributes:
        dark_share: share of pixels in spots, 0 to 1; limit `dark_share_limit`.
        spots: number of spots.
        largest_spot_mm2: area of the largest one.
        latent_rms: root mean square of the ridge-like pattern in grey levels, in the worst cell of
            0.25 inch, noise subtracted; limit `latent_rms_limit`.
        noise_sigma: noise of the picture in grey levels.
        background: median grey level.
        verdict: INVALID when the platen is too dark, too small or not empty; FAIL above a limit;
            WARN with any spot or within 10 % of a limit.
        reason: condition behind the verdict in plain English, empty for PASS.
    """

    dark_share: float
    spots: int
    largest_spot_mm2: float
    latent_rms: float
    noise_sigma: float
    background: float
    dark_share_limit: float
    latent_rms_limit: float
    verdict: Verdict
    reason: str


def measure_platen(
    image: NDArray[np.uint8],
    resolution_ppi: float,
    *,
    dark_share_limit: float = DARK_SHARE_LIMIT,
    latent_rms_limit: float = LATENT_RMS_LIMIT,
) -> PlatenCleanliness:
    """Measure spots and latent prints on an empty platen.

    Args:
        image: (height, width) uint8, ridges dark on a light field, nothing on the glass.
        resolution_ppi: 400 to 1100 pixels per inch.
        dark_share_limit: FAIL above this share of pixels.
        latent_rms_limit: FAIL above this many grey levels.

    Returns:
        Measures with limits and verdict; a poor picture is a verdict, not an exception.

    Raises:
        ValueError: `image` is no grey uint8 picture or `resolution_ppi` is out of range.
    """
    if image.ndim != 2 or image.dtype != np.uint8:
        raise ValueError(f"expected (height, width) uint8, got {image.shape} {image.dtype}")
    if not 400 <= resolution_ppi <= 1100:  # below, the noise band passes the Nyquist frequency
        raise ValueError(f"{resolution_ppi:g} ppi is not within 400 and 1100")
    pixels_per_mm = resolution_ppi / MM_PER_INCH
    cell_px = round(CELL_MM * pixels_per_mm)
    level = float(np.median(image)) if image.size else 0.0
    reason = _why_invalid(image, level, cell_px)
    if reason:
        nothing = (0.0, 0, 0.0, 0.0, 0.0, level, dark_share_limit, latent_rms_limit)
        return PlatenCleanliness(*nothing, Verdict.INVALID, reason)
    residual = image.astype(np.float32) - _smooth_background(image)
    sigma = noise_sigma(image)
    spots, areas_px = _find_spots(residual, sigma, SMALLEST_SPOT_MM2 * pixels_per_mm**2)
    dark_share = float(np.mean(spots))
    latent = _latent_rms(np.where(spots, np.float32(0), residual), pixels_per_mm, cell_px)
    verdict, reason = _judge(dark_share / dark_share_limit, latent / latent_rms_limit, areas_px)
    return PlatenCleanliness(
        dark_share=dark_share,
        spots=len(areas_px),
        largest_spot_mm2=max(areas_px, default=0) / pixels_per_mm**2,
        latent_rms=latent,
        noise_sigma=sigma,
        background=level,
        dark_share_limit=dark_share_limit,
        latent_rms_limit=latent_rms_limit,
        verdict=verdict,
        reason=reason,
    )


def noise_sigma(image: NDArray[np.uint8]) -> float:
    """Estimate the deviation of white noise in grey levels, blind to smooth structure.

    Never below 0.29, the noise of rounding to whole levels.

    Args:
        image: (height, width) uint8, at least 3 x 3.

    Source: Immerkaer 1996, "Fast noise variance estimation", here with the median instead of the
    mean of the absolute filter answers, so that spots do not count.
    """
    import cv2

    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    answers = cv2.filter2D(image, cv2.CV_32F, kernel)[1:-1, 1:-1]
    # the squares of the kernel sum up to 36; the median of |N(0, 1)| is 0.6745
    sigma = float(np.median(np.abs(answers))) / 6 / 0.6745
    return max(sigma, _QUANTISATION_SIGMA)


def _why_invalid(image: NDArray[np.uint8], level: float, cell_px: int) -> str:
    if min(image.shape) < cell_px:
        return f"smaller than one cell of {CELL_MM} mm"
    if level < LEAST_BACKGROUND:
        return "too dark: no lamp, or dark field"
    if np.mean(image < level * (1 - CONTACT_DEPTH_SHARE)) > CONTACT_SHARE_LIMIT:
        return "something lies on the glass"
    return ""


def _judge(dark: float, latent: float, areas_px: list[int]) -> tuple[Verdict, str]:
    """Judge two values that are given as shares of their limits."""
    if dark > 1 or latent > 1:
        return Verdict.FAIL, "spots on the glass" if dark > 1 else "prints left on the glass"
    if areas_px:
        return Verdict.WARN, "spots on the glass"
    if latent > WARN_SHARE:
        return Verdict.WARN, "prints left on the glass"
    return Verdict.PASS, ""


def _smooth_background(image: NDArray[np.uint8]) -> FloatImage:
    """Fit the lamp: a second-order surface through block medians, without the darkest blocks."""
    block = _FIT_BLOCK_PX
    rows, columns = image.shape[0] // block, image.shape[1] // block
    blocks = image[: rows * block, : columns * block].reshape(rows, block, columns, block)
    levels = np.median(blocks.swapaxes(1, 2).reshape(rows, columns, -1), axis=2).ravel()
    height, width = image.shape
    y = np.repeat((np.arange(rows) + 0.5) * block / height, columns)
    x = np.tile((np.arange(columns) + 0.5) * block / width, rows)
    terms = _surface_terms(y, x)
    kept = np.ones(levels.size, bool)
    for _ in range(3):
        weights = np.linalg.lstsq(terms[kept], levels[kept], rcond=None)[0]
        misfit = levels - terms @ weights
        kept = misfit > -max(1.0, 2 * float(np.median(np.abs(misfit))) / 0.6745)
    v = ((np.arange(height) + 0.5) / height).astype(np.float32)[:, None]
    u = ((np.arange(width) + 0.5) / width).astype(np.float32)[None, :]
    a, b, c, d, e, f = weights.astype(np.float32)
    surface: FloatImage = (a + b * v + d * v * v) + (c + f * v) * u + e * (u * u)
    return surface


def _surface_terms(y: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack([np.ones_like(y), y, x, y * y, x * x, x * y], axis=1)


def _find_spots(
    residual: FloatImage, sigma: float, smallest_px: float
) -> tuple[NDArray[np.bool_], list[int]]:
    """Return the mask of all spots and the area of each in pixels."""
    import cv2

    depth = max(SPOT_SIGMAS * sigma, LEAST_SPOT_DEPTH)
    dark = (cv2.medianBlur(residual, 3) < -depth).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(dark, connectivity=8)
    areas = stats[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0  # the background
    is_spot = areas > smallest_px
    return is_spot[labels], [int(area) for area in areas[is_spot]]


def _latent_rms(residual: FloatImage, pixels_per_mm: float, cell_px: int) -> float:
    """Return the amplitude of ridge-like structure in the worst cell, in grey levels rms.

    The mean power density in the ridge band less that in the noise band, times the size of the
    ridge band (Parseval), in square cells under a Hann window.
    """
    rows, columns = residual.shape[0] // cell_px, residual.shape[1] // cell_px
    cells = residual[: rows * cell_px, : columns * cell_px]
    cells = cells.reshape(rows, cell_px, columns, cell_px).swapaxes(1, 2)
    window = np.hanning(cell_px).astype(np.float32)
    window2 = window[:, None] * window[None, :]
    cells = cells - cells.mean((2, 3), keepdims=True)
    power = np.abs(np.fft.rfft2(cells * window2)) ** 2 / (cell_px**2 * np.sum(window2**2))
    fy = np.fft.fftfreq(cell_px)[:, None] * pixels_per_mm
    fx = np.fft.rfftfreq(cell_px)[None, :] * pixels_per_mm
    frequency = np.hypot(fy, fx)
    ridges = (frequency >= RIDGE_BAND_PER_MM[0]) & (frequency <= RIDGE_BAND_PER_MM[1])
    noise = (frequency >= NOISE_BAND_PER_MM[0]) & (frequency <= NOISE_BAND_PER_MM[1])
    # rfft2 holds one half of the plane: every frequency but those with fx = 0 counts twice
    twice = np.where(fx > 0, 2.0, 1.0) * np.ones_like(fy)
    excess = (
        np.sum((power * twice)[..., ridges], axis=-1)
        - np.mean(power[..., noise], axis=-1) * twice[ridges].sum()
    )
    return float(np.sqrt(max(0.0, float(excess.max()))))

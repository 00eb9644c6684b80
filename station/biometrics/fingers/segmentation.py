"""Cut a slap into single upright prints and say which finger each one is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from numpy.typing import NDArray

from drivers.positions import Finger, Slap
from station.biometrics.findings import Finding

if TYPE_CHECKING:
    from station.biometrics.fingers.blobs import Blob

Hand = Literal["right", "left"]

WORKING_PPI: Final = 500.0
MIN_PPI, MAX_PPI = 300.0, 1100.0
MAX_ROTATION_DEG: Final = 45.0
"""BSI TR-03121-3 vol. 6: segmentation copes with a common rotation up to 45 degrees."""
HAND_MARGIN_MM: Final = 1.27
"""Height by which the first tip must differ from the last one to tell the hand."""
TOUCHING_WIDTH_RATIO: Final = 1.6
"""A finger this much wider than the median of its slap is two fingers."""

_USUAL_WIDTH_MM: Final = {Slap.RIGHT_FOUR: 15.0, Slap.LEFT_FOUR: 15.0, Slap.THUMBS: 24.0}
_SMALLEST_SIDE_PX: Final = 64

_EXPECTED_HAND: Final[dict[Slap, Hand]] = {Slap.RIGHT_FOUR: "right", Slap.LEFT_FOUR: "left"}
_LEFT_TO_RIGHT = {
    Slap.RIGHT_FOUR: tuple(Finger(code) for code in (2, 3, 4, 5)),
    Slap.LEFT_FOUR: tuple(Finger(code) for code in (10, 9, 8, 7)),
    Slap.THUMBS: (Finger.LEFT_THUMB, Finger.RIGHT_THUMB),
}


@dataclass(frozen=True, slots=True)
class SegmentedFinger:
    """One print of a slap.

    `position` is None where the count of the slap differs from the expected one. `image` is
    (height, width) uint8, upright, 500 ppi, first phalanx, padded with white. The box is in pixels
    of the slap as it was given, right and bottom included. `lean_deg`: positive leans to the right.
    """

    position: Finger | None
    image: NDArray[np.uint8] = field(repr=False)
    left: int
    right: int
    top: int
    bottom: int
    lean_deg: float


@dataclass(frozen=True, slots=True)
class SlapSegmentation:
    """The prints of a slap from image left to image right, and what is wrong with the slap."""

    slap: Slap
    fingers: tuple[SegmentedFinger, ...]
    expected: int
    hand_guess: Hand | None
    findings: tuple[Finding, ...]

    @property
    def count(self) -> int:
        """Number of prints found."""
        return len(self.fingers)


def segment(
    image: NDArray[np.uint8],
    slap: Slap,
    missing: frozenset[Finger] = frozenset(),
    resolution_ppi: float = WORKING_PPI,
) -> SlapSegmentation:
    """Find, order, turn upright and label the fingers of a slap.

    Args:
        image: (height, width) uint8 as the scanner gave it, dark ridges, not mirrored.
        slap: which fingers were asked for.
        missing: fingers the resident does not have or cannot give.
        resolution_ppi: 300 to 1100; anything but 500 is resampled once.

    Returns:
        Prints with positions when exactly the expected number was found and none looks like two
        fingers, otherwise prints without positions and FINGER_COUNT or SLAP_TOUCHING. An image
        without fingers gives none.

    Raises:
        ValueError: not a grey uint8 image, or a resolution outside the range.
    """
    at_500 = to_working_ppi(image, resolution_ppi)
    blobs, wide, undivided = _find_fingers(at_500, slap)
    expected = [finger for finger in _LEFT_TO_RIGHT[slap] if finger not in missing]
    miscounted = len(blobs) != len(expected)
    labelled = not miscounted and not undivided
    hand = _guess_hand(blobs)
    seen = {
        Finding.FINGER_COUNT: miscounted,
        Finding.SLAP_TOUCHING: undivided or (wide and miscounted),
        Finding.SLAP_OTHER_HAND: hand is not None and _EXPECTED_HAND.get(slap, hand) != hand,
        Finding.SLAP_ROTATED: _is_rotated(blobs),
        Finding.SLAP_OFF_EDGE: _leaves_platen(blobs, at_500),
    }
    scale = resolution_ppi / WORKING_PPI
    names: list[Finger] | list[None] = expected if labelled else [None] * len(blobs)
    fingers = tuple(_cut(at_500, i, blobs, names[i], scale) for i in range(len(blobs)))
    findings = tuple(finding for finding, is_so in seen.items() if is_so)
    return SlapSegmentation(slap, fingers, len(expected), hand, findings)


def _cut(
    at_500: NDArray[np.uint8], index: int, blobs: list[Blob], name: Finger | None, scale: float
) -> SegmentedFinger:
    """Cut one finger out; `scale` leads from 500 ppi back to the slap as it was given."""
    from station.biometrics.fingers.blobs import cut_out

    others = blobs[:index] + blobs[index + 1 :]
    cutting = cut_out(at_500, blobs[index], others)
    height, width = at_500.shape
    return SegmentedFinger(
        position=name,
        image=cutting.image,
        left=round(cutting.low[0] * scale),
        right=round(min(cutting.high[0] + 1, width) * scale) - 1,
        top=round(cutting.low[1] * scale),
        bottom=round(min(cutting.high[1] + 1, height) * scale) - 1,
        lean_deg=blobs[index].lean_deg,
    )


def to_working_ppi(image: NDArray[np.uint8], resolution_ppi: float) -> NDArray[np.uint8]:
    """Give a (height, width) uint8 image at 500 ppi, resampled once when it is not.

    Raises:
        ValueError: not a grey uint8 image, or a resolution outside 300 to 1100 ppi.
    """
    if image.ndim != 2 or image.dtype != np.uint8:
        raise ValueError(f"grey uint8 image expected, got {image.shape} {image.dtype}")
    if not MIN_PPI <= resolution_ppi <= MAX_PPI:
        raise ValueError(f"{resolution_ppi} ppi, allowed {MIN_PPI:.0f} to {MAX_PPI:.0f}")
    if abs(resolution_ppi - WORKING_PPI) < 0.01 * WORKING_PPI:
        return image
    import cv2

    scale = WORKING_PPI / resolution_ppi
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=way), np.uint8)


def _find_fingers(image: NDArray[np.uint8], slap: Slap) -> tuple[list[Blob], bool, bool]:
    """Fingers from left to right along the hand.

    And whether some areas were too wide for one finger, and whether one could not be divided.
    """
    from station.biometrics.fingers import blobs as shapes
    from station.biometrics.fingers.foreground import find_foreground

    if min(image.shape) < _SMALLEST_SIDE_PX:
        return [], False, False
    mask = find_foreground(image).mask
    found = shapes.without_lower_phalanges(shapes.find_blobs(mask))
    widths = [blob.width_mm for blob in found if blob.is_finger]
    usual = min(float(np.median(widths)), _USUAL_WIDTH_MM[slap]) if widths else 0.0
    usual = usual or _USUAL_WIDTH_MM[slap]
    hand_lean = shapes.hand_lean_deg(found)
    fingers, wide, undivided = [], False, False
    for blob in found:
        parts = [blob]
        if blob.width_mm > TOUCHING_WIDTH_RATIO * usual:
            parts = shapes.split(blob, usual, hand_lean)
            # noise and smears cover the platen, no hand does
            hand = np.ptp(blob.points[:, 0]) <= 0.9 * mask.shape[1]
            wide = wide or hand
            undivided = undivided or (hand and len(parts) == 1)
        fingers += [part for part in parts if part.is_finger]
    lean = np.deg2rad(shapes.hand_lean_deg(fingers))
    right = np.array([np.cos(lean), np.sin(lean)])
    return sorted(fingers, key=lambda blob: float(blob.centre @ right)), wide, undivided


def _guess_hand(fingers: list[Blob]) -> Hand | None:
    """Tell the hand of four fingers by the outer tips: the little finger ends lowest."""
    from station.biometrics.fingers.blobs import hand_lean_deg
    from station.biometrics.fingers.foreground import BLOCKS_PER_MM

    if len(fingers) != 4:
        return None
    lean = np.deg2rad(hand_lean_deg(fingers))
    up = np.array([np.sin(lean), -np.cos(lean)])
    higher = float((fingers[0].tip - fingers[-1].tip) @ up) / BLOCKS_PER_MM
    if abs(higher) < HAND_MARGIN_MM:
        return None
    return "right" if higher > 0 else "left"


def _is_rotated(fingers: list[Blob]) -> bool:
    from station.biometrics.fingers.blobs import hand_lean_deg

    tilted = sum(finger.tilted for finger in fingers)
    return abs(hand_lean_deg(fingers)) > MAX_ROTATION_DEG or tilted > len(fingers) / 2


def _leaves_platen(fingers: list[Blob], image: NDArray[np.uint8]) -> bool:
    from station.biometrics.fingers.foreground import BLOCK_PX

    width, height = image.shape[1] // BLOCK_PX, image.shape[0] // BLOCK_PX
    return any(finger.leaves(width, height) for finger in fingers)

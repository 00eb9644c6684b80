"""Finger-shaped areas of a slap: found, told from palm and lower phalanges, cut out upright."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from station.biometrics.fingers.crease import distal_length_px
from station.biometrics.fingers.foreground import BLOCK_PX, BLOCKS_PER_MM, GreyImage, Mask

Vector = NDArray[np.float64]

MIN_AREA_BLOCKS: Final = 250
MIN_WIDTH_MM, MAX_WIDTH_MM = 6.0, 32.0
"""A lighter touch than 6 mm is dirt; wider than 32 mm is two fingers, a palm or no finger."""
MIN_HEIGHT_MM: Final = 8.0
MAX_TILT_DEG: Final = 60.0
MAX_SPLAY_DEG: Final = 25.0
"""Fingers of one hand do not lean further apart; working value."""
SQUAT_RATIO: Final = 1.5
"""Below this ratio of variances an outline has no direction of its own (thumbs, light touches)."""
LONGEST_CROP_MM: Final = 40.0

MIN_VALLEY: Final = 0.2
"""Least relative depth of the valley between two touching fingers; working value."""

_SEARCH_LEANS_DEG: Final = np.arange(-30.0, 31.0, 5.0)
_LEAST_SHARE, _MOST_SHARE = 0.6, 1.45
_EDGE_ZONE_MM: Final = 15.0


@dataclass(frozen=True, slots=True, eq=False)
class Blob:
    """One connected area; every length is in blocks of 8 px, `points` are (n, 2) as x, y.

    `axis` is the unit vector towards the tip, `lean_deg` its angle from straight up, positive to
    the right; `tilted` says that the outline leans by more than 60 degrees.
    """

    points: Vector
    centre: Vector
    axis: Vector
    lean_deg: float
    squat: bool
    tilted: bool

    @property
    def normal(self) -> Vector:
        """Unit vector to the right of `axis`."""
        return np.array([-self.axis[1], self.axis[0]])

    def along(self) -> Vector:
        """Signed distance of each point from the centre, towards the tip."""
        return np.asarray((self.points - self.centre) @ self.axis)

    def across(self) -> Vector:
        """Signed distance of each point from the axis, to the right."""
        return np.asarray((self.points - self.centre) @ self.normal)

    @property
    def width_mm(self) -> float:
        """Extent across the axis, without the outermost 1 % on each side."""
        low, high = np.percentile(self.across(), (1, 99))
        return float(high - low + 1) / BLOCKS_PER_MM

    @property
    def height_mm(self) -> float:
        """Extent along the axis."""
        return float(np.ptp(self.along()) + 1) / BLOCKS_PER_MM

    @property
    def tip(self) -> Vector:
        """Point of the axis at the upper end."""
        return np.asarray(self.centre + self.axis * self.along().max())

    @property
    def is_finger(self) -> bool:
        """Whether the size is that of one finger."""
        return MIN_WIDTH_MM <= self.width_mm <= MAX_WIDTH_MM and self.height_mm >= MIN_HEIGHT_MM

    def leaves(self, width: int, height: int) -> bool:
        """Whether its distal part runs into the upper or a side edge of a mask of that size."""
        distal = self.points[self.along() > self.along().max() - _EDGE_ZONE_MM * BLOCKS_PER_MM]
        low, high = distal.min(0), distal.max(0)
        return bool(low[0] < 1 or low[1] < 1 or high[0] > width - 2 or high[1] > height - 2)


def make_blob(points: Vector) -> Blob:
    """Describe an area by the principal axis of its outline."""
    centre = points.mean(0)
    spread, vectors = np.linalg.eigh(np.cov((points - centre).T))
    axis = vectors[:, 1] if vectors[1, 1] <= 0 else -vectors[:, 1]
    lean = float(np.degrees(np.arctan2(axis[0], -axis[1])))
    squat = bool(spread[1] < SQUAT_RATIO * spread[0])
    tilted = not squat and abs(lean) > MAX_TILT_DEG
    return Blob(points, centre, axis, lean, squat, tilted)


def find_blobs(mask: Mask) -> list[Blob]:
    """Describe every area of at least 250 blocks.

    One that is squat, tilted or leans away from the others leans as they do: it may be several
    fingers that touch, and is then too wide for one.
    """
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
    large = [i for i in range(1, count) if stats[i, cv2.CC_STAT_AREA] >= MIN_AREA_BLOCKS]
    blobs = [make_blob(_points_of(np.asarray(labels == label))) for label in large]
    lean = hand_lean_deg(blobs)
    return [_leaning(blob, lean) if _is_odd(blob, lean) else blob for blob in blobs]


def _is_odd(blob: Blob, lean_deg: float) -> bool:
    return blob.squat or blob.tilted or abs(blob.lean_deg - lean_deg) > MAX_SPLAY_DEG


def _leaning(blob: Blob, lean_deg: float) -> Blob:
    angle = np.deg2rad(lean_deg)
    return replace(blob, axis=np.array([np.sin(angle), -np.cos(angle)]), lean_deg=lean_deg)


def hand_lean_deg(blobs: list[Blob]) -> float:
    """Median lean of the areas that have a direction, 0 without any."""
    leans = [blob.lean_deg for blob in blobs if not blob.squat and not blob.tilted]
    return float(np.median(leans)) if leans else 0.0


def split(blob: Blob, usual_width_mm: float, hand_lean: float) -> list[Blob]:
    """Divide lightly touching fingers; the blob alone when that does not give plausible ones.

    Source: own, after the line search of NBIS nfseg: the area is counted along parallel lines of
    several leans, and cut where neighbouring fingers leave the deepest valley between them.
    """
    best: list[Blob] = [blob]
    depth = MIN_VALLEY
    for lean in hand_lean + _SEARCH_LEANS_DEG:
        angle = np.deg2rad(lean)
        place = blob.points @ np.array([np.cos(angle), np.sin(angle)])
        place = (place - place.min()).astype(int)
        profile = cv2.GaussianBlur(np.bincount(place).astype(np.float64)[:, None], (0, 0), 1.5)
        for count in (2, 3, 4):
            share = len(profile) / count / BLOCKS_PER_MM / usual_width_mm
            if not _LEAST_SHARE <= share <= _MOST_SHARE:
                continue
            cuts, valley = _cuts(profile[:, 0].astype(np.float64), count)
            if valley <= depth:
                continue
            label = np.searchsorted(cuts, place)
            areas = [blob.points[label == i] for i in range(count)]
            if min(len(area) for area in areas) < MIN_AREA_BLOCKS:
                continue
            parts = [_leaning(make_blob(area), float(lean)) for area in areas]
            if all(part.is_finger for part in parts):
                best, depth = parts, valley
    return best


def _cuts(profile: Vector, count: int) -> tuple[list[int], float]:
    """Lightest lines near the equal division, and the depth of the shallowest of them, 0 to 1."""
    spacing = len(profile) / count
    cuts = []
    for i in range(1, count):
        low, high = round((i - 0.3) * spacing), round((i + 0.3) * spacing)
        cuts.append(low + int(np.argmin(profile[low:high])))
    peaks = [float(part.max()) for part in np.split(profile, cuts)]
    depths = [1 - float(profile[cut]) / min(peaks[i], peaks[i + 1]) for i, cut in enumerate(cuts)]
    return cuts, min(depths)


def without_lower_phalanges(blobs: list[Blob]) -> list[Blob]:
    """Drop what lies straight below another area along the hand: it is the same finger."""
    lean = np.deg2rad(hand_lean_deg(blobs))
    up, right = np.array([np.sin(lean), -np.cos(lean)]), np.array([np.cos(lean), np.sin(lean)])
    kept: list[Blob] = []
    for blob in sorted(blobs, key=lambda b: -float((b.points @ up).max())):
        low, high = np.percentile(blob.points @ right, (5, 95))
        for upper in kept:
            upper_low, upper_high = np.percentile(upper.points @ right, (5, 95))
            shared = min(high, upper_high) - max(low, upper_low)
            below = float((upper.points @ up).min()) > float(blob.centre @ up)
            if below and shared > 0.5 * min(high - low, upper_high - upper_low):
                break
        else:
            kept.append(blob)
    return kept


@dataclass(frozen=True, slots=True, eq=False)
class Cutting:
    """An upright print and the part of the slap it came from.

    `image`: (height, width) uint8, padded with white; `low`, `high`: corners of the box in pixels
    of the slap, x and y, `high` included.
    """

    image: GreyImage
    low: tuple[int, int]
    high: tuple[int, int]


def cut_out(slap: GreyImage, blob: Blob, others: list[Blob]) -> Cutting:
    """Turn one finger upright and keep its first phalanx, at the scale of the slap.

    Pixels of `others` inside the rectangle become white.
    """
    along, across = blob.along(), blob.across()
    longest = LONGEST_CROP_MM * BLOCKS_PER_MM
    top, bottom = along.max() + 1, max(along.min() - 1, along.max() - longest)
    left, right = across.min() - 1, across.max() + 1
    middle = blob.centre + blob.axis * (top + bottom) / 2 + blob.normal * (left + right) / 2
    middle_px = (middle + 0.5) * BLOCK_PX
    size = (round((right - left + 1) * BLOCK_PX), round((top - bottom + 1) * BLOCK_PX))
    centre = (float(middle_px[0]), float(middle_px[1]))
    matrix = np.asarray(cv2.getRotationMatrix2D(centre, blob.lean_deg, 1.0), np.float64)
    matrix[:, 2] += np.array(size) / 2 - middle_px
    image = cv2.warpAffine(
        slap, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_CONSTANT, borderValue=255
    ).astype(np.uint8)
    _whiten(image, matrix, others)
    length = distal_length_px(image, blob.width_mm)
    kept = blob.points[along > top - length / BLOCK_PX]
    low, high = kept.min(0).astype(int) * BLOCK_PX, (kept.max(0).astype(int) + 1) * BLOCK_PX - 1
    return Cutting(
        np.ascontiguousarray(image[:length]),
        (int(low[0]), int(low[1])),
        (int(high[0]), int(high[1])),
    )


def _whiten(image: GreyImage, matrix: cv2.typing.MatLike, others: list[Blob]) -> None:
    end = np.array([image.shape[1], image.shape[0]]) + BLOCK_PX
    for blob in others:
        centres = (blob.points + 0.5) * BLOCK_PX
        inside = np.rint(centres @ matrix[:, :2].T + matrix[:, 2]).astype(int)
        for x, y in inside[((inside > -BLOCK_PX) & (inside < end)).all(1)]:
            cv2.circle(image, (int(x), int(y)), BLOCK_PX, 255, cv2.FILLED)


def _points_of(area: NDArray[np.bool_]) -> Vector:
    y, x = np.nonzero(area)
    return np.stack([x, y], 1).astype(np.float64)

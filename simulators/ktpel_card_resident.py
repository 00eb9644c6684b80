"""The card of a synthetic resident: face, signature and both index fingers are the resident's own.

The fingers on the card are another capture of those that the scanners see, so that they match as a
genuine card's do. The photo bears the label of a test card.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from functools import cache
from typing import Any, Final

import cv2
import numpy as np

from drivers.card.chip_content import SIGNATURE_HEIGHT, SIGNATURE_WIDTH
from drivers.card.profiles import open_lds
from drivers.positions import Finger
from drivers.values import Image
from simulators.ktpel_card_content import (
    CHIP_FINGERS,
    MAX_PHOTO_BYTES,
    CardContent,
    build_template,
    pack_signature,
)
from simulators.people import faces
from simulators.people.faces import Shot, background_for
from simulators.people.finger_files import FingerFiles
from simulators.people.fingerprints import make_impression
from simulators.people.person import Person
from simulators.people.seeds import derive

CARD_MINUTIAE: Final = 80
"""The best ones of a print, 510 bytes a finger: fewer than 60 match badly against a whole print."""
PHOTO_BYTES: Final = 4800
PHOTO_SIZE: Final = (180, 240)

_EYE_DISTANCE_PX: Final = 46.0
_EYES_AT: Final = (0.5, 0.45)
_MINUTIA_BYTES: Final = 6
_NBIS_HEADER_BYTES: Final = 26
_KEPT: Final = 4


class ResidentCards:
    """Makes the cards of residents and keeps those of the last few.

    `fingers` serves finger pictures from files in place of the residents' own. A card takes 0.2 s
    where the resident is prepared, up to 1.5 s where not. Safe from any thread.
    """

    def __init__(self, fingers: FingerFiles | None = None) -> None:
        self._fingers = fingers
        self._made: OrderedDict[str, CardContent] = OrderedDict()
        self._lock = threading.Lock()

    def content_of(self, person: Person) -> CardContent:
        """Return what this resident's card holds; always the same."""
        with self._lock:
            if person.name not in self._made:
                self._made[person.name] = self._make(person)
                while len(self._made) > _KEPT:
                    self._made.popitem(last=False)
            return self._made[person.name]

    def _make(self, person: Person) -> CardContent:
        first, second = (self._template(person, finger) for finger in CHIP_FINGERS)
        return CardContent(
            uid=person.card_uid,
            biodata_text=person.biodata.to_card_text(),
            photo=chip_photo(person),
            signature=pack_signature(draw_signature(derive(person.name, "signature"))),
            fingers=(first, second),
        )

    def _template(self, person: Person, finger: Finger) -> bytes:
        if self._fingers is not None:
            return template_of(finger, self._fingers.image(finger))
        seed = derive(person.name, "finger", int(finger), "card")
        return template_of(finger, make_impression(person.finger(finger), seed))


def template_of(finger: Finger, picture: Image) -> bytes:
    """Return the ISO/IEC 19794-2 template of a picture of 500 ppi with its best minutiae."""
    encoded = cv2.imencode(".png", picture)[1].tobytes()
    own = bytes(_extractor().extract_minutiae(encoded).to_iso_19794_2_2005())[_NBIS_HEADER_BYTES:]
    blocks = [own[i : i + _MINUTIA_BYTES] for i in range(0, len(own), _MINUTIA_BYTES)]
    # the last byte is the quality; the order stays, because matchers want it sorted by x
    best = sorted(range(len(blocks)), key=lambda i: blocks[i][-1], reverse=True)[:CARD_MINUTIAE]
    kept = b"".join(blocks[i] for i in sorted(best))
    height, width = picture.shape
    return build_template(finger, (width, height), kept)


def chip_photo(person: Person) -> bytes:
    """Return the photo of the chip: 180 x 240 pixels, labelled, as fine as 4800 bytes allow."""
    shot = Shot(
        size=PHOTO_SIZE,
        eye_distance_px=_EYE_DISTANCE_PX,
        centre=_EYES_AT,
        background=background_for(person.biodata.date_of_birth),
        noise=0.5,
    )
    picture = faces.render(person.face_seed, shot)[0].copy()
    at = (6, PHOTO_SIZE[1] - 8)
    cv2.putText(picture, open_lds.LABEL, at, cv2.FONT_HERSHEY_SIMPLEX, 0.6, (255, 255, 255), 2)
    for quality in range(90, 0, -10):
        encoded = cv2.imencode(".jpg", picture, (cv2.IMWRITE_JPEG_QUALITY, quality))[1].tobytes()
        if len(encoded) <= min(PHOTO_BYTES, MAX_PHOTO_BYTES):
            break
    return encoded


def draw_signature(seed: int) -> Image:
    """Draw a signature, (44, 168) uint8: a pen that swings along a line; black on white."""
    rng = np.random.default_rng(seed)
    t = np.linspace(0.0, 1.0, 220)
    x, y = 12 + 140 * t, np.full_like(t, SIGNATURE_HEIGHT / 2)
    for swings in rng.uniform(3, 14, 5):
        phase, turn = rng.uniform(0, 2 * np.pi, 2)
        x = x + rng.uniform(1, 5) * np.sin(2 * np.pi * swings * t + phase)
        y = y + rng.uniform(1, 5) * np.sin(2 * np.pi * swings * t + turn)
    points = np.stack((np.clip(x, 2, SIGNATURE_WIDTH - 3), np.clip(y, 2, SIGNATURE_HEIGHT - 3)), -1)
    picture = np.full((SIGNATURE_HEIGHT, SIGNATURE_WIDTH), 255, np.uint8)
    cv2.polylines(picture, [np.round(points).astype(np.int32)], False, 0, 2)
    return picture


@cache
def _extractor() -> Any:  # Any: nbis ships no types
    import nbis

    settings = nbis.NbisExtractorSettings(
        min_quality=0.0,
        get_center=False,
        check_fingerprint=False,
        compute_nfiq2=False,
        ppi=500.0,
    )
    return nbis.new_nbis_extractor(settings)

"""Put fingers of a resident on a glass: which fingers, how, and the pictures that come of it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from drivers.positions import Finger, Slap
from drivers.values import Image
from simulators.people import slaps
from simulators.people.fingerprints import WHITE, Impression, make_impression
from simulators.people.person import Person
from simulators.people.seeds import derive

PLATEN: Final = "platen"
SENSOR: Final = "sensor"

_LEAN_DEG = 3.0
_THREADS = 2


@dataclass(frozen=True, slots=True)
class Contact:
    """One touch of a glass: `glass` is `PLATEN` or `SENSOR`, `number` the capture number there."""

    glass: str
    target: Slap | Finger
    fingers: tuple[Finger, ...]
    impression: Impression
    number: int


def fingers_of(target: Slap | Finger, missing: frozenset[Finger]) -> tuple[Finger, ...]:
    """Return the fingers that can lie there, without those that are missing."""
    wanted = target.fingers if isinstance(target, Slap) else (target,)
    return tuple(finger for finger in wanted if finger not in missing)


def take(person: Person, contact: Contact) -> dict[Finger, Image]:
    """Take the pictures of one contact, (560, 416) uint8 each, upright, read-only."""

    def one(finger: Finger) -> Image:
        seed = derive(person.name, "finger", int(finger), contact.glass, contact.number)
        settings = _settings(contact.impression, finger, seed)
        image = make_impression(person.finger(finger), seed, settings)
        image.flags.writeable = False
        return image

    if len(contact.fingers) == 1:
        return {finger: one(finger) for finger in contact.fingers}
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="prints") as pool:
        return dict(zip(contact.fingers, pool.map(one, contact.fingers), strict=True))


def _settings(impression: Impression, finger: Finger, seed: int) -> Impression:
    """Complete the knobs: the finger's own size, and what is left to chance, nearly upright."""
    rotation = impression.rotation_deg
    if rotation is None:
        lean = np.random.default_rng(derive("lean", seed)).uniform(-_LEAN_DEG, _LEAN_DEG)
        rotation = float(lean)
    return replace(
        impression,
        contact=impression.contact * slaps.place_of(finger).contact,
        rotation_deg=rotation,
        shift_px=impression.shift_px or (0.0, 0.0),
    )


def centre_crop(image: Image, width: int, height: int) -> Image:
    """Cut the middle out of a picture; where it is smaller, the glass stays white.

    Returns:
        (height, width) uint8, a copy.
    """
    crop = np.full((height, width), WHITE, np.uint8)
    rows, columns = min(height, image.shape[0]), min(width, image.shape[1])
    from_y, from_x = (image.shape[0] - rows) // 2, (image.shape[1] - columns) // 2
    to_y, to_x = (height - rows) // 2, (width - columns) // 2
    crop[to_y : to_y + rows, to_x : to_x + columns] = image[
        from_y : from_y + rows, from_x : from_x + columns
    ]
    return crop

"""The glasses that fingers are put on: pictures of a contact, and the preview of the platen."""

from __future__ import annotations

import itertools

import numpy as np

from drivers.positions import Finger
from drivers.values import Image
from simulators.people import prints, slaps
from simulators.people.film import Grain
from simulators.people.finger_files import FingerFiles
from simulators.people.fingerprints import WHITE
from simulators.people.person import Person
from simulators.people.prints import Contact
from simulators.people.seeds import derive

_PREVIEW_NOISE = 1.2


class Glass:
    """Pictures of one contact at a time, kept until another contact comes.

    So the preview of a capture and the capture itself show the same contact, and a preview costs
    milliseconds. Not thread-safe: its owner holds a lock.
    """

    def __init__(self, files: FingerFiles | None) -> None:
        self._files = files
        self._images: tuple[Person, Contact, dict[Finger, Image]] | None = None
        self._composed: tuple[Person | None, Contact | None, Image] | None = None
        self._grain: Grain | None = None
        self._preview_index = itertools.count()

    def images(self, person: Person, contact: Contact) -> dict[Finger, Image]:
        """Return the single pictures: the files' pixels, or (560, 416) uint8 impressions."""
        if self._files is not None:
            return {finger: self._files.image(finger) for finger in contact.fingers}
        kept = self._images
        if kept is None or kept[0] is not person or kept[1] != contact:
            kept = self._images = (person, contact, prints.take(person, contact))
        return dict(kept[2])

    def preview(self, person: Person | None, contact: Contact | None) -> Image:
        """Return the platen, (1500, 1600) uint8: with fresh noise, except that of files."""
        kept = self._composed
        if kept is None or kept[0] is not person or kept[1] != contact:
            kept = self._composed = (person, contact, self._compose(person, contact))
        if self._files is not None and contact is not None:
            return kept[2].copy()
        if self._grain is None:
            self._grain = Grain(kept[2].shape, _PREVIEW_NOISE, derive("platen"))
        return self._grain.on(kept[2], next(self._preview_index))

    def _compose(self, person: Person | None, contact: Contact | None) -> Image:
        if person is None or contact is None:
            return np.full((slaps.PLATEN_HEIGHT, slaps.PLATEN_WIDTH), WHITE, np.uint8)
        seed = derive(person.name, "hand", contact.number)
        return slaps.compose(self.images(person, contact), contact.target, seed)

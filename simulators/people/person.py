"""A synthetic resident: one seed, from which everything that can be captured or read follows."""

from __future__ import annotations

import os
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from drivers.positions import Eye, Finger
from simulators.people import cache, faces, irises
from simulators.people.biodata import Biodata, invent_biodata
from simulators.people.fingerprints import Master, grow_master
from simulators.people.seeds import derive

_CARD_MANUFACTURER = 0x04  # first byte of the 7-byte UIDs of the maker of the first KTP-el chips


class Person:
    """A resident made from a seed: ten fingers, two irises, a face, biodata and a card.

    Fingers are grown when first asked for (0.3 s each) and kept in the cache folder; every method
    may be called from any thread. The only thing that changes is the count of captures, which
    belongs to the person so that a retry at any device really is a new picture.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._biodata = invent_biodata(seed)
        self._masters: dict[Finger, Master] = {}
        self._locks = {finger: threading.Lock() for finger in Finger}
        self._captures: Counter[str] = Counter()
        self._captures_lock = threading.Lock()

    def __repr__(self) -> str:
        return f"Person({self._seed})"

    @property
    def seed(self) -> int:
        """The number everything follows from."""
        return self._seed

    @property
    def name(self) -> str:
        """The name of this resident in scenarios and seeds, e.g. "resident-7"."""
        return f"resident-{self._seed}"

    @property
    def biodata(self) -> Biodata:
        """What the register and the card say of this resident."""
        return self._biodata

    @property
    def card_uid(self) -> bytes:
        """The 7 bytes by which a reader tells the resident's card from others."""
        return bytes([_CARD_MANUFACTURER]) + derive(self.name, "card").to_bytes(8, "big")[:6]

    @property
    def face_seed(self) -> int:
        """The seed for `faces.render`."""
        return derive(self.name, "face")

    def iris(self, eye: Eye) -> int:
        """Return the seed for `irises.render_iris`; the two eyes of a person differ."""
        return derive(self.name, "iris", eye.name.lower())

    def finger(self, finger: Finger) -> Master:
        """Return one finger: grown now, or loaded when it was grown before."""
        with self._locks[finger]:
            if finger not in self._masters:
                seed = derive(self.name, "finger", int(finger))
                master = cache.load(seed)
                if master is None:
                    master = grow_master(seed)
                    cache.store(seed, master)
                self._masters[finger] = master
            return self._masters[finger]

    def prepare(self) -> None:
        """Grow everything now, so that no capture waits; blocks for up to 5 s."""
        with ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="grow") as pool:
            face = pool.submit(faces.prepare, self.face_seed)
            eyes = [pool.submit(irises.polar_texture, self.iris(eye)) for eye in Eye]
            fingers = [pool.submit(self.finger, finger) for finger in Finger]
            face.result()
            for eye in eyes:
                eye.result()
            for finger in fingers:
                finger.result()

    def capture_number(self, of: str) -> int:
        """Return the number of the next capture of `of` ("fingers", "iris-left", ...), from 1."""
        with self._captures_lock:
            return self._captures[of] + 1

    def count_capture(self, of: str) -> int:
        """Count one capture of `of` and return its number, from 1."""
        with self._captures_lock:
            self._captures[of] += 1
            return self._captures[of]

"""Who sits at the simulated desk and what they do: the one thing that all simulators look at.

A simulated device reads the scene and nothing else, so that the slap, the finger on the sensor, the
eyes, the face and the card always belong to one resident, and a swap of residents is one call. The
scene is the only mutable part of the simulation. Defects of picture quality live here; faults of
devices live in the simulators.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

import numpy as np

from drivers.positions import Eye, Finger, Slap
from drivers.values import Image
from simulators.people import film, irises, prints
from simulators.people.faces import GREY_BACKGROUND, Shot, background_for
from simulators.people.finger_files import FingerFiles
from simulators.people.fingerprints import HEALTHY, Impression
from simulators.people.glass import Glass
from simulators.people.irises import IrisView
from simulators.people.person import Person
from simulators.people.seeds import derive

Listener = Callable[[], None]

SENSOR_WIDTH: Final = 256
SENSOR_HEIGHT: Final = 288
"""The single-finger module has 256 x 288 pixels at 500 ppi."""

_EMPTY_IRIS_GREY = 90


class NobodySeated(RuntimeError):
    """Something was asked of the resident while nobody sits at the desk."""


class _Film(Protocol):
    def frame(self, index: int) -> Image: ...


@dataclass(frozen=True, slots=True)
class _Placement:
    target: Slap | Finger
    impression: Impression
    missing: frozenset[Finger]


@dataclass(frozen=True, slots=True)
class _Desk:
    """Everything that can change, as one value: a reader never sees half a change."""

    person: Person | None = None
    missing: frozenset[Finger] = frozenset()
    placement: _Placement | None = None
    next_impressions: tuple[Impression, ...] = ()
    worn_noise: float = 0.0
    eyes: IrisView | None = None
    shot: Shot = field(default_factory=Shot)
    card: Person | None = None


class Scene:
    """The resident at the desk; every method may be called from any thread.

    A `cooperative` resident does what the devices ask for; otherwise somebody (a scenario) has to
    call `place`, `place_eyes` and `insert_card`. With `fingers` the finger pictures come from files
    instead of the resident's own fingers. Captures are deterministic: the seed of the person, the
    number of the capture and the knobs decide every pixel.
    """

    def __init__(
        self,
        person: Person | None = None,
        *,
        cooperative: bool = True,
        fingers: FingerFiles | None = None,
    ) -> None:
        self._cooperative = cooperative
        self._desk = _Desk()
        self._desk_lock = threading.Lock()
        self._listeners: list[Listener] = []
        self._glass_lock = threading.Lock()
        self._platen = Glass(fingers)
        self._sensor = Glass(fingers)
        self._film_lock = threading.Lock()
        self._film: tuple[tuple[int | None, Shot], _Film] | None = None
        if person is not None:
            self.seat(person)

    @property
    def cooperative(self) -> bool:
        """Whether the resident does what the devices ask for."""
        return self._cooperative

    @property
    def person(self) -> Person | None:
        """Who sits at the desk."""
        return self._desk.person

    @property
    def missing(self) -> frozenset[Finger]:
        """The fingers that the resident does not have."""
        return self._desk.missing

    def seat(self, person: Person, *, missing: Iterable[Finger] = ()) -> None:
        """Let a resident sit down, with clean hands and nothing of the former one left over.

        A cooperative resident puts the card on the reader at once.
        """
        absent = frozenset(missing)

        def sit(desk: _Desk) -> _Desk:
            card = person if self._cooperative else desk.card
            return _Desk(person=person, missing=absent, card=card)

        self._change(sit)

    def stand_up(self) -> None:
        """Let the resident leave; one who does not cooperate forgets the card."""
        self._change(lambda desk: _Desk(card=None if self._cooperative else desk.card))

    @property
    def placed(self) -> Slap | Finger | None:
        """What lies on the glass."""
        placement = self._desk.placement
        return placement.target if placement else None

    def place(
        self,
        target: Slap | Finger,
        impression: Impression = HEALTHY,
        missing: Iterable[Finger] = (),
    ) -> None:
        """Put a hand or a finger down; `missing` fingers stay off this time.

        Raises:
            NobodySeated: nobody sits at the desk.
        """
        placement = _Placement(target, impression, frozenset(missing))

        def put(desk: _Desk) -> _Desk:
            _resident(desk)
            return replace(desk, placement=placement)

        self._change(put)

    def lift(self) -> None:
        """Take the hand off the glass."""
        self._change(lambda desk: replace(desk, placement=None))

    def place_eyes(self, view: IrisView | None) -> None:
        """Look into the iris camera like this; None looks away (or as a cooperative resident does).

        Raises:
            NobodySeated: nobody sits at the desk.
        """

        def open_eyes(desk: _Desk) -> _Desk:
            _resident(desk)
            return replace(desk, eyes=view)

        self._change(open_eyes)

    def look(self, shot: Shot) -> None:
        """Hold the head like this; a shot without background gets the one of the birth year."""
        self._change(lambda desk: replace(desk, shot=shot))

    def asked_for(self, target: Slap | Finger | Eye) -> None:
        """Hear what a device waits for; a cooperative resident puts exactly that there.

        What lies there already stays, with its impression. Eyes need no placing: a cooperative
        resident looks into the iris camera all the time.
        """
        if not self._cooperative or isinstance(target, Eye):
            return

        def obey(desk: _Desk) -> _Desk:
            there = desk.placement
            if desk.person is None or (there is not None and there.target is target):
                return desk
            return replace(desk, placement=_Placement(target, HEALTHY, frozenset()))

        self._change(obey)

    def worn(self, finger_noise: float) -> None:
        """Wear the skin of all fingers: the least `Impression.noise` of every capture (0: healthy).

        5 fails the index finger, 6 is unreadable.
        """
        self._change(lambda desk: replace(desk, worn_noise=finger_noise))

    def next_impressions(self, impressions: Iterable[Impression]) -> None:
        """Say how the next captures of fingers go, one each; then it goes as placed."""
        coming = tuple(impressions)
        self._change(lambda desk: replace(desk, next_impressions=coming))

    @property
    def card_inserted(self) -> bool:
        """Whether a card lies on the reader."""
        return self._desk.card is not None

    @property
    def card(self) -> Person | None:
        """Whose card lies on the reader; not always the one who sits there."""
        return self._desk.card

    def insert_card(self) -> None:
        """Put the card of the seated resident on the reader.

        Raises:
            NobodySeated: nobody sits at the desk.
        """
        self._change(lambda desk: replace(desk, card=_resident(desk)))

    def remove_card(self) -> None:
        """Take the card off the reader."""
        self._change(lambda desk: replace(desk, card=None))

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` after every change on the thread that made it; return its remover."""
        with self._desk_lock:
            self._listeners.append(listener)

        def unsubscribe() -> None:
            with self._desk_lock:
                if listener in self._listeners:
                    self._listeners.remove(listener)

        return unsubscribe

    def fingers_on_platen(self) -> dict[Finger, Image]:
        """Capture what lies on the slap scanner, cut into single fingers.

        Every call is a new capture of what lies there, which may be the wrong hand or nothing.

        Returns:
            (560, 416) uint8 a finger, 500 ppi, upright, white ground, read-only; with finger files
            the pixels of the files.
        """
        with self._glass_lock:
            desk = self._desk
            contact = self._platen_contact(desk)
            if desk.person is None or contact is None:
                return {}
            images = self._platen.images(desk.person, contact)
            self._captured(desk, desk.person, prints.PLATEN)
            return images

    def platen_image(self) -> Image:
        """Return a preview of the platen: what the next capture will see, with fresh noise.

        Returns:
            (1500, 1600) uint8 at 500 ppi; an empty platen is white.
        """
        with self._glass_lock:
            desk = self._desk
            return self._platen.preview(desk.person, self._platen_contact(desk))

    @property
    def finger_on_sensor(self) -> Finger | None:
        """Which finger lies on the single-finger sensor.

        That is the finger that was placed; a cooperative resident keeps the right index there when
        no single finger was placed.
        """
        return self._sensor_finger(self._desk)

    def single_finger(self, width: int = SENSOR_WIDTH, height: int = SENSOR_HEIGHT) -> Image | None:
        """Capture what lies on the single-finger sensor: the middle of that finger.

        Every call is a new capture.

        Returns:
            (height, width) uint8 at 500 ppi, None when no finger lies there.
        """
        with self._glass_lock:
            desk = self._desk
            finger = self._sensor_finger(desk)
            if desk.person is None or finger is None:
                return None
            contact = self._contact(desk, desk.person, prints.SENSOR, finger, (finger,))
            image = self._sensor.images(desk.person, contact)[finger]
            self._captured(desk, desk.person, prints.SENSOR)
        return prints.centre_crop(image, width, height)

    def face_frame(self, index: int) -> Image:
        """Return picture `index` (0, 1, ...) of the face camera.

        Returns:
            (720, 1280, 3) uint8 blue-green-red (or the size that `look` said): the seated resident,
            or the plain backdrop.
        """
        desk = self._desk
        shot, seed = desk.shot, None
        if desk.person is not None:
            seed = desk.person.face_seed
            if shot.background is None:
                born = desk.person.biodata.date_of_birth
                shot = replace(shot, background=background_for(born))
        with self._film_lock:
            if self._film is None or self._film[0] != (seed, shot):
                self._film = ((seed, shot), _film_of(seed, shot))
            running = self._film[1]
        return running.frame(index)

    def iris_image(self, eye: Eye) -> Image:
        """Capture one eye; every call is a new capture.

        Returns:
            (480, 640) uint8; plain grey with noise when nobody looks into the camera.
        """
        desk = self._desk
        view = desk.eyes or (IrisView() if self._cooperative else None)
        if desk.person is None or view is None:
            noise = np.random.default_rng(derive("empty iris")).normal(
                _EMPTY_IRIS_GREY, 2.5, (irises.HEIGHT, irises.WIDTH)
            )
            return noise.astype(np.uint8)
        number = desk.person.count_capture(f"iris-{eye.name.lower()}")
        return irises.render_iris(desk.person.iris(eye), view, number)

    def _change(self, change: Callable[[_Desk], _Desk]) -> None:
        with self._desk_lock:
            before, self._desk = self._desk, change(self._desk)
            listeners = list(self._listeners) if self._desk != before else []
        # outside the lock: a listener may read or change the scene
        for listener in listeners:
            listener()

    def _platen_contact(self, desk: _Desk) -> prints.Contact | None:
        if desk.person is None or desk.placement is None:
            return None
        target = desk.placement.target
        fingers = prints.fingers_of(target, desk.missing | desk.placement.missing)
        if not fingers:
            return None
        return self._contact(desk, desk.person, prints.PLATEN, target, fingers)

    def _contact(
        self,
        desk: _Desk,
        person: Person,
        glass: str,
        target: Slap | Finger,
        fingers: tuple[Finger, ...],
    ) -> prints.Contact:
        placed = desk.placement.impression if desk.placement else HEALTHY
        impression = desk.next_impressions[0] if desk.next_impressions else placed
        impression = replace(impression, noise=max(impression.noise, desk.worn_noise))
        return prints.Contact(glass, target, fingers, impression, person.capture_number(glass))

    def _captured(self, desk: _Desk, person: Person, glass: str) -> None:
        """Count a capture and use up the impression that was meant for it."""
        person.count_capture(glass)
        with self._desk_lock:
            if desk.next_impressions and self._desk.next_impressions is desk.next_impressions:
                self._desk = replace(self._desk, next_impressions=desk.next_impressions[1:])

    def _sensor_finger(self, desk: _Desk) -> Finger | None:
        finger: Finger | None = None
        if desk.placement is not None and isinstance(desk.placement.target, Finger):
            finger = desk.placement.target
        elif self._cooperative and desk.person is not None:
            finger = Finger.RIGHT_INDEX
        return None if finger in desk.missing else finger


def _resident(desk: _Desk) -> Person:
    if desk.person is None:
        raise NobodySeated("nobody sits at the desk")
    return desk.person


def _film_of(seed: int | None, shot: Shot) -> _Film:
    if seed is None:
        return film.EmptyFilm(shot.size, shot.background or GREY_BACKGROUND)
    return film.FaceFilm(seed, shot)

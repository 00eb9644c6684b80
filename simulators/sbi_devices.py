"""The behaviour of simulated SBI devices: what they see, how long they wait, and their state.

No bytes of the wire and no sockets here. A slap scanner counts fingers and knows left from right by
their order on the glass only: the wrong hand is delivered under the names that were asked for.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import cv2
import numpy as np

from drivers.clock import Clock
from drivers.positions import Eye, Finger, Slap
from drivers.sbi.protocol import SLAP_ORDER, SLAP_SUB_IDS, BioType, Position, Status
from drivers.sbi.versions import V095, Version
from drivers.values import Image
from simulators.sbi_exception_photo import exception_photo
from simulators.sbi_records import shrink

_LOOK_S: Final = 0.02
_PLATEN_SCALE: Final = 0.5


class Sight(Protocol):
    """What the devices look at; `simulators.scene.Scene` is one."""

    @property
    def placed(self) -> Slap | Finger | None: ...

    def asked_for(self, target: Slap | Finger | Eye) -> None: ...

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]: ...

    def fingers_on_platen(self) -> Mapping[Finger, Image]: ...

    def platen_image(self) -> Image: ...

    def iris_image(self, eye: Eye) -> Image: ...

    def face_frame(self, index: int) -> Image: ...


Picture = tuple[Position | None, Image]
"""What was captured, and whose; a face has no position."""


@dataclass(slots=True)
class OpenStream:
    """A live picture that runs; `ended` is set by whoever ends it.

    `shape` is the width of the picture divided by its height where a client asked for one.
    """

    sub_id: str
    shape: float | None = None
    ended: threading.Event = field(default_factory=threading.Event)


@dataclass(slots=True)
class SbiDeviceModel:
    """One device of a service.

    `assigned` is the status that somebody set; `fixed_score` replaces the device's own measure;
    `delays_s` holds extra seconds a verb. `last_pictures`, `last_answer` and `custom_options` are
    of the last capture.
    """

    device_id: str
    bio_type: BioType
    sub_type: str
    sub_ids: tuple[str, ...]
    serial: str
    assigned: Status = Status.READY
    fixed_score: float | None = None
    delays_s: dict[str, float] = field(default_factory=dict)
    stream: OpenStream | None = None
    capturing: bool = False
    last_pictures: tuple[Picture, ...] = ()
    last_answer: dict[str, object] | None = None
    custom_options: dict[str, str] = field(default_factory=dict)

    @property
    def status(self) -> Status:
        """What the device says of itself; it is busy while it streams or captures."""
        if self.assigned is Status.READY and (self.stream is not None or self.capturing):
            return Status.BUSY
        return self.assigned

    def key_of(self, version: Version) -> str:
        """What a version of the interface calls the device: `deviceId` or `serialNo`."""
        return self.device_id if version is V095 else self.serial

    @property
    def code(self) -> str:
        """The `deviceCode`."""
        return f"rekam-sim-{self.serial.lower()}"


@dataclass(frozen=True, slots=True)
class Order:
    """What one capture waits for: the positions of the answer, in order; a face has none.

    `exceptions` of a face make it an exception photo.
    """

    bio_type: BioType
    sub_id: str
    positions: tuple[Position, ...]
    timeout_s: float
    exceptions: tuple[Position, ...] = ()


class NothingSeen(Exception):
    """The capture ended without a picture; `code` is the error of the interface."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def wait_for_pictures(
    order: Order, sight: Sight, clock: Clock, ended: Callable[[], str | None]
) -> list[Picture]:
    """Wait until what was ordered can be seen, and take it.

    `ended` returns an error code as soon as waiting has become useless.

    Raises:
        NothingSeen: the time is over (701), or `ended` said so.
    """
    if order.bio_type is BioType.FACE:
        face = sight.face_frame(0)
        return [(None, exception_photo(face, order.exceptions) if order.exceptions else face)]
    if order.bio_type is BioType.IRIS:
        eyes = [position for position in order.positions if isinstance(position, Eye)]
        for eye in eyes:
            sight.asked_for(eye)
        return [(eye, sight.iris_image(eye)) for eye in eyes]
    fingers = tuple(position for position in order.positions if isinstance(position, Finger))
    return list(_wait_for_fingers(fingers, order, sight, clock, ended))


def _wait_for_fingers(
    wanted: tuple[Finger, ...],
    order: Order,
    sight: Sight,
    clock: Clock,
    ended: Callable[[], str | None],
) -> Sequence[tuple[Finger, Image]]:
    """Look again whenever the scene changes; a look is a capture and is not made in vain."""
    changed = threading.Event()
    unsubscribe = sight.subscribe(changed.set)
    deadline = clock.monotonic() + order.timeout_s
    try:
        slap = next(slap for slap, sub_id in SLAP_SUB_IDS.items() if sub_id == order.sub_id)
        sight.asked_for(wanted[0] if len(wanted) == 1 else slap)
        changed.set()
        while True:
            if changed.is_set():
                changed.clear()
                seen = label(sight.fingers_on_platen() if sight.placed else {}, wanted)
                if seen:
                    return seen
            if (code := ended()) is not None:
                raise NothingSeen(code)
            if clock.monotonic() >= deadline:
                raise NothingSeen("701")
            clock.wait(changed, _LOOK_S)
    finally:
        unsubscribe()


def label(
    lying: Mapping[Finger, Image], wanted: tuple[Finger, ...]
) -> Sequence[tuple[Finger, Image]]:
    """Name the fingers on the glass as a scanner does that cannot recognise anybody.

    Returns:
        The pictures under the wanted names, empty when too few or too many fingers lie there.
    """
    if all(finger in lying for finger in wanted):
        return [(finger, lying[finger]) for finger in wanted]
    if len(lying) != len(wanted):
        return []
    from_left = sorted(lying, key=_place_from_left)
    names = sorted(wanted, key=_place_from_left)
    pictures = {name: lying[finger] for name, finger in zip(names, from_left, strict=True)}
    return [(finger, pictures[finger]) for finger in wanted]


def _place_from_left(finger: Finger) -> int:
    """Order fingers as two hands lie on a table, palms down: left little finger first."""
    return finger if finger.is_right else -finger


def live_picture(device: SbiDeviceModel, stream: OpenStream, sight: Sight, index: int) -> Image:
    """Return picture `index` of a device's live picture, grey or (face) blue-green-red."""
    if device.bio_type is BioType.FINGER:
        return shrink(sight.platen_image(), _PLATEN_SCALE)
    if device.bio_type is BioType.FACE:
        return shrink(_cut_to_shape(sight.face_frame(index), stream.shape), _PLATEN_SCALE)
    eyes = {"1": (Eye.LEFT,), "2": (Eye.RIGHT,)}.get(stream.sub_id, (Eye.RIGHT, Eye.LEFT))
    # the camera faces the resident: the right eye appears on the left
    return np.asarray(cv2.hconcat([sight.iris_image(eye) for eye in eyes]), np.uint8)


def _cut_to_shape(image: Image, shape: float | None) -> Image:
    """Cut the middle out of a picture that is wider than asked for."""
    height, width = image.shape[:2]
    wanted = width if shape is None else min(width, round(height * shape))
    left = (width - wanted) // 2
    return image[:, left : left + wanted]


def announce(sub_id: str, bio_type: BioType, sight: Sight) -> None:
    """Tell the resident what a live picture waits for."""
    slap = next((slap for slap in SLAP_ORDER if SLAP_SUB_IDS[slap] == sub_id), None)
    if bio_type is BioType.FINGER and slap is not None:
        sight.asked_for(slap)

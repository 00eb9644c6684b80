"""One simulated finger module by itself, for any host program: `rekam-sim scanner`.

A synthetic resident puts one finger after the other on the sensor and lifts it in between, so that
programs which ask for "place, remove, place again" go on by themselves.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from drivers.positions import Finger
from drivers.values import Image
from simulators.people.person import Person
from simulators.scene import Scene
from simulators.serial_module import R30xModule

FINGERS: Final = (
    Finger.RIGHT_INDEX,
    Finger.LEFT_INDEX,
    Finger.RIGHT_THUMB,
    Finger.LEFT_THUMB,
)
TAKES_A_FINGER: Final = 3
"""Two for an enrolment and one to find it again."""
LOOKS_WITHOUT: Final = 2


class FingersInTurn:
    """A sensor on which fingers come and go: each for some takes, lifted after every one.

    Time plays no part: after a picture, the next `looks_without` looks find no finger. After
    `takes` pictures of one finger the next one comes, and after the last the first again.
    """

    def __init__(
        self,
        person: Person,
        fingers: Sequence[Finger] = FINGERS,
        *,
        takes: int = TAKES_A_FINGER,
        looks_without: int = LOOKS_WITHOUT,
    ) -> None:
        self._scene = Scene(person, cooperative=False)
        self._fingers = tuple(fingers)
        self._takes = takes
        self._looks_without = looks_without
        self._lock = threading.Lock()
        self._taken = 0
        self._absent = 0

    @property
    def finger(self) -> Finger:
        """The finger that lies there, or comes next."""
        return self._fingers[self._taken // self._takes % len(self._fingers)]

    def single_finger(self, width: int = 256, height: int = 288) -> Image | None:
        """Return the next picture, (height, width) uint8, or None while the finger is lifted."""
        with self._lock:
            if self._absent:
                self._absent -= 1
                return None
            self._scene.place(self.finger)
            self._taken += 1
            self._absent = self._looks_without
            return self._scene.single_finger(width, height)


def run(
    link: Path | None,
    seed: int,
    baud: int,
    paced: bool,
    stop: threading.Event,
    announce: Callable[[str], None],
    *,
    has_light: bool = False,
    started: Callable[[R30xModule], None] = lambda module: None,
) -> None:
    """Serve a module until `stop` is set.

    `announce` gets one line with the port as soon as hosts can open it. `has_light` makes it an
    R503. `started` gets the module, whose `faults` may be changed while it runs.
    """
    resident = Person(seed)
    for finger in FINGERS:
        resident.finger(finger)  # grown now, so that no command has to wait for it
    with R30xModule(
        FingersInTurn(resident), link=link, paced=paced, baud=baud, has_light=has_light, seed=seed
    ) as module:
        started(module)
        announce(module.path)
        stop.wait()

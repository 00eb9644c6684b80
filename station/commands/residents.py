"""Who is next at a simulated desk: a note beside the data that survives a kill.

The note is written before a resident sits down, and the recording's id is added when it is known:
after a kill the same person goes on, unless the record of that id is in the store.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, replace

from station.commands.reporting import reason_of
from station.commands.simulated_desk import SimulationFailed, World, seat, world_of
from station.config import StationConfig
from station.errors import StationError
from station.records.journal import find_unfinished
from station.records.objects import SEALED_SUFFIX
from station.records.store import RecordStore

NOTE_NAME = "resident-in-progress"


class OtherWorld(StationError):
    """The unfinished recording belongs to a person of another simulated world."""

    code = "SIM-102"


class NoteDamaged(StationError):
    """The note of who is at the simulated desk cannot be read; `detail` names the file."""

    code = "SIM-103"


@dataclass(frozen=True, slots=True)
class Note:
    """Resident `resident` (from 1) of a world, and the id of the recording, "" if unknown."""

    seed: int
    fingers: str
    resident: int = 1
    session: str = ""

    @property
    def world(self) -> World:
        """The world of this resident."""
        return World(self.seed, self.fingers)


class Residents:
    """Seats one resident after another and remembers where it was."""

    def __init__(self, config: StationConfig) -> None:
        if config.simulation is None:
            raise SimulationFailed("the configuration names no simulated desk")
        self._control = config.simulation.control
        self._data = config.station.data
        self._station = config.station.id
        self._file = self._data / NOTE_NAME
        self._note: Note | None = None

    @property
    def number(self) -> int:
        """The resident in progress, from 1; 0 before the first `take`."""
        return 0 if self._note is None else self._note.resident

    def take(self) -> None:
        """Seat the resident in progress.

        Raises:
            SimulationFailed: the desk does not answer, or the note cannot be written.
            OtherWorld, NoteDamaged: see there; nothing was changed.
            StoreError: the store, asked for a record that may be sealed, cannot be opened.
        """
        note = self._note or self._settled(world_of(self._control))
        self._write(note)
        seat(self._control, note.resident)

    def opened(self, session: str) -> None:
        """Note the id of the recording of the resident in progress."""
        if self._note is not None and session != self._note.session:
            self._write(replace(self._note, session=session))

    def done(self) -> None:
        """Note that the resident in progress is recorded, or left."""
        if self._note is not None:
            self._write(replace(self._note, resident=self._note.resident + 1, session=""))

    def _settled(self, world: World) -> Note:
        """Decide who goes on in `world` after whatever ended the last run."""
        note = self._read()
        if note is not None and self._is_stored(note.session):
            note = replace(note, resident=note.resident + 1, session="")
        if note is None or note.world != world:
            if note is not None and find_unfinished(self._data / "journal"):
                with_fingers = f" --fingers {note.fingers}" if note.fingers else ""
                raise OtherWorld(f"go on with --seed {note.seed}{with_fingers}")
            return Note(world.seed, world.fingers)
        return note

    def _is_stored(self, session: str) -> bool:
        """Whether the record of a recording is committed; a file alone may be half of a commit."""
        root = self._data / "records"
        if not session or not list(root.glob(f"objects/??/{session}{SEALED_SUFFIX}")):
            return False
        with RecordStore(root, station=self._station) as store:
            return store.get(session) is not None

    def _read(self) -> Note | None:
        try:
            values = json.loads(self._file.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise NoteDamaged(reason_of(error)) from error
        except ValueError as error:
            raise NoteDamaged(str(self._file)) from error
        note = _note_of(values)
        if note is None:
            raise NoteDamaged(str(self._file))
        return note

    def _write(self, note: Note) -> None:
        following = self._file.with_suffix(".new")
        try:
            self._data.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(following, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w") as file:
                json.dump(asdict(note), file)
            following.replace(self._file)
        except OSError as error:
            raise SimulationFailed(reason_of(error)) from error
        self._note = note


def _note_of(values: object) -> Note | None:
    """The note in these JSON values, None when there is none in them."""
    match values:
        case {"seed": int(seed), "fingers": str(fingers), "resident": int(resident), **rest}:
            session = rest.get("session", "")
            plain = not isinstance(seed, bool) and not isinstance(resident, bool)
            if plain and resident >= 1 and isinstance(session, str) and _is_id(session):
                return Note(seed, fingers, resident, session)
    return None


def _is_id(session: str) -> bool:
    # it becomes part of a search pattern for files
    return all(sign.isalnum() or sign in "-_" for sign in session)

"""Opening a record as the data centre does, and running an unattended recording."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from simulators import pki
from simulators.lab import Lab
from station.domain.plan import Step
from station.recording.headless import HeadlessOperator
from station.recording.station import RecordingStation
from station.recording.view import StationView
from station.records.bundle import Bundle, unpack
from station.records.keys import load_certificate, load_recipient_key
from station.records.seal import open_sealed
from station.records.signature import verify_attached

Events = list[tuple[str, dict[str, Any]]]


async def no_pause(_: float) -> None:
    return None


async def record(station: RecordingStation) -> tuple[Path, Events]:
    """Record whoever sits there; return the sealed file and what was reported."""
    events: Events = []
    operator = HeadlessOperator(station, lambda e, facts: events.append((e, facts)), no_pause)
    outcome = await operator.record()
    return Path(outcome.record.path), events


def opened(sealed: Path, keys: Path) -> Bundle:
    """The bundle inside a sealed record, its parts checked against the manifest."""
    certificate = load_certificate(keys / f"{pki.DATA_CENTRE}.pem")
    key = load_recipient_key(keys / f"{pki.DATA_CENTRE}.key")
    return unpack(verify_attached(open_sealed(sealed.read_bytes(), certificate, key)).content)


def shown(station: RecordingStation) -> StationView:
    """The view now; a function, because a type checker takes a property for unchanging."""
    return station.view


def problem_code(station: RecordingStation) -> str:
    """The code of the problem shown now, empty when there is none."""
    problem = station.view.problem
    return problem.code if problem is not None else ""


@contextmanager
def struck(lab: Lab, role: str, fault: str) -> Iterator[None]:
    """Let the device of `role` fail while the block lasts."""
    lab.injectors[role].inject(fault)
    try:
        yield
    finally:
        lab.injectors[role].clear()


async def up_to_first_slap(station: RecordingStation) -> None:
    """Identify whoever sits there and take the portrait."""
    await station.start()
    assert await station.identify_from_card()
    await station.capture()
    assert shown(station).step is Step.RIGHT_FOUR


def audit_of(station: RecordingStation) -> list[tuple[str, dict[str, object]]]:
    """Event and detail of every audit row of the store that `station` has open."""
    store = station._vault._store
    assert store is not None
    return store.audit_of("")

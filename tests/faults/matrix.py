"""Every fault of a device against every operation of its driver: what comes out, and how fast.

A kind of device joins with a `FaultRig`. Each case connects a driver, injects the fault, runs the
operation, takes the fault away and uses the device until it works again. What came out is compared
with a committed table (`tests/faults/expected/<rig>.txt`), one line a case; `--update-matrix`
writes the table anew, to be read before it is committed.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from drivers.api import Device, State
from drivers.errors import DeviceError
from simulators.injection import Injector

EXPECTED = Path(__file__).parent / "expected"
RECOVERY_LIMIT_S = 3.0
"""Usable again this many seconds after the fault is gone."""
SLACK_S = 2.0
"""What a loaded machine may add to one case; half of the cases must keep the limits as such."""
MOST_REPEATED = 2
"""Of a whole rig; a driver that behaves otherwise fails at once."""
RETRY_S = 0.1

Operation = Callable[[Device], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Hardware:
    """One simulated device of its own, its faults, and a way to make a driver for it."""

    injector: Injector[Any]
    driver: Callable[[], Device]


class FaultRig(Protocol):
    """A kind of device for the matrix.

    `operations` are the verbs with a timeout of their own (at most 2 s); `limits` how many seconds
    each may take to notice, its timeout included.
    """

    name: str
    faults: Sequence[StrEnum]
    operations: Mapping[str, Operation]
    limits: Mapping[str, float]

    def hardware(self) -> AbstractContextManager[Hardware]:
        """Plug in a fresh device; leaving the block takes it away."""
        ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one case came to; `code` is empty where the operation succeeded all the same."""

    fault: str
    operation: str
    code: str
    state: State
    noticed_s: float
    recovered_s: float

    @property
    def row(self) -> str:
        """The line of the expected table, without times."""
        return f"{self.fault} | {self.operation} | {self.code or 'ok'} | {self.state.value}"


async def run_matrix(rig: FaultRig, *, at_once: int = 8) -> list[Outcome]:
    """Run every case, `at_once` of them side by side, each with hardware of its own.

    One or two cases that came out otherwise than the table says are run once more, alone: so many
    devices on a few cores make each other late.
    """
    turn = asyncio.Semaphore(at_once)

    async def case(fault: StrEnum, operation: str) -> Outcome:
        async with turn:
            with rig.hardware() as hardware:
                return await run_case(rig, hardware, fault, operation)

    names = [(fault, operation) for fault in rig.faults for operation in rig.operations]
    outcomes = list(await asyncio.gather(*(case(*name) for name in names)))
    known = _expected(rig)
    unlike = [number for number, outcome in enumerate(outcomes) if outcome.row not in known]
    if len(unlike) <= MOST_REPEATED:
        for number in unlike:
            print(f"repeated alone: {outcomes[number]}")
            with rig.hardware() as hardware:
                outcomes[number] = await run_case(rig, hardware, *names[number])
    return outcomes


async def run_case(rig: FaultRig, hardware: Hardware, fault: StrEnum, operation: str) -> Outcome:
    """Run one case; the device is closed at the end."""
    device = hardware.driver()
    work = rig.operations[operation]
    try:
        await device.connect()
        hardware.injector.inject(fault)
        started = time.monotonic()
        code = await _code_of(work(device))
        noticed_s, state = time.monotonic() - started, device.state
        hardware.injector.clear()
        recovered_s = await _until_usable(device, work)
        return Outcome(fault.value, operation, code, state, noticed_s, recovered_s)
    finally:
        await device.close()


async def _code_of(running: Awaitable[object]) -> str:
    try:
        await running
    except DeviceError as error:
        return error.code
    return ""


async def _until_usable(device: Device, work: Operation) -> float:
    """Use the device as the supervisor does until the operation succeeds; return the seconds."""
    started = time.monotonic()
    while True:
        try:
            if device.state in (State.CLOSED, State.LOST):
                await device.connect()
            await work(device)
        except DeviceError:
            if time.monotonic() - started > 2 * (RECOVERY_LIMIT_S + SLACK_S):
                raise
            await asyncio.sleep(RETRY_S)
        else:
            return time.monotonic() - started


def check(rig: FaultRig, outcomes: Sequence[Outcome], *, update: bool) -> None:
    """Compare with the catalogue, the limits and the committed table."""
    notes = {fault.value: note for fault, note in _notes(rig).items()}
    wrong = [
        outcome
        for outcome in outcomes
        if outcome.code and outcome.code not in notes[outcome.fault].codes
    ]
    assert not wrong, f"codes that the catalogue does not name: {wrong}"
    for operation, limit in rig.limits.items():
        times = [o.noticed_s for o in outcomes if o.operation == operation]
        assert statistics.median(times) <= limit, f"{operation}: half of the faults later"
    half = statistics.median(outcome.recovered_s for outcome in outcomes)
    assert half <= RECOVERY_LIMIT_S, f"half of the cases usable after {half:.1f} s only"
    slow = [o for o in outcomes if o.noticed_s > rig.limits[o.operation] + SLACK_S]
    assert not slow, f"noticed too late: {slow}"
    late = [o for o in outcomes if o.recovered_s > RECOVERY_LIMIT_S + SLACK_S]
    assert not late, f"usable too late: {late}"
    path = EXPECTED / f"{rig.name}.txt"
    rows = "".join(sorted(f"{outcome.row}\n" for outcome in outcomes))
    if update:
        path.parent.mkdir(exist_ok=True)
        path.write_text(rows)
    unlike = sorted(set(rows.splitlines()) ^ _expected(rig))
    assert not unlike, f"not what the table says (--update-matrix): {unlike}"


def _expected(rig: FaultRig) -> set[str]:
    path = EXPECTED / f"{rig.name}.txt"
    return set(path.read_text().splitlines()) if path.exists() else set()


def _notes(rig: FaultRig) -> Mapping[StrEnum, Any]:
    with rig.hardware() as hardware:
        return hardware.injector.notes

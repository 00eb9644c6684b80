"""Every screen of the desk in a telling state, with no more keys than it needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from station.domain.biodata import FIELDS
from station.domain.plan import CAPTURE_STEPS, Step
from station.errors import IllegalTransition
from station.recording.capture import CaptureState
from station.recording.policy import Option
from station.recording.session import SessionState
from station.recording.view import DeviceView, Problem, RecordView, StationView, StepView
from tests.desk.fake_station import (
    BIODATA,
    DEVICES,
    SESSION,
    FakeStation,
    bars_of,
    findings_of,
    frame,
)

PROBLEM_DEVICES = (
    DEVICES[0],
    DeviceView("scanner", "lost", problem=Problem("DEV-103", "read failed")),
    DeviceView("iris", "connecting"),
    DeviceView("verifier", "closed", problem=Problem("DEV-211", "signature: wrong key")),
    DeviceView("card", "closed", problem=Problem("DEV-102")),
)


@dataclass(frozen=True, slots=True)
class Scene:
    """A view, and the keys that lead from it to the screen."""

    view: StationView
    keys: tuple[str, ...] = ()
    picture: bool = False
    opened: Exception | None = None


def steps(current: Step | None, status: str = "done") -> tuple[StepView, ...]:
    """The plan with everything before `current` finished; None finishes all."""
    views, reached = [], False
    for step in CAPTURE_STEPS:
        reached = reached or step is current
        if step is current:
            views.append(StepView(step, "current"))
        elif reached:
            views.append(StepView(step, "pending"))
        else:
            views.append(
                StepView(step, status, 2, tuple(round(b.value) for b in bars_of(step, True)))
            )
    return tuple(views)


HOME = StationView(devices=DEVICES, simulated=True, records_total=1234)
CAPTURING = replace(
    HOME,
    session=SessionState.CAPTURING,
    capture=CaptureState.POSITION,
    session_id=SESSION,
    nik="31**********0001",
    biodata=BIODATA,
    max_attempts=3,
)
LONGEST = {
    "nik": "3175065708950001",
    "full_name": "RADEN AJENG SITI AMINAH KUSUMANINGRUM",
    "place_of_birth": "KABUPATEN KEPULAUAN SIAU TAGULANDANG",
    "address": "JL. PANGERAN DIPONEGORO GANG MELATI NO. 125",
    "occupation": "KARYAWAN SWASTA",
}


def capturing(step: Step, **changes: object) -> StationView:
    """The capture screen at `step`."""
    return replace(CAPTURING, step=step, steps=steps(step), **changes)  # type: ignore[arg-type]


def poor(step: Step, attempt: int = 2, **changes: object) -> StationView:
    """The capture screen at `step` after a poor attempt."""
    return capturing(
        step, attempt=attempt, bars=bars_of(step, False), findings=findings_of(step), **changes
    )


_DECIDING = poor(Step.VERIFICATION, 3, capture=CaptureState.DECIDE, options=tuple(Option))
_REVIEW = replace(
    CAPTURING,
    session=SessionState.REVIEW,
    capture=None,
    biodata=tuple((name, LONGEST.get(name, name.upper())) for name in FIELDS),
    steps=(*steps(Step.THUMBS)[:3], StepView(Step.THUMBS, "excepted"), *steps(None, "best")[4:]),
)
_IDENTIFY = replace(
    HOME, session=SessionState.IDENTIFY, step=Step.IDENTIFY, steps=steps(CAPTURE_STEPS[0])
)

SCENES: Mapping[str, Scene] = {
    "home": Scene(HOME),
    "home-problems": Scene(replace(HOME, devices=PROBLEM_DEVICES, unfinished=(SESSION,))),
    "home-cancelled": Scene(
        replace(HOME, session=SessionState.CANCELLED, problem=Problem("ST-103"))
    ),
    "identify": Scene(replace(_IDENTIFY, problem=Problem("NIK-104"))),
    "portrait": Scene(poor(Step.PORTRAIT), picture=True),
    "slap": Scene(poor(Step.RIGHT_FOUR), picture=True),
    "slap-first": Scene(capturing(Step.LEFT_FOUR), picture=True),
    "thumbs": Scene(capturing(Step.THUMBS, problem=Problem("DEV-201"))),
    "irises": Scene(poor(Step.IRISES, problem=Problem("DEV-222", "hash-chain: x"))),
    "verification": Scene(capturing(Step.VERIFICATION, capture=CaptureState.ACQUIRE)),
    "decide": Scene(_DECIDING),
    "decide-reason": Scene(_DECIDING, ("1",)),
    "exception": Scene(capturing(Step.IRISES), ("f8",)),
    "overview": Scene(capturing(Step.IRISES), ("f9",)),
    "cancel": Scene(capturing(Step.IRISES), ("escape",)),
    "help": Scene(poor(Step.RIGHT_FOUR), ("f1",)),
    "review": Scene(_REVIEW),
    "reopen": Scene(_REVIEW, ("f6",)),
    "sealed": Scene(
        replace(
            CAPTURING,
            session=SessionState.SEALED,
            capture=None,
            steps=steps(None),
            record=RecordView(SESSION, 1_204_733, "9f2c" * 16, "records/x.cms"),
        )
    ),
    "suspended-other": Scene(
        capturing(
            Step.LEFT_FOUR,
            session=SessionState.SUSPENDED,
            capture=CaptureState.PREPARE,
            devices=(
                DEVICES[0],
                replace(
                    DEVICES[1],
                    serial="SLAP-0002",
                    problem=Problem("DEV-105", "SLAP-0001 → SLAP-0002", "scanner"),
                ),
                *DEVICES[2:],
            ),
            problem=Problem("DEV-105", "SLAP-0001 → SLAP-0002", "scanner"),
        )
    ),
    "suspended": Scene(
        capturing(
            Step.LEFT_FOUR,
            session=SessionState.SUSPENDED,
            capture=CaptureState.PREPARE,
            devices=PROBLEM_DEVICES,
            problem=Problem("DEV-103"),
        )
    ),
    "unsaved": Scene(capturing(Step.LEFT_FOUR, unsaved=True, problem=Problem("ST-101"))),
    "halted": Scene(
        capturing(Step.LEFT_FOUR, session=SessionState.HALTED, problem=Problem("SEC-301"))
    ),
    "close": Scene(HOME, ("escape",)),
    "cannot-start": Scene(HOME, opened=IllegalTransition("store")),
}


def station_of(scene: Scene) -> FakeStation:
    """A station that stands where the scene wants it."""
    station = FakeStation(scene.view, picture=frame() if scene.picture else None)
    station.opened = scene.opened
    return station

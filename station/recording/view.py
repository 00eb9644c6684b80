"""What a screen may show of the recording: one immutable picture, made anew after every change."""

from __future__ import annotations

from dataclasses import dataclass, field

from drivers.errors import DeviceError
from drivers.positions import Finger
from station.domain.plan import Step
from station.recording.attempt import Bar
from station.recording.capture import CaptureState
from station.recording.policy import Option
from station.recording.progress import Progress
from station.recording.session import SessionState


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that went wrong, as its stable code and a harmless detail.

    `device` is the role of the device that it is about, empty when it is about none: the problem
    goes when that device is back.
    """

    code: str
    detail: str = ""
    device: str = ""

    @classmethod
    def of(cls, error: DeviceError) -> Problem:
        """What a device error is to the operator."""
        return cls(error.code, error.detail, error.device)


@dataclass(frozen=True, slots=True)
class DeviceView:
    """One device for the home screen; `role` is its name in the configuration.

    `trust` is "L1", "L0" or "none", as in `DeviceInfo`.
    """

    role: str
    state: str
    model: str = ""
    serial: str = ""
    trust: str = "none"
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class StepView:
    """One step of the plan: `status` is "pending", "current", "done", "best" or "excepted"."""

    step: Step
    status: str
    attempts: int = 0
    scores: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class RecordView:
    """What the operator is told of a sealed record."""

    record_id: str
    size: int
    sha256: str
    path: str


@dataclass(frozen=True, slots=True)
class StationView:
    """Everything a screen needs; nothing in it changes afterwards.

    `nik` is masked; `biodata` holds (field name, value) pairs and belongs on the identity and
    review screens only. `unfinished` lists sessions that a crash left behind.
    """

    session: SessionState = SessionState.IDLE
    capture: CaptureState | None = None
    step: Step | None = None
    session_id: str = ""
    nik: str = ""
    biodata: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    steps: tuple[StepView, ...] = ()
    attempt: int = 0
    max_attempts: int = 0
    bars: tuple[Bar, ...] = ()
    findings: tuple[str, ...] = ()
    options: tuple[Option, ...] = ()
    verify_with: Finger = Finger.RIGHT_INDEX
    """The index finger that the verification asks for."""
    unsaved: bool = False
    """An accepted capture is not durable yet (the disk refused); `save_again` tries anew."""
    problem: Problem | None = None
    devices: tuple[DeviceView, ...] = ()
    unfinished: tuple[str, ...] = ()
    record: RecordView | None = None
    records_total: int = 0
    simulated: bool = False


_STATUS = {"accepted": "done", "best-of-attempts": "best", "excepted": "excepted"}


def step_views(progress: Progress) -> tuple[StepView, ...]:
    """Every step of the session's plan with how far it is."""
    views = []
    for step in progress.plan:
        finished = progress.of(step)
        if finished is not None:
            scores = tuple(sample.score for sample in finished.samples)
            status = _STATUS[finished.decision]
            views.append(StepView(step, status, finished.attempts, scores))
        else:
            views.append(StepView(step, "current" if step is progress.current else "pending"))
    return tuple(views)

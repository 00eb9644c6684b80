"""A station without devices: the same methods as `RecordingStation`, each view made by hand.

It follows a script: each capture ends with the next outcome, or raises the next exception.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import replace
from enum import Enum, auto

import numpy as np

from drivers.positions import Finger
from drivers.values import Frame, read_only
from station.domain.nik import check_nik
from station.domain.plan import CAPTURE_STEPS, SLAP_OF, Step
from station.recording import policy
from station.recording.attempt import Bar
from station.recording.capture import CaptureState
from station.recording.policy import Option
from station.recording.session import SessionState
from station.recording.view import DeviceView, Problem, RecordView, StationView, StepView

NIK = "3175065708950001"
SESSION = "0193a5c2-7b1e-7d3a-9a55-2f6f0c1d2e3f"
BIODATA = (
    ("nik", NIK),
    ("full_name", "SITI AMINAH"),
    ("place_of_birth", "JAKARTA"),
    ("date_of_birth", "17-08-1995"),
    ("sex", "PEREMPUAN"),
    ("address", "JL. MELATI NO. 5"),
    ("rt", "003"),
    ("rw", "004"),
    ("village", "CIPINANG"),
    ("district", "PULO GADUNG"),
    ("regency", "JAKARTA TIMUR"),
    ("province", "DKI JAKARTA"),
)
DEVICES = (
    DeviceView("face", "ready", "Kamera simulasi", "CAM-0001"),
    DeviceView("scanner", "ready", "SBI Slap 500", "SLAP-0001", "L0"),
    DeviceView("iris", "ready", "SBI Iris", "IRIS-0001", "L1"),
    DeviceView("verifier", "ready", "R307", "R307-0001"),
    DeviceView("card", "ready", "ACR39U", "CARD-0001"),
)


class Outcome(Enum):
    """What the next capture gives."""

    GOOD = auto()
    POOR = auto()
    LOST = auto()
    UNSAVED = auto()


def bars_of(step: Step, good: bool) -> tuple[Bar, ...]:
    """Plausible quality values of a step."""
    if step in SLAP_OF:
        values = (72, 55, 61, 58) if good else (64, 31, 47, 12)
        limits = (30, 30, 20, 10) if good else (30, 40, 30, 20)
        fingers = SLAP_OF[step].fingers
        return tuple(
            Bar(f.name.lower(), v, t, 100.0, v >= t)
            for f, v, t in zip(fingers, values, limits, strict=False)
        )
    if step is Step.PORTRAIT:
        return (
            Bar("face.count", 1, 1, 2, True),
            Bar("face.inter-eye", 132.0, 90.0, 180.0, True),
            Bar("face.centre-x", 0.51, 0.45, 1.0, True),
            Bar("face.eye-line", 0.42, 0.3, 1.0, True),
            Bar("face.yaw", 2.1 if good else 9.4, 5.0, 10.0, good),
            Bar("face.pitch", 1.2, 5.0, 10.0, True),
            Bar("face.roll", 0.4, 8.0, 16.0, True),
            Bar("face.eye-openness", 0.31, 0.2, 1.0, True),
            Bar("face.blur", 0.9, 1.5, 3.0, True),
            Bar("face.zone-ratio", 0.82, 0.5, 1.0, True),
        )
    if step is Step.IRISES:
        return (
            Bar("right.iris.radius", 112.0, 80.0, 160.0, True),
            Bar("right.iris.usable-area", 88.0, 70.0, 140.0, True),
            Bar("right.iris.sharpness", 94.0 if good else 41.0, 60.0, 120.0, good),
            Bar("left.iris.radius", 110.0, 80.0, 160.0, True),
            Bar("left.iris.usable-area", 86.0, 70.0, 140.0, True),
            Bar("left.iris.sharpness", 91.0, 60.0, 120.0, True),
        )
    return (Bar("match", 142.0 if good else 24.0, 48.0, 400.0, good),)


def scores_of(bars: tuple[Bar, ...]) -> tuple[int, ...]:
    """A score for each sample, as the core would give them."""
    if bars and bars[0].label.startswith("face."):
        return (86,)
    if len(bars) == 6:
        return (94, 91)
    return tuple(round(bar.value) for bar in bars)


def findings_of(step: Step) -> tuple[str, ...]:
    """What is wrong with a poor capture."""
    if step in SLAP_OF:
        return ("finger.low-contrast", "slap.rotated")
    return {
        Step.PORTRAIT: ("face.pose",),
        Step.IRISES: ("iris.blurred",),
    }.get(step, ("finger.mismatch",))


def frame(sequence: int = 1) -> Frame:
    """A grey gradient with a bright ellipse, always the same for the same number."""
    y, x = np.mgrid[0:240, 0:320].astype(np.float32)
    picture = 40 + x / 4 + 120 * np.exp(-(((x - 160) / 60) ** 2 + ((y - 120) / 80) ** 2))
    return Frame(read_only(np.clip(picture + sequence % 7, 0, 255).astype(np.uint8)), sequence, 0.0)


class FakeStation:
    """Drives its own view; `calls` names the commands in the order in which they came."""

    def __init__(
        self,
        view: StationView | None = None,
        script: Iterable[Outcome | Exception] = (),
        picture: Frame | None = None,
    ) -> None:
        self.view = view or StationView(devices=DEVICES, simulated=True)
        self.script = list(script)
        self.picture = picture
        self.calls: list[tuple[str, ...]] = []
        self.closed = 0
        self.hold: asyncio.Event | None = None
        self.opened: Exception | None = None
        self._listeners: list[Callable[[StationView], None]] = []
        self._attempts = 0

    def show(self, **changes: object) -> None:
        """Change the view and tell the listeners."""
        self.view = replace(self.view, **changes)  # type: ignore[arg-type]
        for listener in tuple(self._listeners):
            listener(self.view)

    def subscribe(self, listener: Callable[[StationView], None]) -> Callable[[], None]:
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def preview(self) -> Frame | None:
        return self.picture if self.view.session is SessionState.CAPTURING else None

    async def open(self) -> None:
        self.calls.append(("open",))
        if self.opened is not None:
            raise self.opened

    async def close(self) -> None:
        self.closed += 1

    async def start(self) -> None:
        self.calls.append(("start",))
        steps = tuple(StepView(step, "pending") for step in CAPTURE_STEPS)
        self.show(session=SessionState.IDENTIFY, step=Step.IDENTIFY, steps=steps, record=None)

    async def resume(self, session_id: str) -> None:
        self.calls.append(("resume", session_id))
        self._identified(unfinished=())
        self._accept("done")

    async def identify_from_card(self) -> bool:
        self.calls.append(("card",))
        self._identified()
        return True

    async def identify_typed(self, nik: str, full_name: str = "") -> bool:
        self.calls.append(("typed", nik))
        checked = check_nik(nik)
        if checked.nik is None:
            self.show(problem=Problem(checked.findings[0].value))
            return False
        self._identified()
        return True

    async def capture(self) -> None:
        self.calls.append(("capture",))
        self.show(capture=CaptureState.ACQUIRE, problem=None)
        if self.hold is not None:
            await self.hold.wait()
        outcome = self.script.pop(0) if self.script else Outcome.GOOD
        if isinstance(outcome, Exception):
            raise outcome
        if outcome is Outcome.LOST:
            problem = Problem("DEV-103", "read failed")
            self.show(session=SessionState.SUSPENDED, capture=None, problem=problem)
            return
        step = self._step()
        self._attempts += 1
        good = outcome is not Outcome.POOR
        self.show(
            attempt=self._attempts,
            max_attempts=3,
            bars=bars_of(step, good),
            findings=() if good else findings_of(step),
        )
        if outcome is Outcome.UNSAVED:
            self.show(unsaved=True, problem=Problem("ST-101"))
        elif good:
            self._accept("done")
        elif self._attempts < 3:
            self.show(capture=CaptureState.POSITION)
        else:
            offered = tuple(o for o in Option if o is not Option.OTHER_INDEX)
            if step is Step.VERIFICATION:
                offered = tuple(Option)
            self.show(capture=CaptureState.DECIDE, options=offered)

    async def decide(self, option: Option, reason: str) -> None:
        self.calls.append(("decide", option.value, reason))
        if option in (Option.USE_BEST, Option.EXCEPT):
            self._accept("best" if option is Option.USE_BEST else "excepted")
        else:
            self._attempts = 0
            self.show(capture=CaptureState.POSITION, attempt=0, bars=(), findings=(), options=())
            if option is Option.OTHER_INDEX:
                self.show(verify_with=Finger.LEFT_INDEX)

    async def except_step(self, reason: str) -> None:
        self.calls.append(("except", reason))
        assert Option.EXCEPT in policy.options(self._step(), ())
        self._accept("excepted")

    async def reopen(self, step: Step, reason: str) -> None:
        self.calls.append(("reopen", step.value, reason))
        steps = tuple(StepView(s.step, "current") if s.step is step else s for s in self.view.steps)
        self._attempts = 0
        self.show(
            session=SessionState.CAPTURING, step=step, capture=CaptureState.POSITION, steps=steps
        )

    async def save_again(self) -> None:
        self.calls.append(("save",))
        self.show(unsaved=False, problem=None)
        self._accept("done")

    async def reconnect(self) -> bool:
        self.calls.append(("reconnect",))
        self.show(session=SessionState.CAPTURING, capture=CaptureState.POSITION, problem=None)
        return True

    async def reset_device(self) -> bool:
        self.calls.append(("reset",))
        self.interrupt()
        self.show(session=SessionState.CAPTURING, capture=CaptureState.POSITION, problem=None)
        return True

    async def connect_devices(self) -> None:
        self.calls.append(("connect",))
        self.show(devices=DEVICES)

    def interrupt(self) -> None:
        self.calls.append(("interrupt",))
        if self.hold is not None:
            self.hold.set()

    async def seal(self) -> bool:
        self.calls.append(("seal",))
        record = RecordView(SESSION, 1_204_733, "9f2c" * 16, "records/x.cms")
        self.show(
            session=SessionState.SEALED,
            record=record,
            step=None,
            records_total=self.view.records_total + 1,
        )
        return True

    async def cancel(self, reason: str) -> None:
        self.calls.append(("cancel", reason))
        self.show(
            session=SessionState.CANCELLED, step=None, capture=None, steps=(), nik="", biodata=()
        )

    def _step(self) -> Step:
        step = self.view.step
        assert step is not None
        return step

    def _identified(self, **changes: object) -> None:
        self._attempts = 0
        steps = tuple(
            StepView(step, "pending" if number else "current")
            for number, step in enumerate(CAPTURE_STEPS)
        )
        self.show(
            session=SessionState.CAPTURING,
            step=CAPTURE_STEPS[0],
            capture=CaptureState.POSITION,
            steps=steps,
            session_id=SESSION,
            nik="31**********0001",
            biodata=BIODATA,
            problem=None,
            max_attempts=3,
            **changes,
        )

    def _accept(self, status: str) -> None:
        step = self._step()
        scores = scores_of(self.view.bars)
        if status == "excepted":
            scores = ()
        following = next(
            (s.step for s in self.view.steps if s.step is not step and s.status == "pending"), None
        )
        steps = tuple(
            StepView(s.step, status, self._attempts or 1, scores)
            if s.step is step
            else (StepView(s.step, "current") if s.step is following else s)
            for s in self.view.steps
        )
        self._attempts = 0
        reviewing = following is None
        self.show(
            session=SessionState.REVIEW if reviewing else SessionState.CAPTURING,
            step=following,
            capture=None if reviewing else CaptureState.POSITION,
            steps=steps,
            attempt=0,
            bars=(),
            findings=(),
            options=(),
            problem=None,
        )

"""A whole recording while at every step one random fault strikes the device of that step.

Every seed is another sequence of faults. A fault that lasts is taken away after a while, as a
cable is put back; the recording must finish without anybody's help, and the record must be whole.
Ten seeds in every run, two hundred in `make soak`.
"""

from __future__ import annotations

import asyncio
import dataclasses
import random
from pathlib import Path
from typing import Any

import pytest

from drivers.positions import Finger
from simulators.injection import Injector
from simulators.lab import Lab
from station.compose import build_station
from station.config import StationConfig
from station.domain.plan import CAPTURE_STEPS, SLAP_OF, Step
from station.messages import ERRORS
from station.recording.capture import CaptureState
from station.recording.headless import HeadlessOperator
from station.recording.session import SessionState
from station.recording.view import StationView
from tests.recording.opening import Events, opened

LASTS_S = (0.2, 1.5)
"""How long a lasting fault stays."""
SHORT_CAPTURE_S = 3.0
EYES = {"right_eye": "right_iris", "left_eye": "left_iris"}
EVERYTHING = {"face", *EYES.values(), *(finger.name.lower() for finger in Finger)}
"""What every record has, or says why it has not."""
ROLE_OF = dict.fromkeys(SLAP_OF, "scanner") | {
    Step.IDENTIFY: "card",
    Step.PORTRAIT: "face",
    Step.IRISES: "iris",
}


class Saboteur:
    """Injects one fault at every step, chosen by the seed; a listener of the station's view."""

    def __init__(self, lab: Lab, seed: int) -> None:
        self._lab = lab
        self._dice = random.Random(seed)  # noqa: S311  # reproducible, not secret
        self._step: Step | None = None
        self._ends: list[asyncio.TimerHandle] = []
        self.injected: list[tuple[str, str]] = []

    def __call__(self, view: StationView) -> None:
        is_open = view.session is SessionState.IDENTIFY or view.capture is CaptureState.POSITION
        if view.step is None or view.step is self._step or not is_open:
            return
        self._step = view.step
        role = ROLE_OF.get(view.step, "verifier")
        injector = self._lab.injectors[role]
        fault = self._dice.choice(sorted(injector.notes))
        self.injected.append((role, fault))
        injector.inject(fault)
        end = asyncio.get_running_loop().call_later(
            self._dice.uniform(*LASTS_S), self._take_away, injector, fault
        )
        self._ends.append(end)

    def stop(self) -> None:
        """Take every fault away."""
        for end in self._ends:
            end.cancel()
        for injector in self._lab.injectors.values():
            injector.clear()

    def _take_away(self, injector: Injector[Any], fault: str) -> None:
        injector.clear(fault)


async def record_with_faults(config: StationConfig, lab: Lab, seed: int) -> Path:
    """Record one resident under sabotage; return the sealed record."""
    limits = config.limits.model_copy(update={"capture_timeout_s": SHORT_CAPTURE_S})
    desk = build_station(dataclasses.replace(config, limits=limits))
    saboteur = Saboteur(lab, seed)
    events: Events = []
    operator = HeadlessOperator(desk, lambda e, facts: events.append((e, facts)), asyncio.sleep)
    try:
        await desk.open()
        desk.subscribe(saboteur)
        outcome = await operator.record()
        assert len(saboteur.injected) >= len(CAPTURE_STEPS), saboteur.injected
    except BaseException as error:
        error.add_note(f"seed {seed}: {saboteur.injected}; {events}")
        raise
    finally:
        saboteur.stop()
        await desk.close()
    unknown = {facts["code"] for event, facts in events if event == "problem"} - set(ERRORS)
    assert not unknown, f"codes without words: {unknown}"
    return Path(outcome.record.path)


async def check_seed(config: StationConfig, lab: Lab, seed: int) -> None:
    sealed = await record_with_faults(config, lab, seed)
    bundle = opened(sealed, lab.folder / "pki")
    assert bundle.manifest.id == sealed.stem
    captured = {entry.label for entry in bundle.manifest.captures}
    excepted = {entry.position for entry in bundle.manifest.exceptions}
    verified = {label for label in captured if label.endswith("-verification")}
    missing = EVERYTHING - captured - {EYES.get(name, name) for name in excepted}
    assert not missing, f"neither captured nor excepted: {missing}"
    told = {decision.step for decision in bundle.manifest.decisions}
    assert verified or "index_verification" in told | excepted, (captured, told, excepted)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
async def test_a_recording_survives_a_fault_at_every_step(
    config: StationConfig, lab: Lab, seed: int
) -> None:
    await check_seed(config, lab, seed)


@pytest.mark.soak
@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", range(1000, 1200))
async def test_two_hundred_recordings_survive_a_fault_at_every_step(
    config: StationConfig, lab: Lab, seed: int
) -> None:
    await check_seed(config, lab, seed)

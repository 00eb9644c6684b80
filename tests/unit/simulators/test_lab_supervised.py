"""A simulated desk under supervision: pulled out, frozen, replaced, and back, at every role."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from drivers.supervisor import Event, EventQueue, Happening, Supervisor
from drivers.values import State
from drivers.worker import THREAD_PREFIX
from simulators.control_client import UNPLUGS, DeskControl
from simulators.lab import Lab
from station import config as configuration
from station.compose import build_devices

REKAM = str(Path(sys.executable).with_name("rekam"))
ROLES = ("scanner", "iris", "face", "verifier", "card")
UNPLUG_NOTICED_S = 1.0
USABLE_AGAIN_S = 3.0
SLACK_S = 2.0
"""What a loaded machine may add."""
PATIENCE_S = 15.0


@pytest.fixture(autouse=True)
def no_thread_survives() -> Iterator[None]:
    """Fail the test that leaves a thread of a device; those of the lab live on."""
    yield
    left = [t for t in threading.enumerate() if t.name.startswith(THREAD_PREFIX)]
    for thread in left:
        thread.join(2.0)
    assert not [thread.name for thread in left if thread.is_alive()]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab(tmp_path_factory.mktemp("lab"), 7, pcsc=False) as desk:
        yield desk


class Watched:
    """The lab's devices under a supervisor, and what it tells, with the time of it."""

    def __init__(self, supervisor: Supervisor) -> None:
        self.supervisor = supervisor
        self._queue = EventQueue()
        supervisor.subscribe(self._queue)

    async def next_of_any(self) -> Event:
        """Wait for an event of whatever role."""
        async with asyncio.timeout(PATIENCE_S):
            return await self._queue.get()

    async def next(self, role: str, *happenings: Happening) -> Event:
        """Wait for an event of `role`, of a kind where given; other events are passed over."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                event = await self.next_of_any()
                if event.role == role and (not happenings or event.what in happenings):
                    return event

    async def refused(self, role: str) -> None:
        """Wait until an attempt to connect has failed."""
        async with asyncio.timeout(PATIENCE_S):
            while not self.supervisor.status()[role].health.refusals:  # noqa: ASYNC110  # short
                await asyncio.sleep(0.01)


@pytest.fixture
async def watched(lab: Lab) -> AsyncIterator[Watched]:
    devices = build_devices(configuration.load(lab.config)).by_role()
    supervisor = Supervisor(devices)
    watched = Watched(supervisor)
    supervisor.start()
    try:
        connected = {(await watched.next_of_any()).role for _ in devices}
        assert connected == set(devices)
        yield watched
    finally:
        for injector in lab.injectors.values():
            injector.clear()
        await supervisor.stop()
        await asyncio.gather(*(device.close() for device in devices.values()))


def test_every_role_has_faults(lab: Lab) -> None:
    assert sorted(lab.injectors) == sorted(ROLES)


@pytest.mark.parametrize("role", ROLES)
async def test_unplugged_device_is_missed_at_once_and_used_again_soon(
    lab: Lab, watched: Watched, role: str
) -> None:
    injector = lab.injectors[role]
    unplug = next(fault for fault in injector.notes if fault in UNPLUGS)
    started = time.monotonic()
    injector.inject(unplug)
    lost = await watched.next(role)
    assert lost.what is Happening.LOST
    assert time.monotonic() - started < UNPLUG_NOTICED_S + SLACK_S
    assert lost.code in (*injector.notes[unplug].codes, "DEV-103")
    await watched.refused(role)
    code = watched.supervisor.status()[role].code
    assert code in (*injector.notes[unplug].codes, "DEV-102")
    injector.clear(unplug)
    started = time.monotonic()
    back = await watched.next(role)
    assert back.what is Happening.BACK, "one unplug is one line"
    assert time.monotonic() - started < USABLE_AGAIN_S + SLACK_S
    assert back.outage_s > 0
    assert watched.supervisor.status()[role].state is State.READY


@pytest.mark.parametrize(
    ("role", "fault"), [("scanner", "hang"), ("iris", "hang"), ("face", "frozen")]
)
async def test_frozen_device_is_told_as_hung_and_used_again_soon(
    lab: Lab, watched: Watched, role: str, fault: str
) -> None:
    injector = lab.injectors[role]
    injector.inject(fault)
    hung = await watched.next(role)
    assert hung.what is Happening.HUNG
    injector.clear(fault)
    started = time.monotonic()
    await watched.next(role, Happening.BACK)
    assert time.monotonic() - started < USABLE_AGAIN_S + SLACK_S


@pytest.mark.parametrize(("fault", "code"), [("frozen", "DEV-262"), ("wrong-size", "DEV-263")])
async def test_camera_that_stays_faulty_says_why_once(
    lab: Lab, watched: Watched, fault: str, code: str
) -> None:
    injector = lab.injectors["face"]
    injector.inject(fault)
    gone = await watched.next("face")
    assert gone.what in (Happening.HUNG, Happening.LOST)
    assert gone.code == code
    await watched.refused("face")
    status = watched.supervisor.status()["face"]
    assert status.state is not State.READY
    assert status.code == code
    injector.clear(fault)
    back = await watched.next("face")
    assert back.what is Happening.BACK
    assert back.outage_s > 0.1


@pytest.mark.parametrize("role", ["scanner", "iris"])
async def test_replaced_device_is_told_as_another(lab: Lab, watched: Watched, role: str) -> None:
    lab.injectors[role].inject("other-device")
    lost = await watched.next(role, Happening.LOST)
    event = await watched.next(role, Happening.OTHER_DEVICE)
    assert event.code == "DEV-105"
    assert watched.supervisor.status()[role].is_other_device
    lab.injectors[role].clear()
    back = await watched.next(role, Happening.BACK)
    assert back.outage_s == pytest.approx((back.at - lost.at).total_seconds(), abs=0.1)
    assert not watched.supervisor.status()[role].is_other_device


async def test_module_on_another_port_is_found_again(lab: Lab, watched: Watched) -> None:
    lab.injectors["verifier"].inject("replug-elsewhere")
    await watched.next("verifier", Happening.LOST)
    assert (await watched.next("verifier")).what is Happening.BACK


def test_watch_tells_what_the_control_command_does(lab: Lab) -> None:
    control = DeskControl.of_folder(lab.folder)
    with subprocess.Popen(
        [REKAM, "devices", "watch", "--json", "--config", str(lab.config)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        lines = map(json.loads, process.stdout)

        def wait_for(role: str, what: str) -> dict[str, str]:
            return next(line for line in lines if (line["role"], line["what"]) == (role, what))

        connected: set[str] = set()
        while connected != set(ROLES):
            connected.add(next(line for line in lines if line["what"] == "connected")["role"])
        control.inject("verifier", "unplug")
        assert wait_for("verifier", "lost")["code"] == "DEV-103"
        control.clear("verifier", "unplug")
        back = next(line for line in lines if line["role"] == "verifier")
        assert back["what"] == "back", "one unplug, one line"
        process.terminate()
        summaries = {line["role"]: line for line in lines if line["what"] == "summary"}
        assert process.wait(10) == 0
        assert summaries["verifier"]["losses"] == 1
        assert set(summaries) == set(ROLES)
        assert process.stderr is not None
        assert process.stderr.read() == ""

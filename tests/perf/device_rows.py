"""What the devices of a desk cost, against the limits of the plan or against others' programs.

Everything is measured on the simulated desk: its wires, protocols and drivers are the real ones.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from drivers.api import Device
from drivers.errors import Cancelled
from drivers.supervisor import Event, EventQueue, Happening, Supervisor
from simulators.control_client import DeskControl
from simulators.people.person import Person
from simulators.scene import Scene
from simulators.serial_line import seconds_on_line
from simulators.serial_module import R30xModule
from station import config as configuration
from station.compose import build_devices

SEED = 7
IDLE_S = 20.0
PATIENCE_S = 15.0
BAUDS = (57600, 115200)
HANGING = {"scanner": "hang", "iris": "hang", "face": "stalled", "verifier": "silent"}
PACKETS = 288
PACKET_BYTES = 139
"""128 bytes of the image and 11 around them."""


@dataclass(frozen=True)
class Limit:
    """One figure beside its limit; `peer` is what was measured beside it, where there is one."""

    what: str
    measured: str
    limit: str
    peer: str = "-"


def devices_on_a_desk() -> list[Limit]:
    """Connect, miss and find again every device of a simulated desk; then let it idle.

    The simulated desk runs in a process of its own, so that the idle cost is that of the drivers.
    """
    with tempfile.TemporaryDirectory() as folder, _lab(Path(folder)) as control:
        control.seat(1)
        return asyncio.run(_supervised(Path(folder), control))


@contextmanager
def _lab(folder: Path) -> Iterator[DeskControl]:
    program = Path(sys.executable).with_name("rekam-sim")
    command = [
        str(program),
        "lab",
        "--folder",
        str(folder),
        "--seed",
        str(SEED),
        "--until-stdin-closes",
    ]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        while process.stdout.readline().strip() not in ("ready", ""):
            continue
        yield DeskControl.of_folder(folder)
        process.stdin.close()


async def _supervised(folder: Path, control: DeskControl) -> list[Limit]:
    devices = build_devices(configuration.load(folder / "station.toml")).by_role()
    rows = [
        Limit(f"connect, {role}", await _connect_ms(device), "1000 ms")
        for role, device in devices.items()
    ]
    for role, fault in HANGING.items():
        took = await _cancel_ms(devices[role], role, fault, control)
        rows.append(Limit(f"cancel, {role} hanging ({fault})", took, "1000 ms"))
    supervisor = Supervisor(devices)
    events = EventQueue()
    supervisor.subscribe(events)
    supervisor.start()
    try:
        connected: set[str] = set()
        while connected != set(devices):
            connected.add((await events.get()).role)
        for role in devices:
            rows += await _unplugged(control, events, role)
        rows.append(await _idle())
    finally:
        await supervisor.stop()
        await asyncio.gather(*(device.close() for device in devices.values()))
    return rows


async def _cancel_ms(device: Device, role: str, fault: str, control: DeskControl) -> str:
    async with device:
        await asyncio.to_thread(control.inject, role, fault)
        running = asyncio.create_task(device.self_test())
        await asyncio.sleep(0.3)
        started = time.monotonic()
        device.cancel()
        await asyncio.wait({running})
        elapsed = time.monotonic() - started
        assert isinstance(running.exception(), Cancelled), running.exception()
        await asyncio.to_thread(control.clear, role)
    return f"{1000 * elapsed:.0f} ms"


async def _connect_ms(device: Device) -> str:
    started = time.monotonic()
    await device.connect()
    elapsed = time.monotonic() - started
    await device.close()
    return f"{1000 * elapsed:.0f} ms"


async def _unplugged(control: DeskControl, events: EventQueue, role: str) -> list[Limit]:
    started = time.monotonic()
    await asyncio.to_thread(control.unplug, role)
    await _next(events, role, Happening.LOST)
    noticed = time.monotonic() - started
    await asyncio.sleep(2.0)
    started = time.monotonic()
    await asyncio.to_thread(control.plug, role)
    await _next(events, role, Happening.BACK)
    usable = time.monotonic() - started
    return [
        Limit(f"unplug noticed, {role} idle", f"{1000 * noticed:.0f} ms", "1000 ms"),
        Limit(f"usable again, {role}", f"{1000 * usable:.0f} ms", "3000 ms"),
    ]


async def _next(events: EventQueue, role: str, what: Happening) -> Event:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            event = await events.get()
            if event.role == role and event.what is what:
                return event


async def _idle() -> Limit:
    before = time.process_time()
    await asyncio.sleep(IDLE_S)
    share = 100 * (time.process_time() - before) / IDLE_S
    return Limit("five supervised devices, idle", f"{share:.1f} % of a core", "3 %")


def serial_images() -> list[Limit]:
    """One image at the speed of the line, by the driver and by pyfingerprint on the same line."""
    person = Person(7001)
    rows = []
    for baud in BAUDS:
        with (
            tempfile.TemporaryDirectory() as folder,
            R30xModule(Scene(person), link=Path(folder) / "tty", paced=True, baud=baud) as module,
        ):
            line_s = seconds_on_line(PACKETS * PACKET_BYTES, baud)
            ours = line_s / asyncio.run(_upload_s(module.path, baud))
            peer = line_s / _pyfingerprint_s(module.path, baud)
        rows.append(
            Limit(
                f"serial image at {baud} baud, of the line rate",
                f"{100 * ours:.1f} %",
                "97 %",
                f"{100 * peer:.1f} % by pyfingerprint",
            )
        )
    return rows


async def _upload_s(port: str, baud: int) -> float:
    from drivers.serial.r30x import R30xScanner
    from drivers.serial.settings import R30xSettings

    async with R30xScanner("bench", R30xSettings(port=port, baud=baud)) as scanner:
        await scanner.run(lambda commands, call: commands.look(call), 5.0)
        started = time.monotonic()
        await scanner.run(lambda commands, call: commands.upload_image(call), 30.0)
        return time.monotonic() - started


def _pyfingerprint_s(port: str, baud: int) -> float:
    from pyfingerprint.pyfingerprint import PyFingerprint  # type: ignore[import-untyped]

    sensor = PyFingerprint(port, baud, 0xFFFFFFFF, 0)
    while not sensor.readImage():
        continue
    with tempfile.TemporaryDirectory() as folder:
        started = time.monotonic()
        sensor.downloadImage(str(Path(folder) / "finger.bmp"))
        return time.monotonic() - started


def cameras() -> list[Limit]:
    """Age of a frame beyond the sender's stamp and the cost of an open camera, simulator apart."""
    from tests.perf.camera_timing import measure_camera

    rows = []
    for kind in ("face", "rtsp", "iris"):
        timing = measure_camera(kind)
        rows += [
            Limit(
                f"{kind} camera at {timing.fps:.0f} fps, frame age p95",
                f"{timing.age_p95_ms:.1f} ms",
                "15 ms",
            ),
            Limit(
                f"{kind} camera open and idle", f"{timing.idle_cpu_percent:.1f} % of a core", "-"
            ),
        ]
    return rows


def four_fingers_verified() -> Limit:
    """From the last received byte to four verified and decoded samples."""
    from station.biometrics.codecs import decode
    from tests.perf.sbi_answer import best_and_median_ms, record_answer

    recorded = record_answer()
    _, median = best_and_median_ms(recorded.verify)
    images = recorded.images()
    _, decoding = best_and_median_ms(lambda: [decode(image) for image in images])
    return Limit(
        "SBI answer of four fingers verified and decoded",
        f"{median:.1f} ms",
        "40 ms",
        f"{decoding:.1f} ms for the bare decoding",
    )


def card_commands() -> Limit:
    """One reading of 102 commands by the driver and by bare pyscard, turn by turn."""
    from simulators import pcscd
    from tests.perf.card_apdu import measure_apdu_overhead

    if (reason := pcscd.available()) is not None:
        return Limit("card commands over PC/SC", f"not measured: {reason}", "+10 %")
    # in a process of its own: libpcsclite takes the first pcscd it sees for all that follow
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as alone:
        result = alone.submit(measure_apdu_overhead).result()
    return Limit(
        f"{result.commands} card commands over PC/SC",
        f"{1000 * result.driver_s:.1f} ms, {100 * (result.ratio - 1):+.1f} %",
        "+10 %",
        f"{1000 * result.pyscard_s:.1f} ms by bare pyscard",
    )

"""How old a picture is when a reader gets it, and how fast a camera connects, fails and comes back.

The simulated camera runs in a process of its own and writes its clock into every picture before it
is encoded, so the age counts everything: encoding, the line, grabbing, decoding, handing over. The
monotonic clock is the same for all processes of one machine.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Final

import numpy as np

from drivers.api import Eye, FaceRequest, IrisRequest
from drivers.camera.iris import OpenCvIrisCamera
from drivers.camera.opencv import OpenCvCamera
from drivers.camera.settings import OpenCvIrisSettings, OpenCvSettings
from drivers.camera.streaming import StreamingCamera
from drivers.errors import DeviceError
from drivers.values import Image

BITS: Final = 40
BLOCK_PX: Final = 16
FACE_SIZE: Final = (1280, 720)
EYES_SIZE: Final = (1280, 480)
FPS: Final = 30.0
FRAMES: Final = 90


@dataclass(frozen=True, slots=True)
class CameraTiming:
    """Figures of one camera driver on one machine.

    Attributes:
        fps: pictures a second that the reader got.
        age_median_ms, age_p95_ms: from the sender's stamp to the reader's hand.
        connect_s: from nothing to the first picture, worst of several.
        idle_cpu_percent: of one core, with nobody looking at the pictures.
        unplug_noticed_s: by an idle look, worst of several.
        usable_again_s: from the cable being in again to a capture, after a stall of three seconds.
    """

    fps: float
    age_median_ms: float
    age_p95_ms: float
    connect_s: float
    idle_cpu_percent: float
    unplug_noticed_s: float
    usable_again_s: float


def stamp(image: Image) -> Image:
    """Write the monotonic clock (microseconds, 40 bits) as blocks of 16 x 16 px into the top rows.

    Survives JPEG of quality 85.
    """
    now = time.monotonic_ns() // 1000
    bits = (now >> np.arange(BITS) & 1).astype(np.uint8)
    row = np.repeat(bits * np.uint8(219) + np.uint8(16), BLOCK_PX)
    image[:BLOCK_PX, : row.size] = row if image.ndim == 2 else row[:, None]
    return image


def age_ms(image: Image) -> float:
    """Return how long ago `stamp` was written into a picture, in milliseconds."""
    grey = image if image.ndim == 2 else image[..., 0]
    row = grey[4:12, : BITS * BLOCK_PX].reshape(8, BITS, BLOCK_PX)[:, :, 4:12].mean((0, 2))
    then = sum(1 << int(k) for k in np.flatnonzero(row > 127))
    return (time.monotonic_ns() // 1000 - then) / 1000


class _Clockwork:
    """Pictures with detail, noise and the clock."""

    def __init__(self, size: tuple[int, int], channels: int) -> None:
        import cv2

        dice = np.random.default_rng(0)
        grid = dice.integers(30, 220, (18, 32, channels), dtype=np.uint8)
        still = cv2.resize(grid, size, interpolation=cv2.INTER_CUBIC)
        self._still = np.asarray(still, np.uint8)

    def face_frame(self, index: int) -> Image:
        """Return picture `index`."""
        return stamp(self._still.copy())


@contextmanager
def camera_process(*, rtsp: bool = False) -> Iterator[tuple[dict[str, str], Callable[..., None]]]:
    """Run a simulated camera; gives its addresses and a function that sends it faults."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(there, rtsp), daemon=True)
    process.start()
    try:
        addresses: dict[str, str] = here.recv()

        def fault(*names: str) -> None:
            here.send(names)
            here.recv()

        yield addresses, fault
    finally:
        here.send(None)
        process.join(5.0)


def _serve(link: Connection, rtsp: bool) -> None:
    from simulators.stream_camera import StreamCamera

    eyes = _Clockwork(EYES_SIZE, 1).face_frame
    with StreamCamera(_Clockwork(FACE_SIZE, 3), FPS, eyes=eyes, rtsp=rtsp) as camera:
        addresses = {"face": camera.url, "iris": camera.iris_url}
        link.send(addresses | ({"rtsp": camera.rtsp_url} if rtsp else {}))
        while (names := link.recv()) is not None:
            camera.faults.clear()
            for name in names:
                camera.faults.inject(name)
            link.send(True)


def measure_camera(kind: str) -> CameraTiming:
    """Measure the driver of "face" (720p MJPEG), "rtsp" (the same) or "iris" (grey 1280 x 480)."""
    with camera_process(rtsp=kind == "rtsp") as (addresses, fault):
        return asyncio.run(_measured(kind, addresses[kind], fault))


def _driver(kind: str, url: str) -> StreamingCamera:
    if kind == "iris":
        return OpenCvIrisCamera("iris", OpenCvIrisSettings(source=url, serial="BENCH"))
    return OpenCvCamera("face", OpenCvSettings(source=url, serial="BENCH"))


async def _measured(kind: str, url: str, fault: Callable[..., None]) -> CameraTiming:
    connects, unplugs = [], []
    for _ in range(3):
        device = _driver(kind, url)
        connects.append(await _seconds(device.connect()))
        fault("unplug")
        started = time.monotonic()
        while time.monotonic() - started < 5.0:
            try:
                await device.check()
            except DeviceError:
                break
            await asyncio.sleep(0.01)
        unplugs.append(time.monotonic() - started)
        fault()
        await device.close()
    device = _driver(kind, url)
    async with device:
        await asyncio.sleep(0.5)
        cpu, wall = time.process_time(), time.monotonic()
        await asyncio.sleep(4.0)
        idle = 100 * (time.process_time() - cpu) / (time.monotonic() - wall)
        ages, fps = await _ages(device)
        again = await _usable_again(device, fault)
    return CameraTiming(
        fps=fps,
        age_median_ms=float(np.median(ages)),
        age_p95_ms=float(np.percentile(ages, 95)),
        connect_s=max(connects),
        idle_cpu_percent=idle,
        unplug_noticed_s=max(unplugs),
        usable_again_s=again,
    )


async def _seconds(work: Awaitable[object]) -> float:
    started = time.monotonic()
    await work
    return time.monotonic() - started


async def _ages(device: StreamingCamera) -> tuple[list[float], float]:
    await device.start_preview(_request(device))
    ages: list[float] = []
    seen = 0
    started = 0.0
    while len(ages) < FRAMES:
        frame = device.latest()
        if frame is not None and frame.sequence != seen:
            started = started or time.monotonic()
            seen = frame.sequence
            ages.append(age_ms(frame.image))
        await asyncio.sleep(0.001)
    await device.stop_preview()
    return ages, (FRAMES - 1) / (time.monotonic() - started)


async def _usable_again(device: StreamingCamera, fault: Callable[..., None]) -> float:
    fault("stalled")
    await asyncio.sleep(3.0)
    fault()
    if isinstance(device, OpenCvIrisCamera):
        return await _seconds(device.capture(IrisRequest((Eye.RIGHT,)), timeout=5.0))
    assert isinstance(device, OpenCvCamera)  # narrows the type only
    return await _seconds(device.capture(FaceRequest(burst=1), timeout=5.0))


def _request(device: StreamingCamera) -> FaceRequest | IrisRequest:
    return IrisRequest() if isinstance(device, OpenCvIrisCamera) else FaceRequest()


if __name__ == "__main__":
    from drivers.camera.environment import prepare_environment

    prepare_environment()
    for name in ("face", "rtsp", "iris"):
        print(name, measure_camera(name))

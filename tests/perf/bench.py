"""The rows of the table: judging, the live picture, sealing, and the devices of a desk.

Each row compares two ways in the same run on the same machine, so that the ratio means something on
any machine. The table goes to docs/reference/benchmarks.md and to standard output.
"""

from __future__ import annotations

import asyncio
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from drivers.camera.environment import prepare_environment

prepare_environment()

import cv2  # noqa: E402  # after its environment

from calibration.measures.frame_timing import measure_frame_timing  # noqa: E402
from drivers.api import FaceRequest, Slap, SlapRequest  # noqa: E402
from drivers.values import Capture, DeviceInfo, Kind, Sample, read_only  # noqa: E402
from simulators.people.person import Person  # noqa: E402
from simulators.scene import Scene  # noqa: E402
from tests.perf.device_rows import (  # noqa: E402
    Limit,
    cameras,
    card_commands,
    devices_on_a_desk,
    four_fingers_verified,
    serial_images,
)

TABLE = Path(__file__).parents[2] / "docs" / "reference" / "benchmarks.md"


@dataclass(frozen=True)
class Row:
    """One comparison; times in milliseconds."""

    what: str
    ours: str
    ours_ms: float
    baseline: str
    baseline_ms: float
    budget: str

    @property
    def ratio(self) -> float:
        """Ours over the baseline."""
        return self.ours_ms / self.baseline_ms


def median_ms(work: Callable[[], object], rounds: int) -> float:
    """Median time of `work` in milliseconds."""
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - started))
    return statistics.median(times)


def slap_to_verdict() -> Row:
    """Judge four fingers, against the four bare NFIQ 2 calls on the same threads."""
    from concurrent.futures import ThreadPoolExecutor

    import nbis

    from station.recording.judging import Judge

    scene = Scene(Person(7001))
    scene.asked_for(Slap.RIGHT_FOUR)
    prints = scene.fingers_on_platen()
    now = datetime.now(UTC)
    capture = Capture(
        tuple(Sample(f, read_only(image), 500.0) for f, image in prints.items()),
        DeviceInfo(Kind.FINGERPRINT, "bench", "bench", "0", "0"),
        now,
        now,
    )
    settings = nbis.NbisExtractorSettings(
        min_quality=0.0, get_center=False, check_fingerprint=False, compute_nfiq2=True, ppi=500.0
    )
    extractor = nbis.new_nbis_extractor(settings)
    encoded = [cv2.imencode(".png", image)[1].tobytes() for image in prints.values()]
    judge = Judge()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        asyncio.run(judge.warm_up())

        def ours() -> None:
            asyncio.run(judge.slap(capture, SlapRequest(Slap.RIGHT_FOUR)))

        def bare() -> None:
            list(pool.map(extractor.extract_minutiae, encoded))

        ours()
        bare()
        pairs = [(median_ms(ours, 1), median_ms(bare, 1)) for _ in range(7)]
        asyncio.run(judge.close())
    mine, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
    return Row(
        "four-finger slap, pixels to verdict",
        "all gates and NFIQ 2",
        mine,
        "the four NFIQ 2 calls alone",
        theirs,
        "0.9 s, ratio 1.15",
    )


def frame_age() -> Row:
    """Age of the newest frame for a reader of 10 a second: our driver against bare reads."""
    from drivers.camera.opencv import OpenCvCamera
    from drivers.camera.settings import OpenCvSettings
    from simulators.stream_camera import StreamCamera

    scene = Scene(Person(7001))
    with StreamCamera(scene) as camera:
        settings = OpenCvSettings(source=camera.url, serial="BENCH")
        mine = asyncio.run(_driver_ages(OpenCvCamera("face", settings)))
        theirs = _bare_ages(camera.url)
    return Row(
        "camera frame age, reader of 10 fps at 25 fps",
        "grab thread, newest frame",
        mine,
        "read() in the reader's loop",
        theirs,
        "p95 40 ms to the screen",
    )


async def _driver_ages(camera: object) -> float:
    from drivers.camera.opencv import OpenCvCamera

    assert isinstance(camera, OpenCvCamera)  # narrows the type only
    grabbed_at, read_at, numbers = [], [], []
    async with camera:
        await camera.start_preview(FaceRequest())
        for _ in range(30):
            await asyncio.sleep(0.1)
            frame = camera.latest()
            if frame is not None:
                grabbed_at.append(frame.grabbed_at)
                read_at.append(time.monotonic())
                numbers.append(frame.sequence)
    return measure_frame_timing(grabbed_at, read_at, numbers).age_median_ms


def _bare_ages(url: str) -> float:
    """How far a reader without a grab thread falls behind: frames delivered minus frames due."""
    capture = cv2.VideoCapture(url, cv2.CAP_FFMPEG)
    capture.read()
    started = time.monotonic()
    ages = []
    for count in range(1, 31):
        time.sleep(0.1)
        capture.read()
        ages.append(1000 * (time.monotonic() - started - count / 25))
    capture.release()
    return statistics.median(ages)


def preview_cost() -> Row:
    """Rows of a 102x41 picture, prebuilt, against one Segment a cell."""
    from rich.console import Console
    from rich.segment import Segment
    from rich.style import Style

    from station.desk.widgets.glyphs import Glyphs, build_rows

    image = Scene(Person(7001)).face_frame(0)
    grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)
    console = Console(color_system="256", width=102, file=Path(os.devnull).open("w"))

    def prebuilt() -> None:
        build_rows(grey, 102, 41, Glyphs.HALF)

    def segments() -> None:
        small = cv2.resize(grey, (102, 82), interpolation=cv2.INTER_AREA)
        for top, bottom in zip(small[0::2].tolist(), small[1::2].tolist(), strict=True):
            row = [
                Segment("▀", Style.parse(f"rgb({a},{a},{a}) on rgb({b},{b},{b})"))
                for a, b in zip(top, bottom, strict=True)
            ]
            console._render_buffer(row)  # what Textual does with each strip

    prebuilt()
    segments()
    mine, theirs = median_ms(prebuilt, 50), median_ms(segments, 5)
    console.file.close()
    return Row(
        "live picture, 102x41 cells",
        "prebuilt rows",
        mine,
        "one Segment a cell",
        theirs,
        "8 ms CPU a frame",
    )


def seal_and_store() -> Iterator[Row]:
    """Sealing and storing one person, and one journal frame, against bare write and fsync."""
    from tests.perf.sealing import SealBench

    with tempfile.TemporaryDirectory(dir=Path.home()) as folder, SealBench(Path(folder)) as bench:
        size = bench.seal()
        mine = median_ms(bench.seal, 9)
        theirs = median_ms(lambda: bench.bare(size), 9)
        yield Row(
            f"seal and store one person, {size / 1e6:.1f} MB",
            "build, sign, encrypt, commit",
            mine,
            "write and fsync the same bytes",
            theirs,
            "p99 300 ms",
        )
        mine = median_ms(bench.append, 60)
        theirs = median_ms(lambda: bench.bare(160_000), 60)
        yield Row(
            "accepted capture made durable, 160 kB",
            "encrypted journal frame",
            mine,
            "write and fsync the same bytes",
            theirs,
            "p99 50 ms",
        )


def device_rows() -> Iterator[Limit]:
    """Everything about devices; see `tests.perf.device_rows`."""
    yield from devices_on_a_desk()
    yield from cameras()
    yield from serial_images()
    yield four_fingers_verified()
    yield card_commands()


def main() -> None:
    """Measure every row and write the table."""
    cv2.setNumThreads(2)
    rows = [slap_to_verdict(), frame_age(), preview_cost(), *seal_and_store()]
    lines = [
        "# Benchmarks",
        "",
        "Written by `make bench`. Times are medians in milliseconds of one run; the ratio is ours",
        "over the baseline, measured side by side. Budgets are those of the plan, for two cores.",
        "",
        f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, "
        f"numpy {np.__version__}, OpenCV {cv2.__version__}",
        "",
        "| what | ours | ms | baseline | ms | ratio | budget |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        lines.append(
            f"| {row.what} | {row.ours} | {row.ours_ms:.2f} | {row.baseline} "
            f"| {row.baseline_ms:.2f} | {row.ratio:.2f} | {row.budget} |"
        )
    lines += [
        "",
        "## Devices",
        "",
        "The drivers on the simulated desk, beside the limits of the plan and, where there is one,",
        "beside what others' programs need on the same wire in the same run.",
        "",
        "| what | measured | limit | beside it |",
        "|---|---|---|---|",
        *(f"| {row.what} | {row.measured} | {row.limit} | {row.peer} |" for row in device_rows()),
    ]
    text = "\n".join(lines) + "\n"
    TABLE.write_text(text)
    print(text)


if __name__ == "__main__":
    main()

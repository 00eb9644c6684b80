"""A four-finger answer as it comes off the wire, and what it costs to verify it.

The answer is recorded from the simulated service: four fingers of a synthetic resident, 500 ppi,
lossless JPEG 2000, signed. They are cut to 304 x 456 pixels, as a scanner cuts them that segments
itself; the records then have together the 370 kB that four fingers of real devices have.
`python -m tests.perf.sbi_answer` prints the figures.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from drivers.camera.environment import prepare_environment

prepare_environment()

import cv2  # noqa: E402  # after its environment
import numpy as np  # noqa: E402

from drivers.clock import RealClock  # noqa: E402
from drivers.device import Call  # noqa: E402
from drivers.positions import Finger, Slap  # noqa: E402
from drivers.recorder import FlightRecorder  # noqa: E402
from drivers.sbi.checks import Expectation, VerifiedAnswer, verify_received  # noqa: E402
from drivers.sbi.client import DeskPolicy, SbiClient  # noqa: E402
from drivers.sbi.discovery import discover  # noqa: E402
from drivers.sbi.jws import TrustStore  # noqa: E402
from drivers.sbi.protocol import BioType, slap_target  # noqa: E402
from drivers.sbi.requests import CaptureOrder  # noqa: E402
from drivers.sbi.trust import Trust  # noqa: E402
from drivers.sbi.versions import V095  # noqa: E402
from drivers.values import Image  # noqa: E402
from simulators.people import prints  # noqa: E402
from simulators.people.person import Person  # noqa: E402
from simulators.sbi import SbiServer  # noqa: E402
from simulators.scene import Scene  # noqa: E402

PERSON = 7001
FINGER_SIZE = (304, 456)
BUDGET_MS = 40.0


@dataclass(frozen=True)
class RecordedAnswer:
    """The body of one RCAPTURE answer, and what was asked for."""

    content: bytes
    expected: Expectation

    def verify(self) -> VerifiedAnswer:
        """Do everything between the last received byte and four verified, decoded samples."""
        return verify_received(self.content, self.expected)

    def images(self) -> list[bytes]:
        """Return the four compressed images."""
        samples = self.verify().samples
        return [sample.record.image_bytes for sample in samples if sample.record is not None]


class SegmentingScene(Scene):
    """A scene whose slap scanner cuts fingers closely."""

    def fingers_on_platen(self) -> dict[Finger, Image]:
        """Return the middle of each finger."""
        whole = super().fingers_on_platen()
        return {
            finger: np.ascontiguousarray(prints.centre_crop(image, *FINGER_SIZE))
            for finger, image in whole.items()
        }


def record_answer() -> RecordedAnswer:
    """Ask a simulated service for the right hand and keep its answer."""
    clock = RealClock()
    call = Call("bench", clock, clock.monotonic() + 60.0)
    recorder = FlightRecorder(clock)
    with SbiServer(SegmentingScene(Person(PERSON)), serials="BENCH") as server:
        roots = TrustStore((server.pki.device_root.certificate,))
        trust = Trust(roots, TrustStore(()))
        (found,) = discover(server.port, BioType.FINGER, call, recorder)
        identity = SbiClient(found, DeskPolicy("Developer", trust), recorder).identify(call)
        order = CaptureOrder(
            V095,
            identity.key,
            slap_target(Slap.RIGHT_FOUR),
            "Developer",
            "bench-transaction",
            "",
            40,
            30_000,
            datetime.now(UTC),
            {},
        )
        answer: Any = server.service.capture(order.request())
    expected = Expectation("bench", identity, trust, order, datetime.now(UTC))
    return RecordedAnswer(json.dumps(answer).encode(), expected)


def best_and_median_ms(work: Callable[[], object], rounds: int = 25) -> tuple[float, float]:
    """Return the shortest and the median time of `work` in milliseconds."""
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - started))
    return min(times), sorted(times)[len(times) // 2]


def main() -> None:
    """Print what the verification costs."""
    recorded = record_answer()
    images = recorded.images()

    def decode() -> None:
        for image in images:
            cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_GRAYSCALE)

    size, inside = len(recorded.content), sum(map(len, images))
    best, median = best_and_median_ms(recorded.verify)
    bare_best, bare_median = best_and_median_ms(decode)
    print(f"{size} bytes of JSON, {inside} bytes of images")  # a command
    print(f"verified and decoded: best {best:.1f} ms, median {median:.1f} ms")
    print(f"bare decoding:        best {bare_best:.1f} ms, median {bare_median:.1f} ms")


if __name__ == "__main__":
    main()

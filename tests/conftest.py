"""Guards that hold for every test."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers.camera.environment import prepare_environment

prepare_environment()  # before anything imports cv2

SHARED_PRINTS = Path(__file__).parents[2] / "shared" / "data" / "fingerprints"


@pytest.fixture(autouse=True)
def no_thread_survives() -> Iterator[None]:
    """Fail the test that leaves a thread behind; a thread gets two seconds to end."""
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + 2.0
    left = set(threading.enumerate()) - before
    while left and time.monotonic() < deadline:
        for thread in left:
            thread.join(0.05)
        left = {thread for thread in left if thread.is_alive()}
    assert not left, f"still running: {sorted(thread.name for thread in left)}"


@pytest.fixture(scope="session")
def shared_prints() -> Path:
    """The folder of public-domain sample prints, which is not part of this repository."""
    if not SHARED_PRINTS.is_dir():
        pytest.skip(f"no sample prints: {SHARED_PRINTS.name} is not beside the repository")
    return SHARED_PRINTS

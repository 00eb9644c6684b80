"""Two independent host programs enrol and match against `rekam-sim scanner`, both unmodified.

pyfingerprint runs as it is. adafruit_fingerprint is installed without its hardware layer (Blinka);
it needs two names of CircuitPython, which the folder `circuitpython` provides on the path of its
process. The library itself stays as published.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from drivers.api import Image
from drivers.serial.picture import pack_image
from simulators.serial_module import R30xModule
from simulators.serial_scanner import run

pytestmark = pytest.mark.interop

HERE = Path(__file__).parent
LIMIT_S = 40.0
"""A silent port costs pyfingerprint 24 s before it gives up."""
SEED = 7002


@dataclass(frozen=True)
class Scanner:
    port: str
    baud: int
    module: R30xModule


@pytest.fixture(params=[57600, 115200])
def scanner(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scanner]:
    stop, ready = threading.Event(), threading.Event()
    ports: list[str] = []
    modules: list[R30xModule] = []
    baud = int(request.param)

    def announce(port: str) -> None:
        ports.append(port)
        ready.set()

    serving = threading.Thread(
        target=lambda: run(
            tmp_path / "ttyFINGER",
            SEED,
            baud,
            False,
            stop,
            announce,
            has_light=True,
            started=modules.append,
        )
    )
    serving.start()
    try:
        assert ready.wait(20.0)
        yield Scanner(ports[0], baud, modules[0])
    finally:
        stop.set()
        serving.join()


def buffered(module: R30xModule) -> Image:
    """The picture that the module took last."""
    image = module.model.image
    assert image is not None
    return image


def session(script: str, scanner: Scanner, picture: Path, *paths: Path) -> dict[str, Any]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, paths))}
    done = subprocess.run(
        [sys.executable, str(HERE / script), scanner.port, str(scanner.baud), str(picture)],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert isinstance(told, dict)
    return told


def test_pyfingerprint_enrols_and_matches(scanner: Scanner, tmp_path: Path) -> None:
    picture = tmp_path / "finger.bmp"
    told = session("pyfingerprint_session.py", scanner, picture)
    assert told["password"]
    assert told["capacity"] == 200
    assert told["merged"]
    assert (told["stored"], told["count"], told["index"]) == (5, 1, [5])
    page, score = told["same finger"]
    assert page == 5
    assert score == told["score"] >= 60
    assert told["other finger"] == [-1, -1]
    assert told["score of the other"] == 0
    assert len(bytes.fromhex(told["template"])) == 512
    assert told["uploaded"]
    assert 0 <= told["random"] <= 0xFFFFFFFF
    assert told["settings"][3:] == [4, 0xFFFFFFFF, 1, scanner.baud // 9600]
    assert told["deleted"]
    assert told["left"] == 0
    seen = cv2.imread(str(picture), cv2.IMREAD_GRAYSCALE)
    assert seen is not None
    assert np.array_equal(seen, buffered(scanner.module))


def test_adafruit_fingerprint_enrols_and_matches(scanner: Scanner, tmp_path: Path) -> None:
    picture = tmp_path / "finger.raw"
    told = session("adafruit_session.py", scanner, picture, HERE / "circuitpython")
    assert told["present"]
    assert told["capacity"] == 200
    assert {told[step] for step in ("emptied", "merged", "stored", "read", "loaded")} == {0}
    assert told["templates"] == [7]
    code, page, score = told["same finger"]
    assert (code, page) == (0, 7)
    assert score >= 60
    assert told["fast"] == [0, 7]
    assert told["compared"] == 0
    assert told["other finger"] == [9, 0, 0]
    assert len(bytes.fromhex(told["template"])) == 512
    assert told["sent"]
    assert told["sent back"]
    assert told["light"] == 0
    assert told["counted"] == [0, 1]
    assert told["deleted"] == 0
    assert picture.read_bytes() == pack_image(buffered(scanner.module))

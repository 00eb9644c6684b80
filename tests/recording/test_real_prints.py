"""Public-domain prints on the simulated scanner come out of the opened record pixel by pixel."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from drivers.positions import Finger
from simulators.lab import Lab
from simulators.people.finger_files import FingerFiles
from station import config as configuration
from station.biometrics.codecs import decode
from station.compose import build_station
from station.records.itl_check import parse
from tests.recording.opening import opened, record


@pytest.mark.shared_data
@pytest.mark.slow
async def test_prints_arrive_pixel_identical(shared_prints: Path, tmp_path: Path) -> None:
    with Lab(tmp_path / "lab", 7, shared_prints, pcsc=False) as lab:
        lab.seat(1)
        loaded = configuration.load(lab.config)
        limits = loaded.limits.model_copy(update={"max_attempts": 1})
        station = build_station(dataclasses.replace(loaded, limits=limits))
        try:
            await station.open()
            sealed, _ = await record(station)
        finally:
            await station.close()
        bundle = opened(sealed, lab.folder / "pki")
    files = FingerFiles(shared_prints)
    seen = set()
    for entry in parse(bundle.parts["record.an2"]):
        if entry.kind == 14 and entry.image is not None and entry.text(3) == "0":
            finger = Finger(int(entry.text(13)))
            if finger in seen:
                continue  # the verification finger comes from the serial module
            seen.add(finger)
            assert np.array_equal(decode(entry.image), files.image(finger)), finger
    assert seen == set(Finger)

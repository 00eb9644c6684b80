"""A program may end at any moment of a camera, and its exit status is the one it chose."""

from __future__ import annotations

import subprocess
import sys
from typing import Final

import pytest

from simulators.camera_faults import CameraFault
from simulators.stream_camera import StreamCamera
from tests.protocol.camera_scenes import NumberedScene

PROGRAM: Final = """
import asyncio, sys
from drivers.camera.opencv import OpenCvCamera
from drivers.camera.settings import OpenCvSettings
from drivers.errors import DeviceError

async def main(url, width, height, timeout):
    values = {"source": url, "serial": "S", "width": width, "height": height}
    device = OpenCvCamera("face", OpenCvSettings.model_validate(values))
    try:
        await device.connect(timeout)
    except DeviceError as error:
        print(error.code)
    else:
        print(device.state)

asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])))
sys.exit(7)
"""
SEVERAL: Final = 3
"""An abort depends on what the grab thread does at the last moment: 9 of 10 runs, when it was."""


@pytest.mark.parametrize(
    ("fault", "size", "timeout", "told"),
    [
        (None, (0, 0), 10.0, "ready"),
        (None, (640, 480), 10.0, "DEV-102"),
        (CameraFault.SLOW, (0, 0), 1.0, "DEV-201"),
    ],
    ids=["never closed", "refused", "opening"],
)
def test_exit_status_is_kept(
    fault: CameraFault | None, size: tuple[int, int], timeout: float, told: str
) -> None:
    with StreamCamera(NumberedScene(), fps=120) as camera:
        if fault is not None:
            camera.faults.inject(fault)
        words = [camera.url, *map(str, size), str(timeout)]
        for _ in range(SEVERAL):
            done = subprocess.run(
                [sys.executable, "-c", PROGRAM, *words],
                capture_output=True,
                text=True,
                check=False,
                timeout=20,
            )
            assert (done.returncode, done.stderr) == (7, "")
            assert done.stdout == f"{told}\n"

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers.api import Device
from simulators.sbi import SbiServer
from tests.conformance.contract import IrisCameraContract
from tests.protocol.sbi_rig import SbiDesk, SmallScene


class IrisRig(SbiDesk):
    def device(self, **changes: object) -> Device:
        return self.iris_camera(None, **changes)


class TestSbiIrisCamera(IrisCameraContract):
    @pytest.fixture
    def rig(self, tmp_path: Path) -> Iterator[IrisRig]:
        scene = SmallScene()
        with SbiServer(scene) as server:
            yield IrisRig(server, scene, tmp_path)

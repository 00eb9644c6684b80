from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from drivers.api import Device
from drivers.sbi.versions import V095, V10, Version
from simulators.sbi import SbiServer
from tests.conformance.capture_contract import IrisCameraContract
from tests.protocol.sbi_rig import SbiDesk, SmallScene


class IrisRig(SbiDesk):
    def device(self, **changes: object) -> Device:
        return self.iris_camera(None, **changes)


class TestSbiIrisCamera(IrisCameraContract):
    versions: Sequence[Version] = (V095,)

    @pytest.fixture
    def rig(self, tmp_path: Path) -> Iterator[IrisRig]:
        scene = SmallScene()
        with SbiServer(scene, versions=self.versions) as server:
            yield IrisRig(server, scene, tmp_path)


class TestSbiIrisCameraOfVersion1(TestSbiIrisCamera):
    versions = (V10,)

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers.api import Device, Finger, FingerRequest, Slap, SlapRequest
from simulators.sbi import SbiServer
from tests.conformance.contract import FingerprintScannerContract
from tests.protocol.sbi_rig import SbiDesk, SmallScene


class ScannerRig(SbiDesk):
    def device(self, **changes: object) -> Device:
        return self.scanner(None, **changes)


class TestSbiScanner(FingerprintScannerContract):
    requests = (
        SlapRequest(Slap.RIGHT_FOUR),
        SlapRequest(Slap.LEFT_FOUR, frozenset({Finger.LEFT_RING})),
        SlapRequest(Slap.THUMBS),
        FingerRequest(Finger.LEFT_THUMB),
        FingerRequest(Finger.RIGHT_LITTLE),
    )

    @pytest.fixture
    def rig(self, tmp_path: Path) -> Iterator[ScannerRig]:
        scene = SmallScene()
        with SbiServer(scene) as server:
            yield ScannerRig(server, scene, tmp_path)

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from drivers.api import Device, Finger, FingerRequest, Slap, SlapRequest
from drivers.sbi.versions import V095, V10, Version
from simulators.sbi import SbiServer
from tests.conformance.capture_contract import FingerprintScannerContract
from tests.protocol.sbi_rig import SbiDesk, SmallScene


class ScannerRig(SbiDesk):
    def device(self, **changes: object) -> Device:
        return self.scanner(None, **changes)


class TestSbiScanner(FingerprintScannerContract):
    versions: Sequence[Version] = (V095,)
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
        with SbiServer(scene, versions=self.versions) as server:
            yield ScannerRig(server, scene, tmp_path)


class TestSbiScannerOfVersion1(TestSbiScanner):
    versions = (V10,)

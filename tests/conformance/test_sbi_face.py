from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from drivers.api import Device, FaceCamera, FaceRequest, Finger
from drivers.positions import Eye
from drivers.sbi.iso19794.face import FaceImageType, parse_face
from drivers.sbi.versions import V095, V10, Version
from simulators.sbi import SbiServer
from tests.conformance.capture_contract import FaceCameraContract, assert_honest
from tests.protocol.sbi_rig import SbiDesk, SmallScene

FINGERS = frozenset({Finger.LEFT_THUMB, Finger.RIGHT_RING})
EYES = frozenset({Eye.LEFT})


class FaceRig(SbiDesk):
    def device(self, **changes: object) -> Device:
        return self.face_camera(None, **changes)


class TestSbiFaceCamera(FaceCameraContract):
    versions: Sequence[Version] = (V095,)

    @pytest.fixture
    def rig(self, tmp_path: Path) -> Iterator[FaceRig]:
        scene = SmallScene()
        with SbiServer(scene, versions=self.versions) as server:
            yield FaceRig(server, scene, tmp_path)

    async def test_capture_is_one_colour_picture_with_its_original(  # type: ignore[override]
        self, rig: FaceRig
    ) -> None:
        """As the contract says, but lossless: registration refuses JPEG behind this interface."""
        async with rig.device() as device:
            assert isinstance(device, FaceCamera)
            capture = await device.capture(FaceRequest())
            assert_honest(capture, device)
            (sample,) = capture.samples
            assert sample.position is None
            assert sample.record is not None
            assert sample.record.codec == "JP2"
            assert sample.record.format == "ISO/IEC 19794-5:2011"
            decoded = cv2.imdecode(
                np.frombuffer(sample.record.image_bytes, np.uint8), cv2.IMREAD_COLOR
            )
            assert decoded is not None
            assert np.array_equal(sample.image, decoded)
            assert np.array_equal(sample.image, rig.scene.face_frame(0))
            assert capture.attestation.level == "L0"

    async def test_exception_photo_is_another_picture(self, rig: FaceRig) -> None:
        async with rig.device() as device:
            assert isinstance(device, FaceCamera)
            capture = await device.capture(FaceRequest(missing_fingers=FINGERS, missing_eyes=EYES))
            assert_honest(capture, device)
            (sample,) = capture.samples
            assert sample.position is None
            assert sample.record is not None
            assert sample.image.shape == (400, 600, 3)
            assert parse_face(sample.record.data).image_type is FaceImageType.BASIC

    async def test_live_picture_has_colour(self, rig: FaceRig) -> None:
        async with rig.device() as device:
            assert isinstance(device, FaceCamera)
            await device.start_preview(FaceRequest(missing_fingers=FINGERS, missing_eyes=EYES))
            frame = None
            while frame is None:
                frame = device._frames.newer_than(0, 1.0)
            assert frame.image.ndim == 3
            await device.stop_preview()


class TestSbiFaceCameraOfVersion1(TestSbiFaceCamera):
    versions = (V10,)

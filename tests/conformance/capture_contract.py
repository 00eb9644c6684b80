"""What every driver that captures must pass: live pictures, and what each kind delivers."""

from __future__ import annotations

import asyncio
import time

from drivers.api import (
    Device,
    Eye,
    FaceCamera,
    FaceRequest,
    FingerprintScanner,
    FingerRequest,
    IrisCamera,
    IrisRequest,
    PreviewingDevice,
    Slap,
    SlapRequest,
)
from drivers.errors import (
    Unsupported,
)
from drivers.values import Capture
from tests.conformance.contract import DeviceContract, Rig


def assert_honest(capture: Capture, device: Device) -> None:
    """Whatever a capture says must hold by itself."""
    assert capture.device == device.info
    assert capture.started_at.tzinfo is not None
    assert capture.started_at <= capture.captured_at
    for sample in capture.samples:
        assert not sample.image.flags.writeable
        assert sample.image.dtype == "uint8"
        assert "array(" not in repr(sample)


class PreviewContract(DeviceContract):
    """Live picture; devices without one say so."""

    def request(self) -> SlapRequest | FingerRequest | IrisRequest | FaceRequest:
        raise NotImplementedError("the subclass says what is captured")

    async def test_preview_frames_get_newer(self, rig: Rig) -> None:
        device = rig.device()
        assert isinstance(device, PreviewingDevice)
        async with device:
            try:
                await device.start_preview(self.request())
            except Unsupported:
                assert "preview" not in device.info.capabilities
                return
            assert "preview" in device.info.capabilities
            seen: list[int] = []
            deadline = time.monotonic() + 5.0
            while len(seen) < 3 and time.monotonic() < deadline:
                frame = device.latest()
                if frame is not None and frame.sequence not in seen:
                    assert not frame.image.flags.writeable
                    seen.append(frame.sequence)
                await asyncio.sleep(0.01)
            assert len(seen) == 3
            assert seen == sorted(seen)
            await device.stop_preview()
            await device.stop_preview()
            assert device.latest() is None


class FingerprintScannerContract(PreviewContract):
    """A scanner delivers exactly the fingers that were asked for."""

    requests: tuple[SlapRequest | FingerRequest, ...] = (SlapRequest(Slap.RIGHT_FOUR),)

    def request(self) -> SlapRequest | FingerRequest:
        return self.requests[0]

    async def use(self, device: Device, timeout: float = 10.0) -> Capture:
        assert isinstance(device, FingerprintScanner)
        return await device.capture(self.requests[0], timeout=timeout)

    async def test_capture_delivers_what_was_asked(self, rig: Rig) -> None:
        async with rig.device() as device:
            assert isinstance(device, FingerprintScanner)
            for request in self.requests:
                capture = await device.capture(request)
                assert_honest(capture, device)
                positions = [sample.position for sample in capture.samples]
                if isinstance(request, FingerRequest):
                    assert positions == [request.finger]
                elif positions != [request.slap]:
                    assert sorted(map(int, positions)) == sorted(request.expected)  # type: ignore[arg-type]
                assert all(490 <= s.resolution_ppi <= 1010 for s in capture.samples)


class IrisCameraContract(PreviewContract):
    """An iris camera labels each eye."""

    def request(self) -> IrisRequest:
        return IrisRequest()

    async def use(self, device: Device, timeout: float = 10.0) -> Capture:
        assert isinstance(device, IrisCamera)
        return await device.capture(self.request(), timeout=timeout)

    async def test_both_eyes_and_one_eye(self, rig: Rig) -> None:
        async with rig.device() as device:
            assert isinstance(device, IrisCamera)
            for eyes in ((Eye.RIGHT, Eye.LEFT), (Eye.LEFT,)):
                capture = await device.capture(IrisRequest(eyes))
                assert_honest(capture, device)
                assert {sample.position for sample in capture.samples} == set(eyes)


class FaceCameraContract(PreviewContract):
    """A face camera keeps the bytes that the hardware sent."""

    def request(self) -> FaceRequest:
        return FaceRequest()

    async def use(self, device: Device, timeout: float = 10.0) -> Capture:
        assert isinstance(device, FaceCamera)
        return await device.capture(FaceRequest(burst=2), timeout=timeout)

    async def test_capture_is_one_colour_picture_with_its_original(self, rig: Rig) -> None:
        async with rig.device() as device:
            assert isinstance(device, FaceCamera)
            capture = await device.capture(FaceRequest())
            assert_honest(capture, device)
            (sample,) = capture.samples
            assert sample.position is None
            assert sample.image.ndim == 3
            assert sample.record is not None
            assert sample.record.codec == "JPEG"
            assert sample.record.image_bytes[:2] == b"\xff\xd8"

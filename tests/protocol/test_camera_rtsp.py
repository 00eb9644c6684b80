"""The simulated RTSP stream: taken apart by RFC 2435, put together again by FFmpeg in OpenCV."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from drivers.api import FaceRequest
from drivers.camera.errors import PictureStopped
from drivers.camera.jpeg import decode_jpeg
from drivers.camera.link import Link
from drivers.errors import ConnectFailed
from simulators.camera_rtsp import PACKET_BYTES, packets, split_jpeg
from simulators.stream_camera import StreamCamera
from tests.protocol.camera_scenes import (
    HEIGHT,
    WIDTH,
    NumberedScene,
    face_driver,
    grabber,
    pattern,
    until,
)


def encoded(quality: int = 90) -> bytes:
    return cv2.imencode(".jpg", pattern(), [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


@pytest.fixture
def camera() -> Iterator[StreamCamera]:
    with StreamCamera(NumberedScene(), fps=60, rtsp=True) as running:
        yield running


class TestPackets:
    def test_packets_hold_the_whole_scan_in_order(self) -> None:
        jpeg = encoded()
        sent = list(packets(jpeg, 65530, 90_000))
        assert all(len(packet) <= 12 + PACKET_BYTES for packet in sent)
        scan, parts = b"", split_jpeg(jpeg)
        for number, packet in enumerate(sent):
            flags, kind, sequence, timestamp, _ = struct.unpack(">BBHII", packet[:12])
            offset = int.from_bytes(packet[13:16], "big")
            assert (flags, kind & 0x7F, timestamp) == (0x80, 26, 90_000)
            assert sequence == (65530 + number) % 65536
            assert bool(kind & 0x80) is (packet is sent[-1])
            assert offset == len(scan)
            assert tuple(packet[18:20]) == (WIDTH // 8, HEIGHT // 8)
            tables = 4 + len(parts.tables) if offset == 0 else 0
            scan += packet[20 + tables :]
        assert scan == parts.scan
        assert len(parts.tables) == 128

    @pytest.mark.parametrize("data", [b"", b"\xff\xd8", b"\x89PNG", encoded()[:40]])
    def test_what_is_no_jpeg_is_refused(self, data: bytes) -> None:
        with pytest.raises(ValueError, match="no baseline JPEG"):
            split_jpeg(data)


class TestDriver:
    async def test_picture_is_the_one_that_was_sent(self, camera: StreamCamera) -> None:
        async with face_driver(camera, source=camera.rtsp_url) as device:
            (sample,) = (await device.capture(FaceRequest(burst=2))).samples
            sent = camera.recent_jpegs()
        assert sample.record is not None
        # RFC 2435 sends no headers: they are written anew, the compressed data is untouched
        scans = [split_jpeg(jpeg).scan for jpeg in sent]
        assert any(scan in sample.record.image_bytes for scan in scans)
        pictures = [decode_jpeg(jpeg) for jpeg in sent]
        assert any(p is not None and np.array_equal(p, sample.image) for p in pictures)

    async def test_stall_is_seen_within_a_second(self, camera: StreamCamera) -> None:
        async with face_driver(camera, source=camera.rtsp_url) as device:
            camera.faults.inject("stalled")
            assert await until(lambda: grabber(device).link is Link.SILENT, 2.0) < 1.0
            with pytest.raises(PictureStopped):
                await device.check()

    async def test_refusing_camera_is_not_connected(self, camera: StreamCamera) -> None:
        camera.faults.inject("refusing")
        with pytest.raises(ConnectFailed):
            await face_driver(camera, source=camera.rtsp_url).connect()


def test_nonsense_ends_the_connection(camera: StreamCamera) -> None:
    port = int(camera.rtsp_url.split(":")[2].split("/")[0])
    with socket.create_connection(("127.0.0.1", port), 2.0) as link:
        link.sendall(b"\r\n")
        assert link.recv(100) == b""


def test_camera_without_rtsp_has_no_such_address() -> None:
    with StreamCamera(NumberedScene()) as camera, pytest.raises(LookupError):
        _ = camera.rtsp_url

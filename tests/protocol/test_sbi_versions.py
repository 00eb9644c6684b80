"""SBI 0.9.5 and 1.0: what is sent, what is read, and how the version is agreed on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from drivers.api import FaceRequest, Finger, IrisRequest, Slap, SlapRequest
from drivers.errors import ConnectFailed, ProtocolError
from drivers.positions import Eye
from drivers.sbi.errors import OtherVersion, RequestRefused
from drivers.sbi.jws import decode_base64
from drivers.sbi.protocol import BioType, face_target, iris_target, slap_target
from drivers.sbi.requests import (
    CaptureOrder,
    discovery_request,
    info_request,
    stream_request,
)
from drivers.sbi.versions import V095, V10, Version, level_named, version_named
from simulators.sbi import SbiServer
from simulators.sbi_answers import Scribe
from tests.protocol.sbi_rig import SbiDesk, SmallScene
from tests.protocol.test_sbi_service import Client

RIGHT = SlapRequest(Slap.RIGHT_FOUR)
FINGERS = frozenset({Finger.LEFT_THUMB, Finger.RIGHT_THUMB})
EYES = frozenset({Eye.RIGHT})


@contextmanager
def desk_with(folder: Path, *versions: Version) -> Iterator[SbiDesk]:
    scene = SmallScene()
    with SbiServer(scene, versions=versions, serials="VERSIONED") as server:
        yield SbiDesk(server, scene, folder)


def order(version: Version, **options: str) -> dict[str, Any]:
    device = "VERSIONED-SLAP-1" if version is V10 else "2"
    told: Any = CaptureOrder(
        version,
        device,
        slap_target(Slap.RIGHT_FOUR),
        "Developer",
        "a-transaction",
        "",
        40,
        1000,
        datetime.now(UTC),
        options,
    ).request()
    return dict(told)


@pytest.mark.parametrize(
    ("offered", "spoken"), [((V095,), "0.9.5"), ((V10,), "1.0"), ((V095, V10), "0.9.5")]
)
async def test_version_is_what_the_service_offers(
    tmp_path: Path, offered: tuple[Version, ...], spoken: str
) -> None:
    with desk_with(tmp_path, *offered) as desk:
        async with desk.scanner() as scanner, desk.iris_camera() as camera:
            assert f"sbi-{spoken}" in scanner.info.capabilities
            assert (await scanner.self_test()).facts["interface"] == f"SBI {spoken}"
            assert len((await scanner.capture(RIGHT)).samples) == 4
            assert len((await camera.capture(IrisRequest())).samples) == 2


async def test_version_may_be_demanded(tmp_path: Path) -> None:
    with desk_with(tmp_path, V095, V10) as desk:
        async with desk.scanner(version="1.0") as scanner:
            assert "sbi-1.0" in scanner.info.capabilities
    with desk_with(tmp_path, V095) as desk:
        with pytest.raises(ProtocolError):
            await desk.scanner(version="1.0").connect()


async def test_service_that_offers_a_version_of_the_future(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = Scribe._description

    def future(*parts: Any) -> dict[str, object]:
        return told(*parts) | {"specVersion": ["2.0"]}

    monkeypatch.setattr(Scribe, "_description", future)
    with desk_with(tmp_path, V095, V10) as desk:
        with pytest.raises(OtherVersion):
            await desk.scanner().connect()


async def test_options_of_the_vendor_come_from_the_configuration(tmp_path: Path) -> None:
    options = {"gain": "3", "light": "low"}
    with desk_with(tmp_path, V10) as desk:
        async with desk.scanner(custom_options=options) as scanner:
            await scanner.capture(RIGHT)
            assert desk.server.service.devices["2"].custom_options == options
    with desk_with(tmp_path, V095) as desk:
        async with desk.scanner(custom_options=options) as scanner:
            await scanner.capture(RIGHT)
            assert desk.server.service.devices["2"].custom_options == {}


def test_requests_name_the_device_as_their_version_does() -> None:
    assert order(V095)["bio"][0]["deviceId"] == "2"
    assert "serialNo" not in order(V095)["bio"][0]
    assert order(V10)["bio"][0]["serialNo"] == "VERSIONED-SLAP-1"
    assert "deviceId" not in order(V10)["bio"][0]
    assert (order(V095)["specVersion"], order(V10)["specVersion"]) == ("0.9.5", "1.0")
    assert order(V095, gain="3")["customOpts"] is order(V10)["customOpts"] is None
    assert order(V10, gain="3")["customOpts"] == {"gain": "3"}


def test_later_version_introduces_itself_everywhere() -> None:
    assert discovery_request(V095, BioType.IRIS) == {"type": "Iris"}
    assert discovery_request(V10, BioType.IRIS) == {"type": "Iris", "specVersion": "1.0"}
    assert info_request(V095) == {}
    assert info_request(V10) == {"type": "Biometric Device", "specVersion": "1.0"}
    target = iris_target((Eye.LEFT,))
    assert stream_request(V095, "1", target, 500) == {
        "deviceId": "1",
        "deviceSubId": "1",
        "timeout": "500",
    }
    assert stream_request(V10, "S", target, 500) == {
        "serialNo": "S",
        "deviceSubId": "1",
        "timeout": "500",
        "type": "Iris",
        "specVersion": "1.0",
    }


def test_exception_photo_has_its_size_in_the_later_version() -> None:
    photo = face_target(FINGERS, EYES)
    assert stream_request(V10, "S", photo, 500)["dimensions"] == "6040"
    assert "dimensions" not in stream_request(V095, "3", photo, 500)
    assert "dimensions" not in stream_request(V10, "S", face_target(), 500)
    assert photo.exceptions == (Finger.RIGHT_THUMB, Finger.LEFT_THUMB, Eye.RIGHT)


@pytest.mark.parametrize("version", [V095, V10])
def test_answers_keep_the_words_of_their_version(version: Version) -> None:
    with SbiServer(SmallScene(), versions=(version,), serials="VERSIONED") as server:
        client = Client(server.port)
        (device,) = client.ask(version.discover[0], {"type": "Finger"}, "/device")
        is_old = version is V095
        assert ("deviceId" in device, "deviceCode" in device) == (is_old, is_old)
        assert ("serialNo" in device) is not is_old
        assert device["certification"] == ("L0" if is_old else "SBI 1.0")
        described = client.ask(version.info[0], {}, "/info")[0]["deviceInfo"]
        fields = json.loads(decode_base64(described.split(".")[1]))
        assert ("deviceInfo" in fields) is not is_old
        (item, *_) = client.ask("RCAPTURE", order(version))["biometrics"]
        assert item["specVersion"] == version.name
        assert ("additionalInfo" in item) is not is_old
        content = json.loads(decode_base64(item["data"].split(".")[1]))
        assert ("deviceCode" in content) is is_old
        other = V10 if is_old else V095
        assert client.ask(other.discover[0], {}, "/device")["errorCode"] == "500"


@pytest.mark.parametrize("options", [{str(n): "" for n in range(51)}, {"gain": 3}, ["gain"]])
def test_options_are_checked_by_the_service(options: object) -> None:
    with SbiServer(SmallScene(), versions=(V10,), serials="VERSIONED") as server:
        wrong = order(V10) | {"customOpts": options}
        assert Client(server.port).capture_code(wrong) == "123"


async def test_live_picture_of_an_exception_photo_has_its_shape(tmp_path: Path) -> None:
    with desk_with(tmp_path, V10) as desk:
        async with desk.face_camera() as camera:
            await camera.start_preview(FaceRequest(missing_fingers=FINGERS, missing_eyes=EYES))
            frame = None
            while frame is None:
                frame = camera._frames.newer_than(0, 1.0)
            height, width = frame.image.shape[:2]
            assert width / height == pytest.approx(1.5, abs=0.05)


async def test_request_that_the_device_does_not_accept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simulators.sbi_requests.ENVIRONMENTS", ("Staging",))
    with desk_with(tmp_path, V10) as desk:
        async with desk.scanner() as scanner:
            with pytest.raises(RequestRefused) as caught:
                await scanner.capture(RIGHT)
            assert caught.value.device_code == "115"


async def test_unregistered_device_of_the_later_version(tmp_path: Path) -> None:
    from drivers.sbi.protocol import Status

    with desk_with(tmp_path, V10) as desk:
        desk.server.service.devices["2"].assigned = Status.NOT_REGISTERED
        described = Client(desk.server.port).ask("SBIINFO", {}, "/info")[0]["deviceInfo"]
        assert json.loads(decode_base64(described))["env"] == "None"
        with pytest.raises(ConnectFailed):
            await desk.scanner().connect()


def test_names_of_versions_and_levels() -> None:
    assert version_named("1.0") is V10
    assert version_named("0.9.2") is None
    assert [level_named(name) for name in ("L0", "SBI 1.0", "L1", "SBI 2.0", "L2", "")] == [
        "L0",
        "L0",
        "L1",
        "L1",
        None,
        None,
    ]

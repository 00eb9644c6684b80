"""Finding the right device among services, and believing only what is signed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from drivers.api import Finger, Slap, SlapRequest, State
from drivers.clock import RealClock
from drivers.device import Call
from drivers.errors import ConnectFailed, Untrusted
from drivers.recorder import FlightRecorder
from drivers.sbi.discovery import Found, callback_port, discover, open_ports
from drivers.sbi.protocol import PORTS, BioType, Status
from drivers.sbi.settings import SbiSettings
from drivers.sbi.trust import Check, CheckFailed, DigitalId
from simulators.sbi_faults import SbiFault
from simulators.sbi import NoPortFree, SbiServer
from tests.protocol.sbi_rig import SbiDesk, SmallScene

RIGHT = SlapRequest(Slap.RIGHT_FOUR)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[SbiDesk]:
    scene = SmallScene()
    with SbiServer(scene, serials="SEARCHED") as server:
        yield SbiDesk(server, scene, tmp_path)


async def test_device_is_found_by_serial_on_any_port(desk: SbiDesk) -> None:
    assert desk.server.port in open_ports()
    async with desk.scanner(port=0, expect_serial="SEARCHED-SLAP-1") as scanner:
        assert scanner.info.serial == "SEARCHED-SLAP-1"
        assert scanner.info.model == "REKAM SIM-SLAP"
        assert len((await scanner.capture(RIGHT)).samples) == 4


async def test_service_that_comes_back_elsewhere_is_found_again(
    desk: SbiDesk, tmp_path: Path
) -> None:
    scanner = desk.scanner(port=0, expect_serial="SEARCHED-SLAP-1")
    await scanner.connect()
    desk.server.stop()
    await scanner.close()
    with pytest.raises(ConnectFailed):
        await scanner.connect()
    with SbiServer(SmallScene()) as squatter:
        assert squatter.port in PORTS
        desk.server.port = 0
        desk.server.start()
        await scanner.connect()
        assert scanner.info.serial == "SEARCHED-SLAP-1"
        await scanner.close()


async def test_silent_service_does_not_stop_the_search(
    desk: SbiDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("drivers.sbi.discovery.SERVICE_LIMIT_S", 0.2)
    with SbiServer(SmallScene(), serials="SILENT") as silent:
        silent.faults.add(SbiFault.HANG)
        async with desk.scanner(port=0, expect_serial="SEARCHED-SLAP-1") as scanner:
            assert scanner.state is State.READY


async def test_authentication_service_is_ignored(tmp_path: Path) -> None:
    scene = SmallScene()
    with SbiServer(scene, purpose="Auth") as server:
        with pytest.raises(ConnectFailed):
            await SbiDesk(server, scene, tmp_path).scanner().connect()


async def test_unregistered_device_cannot_be_connected(desk: SbiDesk) -> None:
    desk.server.service.devices["2"].assigned = Status.NOT_REGISTERED
    with pytest.raises(ConnectFailed):
        await desk.scanner().connect()


async def test_service_of_another_environment_is_refused(desk: SbiDesk) -> None:
    with pytest.raises(Untrusted) as caught:
        await desk.scanner(environment="Production").connect()
    assert caught.value.check == "environment"


async def test_level_1_identity_is_signed_inside_the_device(tmp_path: Path) -> None:
    scene = SmallScene()
    with SbiServer(scene, level="L1") as server:
        desk = SbiDesk(server, scene, tmp_path)
        async with desk.scanner() as scanner:
            capture = await scanner.capture(SlapRequest(Slap.THUMBS))
            assert capture.attestation.level == "L1"
            assert capture.samples[0].position is Finger.LEFT_THUMB
        with pytest.raises(Untrusted) as caught:
            await desk.scanner(chip_roots=[]).connect()
        assert caught.value.check == "certificate"


async def test_unreadable_roots_are_a_failed_connection(desk: SbiDesk, tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    for path in (empty, tmp_path / "absent.pem"):
        with pytest.raises(ConnectFailed, match="root certificates"):
            await desk.scanner(device_roots=[str(path)]).connect()


def test_settings_come_from_texts_and_need_a_root() -> None:
    settings = SbiSettings.model_validate({"device_roots": ["keys/root.pem"], "port": 4501})
    assert settings.device_roots == (Path("keys/root.pem"),)
    refused: list[dict[str, object]] = [
        {},
        {"device_roots": []},
        {"device_roots": ["a"], "port": "4501"},
        {"device_roots": ["a"], "environment": "Test"},
    ]
    for wrong in refused:
        with pytest.raises(ValidationError):
            SbiSettings.model_validate(wrong)


@pytest.mark.parametrize(
    "address",
    [
        "http://localhost:4501/",
        "http://127.0.0.1:80/",
        "http://127.0.0.1/",
        "http://192.168.1.7:4501/",
        "http://127.0.0.1:port/",
        "http://[127.0.0.1:4501/",
        "",
    ],
)
def test_address_outside_this_machine_is_refused(address: str) -> None:
    identity = DigitalId("1", "make", "model", "Finger", "Slap")
    found = Found(4501, "2", "code", "Ready", "Registration", address, identity, ("0.9.5",))
    with pytest.raises(CheckFailed) as caught:
        callback_port(found)
    assert caught.value.check is Check.CALLBACK


def test_discovery_filters_by_modality(desk: SbiDesk) -> None:
    clock = RealClock()
    for kind, serial in ((BioType.FINGER, "SLAP"), (BioType.IRIS, "IRIS"), (BioType.FACE, "FACE")):
        call = Call("desk", clock, clock.monotonic() + 5.0)
        (found,) = discover(desk.server.port, kind, call, FlightRecorder(clock))
        assert found.digital_id.serial == f"SEARCHED-{serial}-1"
        assert found.spec_versions == ("0.9.5",)


def test_taken_port_is_said_so(desk: SbiDesk) -> None:
    with pytest.raises(NoPortFree):
        SbiServer(SmallScene(), port=desk.server.port).start()

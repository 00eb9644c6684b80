"""Finding the right device among services, and believing only what is signed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from drivers.api import Finger, Slap, SlapRequest, State
from drivers.clock import RealClock
from drivers.device import Call
from drivers.errors import ConnectFailed, Disconnected, Untrusted
from drivers.recorder import FlightRecorder
from drivers.sbi.discovery import callback_port, discover, open_ports
from drivers.sbi.errors import LevelTooLow
from drivers.sbi.protocol import PORTS, BioType, Status
from drivers.sbi.settings import SbiSettings
from drivers.sbi.trust import Check, CheckFailed
from simulators.sbi import NoPortFree, SbiServer
from simulators.sbi_faults import SbiFault
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


@pytest.mark.parametrize("port", [0, None])
async def test_service_that_comes_back_elsewhere_is_found_again(
    desk: SbiDesk, port: int | None
) -> None:
    before = desk.server.port
    port = before if port is None else port
    scanner = desk.scanner(port=port, expect_serial="SEARCHED-SLAP-1")
    await scanner.connect()
    desk.server.stop()
    await scanner.close()
    with pytest.raises(ConnectFailed):
        await scanner.connect()
    desk.server.move()
    assert desk.server.port in set(PORTS) - {before}
    await scanner.connect()
    assert scanner.info.serial == "SEARCHED-SLAP-1"
    await scanner.close()


async def test_device_that_was_connected_once_is_searched_without_a_setting(desk: SbiDesk) -> None:
    async with desk.scanner() as scanner:
        desk.server.faults.inject(SbiFault.SERVICE_MOVED)
        with pytest.raises(Disconnected):
            await scanner.capture(RIGHT)
        await scanner.connect()
        assert len((await scanner.capture(RIGHT)).samples) == 4


async def test_service_whose_move_is_taken_back_is_at_its_old_port(desk: SbiDesk) -> None:
    home = desk.server.port
    on_finger, on_iris = (desk.server.faults_of(kind) for kind in (BioType.FINGER, BioType.IRIS))
    on_finger.inject(SbiFault.SERVICE_MOVED)
    on_iris.inject(SbiFault.SERVICE_MOVED)
    assert desk.server.port != home
    on_finger.clear()
    assert desk.server.port != home, "still moved: the fault of the other device is active"
    on_iris.clear()
    assert desk.server.port == home
    async with desk.scanner(port=home) as scanner:
        assert len((await scanner.capture(RIGHT)).samples) == 4
    on_finger.inject(SbiFault.SERVICE_MOVED)
    desk.server.stop()
    on_finger.clear()
    with pytest.raises(ConnectFailed):
        await desk.scanner(port=home).connect()
    desk.server.start()
    assert desk.server.port == home


async def test_configured_port_that_another_device_took(desk: SbiDesk) -> None:
    """Its serial number decides, not the port that the configuration remembers."""
    with SbiServer(SmallScene(), serials="NEWCOMER") as newcomer:
        scanner = desk.scanner(port=newcomer.port, expect_serial="SEARCHED-SLAP-1")
        async with scanner:
            assert scanner.info.serial == "SEARCHED-SLAP-1"


async def test_two_services_with_one_serial_number_and_one_of_them_trusted(
    desk: SbiDesk,
) -> None:
    with SbiServer(SmallScene(), serials="SEARCHED") as liar:
        liar.faults.inject(SbiFault.FOREIGN_ROOT)
        async with desk.scanner(port=0, expect_serial="SEARCHED-SLAP-1") as scanner:
            assert len((await scanner.capture(RIGHT)).samples) == 4
        desk.server.faults.inject(SbiFault.FOREIGN_ROOT)
        with pytest.raises(Untrusted) as caught:
            await scanner.connect()
        assert caught.value.check == "certificate"


async def test_two_trusted_services_with_one_serial_number(desk: SbiDesk) -> None:
    pki = desk.server.pki
    again = pki.device_root.issue("Simulated SBI device", datetime.now(UTC), timedelta(days=9))
    other = replace(pki, device=again)
    with SbiServer(SmallScene(), serials="SEARCHED", pki=other):
        with pytest.raises(ConnectFailed, match="two services"):
            await desk.scanner(port=0, expect_serial="SEARCHED-SLAP-1").connect()


async def test_one_device_at_two_ports_is_one_device(desk: SbiDesk) -> None:
    with SbiServer(SmallScene(), serials="SEARCHED", pki=desk.server.pki):
        async with desk.scanner(port=0, expect_serial="SEARCHED-SLAP-1") as scanner:
            assert scanner.state is State.READY


async def test_several_devices_need_a_serial_number(desk: SbiDesk) -> None:
    with SbiServer(SmallScene(), serials="SECOND", pki=desk.server.pki):
        with pytest.raises(ConnectFailed, match="expect_serial"):
            await desk.scanner(port=0).connect()


async def test_silent_services_cost_their_limit_once(desk: SbiDesk) -> None:
    with SbiServer(SmallScene(), serials="QUIET") as quiet, SbiServer(SmallScene()) as silent:
        for service in (quiet, silent):
            service.faults.inject(SbiFault.HANG)
        scanner = desk.scanner(port=0, expect_serial="SEARCHED-SLAP-1", service_limit_s=0.3)
        started = time.monotonic()
        async with scanner:
            assert scanner.state is State.READY
            assert 0.3 <= time.monotonic() - started < 0.6


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
            assert capture.attestation.level == scanner.info.trust == "L1"
            assert capture.samples[0].position is Finger.LEFT_THUMB
        with pytest.raises(Untrusted) as caught:
            await desk.scanner(chip_roots=[]).connect()
        assert caught.value.check == "certificate"


async def test_level_0_is_refused_where_level_1_is_demanded(desk: SbiDesk) -> None:
    async with desk.scanner() as scanner:
        assert scanner.info.trust == "L0"
    with pytest.raises(LevelTooLow):
        await desk.scanner(least_trust="L1").connect()


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
        {"device_roots": ["a"], "version": "0.9.2"},
        {"device_roots": ["a"], "custom_options": {str(n): "" for n in range(51)}},
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
        "https://127.0.0.1:4501/",
        "http://127.0.0.1:4601/",
        "http://192.168.1.7:4501/",
        "http://127.0.0.1:port/",
        "http://[127.0.0.1:4501/",
        "",
    ],
)
def test_address_outside_this_machine_is_refused(address: str) -> None:
    with pytest.raises(CheckFailed) as caught:
        callback_port(address)
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

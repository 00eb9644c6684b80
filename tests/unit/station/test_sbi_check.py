"""Why an SBI device does not work: each cause is found where it is and only there."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from drivers.errors import ConnectFailed, DeviceError
from drivers.sbi.errors import (
    ClocksDiffer,
    HashChainBroken,
    LevelTooLow,
    SignerExpired,
    SignerUnknown,
)
from drivers.sbi.protocol import BioType
from drivers.sbi.settings import SbiSettings
from station.commands import sbi_check
from station.commands.findings import Cause, CauseCode
from station.commands.host import Host
from station.commands.sbi_check import Services
from tests.unit.station.fake_host import FakeHost

NOW = datetime(2026, 11, 24, tzinfo=UTC)
REFUSED = ConnectFailed("scanner", "port 4501: ConnectionRefusedError")


def code(cause: Cause | None) -> CauseCode | None:
    return None if cause is None else cause.code


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root certificate that is valid during 2026."""
    file = tmp_path / "root.pem"
    file.write_bytes(certificate(datetime(2026, 1, 1, tzinfo=UTC), days=365))
    return file


def certificate(begins: datetime, days: int) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Device root")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=days))
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return FakeHost(tmp_path / "machine").host


def settings(root: Path, port: int = 4501) -> SbiSettings:
    return SbiSettings(port=port, device_roots=(root,))


def services(offers: dict[int, Sequence[str] | None]) -> Services:
    return Services(
        BioType.FINGER, open_ports=lambda: list(offers), devices_at=lambda port, _: offers[port]
    )


# ---------------------------------------------------------------- services


@pytest.mark.parametrize(
    ("port", "ports", "said"),
    [(4501, (), "port 4501"), (4501, (4502,), "services found at 4502"), (0, (), "4501-4600")],
)
def test_nobody_listens(root: Path, port: int, ports: Sequence[int], said: str) -> None:
    cause = sbi_check.no_service(settings(root, port), services(dict.fromkeys(ports)))
    assert code(cause) is CauseCode.SBI_NO_SERVICE
    assert cause is not None
    assert said in cause.found


@pytest.mark.parametrize(("port", "ports"), [(4501, (4501,)), (0, (4577,))])
def test_somebody_listens(root: Path, port: int, ports: Sequence[int]) -> None:
    assert sbi_check.no_service(settings(root, port), services(dict.fromkeys(ports))) is None


@pytest.mark.parametrize(
    ("offers", "expected"),
    [
        ({4501: None, 4502: None}, CauseCode.SBI_FOREIGN),
        ({4501: None, 4502: ()}, None),
        ({4501: ("S1",)}, None),
        ({}, None),
    ],
)
def test_nobody_who_listens_is_sbi(
    host: Host, offers: dict[int, Sequence[str] | None], expected: CauseCode | None
) -> None:
    assert code(sbi_check.foreign(offers, host)) is expected


def test_a_silent_stranger_is_named_by_its_process() -> None:
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        cause = sbi_check.foreign({stranger.getsockname()[1]: None}, Host())
    assert cause is not None
    assert f"(pid {os.getpid()})" in cause.found


@pytest.mark.parametrize(
    ("serials", "wanted", "expected"),
    [
        ((), "", CauseCode.SBI_NO_DEVICE),
        (("S1",), "", None),
        (("S1", "S2"), "", CauseCode.SBI_SEVERAL),
        (("S1", "S2"), "S2", None),
        (("S1", "S2"), "S3", CauseCode.SBI_NO_DEVICE),
    ],
)
def test_devices_that_a_service_offers(
    root: Path, serials: Sequence[str], wanted: str, expected: CauseCode | None
) -> None:
    given = settings(root).model_copy(update={"expect_serial": wanted})
    assert code(sbi_check.no_device(given, {4501: serials, 4502: None})) is expected


@pytest.mark.parametrize(
    ("demanded", "wanted", "spoken", "expected"),
    [
        ("1.0", "", ("0.9.5",), CauseCode.SBI_VERSION),
        ("1.0", "S1", ("0.9.5",), CauseCode.SBI_VERSION),
        ("1.0", "S2", ("0.9.5",), None),
        ("0.9.5", "", ("0.9.5", "1.0"), None),
        ("", "", ("0.9.5",), None),
        ("1.0", "", (), None),
    ],
)
def test_version_that_no_service_speaks(
    root: Path, demanded: str, wanted: str, spoken: Sequence[str], expected: CauseCode | None
) -> None:
    changes = {"version": demanded, "expect_serial": wanted}
    given = settings(root).model_copy(update=changes)
    offers: dict[int, Sequence[str] | None] = {4501: ("S1",), 4502: None}
    here = replace(services(offers), versions_at=lambda _port, _type: spoken)
    cause = sbi_check.other_version(given, offers, here)
    assert code(cause) is expected
    if cause is not None:
        assert "speaks SBI 0.9.5" in cause.found
        assert "version 1.0" in cause.found
        assert 'version = "0.9.5"' in cause.action


def test_search_is_advised_together_with_the_serial_number(root: Path) -> None:
    cause = sbi_check.no_service(settings(root), services({4502: ("S1",)}))
    assert cause is not None
    assert "port = 0" in cause.action
    assert "expect_serial" in cause.action


def test_a_closed_port_does_not_speak_sbi() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert sbi_check.devices_at(port, BioType.FINGER) is None


# ---------------------------------------------------------------- trust


def test_good_root(root: Path) -> None:
    assert sbi_check.no_root(root) is None
    assert sbi_check.root_expired(root, NOW) is None


def test_absent_and_empty_roots(root: Path, tmp_path: Path) -> None:
    absent = sbi_check.no_root(tmp_path / "other.pem")
    assert code(absent) is CauseCode.SBI_NO_ROOT
    assert absent is not None
    assert "No such file" in absent.found
    root.write_bytes(b"no certificate")
    assert code(sbi_check.no_root(root)) is CauseCode.SBI_NO_ROOT
    assert sbi_check.root_expired(root, NOW) is None
    assert sbi_check.root_expired(tmp_path / "other.pem", NOW) is None


@pytest.mark.parametrize(
    ("now", "margin", "expected"),
    [
        (datetime(2027, 1, 2, tzinfo=UTC), timedelta(), CauseCode.SBI_ROOT_EXPIRED),
        (datetime(2025, 12, 31, tzinfo=UTC), timedelta(), CauseCode.SBI_ROOT_EXPIRED),
        (datetime(2026, 12, 15, tzinfo=UTC), timedelta(days=30), CauseCode.SBI_ROOT_EXPIRED),
        (datetime(2026, 11, 15, tzinfo=UTC), timedelta(days=30), None),
    ],
)
def test_validity_of_roots(
    root: Path, now: datetime, margin: timedelta, expected: CauseCode | None
) -> None:
    assert code(sbi_check.root_expired(root, now, margin)) is expected


UNKNOWN = SignerUnknown("scanner", "certificate", "signer not issued by a root of this desk")
EXPIRED = SignerExpired("scanner", "certificate-validity", "signer outside its validity")
LATE = ClocksDiffer("scanner", "timestamp", "600 s")
LOW = LevelTooLow("scanner", "level", "L0, this desk demands L1")
BROKEN = HashChainBroken("scanner", "hash-chain")


@pytest.mark.parametrize("error", [UNKNOWN, EXPIRED, LATE, LOW, BROKEN, REFUSED])
def test_each_mistrust_has_its_own_cause(error: DeviceError) -> None:
    assert code(sbi_check.not_trusted(error)) is (
        CauseCode.SBI_NOT_TRUSTED if error is UNKNOWN else None
    )
    assert code(sbi_check.clock_differs(error, NOW)) is (
        CauseCode.CLOCK if error in (EXPIRED, LATE) else None
    )
    assert code(sbi_check.trust_too_low(error)) is (
        CauseCode.SBI_TRUST_LEVEL if error is LOW else None
    )


def test_both_times_are_told() -> None:
    cause = sbi_check.clock_differs(LATE, NOW)
    assert cause is not None
    assert "600 s; here it is 2026-11-24 00:00:00 UTC" in cause.found


# ---------------------------------------------------------------- the whole


def test_causes_in_the_order_of_certainty(root: Path, host: Host) -> None:
    given = settings(root)

    def cause(error: DeviceError, here: Services) -> CauseCode | None:
        return code(sbi_check.find_cause(given, error, host, NOW, here))

    nobody, stranger, good = (
        services({}),
        services({4501: None}),
        services({4501: ("S1",)}),
    )
    assert cause(REFUSED, nobody) is CauseCode.SBI_NO_SERVICE
    assert cause(REFUSED, stranger) is CauseCode.SBI_FOREIGN
    assert cause(REFUSED, good) is None
    assert cause(UNKNOWN, good) is CauseCode.SBI_NOT_TRUSTED
    assert cause(LATE, good) is CauseCode.CLOCK
    assert cause(LOW, good) is CauseCode.SBI_TRUST_LEVEL
    assert cause(BROKEN, good) is None
    root.write_bytes(certificate(datetime(2020, 1, 1, tzinfo=UTC), days=365))
    assert cause(UNKNOWN, good) is CauseCode.SBI_ROOT_EXPIRED
    assert cause(REFUSED, nobody) is CauseCode.SBI_NO_SERVICE
    root.unlink()
    assert cause(REFUSED, nobody) is CauseCode.SBI_NO_ROOT

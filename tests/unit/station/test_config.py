"""Every wrong file gets one message that names the file and the key with its path."""

from __future__ import annotations

from pathlib import Path

import pytest
import tomli_w
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from station.config import load
from station.errors import ConfigError

GOOD: dict[str, dict[str, object]] = {
    "station": {"id": "DESK-1", "operator": "OP-1", "data": "data", "simulated": True},
    "keys": {
        "signing_key": "station.key",
        "certificate": "station.pem",
        "recipients": ["data-centre.pem"],
    },
    "device": {
        "scanner": {"driver": "sbi-scanner", "port": 4501, "device_roots": ["root.pem"]},
        "iris": {"driver": "sbi-iris", "port": 4501, "device_roots": ["root.pem"]},
        "verifier": {"driver": "r30x", "port": "/dev/ttyUSB0"},
        "face": {"driver": "opencv", "source": "http://127.0.0.1:1/face.mjpg", "serial": "F1"},
    },
}


def write(folder: Path, **changes: object) -> Path:
    """Write the good file with dotted keys changed; None removes a key."""
    values = {section: dict(table) for section, table in GOOD.items()}
    values["device"] = {role: dict(table) for role, table in GOOD["device"].items()}  # type: ignore[call-overload]
    for path, value in changes.items():
        table: dict[str, object] = values  # type: ignore[assignment]
        *parents, last = path.split("__")
        for parent in parents:
            table = table.setdefault(parent, {})  # type: ignore[assignment]
        if value is None:
            del table[last]
        else:
            table[last] = value
    file = folder / "station.toml"
    file.write_bytes(tomli_w.dumps(values).encode())
    return file


def test_good_file(tmp_path: Path) -> None:
    config = load(write(tmp_path))
    assert config.station.data == tmp_path / "data"
    assert config.keys.recipients == (tmp_path / "data-centre.pem",)
    assert set(config.devices) == {"scanner", "iris", "verifier", "face"}
    assert len(config.sha256) == 64


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"station__idd": "X"}, r"station\.idd: unknown key"),
        ({"station__simulated": "yes"}, r"station\.simulated: .*boolean"),
        ({"station__id": "Budi Santoso"}, r"station\.id: "),
        ({"station__data": None}, r"station\.data: "),
        ({"keys__recipients": []}, r"keys\.recipients: "),
        ({"limits__max_attempts": 0}, r"limits\.max_attempts: "),
        ({"plan__steps": ["irises"]}, r"plan\.steps: .*missing"),
        ({"device__face__widht": 640}, r"device\.face\.widht: unknown key"),
        ({"device__face__source": 5}, r"device\.face\.source: .*string"),
        ({"device__face__driver": "opncv"}, r"device\.face\.driver: 'opncv' is not one of: "),
        ({"device__face__driver": "r30x"}, r"device\.face\.driver: r30x is no face driver"),
        ({"device__face": None}, r"device\.face: missing"),
        ({"device__pad": {"driver": "x"}}, r"device\.pad: unknown role"),
        ({"simulation__control": "http://10.0.0.1:80"}, r"simulation\.control: "),
        (
            {"station__simulated": False, "simulation__control": "http://127.0.0.1:80"},
            r"simulation: only allowed when station.simulated",
        ),
    ],
)
def test_faults_are_named_with_their_path(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    file = write(tmp_path, **changes)
    with pytest.raises(ConfigError, match=message) as caught:
        load(file)
    assert str(file) in caught.value.detail


def test_several_faults_come_together(tmp_path: Path) -> None:
    file = write(tmp_path, device__face__widht=1, device__iris__prot=2, device__verifier=None)
    with pytest.raises(ConfigError, match=r"verifier: missing.*iris\.prot.*face\.widht"):
        load(file)


def test_absent_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        load(tmp_path / "station.toml")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(data=st.binary(max_size=300))
def test_any_bytes_end_in_a_configuration_error(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "station.toml"
    file.write_bytes(data)
    with pytest.raises(ConfigError):
        load(file)

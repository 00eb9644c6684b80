"""A desk on paper: test keys, a configuration without any device behind it, and its data folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import tomli_w

from simulators import pki
from station import config as configuration
from station.config import StationConfig
from tests.unit.station.fake_host import FakeHost

Configured = Callable[..., StationConfig]


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with NAME.pem and NAME.key of authority, station, data centre and escrow."""
    folder = tmp_path_factory.mktemp("pki")
    folder.chmod(0o700)
    pki.ensure(folder)
    return folder


@pytest.fixture
def configured(tmp_path: Path, keys: Path) -> Configured:
    """Make a configuration; `data` is its data folder, other names are those of `[keys]`."""

    def make(data: Path | None = None, **changes: str) -> StationConfig:
        of_keys = {
            "signing_key": str(keys / f"{pki.STATION}.key"),
            "certificate": str(keys / f"{pki.STATION}.pem"),
            "recipients": [str(keys / f"{pki.DATA_CENTRE}.pem")],
            "station_ca": str(keys / f"{pki.AUTHORITY}.pem"),
        }
        sbi = {"port": 1, "device_roots": ["root.pem"]}
        values = {
            "station": {
                "id": "SIM-DESK",
                "operator": "DEMO",
                "data": str(data or tmp_path / "data"),
                "simulated": True,
            },
            "keys": of_keys | changes,
            "simulation": {"control": "http://127.0.0.1:9"},
            "device": {
                "scanner": {"driver": "sbi-scanner", **sbi},
                "iris": {"driver": "sbi-iris", **sbi},
                "verifier": {"driver": "r30x", "port": str(tmp_path / "no-such-port")},
                "face": {
                    "driver": "opencv",
                    "source": "http://127.0.0.1:9/face.mjpg",
                    "model": "none",
                    "serial": "F1",
                },
            },
        }
        file = tmp_path / "station.toml"
        file.write_bytes(tomli_w.dumps(values).encode())
        return configuration.load(file)

    return make


@pytest.fixture
def machine(tmp_path: Path) -> FakeHost:
    """A machine on paper, with nothing wrong about it."""
    return FakeHost(tmp_path / "machine")

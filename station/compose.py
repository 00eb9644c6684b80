"""The only place that builds things: from a configuration to a recording station."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from drivers.api import CardReader, Device, FaceCamera, FingerprintScanner, IrisCamera
from station.config import StationConfig
from station.errors import ConfigError
from station.recording.desk import DeskDevices
from station.recording.handover import StationIdentity
from station.recording.judging import Judge
from station.recording.policy import Policy
from station.recording.station import RecordingStation
from station.recording.vault import Vault
from station.records.keys import StationKeys


def build_devices(config: StationConfig) -> DeskDevices:
    """Construct one driver a role; nothing is opened."""
    made: dict[str, Device] = {
        role: entry.kind(role, entry.settings) for role, entry in config.devices.items()
    }
    scanner, verifier = made["scanner"], made["verifier"]
    iris, face, card = made["iris"], made["face"], made.get("card")
    if not (
        isinstance(scanner, FingerprintScanner)
        and isinstance(verifier, FingerprintScanner)
        and isinstance(iris, IrisCamera)
        and isinstance(face, FaceCamera)
        and (card is None or isinstance(card, CardReader))
    ):
        raise ConfigError("a driver is of the wrong kind")
    return DeskDevices(scanner=scanner, verifier=verifier, iris=iris, face=face, card=card)


def load_keys(config: StationConfig, folder: Path) -> StationKeys:
    """Open the station's keys; `folder` holds the journal key, apart from records and journals."""
    return StationKeys.open(
        folder,
        signing_key=config.keys.signing_key,
        certificate=config.keys.certificate,
        recipients=config.keys.recipients,
        now=datetime.now(UTC),
    )


def build_station(config: StationConfig) -> RecordingStation:
    """Build the recording station; `open` it before use and `close` it afterwards."""
    identity = StationIdentity(
        station=config.station.id,
        operator=config.station.operator,
        simulated=config.station.simulated,
        software_version=version("rekam"),
        configuration_sha256=config.sha256,
    )
    return RecordingStation(
        build_devices(config),
        Judge(),
        Vault(config.station.data, config.station.id, lambda folder: load_keys(config, folder)),
        identity,
        plan=config.plan,
        limits=Policy(
            max_attempts=config.limits.max_attempts,
            capture_timeout=config.limits.capture_timeout_s,
        ),
    )

"""The station's configuration: one TOML file, read strictly.

An unknown key, a wrong type or a missing device is an error that names the file and the key with
its path. Relative paths in the file are relative to the file. Nothing writes this file: what a
program has to remember lives with the records.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from drivers.device import Device, DeviceSettings
from drivers.values import Kind
from station.domain.plan import CAPTURE_STEPS, Step, check_plan
from station.errors import ConfigError

ROLES = {
    "scanner": Kind.FINGERPRINT,
    "verifier": Kind.FINGERPRINT,
    "iris": Kind.IRIS,
    "face": Kind.FACE,
    "card": Kind.CARD_READER,
}
OPTIONAL_ROLES = ("card",)

SectionT = TypeVar("SectionT", bound=BaseModel)

AnyPath = Annotated[Path, Field(strict=False)]
AnyStep = Annotated[Step, Field(strict=False)]
Code = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$")]
"""A code without personal data, as it may stand in logs and manifests."""


class Section(BaseModel):
    """Every section: unknown keys are errors, types are not bent, nothing changes later."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class StationSection(Section):
    """Which desk this is and where it keeps its data."""

    id: Code
    operator: Code
    data: AnyPath
    language: Annotated[str, Field(pattern="^(id|en)$")] = "id"
    simulated: bool = False


class KeysSection(Section):
    """PEM files: the station's own key and certificate, and whom records are sealed for."""

    signing_key: AnyPath
    certificate: AnyPath
    recipients: Annotated[tuple[AnyPath, ...], Field(strict=False, min_length=1)]
    station_ca: AnyPath | None = None


class LimitsSection(Section):
    """How long and how often."""

    max_attempts: Annotated[int, Field(ge=1, le=10)] = 3
    capture_timeout_s: Annotated[float, Field(gt=0, le=300, strict=False)] = 15.0


class PlanSection(Section):
    """The order of the capture steps."""

    steps: Annotated[tuple[AnyStep, ...], Field(strict=False)] = CAPTURE_STEPS

    @field_validator("steps")
    @classmethod
    def _legal(cls, steps: tuple[Step, ...]) -> tuple[Step, ...]:
        return check_plan(steps)


class SimulationSection(Section):
    """Where a simulated desk listens for "the next resident, please"."""

    control: Annotated[str, Field(pattern=r"^http://127\.0\.0\.1:\d+$")]


class FileModel(Section):
    """The whole file but the devices, which their drivers check."""

    station: StationSection
    keys: KeysSection
    limits: LimitsSection = LimitsSection()
    plan: PlanSection = PlanSection()
    simulation: SimulationSection | None = None
    device: dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class ConfiguredDevice:
    """A driver class and its checked settings for one role."""

    role: str
    driver: str
    kind: type[Device]
    settings: DeviceSettings


@dataclass(frozen=True, slots=True)
class StationConfig:
    """A configuration that can be used; `sha256` is that of the file's bytes."""

    path: Path
    sha256: str
    station: StationSection
    keys: KeysSection
    limits: LimitsSection
    plan: tuple[Step, ...]
    simulation: SimulationSection | None
    devices: Mapping[str, ConfiguredDevice]


def load(path: Path) -> StationConfig:
    """Read and check a configuration file.

    Raises:
        ConfigError: with every fault of the file, each named by its path.
    """
    try:
        raw = path.read_bytes()
        values = tomllib.loads(raw.decode("utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: no TOML: {error}") from error
    try:
        model = FileModel.model_validate(values)
    except ValidationError as error:
        raise ConfigError(f"{path}: {_explain(error)}") from error
    if model.simulation is not None and not model.station.simulated:
        raise ConfigError(f"{path}: simulation: only allowed when station.simulated = true")
    folder = path.resolve().parent
    return StationConfig(
        path=path,
        sha256=hashlib.sha256(raw).hexdigest(),
        station=_with_paths(model.station, folder),
        keys=_with_paths(model.keys, folder),
        limits=model.limits,
        plan=model.plan.steps,
        simulation=model.simulation,
        devices=_devices(path, folder, model.device),
    )


def _explain(error: ValidationError, prefix: str = "") -> str:
    """One line a fault: the key with its path, then what is wrong; values are never repeated."""
    faults = []
    for fault in error.errors(include_input=False, include_url=False):
        key = ".".join([*([prefix] if prefix else []), *map(str, fault["loc"])])
        text = "unknown key" if fault["type"] == "extra_forbidden" else fault["msg"]
        faults.append(f"{key}: {text}")
    return "; ".join(faults)


def _with_paths(section: SectionT, folder: Path) -> SectionT:
    changes: dict[str, object] = {}
    for name, value in section:
        if isinstance(value, Path):
            changes[name] = folder / value
        elif isinstance(value, tuple) and value and isinstance(value[0], Path):
            changes[name] = tuple(folder / item for item in value)
    return section.model_copy(update=changes)


def _devices(
    path: Path, folder: Path, tables: Mapping[str, Mapping[str, Any]]
) -> dict[str, ConfiguredDevice]:
    faults = [f"device.{role}: unknown role" for role in tables if role not in ROLES]
    faults += [
        f"device.{role}: missing"
        for role in ROLES
        if role not in tables and role not in OPTIONAL_ROLES
    ]
    devices: dict[str, ConfiguredDevice] = {}
    for role in (role for role in ROLES if role in tables):
        try:
            devices[role] = _device(role, tables[role], folder)
        except ConfigError as error:
            faults.append(error.detail)
    if faults:
        raise ConfigError(f"{path}: {'; '.join(faults)}")
    return devices


def _device(role: str, table: Mapping[str, Any], folder: Path) -> ConfiguredDevice:
    from drivers import registry

    name = table.get("driver")
    if not isinstance(name, str):
        raise ConfigError(f"device.{role}.driver: a driver's name is needed")
    try:
        kind = registry.load(name)
    except (registry.UnknownDriver, TypeError) as error:
        raise ConfigError(f"device.{role}.driver: {error.args[0]}") from error
    if kind.kind is not ROLES[role]:
        raise ConfigError(f"device.{role}.driver: {name} is no {ROLES[role]} driver")
    rest = {key: value for key, value in table.items() if key != "driver"}
    try:
        settings = kind.Settings.model_validate(rest)
    except ValidationError as error:
        raise ConfigError(_explain(error, f"device.{role}")) from error
    return ConfiguredDevice(role, name, kind, _with_paths(settings, folder))

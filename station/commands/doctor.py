"""`rekam doctor` and `rekam devices`: what works on this machine, and what to do where it does not.

Each check is one line: what was looked at, what was found, and, when it is not well, what to do.
Nothing is repaired silently.
"""

from __future__ import annotations

import asyncio
import ctypes.util
import json
import os
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import typer

from drivers.device import Device
from drivers.errors import DeviceError
from station.config import StationConfig, load
from station.errors import StationError

FSYNC_ROUNDS = 60
LYING_FSYNC_MS = 0.05
SLOW_FSYNC_MS = 250.0
"""p50 below the first: a cache that lies; p99 above the second: a dying medium (working values)."""
LOW_SPACE_BYTES = 2 * 1024**3
"""No new residents below this (working value of the reference)."""


class Health(StrEnum):
    """How a check ended."""

    GOOD = "ok"
    WARNING = "warning"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's report."""

    name: str
    health: Health
    found: str
    action: str = ""


def run(config: Path | None, as_json: bool) -> int:
    """Run every check and print the report; 0 when nothing is bad."""
    findings = list(_machine())
    loaded = None
    if config is None:
        findings.append(
            Finding(
                "configuration",
                Health.WARNING,
                "none given",
                "Give --config station.toml; `rekam demo` makes one for a simulated desk.",
            )
        )
    else:
        try:
            loaded = load(config)
            findings.append(Finding("configuration", Health.GOOD, str(config)))
        except StationError as error:
            findings.append(
                Finding("configuration", Health.BAD, f"{error.code} {error.detail}", "Correct it.")
            )
    if loaded is not None:
        findings += [*_disk(loaded.station.data), *_keys(loaded), *_devices(loaded)]
    _print(findings, as_json)
    return 1 if any(finding.health is Health.BAD for finding in findings) else 0


def list_devices(config: StationConfig, as_json: bool) -> int:
    """Connect every configured device and print who answered; 0 when all did."""
    findings = list(_devices(config))
    _print(findings, as_json)
    return 1 if any(finding.health is Health.BAD for finding in findings) else 0


def _print(findings: list[Finding], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
        return
    marks = {Health.GOOD: "✓ ok", Health.WARNING: "! warning", Health.BAD: "✗ bad"}
    for finding in findings:
        typer.echo(f"{marks[finding.health]:<10} {finding.name:<15} {finding.found}")
        if finding.action:
            typer.echo(f"{'':<26} {finding.action}")


def _machine() -> Iterator[Finding]:
    python = ".".join(map(str, sys.version_info[:3]))
    supported = (3, 11) <= sys.version_info[:2] <= (3, 12)
    yield Finding(
        "python",
        Health.GOOD if supported else Health.BAD,
        python,
        "" if supported else "Use Python 3.11 or 3.12.",
    )
    yield _own_packages()
    yield _opencv()
    yield _face_models()
    yield _card_service()
    owner_only = sqlite3.sqlite_version_info < (3, 51, 3)
    remark = "; safe here, where one connection owns the file" if owner_only else ""
    yield Finding("sqlite", Health.GOOD, sqlite3.sqlite_version + remark)


def _own_packages() -> Finding:
    """Names like `drivers` exist on package indexes too: make sure that ours are the ones found."""
    import drivers
    import station

    folders = {Path(module.__file__ or "").parent.parent for module in (drivers, station)}
    try:
        found = f"{version('rekam')} in {folders.pop()}"
    except PackageNotFoundError:
        return Finding("rekam", Health.BAD, "not installed", "Run `make setup`.")
    if folders:
        return Finding(
            "rekam", Health.BAD, "foreign package `drivers` found", "Use an environment of its own."
        )
    return Finding("rekam", Health.GOOD, found)


def _opencv() -> Finding:
    try:
        import cv2
    except ImportError as error:
        return Finding(
            "opencv",
            Health.BAD,
            str(error),
            "Install the system packages libgl1 and libglib2.0-0, or run `make setup`.",
        )
    return Finding("opencv", Health.GOOD, cv2.__version__)


def _face_models() -> Finding:
    from station.biometrics.face.models import Model, ModelsMissing, model_path

    try:
        files = [model_path(model) for model in Model]
    except ModelsMissing as error:
        return Finding("face models", Health.BAD, "missing: faces are not checked", str(error))
    return Finding("face models", Health.GOOD, f"{len(files)} files, hashes as published")


def _card_service() -> Finding:
    library = ctypes.util.find_library("pcsclite")
    try:
        pyscard = version("pyscard")
    except PackageNotFoundError:
        return Finding(
            "cards",
            Health.WARNING,
            "pyscard is not installed: only the simulated loopback reader works",
            "Install gcc, python3-dev and libpcsclite-dev, then run `make setup` again.",
        )
    if library is None:
        return Finding("cards", Health.WARNING, "no libpcsclite", "Install pcscd.")
    return Finding("cards", Health.GOOD, f"pyscard {pyscard}, {library}")


def _disk(data: Path) -> Iterator[Finding]:
    """Free space, and how long the medium takes to keep its promise."""
    folder = data
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    enough = free >= LOW_SPACE_BYTES
    yield Finding(
        "disk space",
        Health.GOOD if enough else Health.BAD,
        f"{free / 1024**3:.1f} GiB free for {data}",
        "" if enough else "Free some space: no new resident is recorded below 2 GiB.",
    )
    if not os.access(folder, os.W_OK):
        yield Finding("disk", Health.BAD, f"{folder} cannot be written", "Give it to this user.")
        return
    times = sorted(_fsync_times(folder))
    p50, p99 = times[len(times) // 2], times[int(0.99 * (len(times) - 1))]
    found = f"fsync p50 {p50:.2f} ms, p99 {p99:.2f} ms"
    if p50 < LYING_FSYNC_MS:
        yield Finding(
            "disk",
            Health.WARNING,
            found,
            "Too fast to be true: a cache may lose what was acknowledged when the power goes.",
        )
    elif p99 > SLOW_FSYNC_MS:
        yield Finding("disk", Health.WARNING, found, "Very slow: look at the medium's health.")
    else:
        yield Finding("disk", Health.GOOD, found)


def _fsync_times(folder: Path) -> list[float]:
    times = []
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".rekam-doctor-") as file:
        for _ in range(FSYNC_ROUNDS):
            file.write(os.urandom(4096))
            file.flush()
            started = time.perf_counter()
            os.fsync(file.fileno())
            times.append(1000 * (time.perf_counter() - started))
    return times


def _keys(config: StationConfig) -> Iterator[Finding]:
    from station.compose import load_keys

    try:
        keys = load_keys(config, config.station.data / "keys")
    except StationError as error:
        yield Finding("keys", Health.BAD, f"{error.code} {error.detail}", "Call the supervisor.")
        return
    expires = keys.signer.certificate.not_valid_after_utc.date().isoformat()
    yield Finding(
        "keys",
        Health.GOOD,
        f"custody {keys.custody}, certificate valid until {expires}, "
        f"{len(keys.recipients)} recipients",
    )


def _devices(config: StationConfig) -> list[Finding]:
    from station.compose import build_devices

    return asyncio.run(_test_all(build_devices(config).by_role()))


async def _test_all(devices: dict[str, Device]) -> list[Finding]:
    return list(await asyncio.gather(*(_test(role, device) for role, device in devices.items())))


async def _test(role: str, device: Device) -> Finding:
    try:
        info = await device.connect()
        result = await device.self_test()
    except DeviceError as error:
        action = "Check cable and power, then run this again."
        return Finding(role, Health.BAD, f"{error.code} {error.detail}".strip(), action)
    finally:
        await device.close()
    facts = ", ".join(f"{name} {value}" for name, value in result.facts.items())
    found = f"{info.model} {info.serial} ({info.driver}); {facts}"
    health = Health.GOOD if result.passed else Health.BAD
    return Finding(role, health, found, "" if result.passed else "The device's own test failed.")

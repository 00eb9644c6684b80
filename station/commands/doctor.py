"""`rekam doctor` and `rekam devices`: what works on this machine, and what to do where it does not.

Each check is one line: what was looked at and what was found; when it is not well, one line says
why and one what to do. Nothing is repaired silently. Technicians' output is in English, as that of
every command; the screens of the desk speak Bahasa Indonesia.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import typer

from station.commands.device_check import check_devices
from station.commands.findings import Finding, Health, bad
from station.commands.machine_check import check_machine
from station.commands.reporting import reason_of
from station.commands.storage_check import check_disk, check_store
from station.config import StationConfig, load
from station.errors import StationError
from station.records.journal import find_unfinished
from station.records.keys import (
    JOURNAL_KEY_NAME,
    Signer,
    load_certificate,
    load_journal_key,
    load_recipient,
    load_signer,
)
from station.records.signature import Signed, check_trust


def run(config: Path | None, as_json: bool) -> int:
    """Run every check and print the report; 0 when nothing is bad."""
    findings = [*check_machine(), *_configured(config)]
    _print(findings, as_json)
    return 1 if any(finding.health is Health.BAD for finding in findings) else 0


def list_devices(config: StationConfig, as_json: bool) -> int:
    """Connect every configured device and print who answered; 0 when all did."""
    findings = check_devices(config)
    _print(findings, as_json)
    return 1 if any(finding.health is Health.BAD for finding in findings) else 0


def _configured(config: Path | None) -> Iterator[Finding]:
    if config is None:
        yield Finding(
            "configuration",
            Health.WARNING,
            "none given",
            "Give --config station.toml; `rekam demo` makes one for a simulated desk.",
        )
        return
    try:
        loaded = load(config)
    except StationError as error:
        found = f"[{error.code}] {error.detail}"
        yield Finding("configuration", Health.BAD, found, "Correct the file.")
        return
    yield Finding("configuration", Health.GOOD, str(config))
    yield from check_disk(loaded.station.data)
    yield from check_keys(loaded)
    yield from check_store(loaded)
    yield from check_devices(loaded)


def _print(findings: list[Finding], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
        return
    marks = {Health.GOOD: "✓ ok", Health.WARNING: "! warning", Health.BAD: "✗ bad"}
    for finding in findings:
        typer.echo(f"{marks[finding.health]:<10} {finding.name:<15} {finding.found}")
        for line in dict.fromkeys((finding.cause, finding.action)):
            if line not in ("", finding.found):
                typer.echo(f"{'':<26} {line}")


def check_keys(config: StationConfig) -> Iterator[Finding]:
    """Load every key without making one, and ask whether the named authority issued ours."""
    now = datetime.now(UTC)
    keys = config.keys
    try:
        signer = load_signer(keys.signing_key, keys.certificate, now)
        recipients = [load_recipient(path, now) for path in keys.recipients]
    except StationError as error:
        yield bad("keys", error)
        return
    expires = signer.certificate.not_valid_after_utc.date().isoformat()
    found = f"certificate valid until {expires}, {len(recipients)} recipients"
    yield Finding("keys", Health.GOOD, found)
    yield _authority(keys.station_ca, signer, now)
    yield _journal_key(config.station.data)


def _authority(station_ca: Path | None, signer: Signer, now: datetime) -> Finding:
    if station_ca is None:
        action = "Name it in keys.station_ca, so that this can be checked here."
        return Finding("authority", Health.WARNING, "no station authority named", action)
    try:
        check_trust(Signed(b"", signer.certificate, now), load_certificate(station_ca))
    except StationError as error:
        found = f"[{error.code}] {error.detail}"
        action = "Nobody would accept these records: get a certificate from this authority."
        return Finding("authority", Health.BAD, found, action)
    return Finding("authority", Health.GOOD, "issued the certificate of this station")


def _journal_key(data: Path) -> Finding:
    folder = data / "keys"
    try:
        if (folder / JOURNAL_KEY_NAME).exists():
            load_journal_key(folder)
            return Finding("journal key", Health.GOOD, "there")
        if data.is_dir() and find_unfinished(data / "journal"):
            return Finding(
                "journal key",
                Health.BAD,
                "missing, and there are unfinished recordings that need it",
                "Do not record; call the supervisor.",
            )
    except StationError as error:
        return bad("journal key", error)
    except OSError as error:
        return Finding("journal key", Health.BAD, reason_of(error), "Call the technician.")
    return Finding("journal key", Health.GOOD, "will be made at the first start")

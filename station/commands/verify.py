"""`rekam verify`: who sealed a record, whether it is whole, and with a key what is inside."""

from __future__ import annotations

import json
from pathlib import Path

import typer

from station.records.keys import load_certificate, load_recipient_key
from station.records.verify import Outcome, Verification, verify_record


def run(
    record: Path,
    ca: Path | None,
    recipient: Path | None,
    key: Path | None,
    *,
    as_json: bool,
) -> int:
    """Verify one record; 0 sound, 1 a check failed, 2 it could not be read."""
    if (recipient is None) != (key is None):
        typer.echo("--recipient and --key belong together", err=True)
        return 2
    opener = None
    if recipient is not None and key is not None:
        opener = (load_certificate(recipient), load_recipient_key(key))
    authority = load_certificate(ca) if ca is not None else None
    try:
        result = verify_record(record, station_ca=authority, recipient=opener)
    except OSError as error:
        typer.echo(f"{record}: {error.strerror}", err=True)
        return 2
    typer.echo(_as_json(record, result) if as_json else _plain(record, result))
    return 0 if result.is_sound else 1


def _as_json(record: Path, result: Verification) -> str:
    checks = [
        {"check": r.check.value, "outcome": r.outcome.value, "code": r.code, "detail": r.detail}
        for r in result.results
    ]
    return json.dumps(
        {
            "record": str(record),
            "sound": result.is_sound,
            "signer": result.signer,
            "checks": checks,
        },
        indent=2,
    )


def _plain(record: Path, result: Verification) -> str:
    marks = {Outcome.PASSED: "✓", Outcome.FAILED: "✗", Outcome.NOT_CHECKED: "-"}
    lines = [f"{record}: {'sound' if result.is_sound else 'NOT SOUND'}"]
    for r in result.results:
        why = f"  {r.code} {r.detail}".rstrip() if r.code or r.detail else ""
        lines.append(f"  {marks[r.outcome]} {r.check.value:<16} {r.outcome.value}{why}")
    if result.signer:
        lines.append(f"  sealed with the certificate {result.signer}")
    return "\n".join(lines)

"""`rekam verify`: who sealed a record, whether it is whole, and with a key what is inside."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import typer

from station.commands.reporting import explain, sentences
from station.errors import StationError
from station.records.errors import KeyMismatch
from station.records.keys import RecipientKey, load_certificate, load_recipient_key
from station.records.verify import Outcome, Verification, verify_record

INTACT, CHECK_FAILED, NOT_JUDGED = 0, 1, 2
"""Exit statuses."""


class OptionsWrong(StationError):
    """Options of a command that are only allowed together, or not at all."""

    code = "CLI-101"


def run(
    record: Path,
    ca: Path | None,
    recipient: Path | None,
    key: Path | None,
    *,
    as_json: bool,
) -> int:
    """Verify one record; 0 intact, 1 a check failed, 2 it could not be judged."""
    try:
        opener = _opener(recipient, key)
        authority = load_certificate(ca) if ca is not None else None
        result = verify_record(record, station_ca=authority, recipient=opener)
    except StationError as error:
        # checks that fail are results: what is raised could not be checked at all
        if as_json:
            typer.echo(_not_judged(record, error))
        typer.echo(explain(error.code, error.detail), err=True)
        return NOT_JUDGED
    typer.echo(_as_json(record, result) if as_json else _plain(record, result))
    return INTACT if result.is_sound else CHECK_FAILED


def _opener(recipient: Path | None, key: Path | None) -> tuple[Any, RecipientKey] | None:
    """The certificate and key that open the record.

    Raises:
        OptionsWrong: only one of them was given.
        KeyMissing, KeyExposed, KeyUnsuitable, KeyMismatch.
    """
    if recipient is None and key is None:
        return None
    if recipient is None or key is None:
        raise OptionsWrong("--recipient and --key are given both or neither")
    certificate, secret = load_certificate(recipient), load_recipient_key(key)
    if certificate.public_key() != secret.public_key():
        raise KeyMismatch(f"{key} does not belong to {recipient}")
    return certificate, secret


def _verdict(result: Verification) -> str:
    if not result.is_sound:
        return "NOT SOUND"
    return "sound" if result.is_trusted else "intact, signer not checked"


def _as_json(record: Path, result: Verification) -> str:
    checks = [
        {"check": r.check.value, "outcome": r.outcome.value, "code": r.code, "detail": r.detail}
        for r in result.results
    ]
    facts = {
        "record": str(record),
        "judged": True,
        "sound": result.is_sound,
        "trust": "checked" if result.is_trusted else "not checked",
        "signer": result.signer,
        "checks": checks,
    }
    return json.dumps(facts, indent=2)


def _not_judged(record: Path, error: StationError) -> str:
    message, action = sentences(error.code)
    facts = {"record": str(record), "judged": False, "code": error.code, "message": message}
    return json.dumps(facts | {"detail": error.detail, "action": action}, indent=2)


def _plain(record: Path, result: Verification) -> str:
    marks = {Outcome.PASSED: "✓", Outcome.FAILED: "✗", Outcome.NOT_CHECKED: "-"}
    lines = [f"{record}: {_verdict(result)}"]
    for r in result.results:
        why = f"  {r.code} {r.detail}".rstrip() if r.code or r.detail else ""
        lines.append(f"  {marks[r.outcome]} {r.check.value:<16} {r.outcome.value}{why}")
    if result.signer:
        lines.append(f"  sealed with the certificate {result.signer}")
    return "\n".join(lines)

"""`rekam verify` never says more than it checked."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from simulators import pki
from station.commands.verify import run
from station.records.keys import load_certificate, load_signer
from station.records.seal import seal
from station.records.signature import sign_detached

RECORD = "0190a3b0-7c1e-7e2a-9d0e-0000000000a1"
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def record(tmp_path: Path, keys: Path) -> Path:
    now = datetime.now(UTC)
    signer = load_signer(keys / f"{pki.STATION}.key", keys / f"{pki.STATION}.pem", now)
    sealed = seal(b"a bundle", signer, (load_certificate(keys / f"{pki.DATA_CENTRE}.pem"),))
    path = tmp_path / f"{RECORD}.cms"
    path.write_bytes(sealed)
    path.with_suffix(".sig").write_bytes(sign_detached(sealed, signer))
    return path


def test_without_an_authority_the_signer_is_not_checked(record: Path, capsys: Capture) -> None:
    assert run(record, None, None, None, as_json=False) == 0
    assert capsys.readouterr().out.startswith(f"{record}: intact, signer not checked\n")
    assert run(record, None, None, None, as_json=True) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["sound"], facts["trust"]) == (True, "not checked")


def test_with_the_authority_it_is_sound(record: Path, keys: Path, capsys: Capture) -> None:
    authority = keys / f"{pki.AUTHORITY}.pem"
    assert run(record, authority, None, None, as_json=False) == 0
    assert capsys.readouterr().out.startswith(f"{record}: sound\n")
    assert run(record, authority, None, None, as_json=True) == 0
    assert json.loads(capsys.readouterr().out)["trust"] == "checked"


def test_foreign_authority_and_changed_bytes_fail(
    record: Path, keys: Path, capsys: Capture
) -> None:
    assert run(record, keys / f"{pki.ESCROW}.pem", None, None, as_json=False) == 1
    data = bytearray(record.read_bytes())
    data[-1] ^= 1
    record.write_bytes(data)
    assert run(record, None, None, None, as_json=False) == 1
    assert capsys.readouterr().out.count("NOT SOUND") == 2


def test_other_bytes_are_a_failed_check_and_not_an_unreadable_file(
    tmp_path: Path, capsys: Capture
) -> None:
    path = tmp_path / "x.cms"
    path.write_bytes(b"no record")
    assert run(path, None, None, None, as_json=False) == 1
    assert "SEC-105" in capsys.readouterr().out


@pytest.mark.parametrize("where", ["absent.cms", ""])
def test_absent_file_and_folder_cannot_be_judged(
    tmp_path: Path, where: str, capsys: Capture
) -> None:
    assert run(tmp_path / where, None, None, None, as_json=False) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("[SEC-108] ")


@pytest.mark.parametrize(
    ("ca", "recipient", "key", "code"),
    [
        (None, pki.DATA_CENTRE, None, "CLI-101"),
        (None, None, pki.DATA_CENTRE, "CLI-101"),
        (None, pki.DATA_CENTRE, pki.ESCROW, "SEC-205"),
        ("absent", None, None, "SEC-201"),
    ],
)
def test_wrong_keys_cannot_judge(
    record: Path,
    keys: Path,
    capsys: Capture,
    ca: str | None,
    recipient: str | None,
    key: str | None,
    code: str,
) -> None:
    def path(name: str | None, end: str) -> Path | None:
        return None if name is None else keys / f"{name}.{end}"

    status = run(record, path(ca, "pem"), path(recipient, "pem"), path(key, "key"), as_json=True)
    assert status == 2
    out, err = capsys.readouterr()
    facts = json.loads(out)
    assert (facts["judged"], facts["code"]) == (False, code)
    assert facts["message"]
    assert facts["action"]
    assert err.startswith(f"[{code}] ")

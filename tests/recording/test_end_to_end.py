"""One resident from the platen to a record that a stranger opens, over every real wire."""

from __future__ import annotations

import json
import shutil
import subprocess
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from drivers.positions import Eye, Finger
from drivers.sbi.chain import next_hash
from drivers.sbi.evidence import rebuild_token
from drivers.sbi.jws import TrustStore, verify_token
from simulators import pki
from simulators.lab import Lab
from station.config import StationConfig
from station.domain.plan import Step
from station.recording.session import SessionState
from station.recording.station import RecordingStation
from station.recording.view import StationView
from station.records.itl_check import parse
from station.records.keys import load_certificate, load_recipient_key
from station.records.verify import Outcome, verify_record
from tests.recording.opening import opened, problem_code, record, shown


def open_with_openssl(sealed: Path, keys: Path, folder: Path) -> dict[str, bytes]:
    """The commands of the README."""
    inner, bundle = folder / "inner.p7", folder / "bundle.zip"
    decrypt = ["openssl", "cms", "-decrypt", "-binary", "-inform", "DER", "-in", str(sealed)]
    decrypt += ["-recip", str(keys / "data-centre.pem"), "-inkey", str(keys / "data-centre.key")]
    subprocess.run([*decrypt, "-out", str(inner)], check=True, capture_output=True)
    verify = ["openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", str(inner)]
    verify += ["-CAfile", str(keys / "station-ca.pem"), "-purpose", "any", "-out", str(bundle)]
    subprocess.run(verify, check=True, capture_output=True)
    with zipfile.ZipFile(bundle) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


async def test_every_part_arrives_as_the_devices_delivered_it(
    station: RecordingStation, lab: Lab, config: StationConfig, tmp_path: Path
) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("no openssl on this machine")
    taken_by_the_camera: list[bytes] = []

    def look(view: StationView) -> None:
        if view.step is Step.RIGHT_FOUR and not taken_by_the_camera:
            taken_by_the_camera.extend(lab.camera.recent_jpegs())

    station.subscribe(look)
    sealed, events = await record(station)
    files = open_with_openssl(sealed, lab.folder / "pki", tmp_path)
    manifest = json.loads(files["manifest.json"])
    delivered = {
        digest
        for event, facts in events
        if event == "accepted" and facts["step"] != Step.PORTRAIT.value
        for digest in facts["samples"]
    }
    device_parts = {p["sha256"] for p in manifest["parts"] if p["path"].startswith("device/")}
    assert len(device_parts) == len(Finger) + len(Eye)
    assert device_parts < delivered
    biodata = json.loads(files["biodata.json"])
    person = lab.scene.person
    assert person is not None
    assert person.biodata.nik in json.dumps(biodata)
    assert person.biodata.full_name in json.dumps(biodata)
    (portrait,) = [e.image for e in parse(files["record.an2"]) if e.kind == 10]
    assert portrait in taken_by_the_camera


async def test_what_the_devices_signed_can_be_verified_from_the_record(
    station: RecordingStation, lab: Lab
) -> None:
    sealed, _ = await record(station)
    bundle = opened(sealed, lab.folder / "pki")
    trust = TrustStore.load((lab.folder / "pki" / "devices" / "sbi-device-root.pem",))
    proven = 0
    for row in json.loads(bundle.parts["attestations.json"]):
        if row["level"] == "none":
            continue
        (part,) = [p for p in bundle.parts if p.startswith(f"device/{row['label']}.")]
        data = bundle.parts[part]
        token = rebuild_token(row["tokens"][0], row["payloads"][0], data)
        assert verify_token(token, trust, datetime.now(UTC)).signer_sha256 == row["signer_sha256"]
        assert next_hash(row["previous_hashes"][0], data) == row["hashes"][0]
        proven += 1
    assert proven == len(Finger) + len(Eye)


async def test_record_verifies_without_and_with_a_key(station: RecordingStation, lab: Lab) -> None:
    sealed, _ = await record(station)
    keys = lab.folder / "pki"
    authority = load_certificate(keys / f"{pki.AUTHORITY}.pem")
    outside = verify_record(sealed, station_ca=authority)
    assert outside.is_sound
    for name in (pki.DATA_CENTRE, pki.ESCROW):
        opener = (load_certificate(keys / f"{name}.pem"), load_recipient_key(keys / f"{name}.key"))
        inside = verify_record(sealed, station_ca=authority, recipient=opener)
        assert inside.is_sound
        assert [
            r for r in inside.results if r.outcome is not Outcome.PASSED and r.check != "hash"
        ] == []


async def test_nothing_personal_is_left_in_the_clear(
    station: RecordingStation, lab: Lab, config: StationConfig
) -> None:
    await record(station)
    await station.start()
    assert await station.identify_from_card()
    person = lab.scene.person
    assert person is not None
    needles = [person.biodata.nik.encode(), person.biodata.full_name.encode()]
    for file in config.station.data.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert not any(needle in content for needle in needles), file.name


async def test_cancel_wipes_and_frees_the_desk(
    station: RecordingStation, config: StationConfig
) -> None:
    await station.start()
    assert await station.identify_from_card()
    await station.capture()
    assert list((config.station.data / "journal").iterdir())
    await station.cancel("test")
    assert shown(station).session is SessionState.CANCELLED
    assert not list((config.station.data / "journal").iterdir())
    await station.start()
    assert shown(station).session is SessionState.IDENTIFY


async def test_wrong_nik_is_refused_with_its_code(station: RecordingStation) -> None:
    await station.start()
    assert not await station.identify_typed("3171011713450001")
    assert problem_code(station) == "NIK-103"
    assert shown(station).session is SessionState.IDENTIFY
    assert await station.identify_typed("3171 0117 0845 0001")
    assert shown(station).session is SessionState.CAPTURING
    assert shown(station).nik == "31**********0001"

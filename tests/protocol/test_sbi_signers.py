"""Whose key signed what: a description and a capture count only from the device that they name."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import cv2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from drivers.api import Finger, Slap, SlapRequest, State
from drivers.errors import ConnectFailed, Untrusted
from drivers.sbi.chain import START, next_hash
from drivers.sbi.checks import verify_answer
from drivers.sbi.errors import ForeignDevice, SignerExpired, SignerUnknown
from drivers.sbi.iso19794.finger import FingerCompression, FingerRecord
from drivers.sbi.jws import TrustStore, encode_base64url
from drivers.sbi.protocol import BioType
from drivers.sbi.versions import V095, Version
from simulators.sbi import SbiServer
from simulators.sbi_answers import Scribe
from simulators.sbi_faults import SbiFault
from simulators.sbi_pki import Signer, _builder, _key, _name
from tests.protocol.sbi_rig import SbiDesk, SmallScene, ridges
from tests.protocol.test_sbi_wire import EXPECTED, GOOD, IDENTITY, NOW, PKI

RIGHT = SlapRequest(Slap.RIGHT_FOUR)
LIFE = timedelta(days=30)
WORDS = {
    "serialNo": "1",
    "make": "make",
    "model": "model",
    "type": "Finger",
    "deviceSubType": "Slap",
}
"""What the `digitalId` of the device in `test_sbi_wire` says."""


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[SbiDesk]:
    scene = SmallScene()
    with SbiServer(scene, serials="SIGNED") as server:
        yield SbiDesk(server, scene, tmp_path)


# --- one answer ---------------------------------------------------------------------------------


def finger_record() -> bytes:
    image = cv2.imencode(".png", ridges(8.0))[1].tobytes()
    return FingerRecord(Finger.LEFT_THUMB, 64, 80, image, FingerCompression.PNG).to_bytes()


def answer(signer: Signer = PKI.device, **changes: object) -> dict[str, object]:
    record = finger_record()
    fields: dict[str, object] = GOOD | {"bioValue": encode_base64url(record)} | changes
    token = signer.token({key: value for key, value in fields.items() if value is not None})
    item = {"specVersion": V095.name, "data": token, "hash": next_hash(START, record)}
    return {"biometrics": [item | {"error": {"errorCode": "0"}}]}


def issued(*, is_root: bool = False, usage: x509.KeyUsage | None = None) -> Signer:
    """Return a key with a certificate of the true root, of another kind than that of a device."""
    key = _key("of another kind")
    issuer = PKI.device_root.certificate.subject
    builder = _builder(_name("another kind"), issuer, key, NOW, LIFE, is_root=is_root)
    if usage is not None:
        builder = builder.add_extension(usage, critical=True)
    return Signer(key, builder.sign(PKI.device_root.key, SHA256()))


def usage_of(*, signs: bool) -> x509.KeyUsage:
    rest = [False] * 7
    return x509.KeyUsage(signs, False, not signs, *rest[:2], *rest[:4])


def identity_of(signer: Signer) -> str:
    return hashlib.sha256(signer.certificate.public_bytes(Encoding.DER)).hexdigest()


def test_the_device_itself_is_believed() -> None:
    verified = verify_answer(answer(), EXPECTED)
    assert len(verified.samples) == 1
    assert verified.identity == IDENTITY
    assert verified.attestation.signer_sha256 == identity_of(PKI.device)


@pytest.mark.parametrize("level", ["L0", "L1"])
def test_copied_identity_under_the_signature_of_another_device(level: str) -> None:
    trust = replace(EXPECTED.trust, chip=TrustStore((PKI.chip_root.certificate,)))
    expected = replace(EXPECTED, trust=trust, identity=replace(IDENTITY, level=level))
    copied = (PKI.chip if level == "L1" else PKI.device).token(WORDS)
    assert verify_answer(answer(digitalId=copied), expected).samples
    with pytest.raises(ForeignDevice):
        verify_answer(answer(PKI.neighbour, digitalId=copied), expected)


def test_another_device_that_signs_the_copied_words_itself() -> None:
    """Both tokens agree, but the known description was signed by another key."""
    copied = PKI.neighbour.token(WORDS)
    with pytest.raises(ForeignDevice, match="another key than its description"):
        verify_answer(answer(PKI.neighbour, digitalId=copied), EXPECTED)


@pytest.mark.parametrize(
    ("signer", "told"),
    [
        (issued(is_root=True), "authority itself"),
        (Signer(PKI.device_root.key, PKI.device_root.certificate), "authority itself"),
        (issued(usage=usage_of(signs=False)), "key usage"),
    ],
    ids=["authority", "root", "usage"],
)
def test_certificate_that_is_not_made_for_signing_data(signer: Signer, told: str) -> None:
    with pytest.raises(SignerUnknown, match=told):
        verify_answer(answer(signer), EXPECTED)


def test_certificate_that_says_it_may_sign_is_believed() -> None:
    signer = issued(usage=usage_of(signs=True))
    identity = replace(IDENTITY, signer_sha256=identity_of(signer))
    expected = replace(EXPECTED, identity=identity)
    assert verify_answer(answer(signer, digitalId=signer.token(WORDS)), expected).samples


def test_older_version_demands_a_device_code() -> None:
    nameless = replace(EXPECTED, identity=replace(IDENTITY, device_code=""))
    for code in (None, ""):
        with pytest.raises(ForeignDevice, match="no device code"):
            verify_answer(answer(deviceCode=code), nameless)


# --- a running service --------------------------------------------------------------------------


async def test_capture_of_another_key_is_refused_and_costs_only_the_capture(desk: SbiDesk) -> None:
    async with desk.scanner() as scanner:
        desk.server.faults.inject(SbiFault.FOREIGN_SIGNER)
        with pytest.raises(ForeignDevice):
            await scanner.capture(RIGHT)
        assert desk.chain.last == ""
        desk.server.faults.clear()
        assert len((await scanner.capture(RIGHT)).samples) == 4


def rekey(desk: SbiDesk) -> str:
    """Give the devices of the service a new key, as its management server does once a month."""
    scribe = desk.server.service._scribe
    root = scribe._pki.device_root
    renewed = root.issue("Renewed SBI device", datetime.now(UTC), LIFE)
    scribe._pki = replace(scribe._pki, device=renewed)
    return identity_of(renewed)


async def test_key_that_was_renewed_while_the_desk_works(
    desk: SbiDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    info = desk.server.service.info

    def counted(port: int, version: Version) -> list[dict[str, object]]:
        asked.append(port)
        return info(port, version)

    monkeypatch.setattr(desk.server.service, "info", counted)
    async with desk.scanner() as scanner:
        first = await scanner.capture(RIGHT)
        renewed = rekey(desk)
        second = await scanner.capture(RIGHT)
        third = await scanner.capture(RIGHT)
    signers = [capture.attestation.signer_sha256 for capture in (first, second, third)]
    assert signers == [identity_of(desk.server.pki.device), renewed, renewed]
    assert len(asked) == 2, "the new description is read once"


async def test_description_and_identity_of_different_keys(
    desk: SbiDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    neighbour = desk.server.pki.neighbour
    monkeypatch.setattr(Scribe, "_token", lambda _self, payload, _faults: neighbour.token(payload))
    genuine = desk.server.pki.device
    monkeypatch.setattr(
        Scribe,
        "_identity_token",
        lambda self, device, _faults: genuine.token(self._digital_id(device)),
    )
    with pytest.raises(ForeignDevice, match="not signed by the key"):
        await desk.scanner().connect()


async def test_description_without_device_code(
    desk: SbiDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = Scribe._description

    def nameless(*parts: Any) -> dict[str, object]:
        return told(*parts) | {"deviceCode": ""}

    monkeypatch.setattr(Scribe, "_description", nameless)
    with pytest.raises(ForeignDevice, match="no device code"):
        await desk.scanner().connect()


def with_first(desk: SbiDesk, monkeypatch: pytest.MonkeyPatch, token: str) -> None:
    """Put one description more before those of the service."""
    info = desk.server.service.info
    first = {"deviceInfo": token, "error": {"errorCode": "0"}}
    monkeypatch.setattr(desk.server.service, "info", lambda *parts: [first, *info(*parts)])


@pytest.mark.parametrize("who", ["expired", "stranger", "nonsense"])
async def test_one_bad_description_disables_no_other_device(
    desk: SbiDesk, monkeypatch: pytest.MonkeyPatch, who: str
) -> None:
    pki = desk.server.pki
    told = {"deviceId": "99", "deviceStatus": "Ready"}
    bad = {"expired": pki.expired.token(told), "stranger": pki.stranger.token(told)}
    with_first(desk, monkeypatch, bad.get(who, "a.b.c"))
    makers: tuple[Callable[[], Any], ...] = (desk.scanner, desk.iris_camera, desk.face_camera)
    for make in makers:
        async with make() as device:
            assert device.state is State.READY


async def test_bad_descriptions_alone_are_said_so(
    desk: SbiDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    expired = desk.server.pki.expired.token({"deviceId": "99"})
    answers = [{"deviceInfo": token, "error": {"errorCode": "0"}} for token in (expired, "a.b.c")]
    monkeypatch.setattr(desk.server.service, "info", lambda *_: answers)
    with pytest.raises(SignerExpired):
        await desk.scanner().connect()


async def test_absent_device_is_absent_whatever_stranger_is_there(desk: SbiDesk) -> None:
    scanner = desk.scanner()
    await scanner.connect()
    await scanner.close()
    desk.server.faults_of(BioType.FINGER).inject(SbiFault.OTHER_DEVICE)
    desk.server.faults_of(BioType.FINGER).inject(SbiFault.FOREIGN_ROOT)
    with pytest.raises(ConnectFailed):
        await scanner.connect()
    desk.server.faults_of(BioType.FINGER).clear(SbiFault.OTHER_DEVICE)
    with pytest.raises(Untrusted):
        await scanner.connect()
    await scanner.close()

"""What is kept of a capture is enough to verify it again, whatever base64 the device writes."""

from __future__ import annotations

import base64
import functools
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from drivers.api import IrisRequest, Slap, SlapRequest
from drivers.sbi.chain import START, next_hash
from drivers.sbi.evidence import keep_payload, rebuild_token
from drivers.sbi.jws import BadToken, TrustStore, encode_base64url, verify_token
from drivers.values import BIO_VALUE_PLACEHOLDER, Capture
from simulators.sbi import SbiServer
from simulators.sbi_pki import SimulatedPki
from tests.protocol.sbi_rig import SbiDesk, SmallScene

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
RECORD = bytes(range(256)) + b"\xfb\xff\xfe\x00"


@functools.cache
def pki() -> SimulatedPki:
    return SimulatedPki.create(NOW)


def roots(of: SimulatedPki) -> TrustStore:
    return TrustStore((of.device_root.certificate,))


def sign(payload: str) -> str:
    """Sign an encoded payload as a device with its own idea of base64 would."""
    header = pki().device.token({}).split(".")[0]
    signature = pki().device.key.sign(f"{header}.{payload}".encode("ascii"), PKCS1v15(), SHA256())
    return f"{header}.{payload}.{encode_base64url(signature)}"


def keep(compact: str) -> tuple[str, str]:
    """Return detached token and kept payload, and prove that they give `compact` again."""
    token = verify_token(compact, roots(pki()), NOW)
    kept = keep_payload(token, RECORD)
    assert rebuild_token(token.detached, kept, RECORD) == compact
    return token.detached, kept


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[SbiDesk]:
    scene = SmallScene()
    with SbiServer(scene) as server:
        yield SbiDesk(server, scene, tmp_path)


def verify_again(capture: Capture, trust: TrustStore) -> None:
    """Verify each sample alone, as somebody does who has the stored record only."""
    proof = capture.attestation
    rows = zip(
        capture.samples,
        proof.tokens,
        proof.payloads,
        proof.previous_hashes,
        proof.hashes,
        strict=True,
    )
    for sample, token, payload, previous, digest in rows:
        assert sample.record is not None
        assert payload.count(BIO_VALUE_PLACEHOLDER) == 1
        compact = rebuild_token(token, payload, sample.record.data)
        verified = verify_token(compact, trust, capture.captured_at)
        assert verified.signer_sha256 == proof.signer_sha256
        assert verified.payload["transactionId"] == proof.transaction_id
        assert next_hash(previous, sample.record.data) == digest
        with pytest.raises(BadToken):
            verify_token(
                rebuild_token(token, payload, sample.record.data[:-1] + b"?"),
                trust,
                capture.captured_at,
            )


async def test_answers_of_a_service_can_be_verified_from_what_is_kept(desk: SbiDesk) -> None:
    async with desk.scanner() as scanner, desk.iris_camera() as camera:
        captures = [
            await scanner.capture(SlapRequest(Slap.RIGHT_FOUR)),
            await camera.capture(IrisRequest()),
        ]
    for capture in captures:
        verify_again(capture, roots(desk.server.pki))
    first, second = (capture.attestation for capture in captures)
    assert first.previous_hashes == (START, *first.hashes[:-1])
    assert second.previous_hashes == (first.hashes[-1], *second.hashes[:-1])
    assert first.payloads[0] not in repr(first)
    assert START not in repr(first)


def test_kept_payload_holds_no_record() -> None:
    value = encode_base64url(RECORD)
    _, kept = keep(pki().device.token({"bioValue": value, "é": "\u00e9"}))
    assert value not in kept
    assert json.loads(kept) == {"bioValue": BIO_VALUE_PLACEHOLDER, "é": "é"}


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"bioValue": base64.urlsafe_b64encode(RECORD).decode()}),
        json.dumps({"bioValue": base64.b64encode(RECORD).decode().rstrip("=")}),
        json.dumps({"bioValue": base64.b64encode(RECORD).decode()}).replace("/", "\\/"),
        json.dumps({"note": BIO_VALUE_PLACEHOLDER, "bioValue": encode_base64url(RECORD) + "="}),
        json.dumps({"bioValue": ""}),
    ],
)
def test_record_in_another_base64_is_kept_in_the_complete_payload(text: str) -> None:
    encoded = encode_base64url(text.encode())
    _, kept = keep(sign(encoded))
    # the placeholder itself in the text of the device would be taken for ours
    assert kept == (encoded if BIO_VALUE_PLACEHOLDER in text else text)


@pytest.mark.parametrize("padding", [0, 1, 2])
def test_payload_in_another_base64_is_kept_as_received(padding: int) -> None:
    fields = {"bioValue": encode_base64url(RECORD), "note": "?" * padding + "\u00ff\u00fe~~~???"}
    text = json.dumps(fields, ensure_ascii=False)
    received = base64.b64encode(text.encode()).decode()
    if received == encode_base64url(text.encode()):
        received += "="
    _, kept = keep(sign(received))
    assert kept == received


def test_payload_that_is_no_utf8_is_refused() -> None:
    with pytest.raises(BadToken, match="malformed"):
        verify_token(sign(encode_base64url('{"a":1}'.encode("utf-16"))), roots(pki()), NOW)


@pytest.mark.parametrize("token", ["", "a.b", "a.b.c", "a..b.c"])
def test_only_a_detached_token_is_rebuilt(token: str) -> None:
    with pytest.raises(ValueError, match="detached"):
        rebuild_token(token, "{}", RECORD)

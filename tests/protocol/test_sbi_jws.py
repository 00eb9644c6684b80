"""Tokens of SBI: what holds, what does not, and what never crashes."""

from __future__ import annotations

import base64
import functools
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from drivers.sbi.jws import (
    BadToken,
    TrustStore,
    decode_base64,
    encode_base64url,
    parse_object,
    verify_token,
)
from simulators.sbi_pki import Authority, Signer, SimulatedPki, _builder, _name

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


@functools.cache
def pki() -> SimulatedPki:
    return SimulatedPki.create(NOW)


def roots() -> TrustStore:
    return TrustStore((pki().device_root.certificate,))


def refusal(token: str, now: datetime = NOW, trust: TrustStore | None = None) -> str:
    with pytest.raises(BadToken) as caught:
        verify_token(token, trust or roots(), now)
    return caught.value.check


def test_good_token_gives_payload_signer_and_detached_form() -> None:
    token = verify_token(pki().device.token({"serialNo": "7"}), roots(), NOW)
    assert token.payload == {"serialNo": "7"}
    assert token.signer_valid_until == NOW + timedelta(days=30)
    header, empty, signature = token.detached.split(".")
    assert empty == ""
    rebuilt = f"{header}.{encode_base64url(json.dumps(token.payload).encode())}.{signature}"
    assert verify_token(rebuilt, roots(), NOW).payload == token.payload


def test_certificate_may_be_base64url() -> None:
    der = pki().device.certificate.public_bytes(Encoding.DER)
    for text in (encode_base64url(der), base64.b64encode(der).decode()):
        assert decode_base64(text) == der


def test_signature_is_checked_over_received_bytes() -> None:
    """A payload that means the same but is written otherwise is not what was signed."""
    header, payload, signature = pki().device.token({"a": "1"}).split(".")
    rewritten = encode_base64url(b'{ "a":  "1" }')
    assert payload != rewritten
    assert refusal(f"{header}.{rewritten}.{signature}") == "signature"


def test_signer_that_has_ended() -> None:
    assert refusal(pki().device.token({}), NOW + timedelta(days=31)) == "certificate-validity"


def test_signer_that_has_not_begun_is_a_matter_of_clocks() -> None:
    assert refusal(pki().device.token({}), NOW - timedelta(days=2)) == "timestamp"


def test_stranger_is_never_called_expired() -> None:
    assert refusal(pki().stranger.token({}), NOW + timedelta(days=31)) == "certificate"


def test_expired_root_vouches_for_nobody() -> None:
    old = Authority.create("old root", NOW - timedelta(days=3700))
    signer = old.issue("leaf", NOW, timedelta(days=30))
    trust = TrustStore((old.certificate,))
    assert refusal(signer.token({}), trust=trust) == "certificate-validity"


def test_root_of_the_same_name_with_another_key() -> None:
    assert refusal(pki().stranger.token({})) == "certificate"


def test_no_roots_trust_nobody() -> None:
    assert refusal(pki().device.token({}), trust=TrustStore(())) == "certificate"


def test_leaf_may_not_issue() -> None:
    leaf = pki().device
    issuer = Authority(leaf.key, leaf.certificate)
    below = issuer.issue("below", NOW, timedelta(days=1))
    assert refusal(below.token({}), trust=TrustStore((leaf.certificate,))) == "certificate"


def test_root_whose_key_usage_forbids_issuing_vouches_for_nobody() -> None:
    root = pki().device_root
    name = root.certificate.subject
    usage = x509.KeyUsage(True, *[False] * 8)
    builder = _builder(name, name, root.key, NOW, timedelta(days=1), is_root=True)
    weak = builder.add_extension(usage, critical=True).sign(root.key, SHA256())
    assert refusal(pki().device.token({}), trust=TrustStore((weak,))) == "certificate"


def test_signer_with_unreadable_extensions() -> None:
    root = pki().device_root
    issuer = root.certificate.subject
    builder = _builder(_name("odd"), issuer, root.key, NOW, timedelta(days=1), is_root=False)
    damaged = x509.UnrecognizedExtension(x509.KeyUsage.oid, b"\x30\x00")
    signer = Signer(root.key, builder.add_extension(damaged, False).sign(root.key, SHA256()))
    assert refusal(signer.token({})) == "certificate"


def test_short_key_is_refused() -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 (on purpose)
    assert refusal(_issued(key).token({})) == "certificate"


def test_elliptic_key_is_refused() -> None:
    header = {"x5c": [_der_of(ec.generate_private_key(ec.SECP256R1()))], "alg": "RS256"}
    token = ".".join(encode_base64url(json.dumps(part).encode()) for part in (header, {}))
    assert refusal(f"{token}.AAAA") == "certificate"


def _issued(key: rsa.RSAPrivateKey) -> Signer:
    root = pki().device_root
    builder = _builder(
        _name("short"), root.certificate.subject, key, NOW, timedelta(days=1), is_root=False
    )
    return Signer(key, builder.sign(root.key, SHA256()))


def _der_of(key: ec.EllipticCurvePrivateKey) -> str:
    root = pki().device_root
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name("curve"))
        .issuer_name(root.certificate.subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=1))
    )
    der = builder.sign(root.key, SHA256()).public_bytes(Encoding.DER)
    return base64.b64encode(der).decode()


@pytest.mark.parametrize("algorithm", ["none", "HS256", "RS512", "ES256", ""])
def test_other_algorithms_are_refused(algorithm: str) -> None:
    assert refusal(pki().device.token({}, algorithm)) == "signature"


def test_second_certificate_is_ignored() -> None:
    header, payload, signature = pki().device.token({}).split(".")
    fields = parse_object(decode_base64(header))
    assert isinstance(fields["x5c"], list)
    fields["x5c"].insert(0, "AAAA")
    changed = encode_base64url(json.dumps(fields).encode())
    assert refusal(f"{changed}.{payload}.{signature}") == "certificate"


def test_file_without_certificate_is_no_trust_store(tmp_path: Path) -> None:
    file = tmp_path / "root.pem"
    file.write_text("nothing")
    with pytest.raises(ValueError, match="PEM"):
        TrustStore.load((file,))


PART = st.one_of(
    st.text(max_size=40),
    st.binary(max_size=60).map(encode_base64url),
    st.recursive(
        st.none() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["alg", "x5c", "typ"]), inner, max_size=3)
        ),
        max_leaves=6,
    ).map(lambda value: encode_base64url(json.dumps(value).encode())),
)


@pytest.mark.filterwarnings("ignore:Parsed a serial number")
@given(st.lists(PART, max_size=4))
def test_garbage_is_a_bad_token(parts: list[str]) -> None:
    with pytest.raises(BadToken):
        verify_token(".".join(parts), roots(), NOW)


@pytest.mark.filterwarnings("ignore:Parsed a serial number")
@given(st.data())
def test_every_flipped_character_is_noticed(data: st.DataObject) -> None:
    token = _token()
    at = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.sampled_from("Aa0.-"))
    changed = token[:at] + other + token[at + 1 :]
    try:
        verify_token(changed, roots(), NOW)
    except BadToken:
        return
    # the last character of a part carries bits that base64 throws away
    assert changed == token or decode_base64(changed.split(".")[2]) == decode_base64(
        token.split(".")[2]
    )


@functools.cache
def _token() -> str:
    return pki().device.token({"serialNo": "7"})


@given(st.binary(max_size=200))
def test_garbage_is_no_object(data: bytes) -> None:
    try:
        assert isinstance(parse_object(data), dict)
    except ValueError:
        pass


def test_deep_nesting_is_no_object() -> None:
    with pytest.raises(ValueError, match="deep"):
        parse_object("[" * 200_000)

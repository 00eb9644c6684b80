"""Who may vouch for an operator: a listed certificate alone does not make an authority."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from drivers.card.profiles.piv_login import Challenge, authenticate_operator
from drivers.card.profiles.piv_trust import OperatorTrust, Reason
from simulators.piv_pki import OperatorAuthority
from tests.protocol.piv_scene import NOW, OPERATOR, STATION, DirectChannel, pin

MAY_ISSUE = x509.BasicConstraints(ca=True, path_length=0)
MAY_NOT_ISSUE = x509.BasicConstraints(ca=False, path_length=None)


def usage(*, key_cert_sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not key_cert_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=key_cert_sign,
        encipher_only=False,
        decipher_only=False,
    )


def authority(*extensions: x509.ExtensionType) -> OperatorAuthority:
    """Make a self-signed certificate with these extensions and nothing else."""
    key = generate_private_key(SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "SIMULATION authority of a test")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=1))
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=True)
    return OperatorAuthority(builder.sign(key, SHA256()), key)


@pytest.mark.parametrize(
    ("extensions", "reasons"),
    [
        ([MAY_ISSUE, usage(key_cert_sign=True)], ()),
        ([MAY_ISSUE], ()),
        ([], (Reason.UNKNOWN_AUTHORITY,)),
        ([usage(key_cert_sign=True)], (Reason.UNKNOWN_AUTHORITY,)),
        ([MAY_NOT_ISSUE], (Reason.UNKNOWN_AUTHORITY,)),
        ([MAY_NOT_ISSUE, usage(key_cert_sign=True)], (Reason.UNKNOWN_AUTHORITY,)),
        ([MAY_ISSUE, usage(key_cert_sign=False)], (Reason.UNKNOWN_AUTHORITY,)),
    ],
    ids=["whole", "no-usage", "nothing", "usage-only", "no-ca", "no-ca-usage", "wrong-usage"],
)
def test_only_an_authority_vouches_for_operators(
    extensions: list[x509.ExtensionType], reasons: tuple[Reason, ...]
) -> None:
    issuer = authority(*extensions)
    channel = DirectChannel(issuer.card(OPERATOR, NOW))
    believed = OperatorTrust((issuer.certificate,))
    proof = authenticate_operator(channel, pin(), Challenge.make(STATION, NOW), believed)
    assert proof.reasons == reasons
    assert channel.count(0x20, with_data=True) == (not reasons), "the PIN was sent"

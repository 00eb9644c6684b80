"""Handing the content key to the recipients of a record, and taking it out again.

RSA: RSAES-OAEP with SHA-256 and MGF1-SHA-256 (key transport). EC: one-pass ECDH with a fresh
ephemeral key, X9.63 KDF with SHA-256 (P-256) or SHA-384 (P-384), AES-256 key wrap (key agreement).
Source: RFC 5652 section 6.2, RFC 5753, RFC 8017.
"""

from __future__ import annotations

from typing import Final

from asn1crypto import cms, keys
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.kdf.x963kdf import X963KDF
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from station.records.cms import (
    AES256_WRAP,
    STD_DH_SHA256_KDF,
    STD_DH_SHA384_KDF,
    issuer_and_serial,
    oaep_sha256,
    reading,
    shared_info,
)
from station.records.errors import StructureInvalid, WrongRecipient
from station.records.keys import RecipientKey

CONTENT_KEY_BYTES: Final = 32

_SCHEMES: Final[dict[str, tuple[str, hashes.HashAlgorithm]]] = {
    "secp256r1": (STD_DH_SHA256_KDF, hashes.SHA256()),
    "secp384r1": (STD_DH_SHA384_KDF, hashes.SHA384()),
}


def recipient_info(certificate: x509.Certificate, content_key: bytes) -> cms.RecipientInfo:
    """Return what lets the owner of `certificate` recover the content key.

    Raises:
        ValueError: the key is neither RSA nor EC P-256 / P-384.
    """
    public = certificate.public_key()
    name = issuer_and_serial(certificate.public_bytes(Encoding.DER))
    if isinstance(public, rsa.RSAPublicKey):
        return cms.RecipientInfo("ktri", _key_transport(name, public, content_key))
    if isinstance(public, ec.EllipticCurvePublicKey) and public.curve.name in _SCHEMES:
        return cms.RecipientInfo("kari", _key_agreement(name, public, content_key))
    raise ValueError("a recipient has a key that records are not sealed for")


def _oaep() -> padding.OAEP:
    return padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)


def _key_transport(
    name: cms.IssuerAndSerialNumber, public: rsa.RSAPublicKey, content_key: bytes
) -> cms.KeyTransRecipientInfo:
    return cms.KeyTransRecipientInfo(
        {
            "version": "v0",
            "rid": cms.RecipientIdentifier("issuer_and_serial_number", name),
            "key_encryption_algorithm": oaep_sha256(),
            "encrypted_key": public.encrypt(content_key, _oaep()),
        }
    )


def _wrapping_key(curve: ec.EllipticCurve, secret: bytes) -> bytes:
    hash_function = _SCHEMES[curve.name][1]
    info = shared_info(CONTENT_KEY_BYTES * 8)
    return X963KDF(hash_function, CONTENT_KEY_BYTES, info).derive(secret)


def _key_agreement(
    name: cms.IssuerAndSerialNumber, public: ec.EllipticCurvePublicKey, content_key: bytes
) -> cms.KeyAgreeRecipientInfo:
    ephemeral = ec.generate_private_key(public.curve)
    wrapping_key = _wrapping_key(public.curve, ephemeral.exchange(ec.ECDH(), public))
    point = ephemeral.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    # the curve is left out of the originator's key: it is that of the recipient (RFC 5753, 3.1.1)
    originator = keys.PublicKeyInfo(
        {
            "algorithm": keys.PublicKeyAlgorithm({"algorithm": "ec"}),
            "public_key": keys.ECPointBitString(point),
        }
    )
    scheme = cms.KeyEncryptionAlgorithm(
        {
            "algorithm": _SCHEMES[public.curve.name][0],
            "parameters": cms.KeyEncryptionAlgorithm({"algorithm": AES256_WRAP}),
        }
    )
    return cms.KeyAgreeRecipientInfo(
        {
            "version": "v3",
            "originator": cms.OriginatorIdentifierOrKey("originator_key", originator),
            "key_encryption_algorithm": scheme,
            "recipient_encrypted_keys": [
                {
                    "rid": cms.KeyAgreementRecipientIdentifier("issuer_and_serial_number", name),
                    "encrypted_key": aes_key_wrap(wrapping_key, content_key),
                }
            ],
        }
    )


def unwrap_content_key(info: cms.RecipientInfo, key: RecipientKey) -> bytes:
    """Recover the content key from the entry of one recipient.

    Raises:
        StructureInvalid: the entry uses other algorithms than `recipient_info`.
        WrongRecipient: the key does not fit the entry.
    """
    try:
        if isinstance(key, rsa.RSAPrivateKey):
            content_key = _unwrap_transport(info, key)
        else:
            content_key = _unwrap_agreement(info, key)
    except (ValueError, InvalidUnwrap) as error:
        raise WrongRecipient("the content key cannot be recovered") from error
    if len(content_key) != CONTENT_KEY_BYTES:
        raise StructureInvalid("the content key has a wrong length")
    return content_key


def _unwrap_transport(info: cms.RecipientInfo, key: rsa.RSAPrivateKey) -> bytes:
    def read() -> bytes:
        if info.name != "ktri":
            raise StructureInvalid("the recipient's entry is not for an RSA key")
        algorithm = info.chosen["key_encryption_algorithm"]
        if algorithm.native != oaep_sha256().native:
            raise StructureInvalid("the RSA entry is not OAEP with SHA-256")
        return bytes(info.chosen["encrypted_key"].native)

    return key.decrypt(reading("RSA entry", read), _oaep())


def _unwrap_agreement(info: cms.RecipientInfo, key: ec.EllipticCurvePrivateKey) -> bytes:
    point, wrapped = reading("EC entry", lambda: _agreement_parts(info, key.curve))
    public = ec.EllipticCurvePublicKey.from_encoded_point(key.curve, point)
    return aes_key_unwrap(_wrapping_key(key.curve, key.exchange(ec.ECDH(), public)), wrapped)


def _agreement_parts(info: cms.RecipientInfo, curve: ec.EllipticCurve) -> tuple[bytes, bytes]:
    """Return (ephemeral point, wrapped key)."""
    if info.name != "kari" or curve.name not in _SCHEMES:
        raise StructureInvalid("the recipient's entry is not for this EC key")
    agreement = info.chosen
    algorithm = agreement["key_encryption_algorithm"]
    wrap = cms.KeyEncryptionAlgorithm.load(algorithm["parameters"].dump())
    if (
        algorithm["algorithm"].native != _SCHEMES[curve.name][0]
        or wrap["algorithm"].native != AES256_WRAP
        or agreement["ukm"].native is not None
    ):
        raise StructureInvalid("the EC entry uses other algorithms")
    originator = agreement["originator"]
    if originator.name != "originator_key":
        raise StructureInvalid("the EC entry has no ephemeral key")
    wrapped = agreement["recipient_encrypted_keys"][0]["encrypted_key"].native
    return bytes(originator.chosen["public_key"].native), bytes(wrapped)

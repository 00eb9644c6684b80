"""CMS signatures of the station: attached around a bundle, detached beside a sealed record.

Source: RFC 5652 section 5; one signer, SHA-256, ECDSA, signed attributes, certificate included.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from asn1crypto import cms
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from drivers.certificates import is_authority, is_valid_at
from station.records.cms import reading
from station.records.errors import SignatureInvalid, StructureInvalid, UntrustedSigner
from station.records.keys import Signer

NULL: Final = b"\x05\x00"
NO_UNUSED_BITS: Final = b"\x00"
"""First byte of a DER bit string of whole bytes; another one would be let pass by the libraries."""


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature that was verified over `content`; `signed_at` is what the signer claims (UTC)."""

    content: bytes = field(repr=False)
    certificate: x509.Certificate
    signed_at: datetime


def sign_attached(content: bytes, signer: Signer) -> bytes:
    """Return DER SignedData with `content` inside."""
    return _sign(content, signer, [pkcs7.PKCS7Options.Binary])


def sign_detached(content: bytes, signer: Signer) -> bytes:
    """Return DER SignedData without the content."""
    options = [pkcs7.PKCS7Options.Binary, pkcs7.PKCS7Options.DetachedSignature]
    return _sign(content, signer, options)


def _sign(content: bytes, signer: Signer, options: list[pkcs7.PKCS7Options]) -> bytes:
    # without Binary the library rewrites line ends
    builder = pkcs7.PKCS7SignatureBuilder().set_data(content)
    builder = builder.add_signer(signer.certificate, signer.key, hashes.SHA256())
    return builder.sign(Encoding.DER, options)


def verify_attached(data: bytes) -> Signed:
    """Verify SignedData and return its content; trust is a separate question (`check_trust`).

    Raises:
        StructureInvalid: no SignedData of the expected shape.
        SignatureInvalid: content or attributes were changed.
    """
    signed_data = reading("signed data", lambda: _signed_data(data))
    content = reading("signed data", lambda: signed_data["encap_content_info"]["content"].native)
    if not isinstance(content, bytes):
        raise StructureInvalid("signed data without content")
    return _verify(signed_data, content)


def verify_detached(data: bytes, content: bytes) -> Signed:
    """Verify a detached signature over `content`.

    Raises:
        StructureInvalid: no SignedData of the expected shape.
        SignatureInvalid: content or attributes were changed.
    """
    return _verify(reading("signature", lambda: _signed_data(data)), content)


def _signed_data(data: bytes) -> cms.SignedData:
    info = cms.ContentInfo.load(data, strict=True)
    if info["content_type"].native != "signed_data":
        raise StructureInvalid("no signed data")
    signed_data: cms.SignedData = info["content"]
    # RFC 5652, 5.1: what stands around the signer is not signed, so only one form of it is taken
    digests = [_algorithm(identifier) for identifier in signed_data["digest_algorithms"]]
    if signed_data["version"].native != "v1" or digests != ["sha256"]:
        raise StructureInvalid("signed data of another version or digest")
    if signed_data["encap_content_info"]["content_type"].native != "data":
        raise StructureInvalid("signed data of another content type")
    return signed_data


def _verify(signed_data: cms.SignedData, content: bytes) -> Signed:
    signer, certificate = reading("signature", lambda: _signer(signed_data))
    attributes = reading("signed attributes", lambda: _attributes(signer))
    if attributes["message_digest"] != hashlib.sha256(content).digest():
        raise SignatureInvalid("the signed digest is not that of the content")
    public = reading("certificate", certificate.public_key)
    reading(
        "certificate", lambda: (certificate.not_valid_before_utc, certificate.not_valid_after_utc)
    )
    if not isinstance(public, ec.EllipticCurvePublicKey):
        raise StructureInvalid("the signer's key is not EC")
    signature = reading("signature", lambda: signer["signature"].native)
    signed_bytes = reading("signed attributes", lambda: signer["signed_attrs"].untag().dump())
    try:
        public.verify(signature, signed_bytes, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature as error:
        raise SignatureInvalid("the signature does not match") from error
    signed_at = attributes["signing_time"]
    if not isinstance(signed_at, datetime) or signed_at.tzinfo is None:
        raise StructureInvalid("no signing time")
    return Signed(content, certificate, signed_at)


def _algorithm(identifier: Any) -> str:
    """The name of an algorithm that takes no parameters: they are absent or NULL."""
    if identifier["parameters"].dump() not in (b"", NULL):
        raise StructureInvalid("an algorithm with parameters")
    return str(identifier["algorithm"].native)


def _signer(signed_data: cms.SignedData) -> tuple[cms.SignerInfo, x509.Certificate]:
    """Return the only signer and the certificate it names."""
    if len(signed_data["signer_infos"]) != 1:
        raise StructureInvalid("not exactly one signer")
    signer = signed_data["signer_infos"][0]
    if (
        signer["version"].native != "v1"
        or _algorithm(signer["digest_algorithm"]) != "sha256"
        or _algorithm(signer["signature_algorithm"]) != "sha256_ecdsa"
    ):
        raise StructureInvalid("the signature is not ECDSA with SHA-256")
    identifier = signer["sid"].chosen.dump()
    for choice in signed_data["certificates"]:
        candidate = choice.chosen
        named = cms.IssuerAndSerialNumber(
            {"issuer": candidate.issuer, "serial_number": candidate.serial_number}
        )
        if named.dump() == identifier:
            if candidate["signature_value"].contents[:1] != NO_UNUSED_BITS:
                raise StructureInvalid("the certificate's signature is no whole bytes")
            return signer, x509.load_der_x509_certificate(candidate.dump())
    raise StructureInvalid("the signer's certificate is not included")


def _attributes(signer: cms.SignerInfo) -> dict[str, object]:
    attributes: dict[str, object] = {}
    for attribute in signer["signed_attrs"]:
        name = attribute["type"].native
        if name in attributes or len(attribute["values"]) != 1:
            raise StructureInvalid("a signed attribute is there twice")
        attributes[name] = attribute["values"][0].native
    if attributes.get("content_type") != "data" or "message_digest" not in attributes:
        raise StructureInvalid("signed attributes are incomplete")
    attributes.setdefault("signing_time", None)
    return attributes


def check_trust(signed: Signed, authority: x509.Certificate) -> None:
    """Check that the signer's certificate comes from `authority` and was valid when it signed.

    Raises:
        UntrustedSigner: it does not, or it was not.
    """
    certificate = signed.certificate
    if not is_valid_at(certificate, signed.signed_at):
        raise UntrustedSigner("the certificate was not valid at the time of signing")
    if certificate == authority:
        return
    if not _may_issue(authority):
        raise UntrustedSigner("the given authority may not issue certificates")
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm) as error:
        raise UntrustedSigner("the certificate does not come from the given authority") from error


def _may_issue(authority: x509.Certificate) -> bool:
    try:
        return is_authority(authority)
    except ValueError:
        return False

"""The document security object (EF.SOD): who vouches for the files of an open test application.

The signer's certificate travels in the object; its authority must be on the station's own list. The
bytes that were signed are the attributes as a SET, not the implicit [0] of the message.

Source: ICAO Doc 9303-10 clause 4.6.2 and 9303-12; RFC 5652 clauses 5.3 to 5.6. Stricter than these:
one signer, one certificate, SHA-256, ECDSA on P-256.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from asn1crypto import algos, cms, core
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from drivers.card import tlv
from drivers.certificates import has_issued, is_authority, is_valid_at, may_sign

TAG: Final = 0x77
LDS_SECURITY_OBJECT: Final = "2.23.136.1.1.1"
MAX_BYTES: Final = 8192

# what asn1crypto and cryptography were seen to raise for damaged bytes
_DAMAGE: Final = (
    *(ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError),
    *(x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType),
    UnsupportedAlgorithm,
)


class SecurityObjectError(ValueError):
    """The object is damaged, not genuine, or does not belong to these files; says which check."""


class GroupHash(core.Sequence):  # type: ignore[misc]  # asn1crypto has no types
    """Number and hash of one data group."""

    _fields = [("number", core.Integer), ("value", core.OctetString)]  # noqa: RUF012  # as the library declares fields


class GroupHashes(core.SequenceOf):  # type: ignore[misc]  # asn1crypto has no types
    """The hashes of all data groups."""

    _child_spec = GroupHash


class LdsSecurityObject(core.Sequence):  # type: ignore[misc]  # asn1crypto has no types
    """What is signed: version, hash algorithm and the hashes of the data groups."""

    _fields = [  # noqa: RUF012  # as the library declares fields
        ("version", core.Integer),
        ("algorithm", algos.DigestAlgorithm),
        ("hashes", GroupHashes),
    ]


def check_security_object(
    security_object: bytes,
    groups: Mapping[int, bytes],
    authorities: Sequence[x509.Certificate],
    now: datetime,
) -> None:
    """Check that an authority of the station vouches for exactly these files.

    Args:
        security_object: EF.SOD with its outer tag 77.
        groups: number of the data group -> the whole file as read.
        authorities: the station's own list, never anything from the card.
        now: timezone-aware.

    Raises:
        SecurityObjectError: any check failed; nothing else is ever raised.
    """
    try:
        signed_data = _signed_data(security_object)
        content = _checked_content(signed_data, authorities, now)
        listed = _listed_hashes(content)
    except _DAMAGE as error:
        if isinstance(error, SecurityObjectError):
            raise
        raise SecurityObjectError(f"damaged: {type(error).__name__}") from error
    if listed != {number: hashlib.sha256(data).digest() for number, data in groups.items()}:
        raise SecurityObjectError(f"{len(listed)} groups signed, not the {len(groups)} files read")


def _signed_data(security_object: bytes) -> Any:
    if len(security_object) > MAX_BYTES:
        raise SecurityObjectError(f"{len(security_object)} bytes")
    objects = tlv.parse(security_object)
    if len(objects) != 1 or objects[0].tag != TAG:
        raise SecurityObjectError("not one object with tag 77")
    message = cms.ContentInfo.load(objects[0].value, strict=True)
    if message["content_type"].native != "signed_data":
        raise SecurityObjectError("no signed data")
    signed_data = message["content"]
    if len(signed_data["signer_infos"]) != 1 or len(signed_data["certificates"]) != 1:
        raise SecurityObjectError("not exactly one signer with one certificate")
    return signed_data


def _checked_content(
    signed_data: Any, authorities: Sequence[x509.Certificate], now: datetime
) -> bytes:
    """Return the content, which the signer's certificate vouches for."""
    embedded = signed_data["certificates"][0].chosen
    signer = signed_data["signer_infos"][0]
    content = bytes(signed_data["encap_content_info"]["content"].contents)
    if signed_data["encap_content_info"]["content_type"].dotted != LDS_SECURITY_OBJECT:
        raise SecurityObjectError("content is no list of data groups")
    named = signer["sid"].chosen
    if named["issuer"] != embedded.issuer or named["serial_number"].native != (
        embedded.serial_number
    ):
        raise SecurityObjectError("the signer is not the one of the certificate")
    _check_form(embedded)
    certificate = x509.load_der_x509_certificate(embedded.dump())
    _check_chain(certificate, authorities, now)
    attributes = _single_attributes(signer["signed_attrs"])
    if attributes.get("content_type") != LDS_SECURITY_OBJECT:
        raise SecurityObjectError("signed content type")
    digest = attributes.get("message_digest")
    if not isinstance(digest, bytes) or not hmac.compare_digest(
        digest, hashlib.sha256(content).digest()
    ):
        raise SecurityObjectError("digest of the content")
    _check_signature(certificate, signer)
    return content


def _check_form(embedded: Any) -> None:
    """Refuse what `cryptography` would load with a warning on the screen."""
    algorithm = embedded["signature_algorithm"]
    is_ecdsa = algorithm["algorithm"].native == "sha256_ecdsa"
    if not is_ecdsa or not isinstance(algorithm["parameters"], core.Void):
        raise SecurityObjectError("the certificate is not signed by ECDSA with SHA-256")
    if embedded.serial_number <= 0:
        raise SecurityObjectError("the certificate has no positive number")


def _single_attributes(attributes: Any) -> dict[str, object]:
    """Return attribute -> value; one that occurs twice or has several values is refused."""
    found: dict[str, object] = {}
    for attribute in attributes:
        name = attribute["type"].native
        if name in found or len(attribute["values"]) != 1:
            raise SecurityObjectError("an attribute is not single")
        value = attribute["values"][0]
        found[name] = value.dotted if isinstance(value, core.ObjectIdentifier) else value.native
    return found


def _check_signature(certificate: x509.Certificate, signer: Any) -> None:
    key = certificate.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise SecurityObjectError("the signer's key is not on P-256")
    algorithms = (
        signer["digest_algorithm"]["algorithm"].native,
        signer["signature_algorithm"]["algorithm"].native,
    )
    if algorithms != ("sha256", "sha256_ecdsa"):
        raise SecurityObjectError("algorithms other than ECDSA with SHA-256")
    signed = signer["signed_attrs"].untag().dump()
    try:
        key.verify(signer["signature"].native, signed, ec.ECDSA(SHA256()))
    except InvalidSignature as error:
        raise SecurityObjectError("signature") from error


def _check_chain(
    certificate: x509.Certificate, authorities: Sequence[x509.Certificate], now: datetime
) -> None:
    if not is_valid_at(certificate, now):
        raise SecurityObjectError("the signer's certificate is not valid now")
    valid = [authority for authority in authorities if is_valid_at(authority, now)]
    if not any(has_issued(authority, certificate) for authority in valid):
        raise SecurityObjectError("the signer is below no authority of this station")
    # only now: parsing extensions that nobody vouches for can put warnings on the screen
    # ICAO Doc 9303-12 asks a document signer for the key usage
    if is_authority(certificate) or not may_sign(certificate, must_say_so=True):
        raise SecurityObjectError("the certificate is not made for signing documents")


def _listed_hashes(content: bytes) -> dict[int, bytes]:
    listed = LdsSecurityObject.load(content, strict=True)
    if listed["version"].native != 0 or listed["algorithm"]["algorithm"].native != "sha256":
        raise SecurityObjectError("hashes other than SHA-256")
    hashes = {item["number"].native: bytes(item["value"].native) for item in listed["hashes"]}
    if len(hashes) != len(listed["hashes"]):
        raise SecurityObjectError("a data group is listed twice")
    return hashes

"""ASN.1 shapes of the envelope that `asn1crypto` lacks, and reading that fails in one way only.

Source: RFC 5083 (AuthEnvelopedData), RFC 5084 (AES-GCM in CMS), RFC 5753 (EC in CMS),
RFC 5754 and RFC 8017 (RSAES-OAEP).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from asn1crypto import algos, cms, core, x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509 import InvalidVersion

from station.records.errors import StructureInvalid

AES256_GCM: Final = "aes256_gcm"
AES256_WRAP: Final = "aes256_wrap"
STD_DH_SHA256_KDF: Final = "1.3.132.1.11.1"
STD_DH_SHA384_KDF: Final = "1.3.132.1.11.2"
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16

T = TypeVar("T")

# what asn1crypto (most of it on first access) and certificate loading raise on unfitting bytes
_MALFORMED = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    OverflowError,
    RecursionError,
    UnsupportedAlgorithm,
    InvalidVersion,
)


class GcmParameters(core.Sequence):  # type: ignore[misc]  # asn1crypto ships no types
    """GCMParameters of RFC 5084."""

    _fields = [  # noqa: RUF012  # asn1crypto reads this attribute as it is
        ("nonce", core.OctetString),
        ("icv_length", core.Integer, {"default": 12}),
    ]


class EccSharedInfo(core.Sequence):  # type: ignore[misc]  # asn1crypto ships no types
    """ECC-CMS-SharedInfo of RFC 5753; `supp_pub_info` is the key length in bits, 4 bytes."""

    _fields = [  # noqa: RUF012  # asn1crypto reads this attribute as it is
        ("key_info", cms.KeyEncryptionAlgorithm),
        ("entity_u_info", core.OctetString, {"explicit": 0, "optional": True}),
        ("supp_pub_info", core.OctetString, {"explicit": 2}),
    ]


def reading(what: str, read: Callable[[], T]) -> T:
    """Call `read` and turn everything that malformed ASN.1 causes into StructureInvalid."""
    try:
        return read()
    except _MALFORMED as error:
        raise StructureInvalid(f"{what} is malformed") from error


def shared_info(key_bits: int) -> bytes:
    """Return the DER of ECC-CMS-SharedInfo for an AES-256 key wrap without user material."""
    info = EccSharedInfo(
        {
            "key_info": cms.KeyEncryptionAlgorithm({"algorithm": AES256_WRAP}),
            "supp_pub_info": key_bits.to_bytes(4, "big"),
        }
    )
    return bytes(info.dump())


def oaep_sha256() -> cms.KeyEncryptionAlgorithm:
    """Return the RSAES-OAEP algorithm with SHA-256 in both places, written out."""
    sha256 = algos.DigestAlgorithm({"algorithm": "sha256"})
    mask = algos.MaskGenAlgorithm({"algorithm": "mgf1", "parameters": sha256})
    parameters = algos.RSAESOAEPParams({"hash_algorithm": sha256, "mask_gen_algorithm": mask})
    return cms.KeyEncryptionAlgorithm({"algorithm": "rsaes_oaep", "parameters": parameters})


def issuer_and_serial(certificate_der: bytes) -> cms.IssuerAndSerialNumber:
    """Return what names a certificate inside CMS."""
    certificate = x509.Certificate.load(certificate_der)
    return cms.IssuerAndSerialNumber(
        {"issuer": certificate.issuer, "serial_number": certificate.serial_number}
    )

"""The seal: a signed bundle inside CMS AuthEnvelopedData with AES-256-GCM for several recipients.

Sign, then encrypt: from outside nobody's identity shows. A fresh content key and nonce for every
record; the key exists in memory only, so the station cannot open what it has sealed. Opened by
`openssl cms -decrypt`. Source: RFC 5083, 5084, 5753, 8017.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from asn1crypto import algos, cms
from cryptography import x509
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding

from station.records.cms import (
    AES256_GCM,
    NONCE_BYTES,
    TAG_BYTES,
    GcmParameters,
    issuer_and_serial,
    reading,
)
from station.records.errors import NotARecord, RecordDamaged, StructureInvalid, WrongRecipient
from station.records.keys import RecipientKey, Signer
from station.records.recipients import CONTENT_KEY_BYTES, recipient_info, unwrap_content_key
from station.records.signature import sign_attached

_ENVELOPE_TYPE = "authenticated_enveloped_data"


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who can open a record, as the envelope names them: `kind` is "RSA" or "EC"."""

    kind: str
    issuer: str
    serial_number: int


@dataclass(frozen=True, slots=True)
class Envelope:
    """What anybody can see of a sealed record."""

    recipients: tuple[Recipient, ...]
    content_bytes: int


def seal(bundle: bytes, signer: Signer, recipients: Sequence[x509.Certificate]) -> bytes:
    """Sign `bundle`, encrypt it for all `recipients` and return the DER of the envelope.

    Raises:
        ValueError: no recipient, or one whose key is neither RSA nor EC P-256 / P-384.
    """
    if not recipients:
        raise ValueError("a record needs a recipient")
    content_key, nonce = os.urandom(CONTENT_KEY_BYTES), os.urandom(NONCE_BYTES)
    encrypted = AESGCM(content_key).encrypt(nonce, sign_attached(bundle, signer), None)
    algorithm = algos.EncryptionAlgorithm(
        {
            "algorithm": AES256_GCM,
            "parameters": GcmParameters({"nonce": nonce, "icv_length": TAG_BYTES}),
        }
    )
    envelope = cms.AuthEnvelopedData(
        {
            "version": "v0",
            "recipient_infos": [recipient_info(one, content_key) for one in recipients],
            "auth_encrypted_content_info": {
                "content_type": "data",
                "content_encryption_algorithm": algorithm,
                "encrypted_content": encrypted[:-TAG_BYTES],
            },
            "mac": encrypted[-TAG_BYTES:],
        }
    )
    return bytes(cms.ContentInfo({"content_type": _ENVELOPE_TYPE, "content": envelope}).dump())


def outer(data: bytes) -> Envelope:
    """Read what a sealed record shows without any key.

    Raises:
        NotARecord: no CMS AuthEnvelopedData.
        StructureInvalid: other algorithms, lengths or parts than `seal` writes.
    """
    envelope = _load(data)
    _, ciphertext, _ = reading("envelope", lambda: _content(envelope))
    recipients = reading("recipients", lambda: _recipients(envelope))
    return Envelope(recipients, len(ciphertext))


def open_sealed(data: bytes, certificate: x509.Certificate, key: RecipientKey) -> bytes:
    """Decrypt a record and return the SignedData inside; nothing before the tag was verified.

    Raises:
        NotARecord, StructureInvalid: as `outer`.
        WrongRecipient: the record is not sealed for this certificate, or the key is another's.
        RecordDamaged: the authentication tag does not match.
    """
    envelope = _load(data)
    nonce, ciphertext, tag = reading("envelope", lambda: _content(envelope))
    if certificate.public_key() != key.public_key():
        raise WrongRecipient("the key does not belong to the certificate")
    wanted = issuer_and_serial(certificate.public_bytes(Encoding.DER)).dump()
    named = reading(
        "recipients", lambda: {_name(info).dump(): info for info in envelope["recipient_infos"]}
    )
    if wanted not in named:
        raise WrongRecipient("the record is not sealed for this certificate")
    content_key = unwrap_content_key(named[wanted], key)
    try:
        return AESGCM(content_key).decrypt(nonce, ciphertext + tag, None)
    except InvalidTag as error:
        raise RecordDamaged("the authentication tag does not match") from error


def _load(data: bytes) -> cms.AuthEnvelopedData:
    try:
        info = reading("file", lambda: cms.ContentInfo.load(data, strict=True))
        kind = reading("file", lambda: info["content_type"].native)
    except StructureInvalid as error:
        raise NotARecord(f"{len(data)} bytes that are no CMS") from error
    if kind != _ENVELOPE_TYPE:
        raise NotARecord("CMS, but no authenticated envelope")
    return reading("envelope", lambda: info["content"])


def _content(envelope: cms.AuthEnvelopedData) -> tuple[bytes, bytes, bytes]:
    """Return (nonce, ciphertext, tag) after checking everything that is not secret."""
    content = envelope["auth_encrypted_content_info"]
    algorithm = content["content_encryption_algorithm"]
    if (
        envelope["version"].native != "v0"
        or content["content_type"].native != "data"
        or algorithm["algorithm"].native != AES256_GCM
    ):
        raise StructureInvalid("the envelope is not AES-256-GCM around data")
    for name in ("originator_info", "auth_attrs", "unauth_attrs"):
        if envelope[name].native is not None:
            raise StructureInvalid(f"the envelope has {name}")
    parameters = GcmParameters.load(algorithm["parameters"].dump(), strict=True)
    nonce, tag = parameters["nonce"].native, envelope["mac"].native
    ciphertext = content["encrypted_content"].native
    if (
        len(nonce) != NONCE_BYTES
        or len(tag) != TAG_BYTES
        or parameters["icv_length"].native != TAG_BYTES
        or not ciphertext
    ):
        raise StructureInvalid("nonce, tag or content has a wrong length")
    return nonce, ciphertext, tag


def _recipients(envelope: cms.AuthEnvelopedData) -> tuple[Recipient, ...]:
    found = []
    for info in envelope["recipient_infos"]:
        name = _name(info)
        kind = "RSA" if info.name == "ktri" else "EC"
        issuer, serial = name["issuer"].human_friendly, name["serial_number"].native
        found.append(Recipient(kind, issuer, serial))
    if not found:
        raise StructureInvalid("the envelope has no recipient")
    return tuple(found)


def _name(info: cms.RecipientInfo) -> cms.IssuerAndSerialNumber:
    """Return issuer and serial number of one recipient."""
    if info.name == "ktri":
        rid = info.chosen["rid"]
    elif info.name == "kari":
        keys = info.chosen["recipient_encrypted_keys"]
        if len(keys) != 1:
            raise StructureInvalid("a key agreement for several recipients")
        rid = keys[0]["rid"]
    else:
        raise StructureInvalid("a recipient is neither RSA nor EC")
    if rid.name != "issuer_and_serial_number":
        raise StructureInvalid("a recipient is not named by issuer and serial number")
    return rid.chosen

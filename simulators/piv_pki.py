"""A test authority of operators, made at start: it issues certificates, lists and whole cards.

Every name says SIMULATION; no key outlives the process unless the caller keeps it.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID, uuid4

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from drivers.card.profiles.piv_objects import CAPABILITIES, CHUID, Slot
from drivers.card.tlv import build
from simulators.piv_card import DEFAULT_PIN, DEFAULT_PUK, OperatorCard, certificate_object
from simulators.piv_keys import ECC_P256, CardKey

AUTHORITY_NAME: Final = "rekam test operator authority"
VALID_DAYS: Final = 1825
LIST_VALID_DAYS: Final = 7
UID_BYTES: Final = 7

SIGNING_PURPOSES: Final = (ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SMARTCARD_LOGON)

# agency 9999 (none), system 9999, credential 999999: SP 800-73-4 and TIG SCEPACS, not assigned
_FASC_N: Final = bytes.fromhex("D4E739DA739CED39CE739D836858210842108421C84210C3EB")
_CAPABILITIES_TAIL: Final = bytes.fromhex(
    "F10121F20121F300F40100F50110F600F700FA00FB00FC00FD00FE00"
)

Public = ec.EllipticCurvePublicKey | rsa.RSAPublicKey


@dataclass(frozen=True, slots=True)
class CertificateForm:
    """How one certificate differs from that of an ordinary operator; None leaves a part out."""

    days_before: float = 1.0
    days_valid: float = VALID_DAYS
    key_usage: bool | None = True
    purposes: Sequence[x509.ObjectIdentifier] | None = SIGNING_PURPOSES
    is_authority: bool = False
    unknown_critical: bool = False


ORDINARY: Final = CertificateForm()


@dataclass(frozen=True, slots=True)
class OperatorAuthority:
    """An authority with its key; `certificate` is what a desk trusts."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey = field(repr=False)

    @classmethod
    def make(cls, now: datetime.datetime, name: str = AUTHORITY_NAME) -> OperatorAuthority:
        """Make a new authority, valid from one day before `now`."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _name(name)
        builder = _builder(subject, subject, key.public_key(), now, CertificateForm())
        builder = builder.add_extension(x509.BasicConstraints(True, 0), critical=True)
        builder = builder.add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        return cls(builder.sign(key, SHA256()), key)

    def earlier(self, now: datetime.datetime) -> x509.Certificate:
        """Return a certificate of the same name and key that ended a hundred days before `now`."""
        form = CertificateForm(days_before=800.0, days_valid=700.0)
        subject = self.certificate.subject
        builder = _builder(subject, subject, self.key.public_key(), now, form)
        builder = builder.add_extension(x509.BasicConstraints(True, 0), critical=True)
        builder = builder.add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        return builder.sign(self.key, SHA256())

    def issue(
        self,
        name: str,
        key: CardKey,
        now: datetime.datetime,
        form: CertificateForm = ORDINARY,
    ) -> x509.Certificate:
        """Issue the certificate of an operator's key."""
        builder = _builder(_name(name), self.certificate.subject, key.public, now, form)
        builder = builder.add_extension(
            x509.BasicConstraints(form.is_authority, None), critical=True
        )
        if form.key_usage is not None:
            usage = _usage(digital_signature=form.key_usage, key_agreement=not form.key_usage)
            builder = builder.add_extension(usage, critical=True)
        if form.purposes is not None:
            builder = builder.add_extension(x509.ExtendedKeyUsage(form.purposes), critical=False)
        if form.unknown_critical:
            strange = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.25.1"), b"\x05\x00")
            builder = builder.add_extension(strange, critical=True)
        return builder.sign(self.key, SHA256())

    def revocation_list(
        self,
        serials: Sequence[int],
        now: datetime.datetime,
        *,
        days_valid: float = LIST_VALID_DAYS,
    ) -> x509.CertificateRevocationList:
        """Issue the list of revoked certificates, valid from one day before `now`."""
        issued = now - datetime.timedelta(days=1)
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(issued)
            .next_update(issued + datetime.timedelta(days=days_valid))
        )
        for serial in serials:
            entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(issued)
            builder = builder.add_revoked_certificate(entry.build())
        return builder.sign(self.key, SHA256())

    def card(
        self,
        name: str,
        now: datetime.datetime,
        *,
        algorithm: int = ECC_P256,
        form: CertificateForm = ORDINARY,
        uid: bytes | None = None,
        pin: str = DEFAULT_PIN,
        puk: str = DEFAULT_PUK,
    ) -> OperatorCard:
        """Make a card with certificates of `form` in all slots; key 9A is of `algorithm`."""
        keys = {slot: CardKey.generate(ECC_P256) for slot in Slot}
        if algorithm != ECC_P256:
            keys[Slot.AUTHENTICATION] = CardKey.generate(algorithm)
        objects = blank_objects(uuid4())
        for slot, key in keys.items():
            certificate = self.issue(name, key, now, form)
            objects[slot.certificate_tag] = certificate_object(
                certificate.public_bytes(Encoding.DER)
            )
        return OperatorCard(keys, objects, uid=uid, pin=pin, puk=puk)


def blank_card(*, uid: bytes | None = None) -> OperatorCard:
    """Return a card as it is bought: no keys, no certificates, published PIN and PUK."""
    return OperatorCard({}, {}, uid=uid)


def blank_objects(guid: UUID) -> dict[int, bytes]:
    """Return CHUID and capability container of a card with this GUID."""
    chuid = b"".join(
        (
            build(0x30, _FASC_N),
            build(0x34, guid.bytes),
            build(0x35, b"20401231"),
            build(0x3E, b""),
            build(0xFE, b""),
        )
    )
    registered = build(0xF0, bytes.fromhex("A000000116FF02") + os.urandom(14))
    return {
        CHUID: build(0x53, chuid),
        CAPABILITIES: build(0x53, registered + _CAPABILITIES_TAIL),
    }


def _name(common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "SIMULATION"),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: Public,
    now: datetime.datetime,
    form: CertificateForm,
) -> x509.CertificateBuilder:
    begin = now - datetime.timedelta(days=form.days_before)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + datetime.timedelta(days=form.days_valid))
    )


def _usage(
    *,
    digital_signature: bool = False,
    key_agreement: bool = False,
    key_cert_sign: bool = False,
    crl_sign: bool = False,
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=key_agreement,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )

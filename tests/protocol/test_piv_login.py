"""An operator signs in: what is signed, who is accepted, and when the PIN stays at the desk."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP384R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from drivers.card.errors import PinLastTry, PinWrong, PivAbsent, PivUnreadable
from drivers.card.profiles.piv_certificate import CertificateError, OperatorCertificate
from drivers.card.profiles.piv_login import (
    Challenge,
    OperatorProof,
    authenticate_operator,
    is_signature_of,
)
from drivers.card.profiles.piv_objects import Slot
from drivers.card.profiles.piv_objects import certificate_of as der_of
from drivers.card.profiles.piv_trust import OperatorTrust, Reason, Revocation
from drivers.errors import CardLost
from simulators.piv_card import OperatorCard, certificate_object
from simulators.piv_keys import CardKey
from simulators.piv_pki import CertificateForm, OperatorAuthority, blank_card
from tests.protocol.piv_scene import (
    NOW,
    OPERATOR,
    STATION,
    DirectChannel,
    authority,
    operator_card,
    pin,
    rsa_key,
    trust,
)


def challenge() -> Challenge:
    return Challenge.make(STATION, NOW)


def sign_in(
    card: OperatorCard, secret: bytearray | None = None, believed: OperatorTrust | None = None
) -> OperatorProof:
    channel = DirectChannel(card)
    return authenticate_operator(channel, secret or pin(), challenge(), believed or trust())


def test_an_operator_is_accepted_and_the_proof_can_be_repeated() -> None:
    proof = sign_in(operator_card())
    assert proof.is_accepted
    assert proof.reasons == ()
    assert OPERATOR in proof.subject
    assert proof.certificate.name == OPERATOR
    assert proof.certificate.revocation is Revocation.NOT_REVOKED
    certificate = x509.load_der_x509_certificate(proof.certificate_der)
    assert int(proof.serial, 16) == certificate.serial_number
    assert is_signature_of(certificate.public_key(), proof.signature, proof.signed)
    assert OPERATOR not in repr(proof)


def test_an_rsa_card_is_accepted() -> None:
    card = operator_card()
    card.keys[Slot.AUTHENTICATION] = rsa_key()
    put_certificate(card, authority().issue(OPERATOR, rsa_key(), NOW))
    assert sign_in(card).is_accepted


def test_the_challenge_says_what_it_is_for_who_asks_and_when() -> None:
    asked = Challenge.make(STATION, NOW, lambda count: bytes(range(count)))
    text = asked.to_bytes()
    assert text.startswith(b"rekam operator sign-in 1\x00" + bytes(range(32)))
    assert STATION.encode() in text
    assert int.from_bytes(text[-8:], "big") == int(NOW.timestamp() * 1000)
    assert Challenge.make(STATION, NOW).nonce != Challenge.make(STATION, NOW).nonce
    assert asked.nonce.hex() not in repr(asked)


def test_a_copied_certificate_without_its_key_is_found_out() -> None:
    card = operator_card()
    card.keys[Slot.AUTHENTICATION] = CardKey.generate(0x11)
    proof = sign_in(card)
    assert proof.reasons == (Reason.WRONG_SIGNATURE,)
    assert not proof.is_accepted


FORMS: list[tuple[CertificateForm, Reason]] = [
    (CertificateForm(days_before=-1), Reason.NOT_YET_VALID),
    (CertificateForm(days_before=10, days_valid=5), Reason.EXPIRED),
    (CertificateForm(key_usage=False), Reason.KEY_USAGE),
    (CertificateForm(key_usage=None), Reason.KEY_USAGE),
    (CertificateForm(purposes=[ExtendedKeyUsageOID.SERVER_AUTH]), Reason.LOGIN_NOT_ALLOWED),
    (CertificateForm(is_authority=True), Reason.IS_AUTHORITY),
    (CertificateForm(unknown_critical=True), Reason.UNKNOWN_EXTENSION),
]


@pytest.mark.parametrize(("form", "reason"), FORMS, ids=[reason.name for _, reason in FORMS])
def test_an_unfit_certificate_is_refused_before_the_pin(
    form: CertificateForm, reason: Reason
) -> None:
    channel = DirectChannel(authority().card(OPERATOR, NOW, form=form))
    secret = pin()
    proof = authenticate_operator(channel, secret, challenge(), trust())
    assert proof.reasons == (reason,)
    assert proof.signature == b""
    assert channel.count(0x20) == 0
    assert not any(secret)


def test_a_certificate_without_purposes_may_sign_in() -> None:
    assert sign_in(authority().card(OPERATOR, NOW, form=CertificateForm(purposes=None))).is_accepted


def test_another_authority_is_refused_whatever_its_name() -> None:
    stranger = OperatorAuthority.make(NOW)
    assert stranger.certificate.subject == authority().certificate.subject
    proof = sign_in(stranger.card(OPERATOR, NOW))
    assert proof.reasons == (Reason.UNKNOWN_AUTHORITY,)
    assert proof.certificate.revocation is Revocation.MISSING


def test_one_of_several_authorities_is_enough() -> None:
    other = OperatorAuthority.make(NOW, "another office")
    both = OperatorTrust((other.certificate, authority().certificate))
    assert sign_in(operator_card(), believed=both).is_accepted


def test_an_operator_cannot_issue_operators() -> None:
    key = CardKey.generate(0x11)
    leaf = authority().issue("OPERATOR UJI 002", key, NOW)
    false = OperatorAuthority(leaf, key._key)  # type: ignore[arg-type]
    card = false.card(OPERATOR, NOW)
    believed = OperatorTrust((leaf, authority().certificate))
    assert sign_in(card, believed=believed).reasons == (Reason.UNKNOWN_AUTHORITY,)


def test_an_expired_authority_accepts_nobody() -> None:
    old = OperatorAuthority.make(NOW - timedelta(days=5000))
    card = old.card(OPERATOR, NOW)
    proof = sign_in(card, believed=OperatorTrust((old.certificate,)))
    assert proof.reasons == (Reason.AUTHORITY_NOT_VALID,)


@pytest.mark.parametrize("ended_first", [True, False])
def test_an_authority_that_was_renewed_with_its_key(ended_first: bool) -> None:
    """Both certificates fit an operator; whichever stands first, the valid one counts."""
    ended = authority().earlier(NOW)
    both = (ended, authority().certificate) if ended_first else (authority().certificate, ended)
    believed = OperatorTrust(both, trust().lists, revocation_required=True)
    proof = sign_in(operator_card(), believed=believed)
    assert proof.reasons == ()
    assert proof.certificate.revocation is Revocation.NOT_REVOKED
    only = sign_in(operator_card(), believed=OperatorTrust((ended,)))
    assert only.reasons == (Reason.AUTHORITY_NOT_VALID,)


def test_a_key_too_strong_or_strange_for_us_is_named() -> None:
    card = operator_card()
    put_certificate(
        card, authority().issue(OPERATOR, CardKey(generate_private_key(SECP384R1())), NOW)
    )
    assert sign_in(card).reasons == (Reason.UNSUITABLE_KEY,)


def revoking(*serials: int, **days: float) -> x509.CertificateRevocationList:
    return authority().revocation_list(serials, NOW, **days)


STALE = {"days_valid": 0.5}


@pytest.mark.parametrize(
    ("lists", "revocation"),
    [
        (lambda serial: [revoking(serial)], Revocation.REVOKED),
        (lambda serial: [revoking(serial, **STALE)], Revocation.REVOKED),
        (lambda serial: [revoking(serial + 1)], Revocation.NOT_REVOKED),
        (lambda serial: [revoking(**STALE), revoking()], Revocation.NOT_REVOKED),
        (lambda serial: [revoking(**STALE)], Revocation.STALE),
        (lambda serial: [], Revocation.MISSING),
        (
            lambda serial: [OperatorAuthority.make(NOW).revocation_list([serial], NOW)],
            Revocation.MISSING,
        ),
    ],
)
def test_what_the_lists_say_is_told_and_acted_on(
    lists: Callable[[int], list[x509.CertificateRevocationList]], revocation: Revocation
) -> None:
    operator = certificate_of(operator_card())
    found = tuple(lists(operator.certificate.serial_number))
    lenient = OperatorTrust((authority().certificate,), found).check(operator, NOW)
    strict = OperatorTrust((authority().certificate,), found, revocation_required=True).check(
        operator, NOW
    )
    assert lenient.revocation is strict.revocation is revocation
    refused = {Revocation.REVOKED: (Reason.REVOKED,)}
    unknown = {Revocation.STALE, Revocation.MISSING}
    assert lenient.reasons == refused.get(revocation, ())
    expected = (Reason.REVOCATION_UNKNOWN,) if revocation in unknown else lenient.reasons
    assert strict.reasons == expected


def test_a_list_of_the_future_is_not_current() -> None:
    operator = certificate_of(operator_card())
    believed = trust()
    before = believed.check(operator, NOW - timedelta(hours=25))
    assert before.revocation is Revocation.STALE
    assert Reason.NOT_YET_VALID in before.reasons


def test_trust_is_read_from_files(tmp_path: Path) -> None:
    operators, pem, der = (tmp_path / name for name in ("ca.pem", "list.pem", "list.der"))
    other = OperatorAuthority.make(NOW, "another office")
    operators.write_bytes(
        b"".join(one.certificate.public_bytes(Encoding.PEM) for one in (other, authority()))
    )
    card = operator_card()
    serial = certificate_of(card).certificate.serial_number
    pem.write_bytes(revoking(serial).public_bytes(Encoding.PEM))
    der.write_bytes(revoking(serial).public_bytes(Encoding.DER))
    for file in (pem, der):
        loaded = OperatorTrust.load((operators,), (file,))
        assert len(loaded.authorities) == 2
        assert sign_in(card, believed=loaded).reasons == (Reason.REVOKED,)
    absent = OperatorTrust.load((operators,), (tmp_path / "none.crl",))
    assert sign_in(operator_card(), believed=absent).certificate.revocation is Revocation.MISSING
    with pytest.raises(OSError, match=r"none\.pem"):
        OperatorTrust.load((tmp_path / "none.pem",))
    with pytest.raises(ValueError, match=r"PEM|certificate"):
        OperatorTrust.load((der,))


def test_a_wrong_pin_proves_nothing() -> None:
    card = operator_card()
    with pytest.raises(PinWrong) as refused:
        sign_in(card, pin("000000"))
    assert refused.value.tries_left == 2
    card.pin.tries = 1
    secret = pin()
    with pytest.raises(PinLastTry):
        sign_in(card, secret)
    assert secret == bytes(6)


def test_a_damaged_certificate_is_told_before_the_pin() -> None:
    card = operator_card()
    card.objects[Slot.AUTHENTICATION.certificate_tag] = certificate_object(b"\x30\x03\x02\x01\x01")
    with pytest.raises(PivUnreadable, match="certificate"):
        sign_in(card)


def test_another_card_is_no_operator_card() -> None:
    class Deaf(DirectChannel):
        def transmit(self, apdu: bytes) -> bytes:
            return b"\x6a\x82"

    secret = pin()
    with pytest.raises(PivAbsent):
        authenticate_operator(Deaf(blank_card()), secret, challenge(), trust())
    assert not any(secret)


def test_a_card_torn_away_at_any_command_proves_nothing() -> None:
    whole = DirectChannel(operator_card())
    authenticate_operator(whole, pin(), challenge(), trust())
    for number in range(len(whole.sent)):
        channel = DirectChannel(operator_card())

        def tear(_apdu: bytes, channel: DirectChannel = channel, number: int = number) -> None:
            if len(channel.sent) == number:
                raise CardLost(channel.device, "gone")

        channel.before = tear
        secret = pin()
        with pytest.raises(CardLost):
            authenticate_operator(channel, secret, challenge(), trust())
        assert not any(secret)


def test_nothing_is_no_certificate() -> None:
    with pytest.raises(CertificateError):
        OperatorCertificate.load(b"")


def put_certificate(card: OperatorCard, certificate: x509.Certificate) -> None:
    content = certificate_object(certificate.public_bytes(Encoding.DER))
    card.objects[Slot.AUTHENTICATION.certificate_tag] = content


def certificate_of(card: OperatorCard) -> OperatorCertificate:
    return OperatorCertificate.load(der_of(card.objects[Slot.AUTHENTICATION.certificate_tag]))

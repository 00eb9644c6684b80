"""The PIV profile against the simulated card, and byte for byte against the standard."""

from __future__ import annotations

import gzip

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP384R1, generate_private_key

from drivers.card import frames
from drivers.card.apdu import CHUNK_BYTES, ApduChannel, CardAnswer
from drivers.card.errors import (
    PinBlocked,
    PinLastTry,
    PinUnsuitable,
    PinWrong,
    PivAbsent,
    PivCertificateAbsent,
    PivKeyRefused,
    PivUnreadable,
)
from drivers.card.profiles.piv import PivCard
from drivers.card.profiles.piv_login import is_signature_of
from drivers.card.profiles.piv_objects import CHUID, DISCOVERY, Slot
from drivers.card.tlv import build
from drivers.errors import Cancelled, DeviceError
from simulators.card import KtpelCard, specimen
from simulators.piv_card import OperatorCard
from simulators.piv_pki import blank_card
from tests.protocol.piv_scene import (
    OPERATOR,
    DirectChannel,
    ScriptedChannel,
    operator_card,
    pin,
    rsa_key,
    selected,
)

EMPTY_VERIFY = "00200080"
VERIFY_123456 = "0020008008 313233343536FFFF"
DIGEST_OF_ABC = "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD"
SELECT = "00A404000B A000000308000010000100 00"


@pytest.fixture
def card() -> OperatorCard:
    return operator_card()


@pytest.fixture
def channel(card: OperatorCard) -> DirectChannel:
    return DirectChannel(card)


def certificate_in(piv: PivCard, slot: Slot = Slot.AUTHENTICATION) -> x509.Certificate:
    return x509.load_der_x509_certificate(piv.certificate(slot))


def test_the_commands_are_those_of_the_standard() -> None:
    channel = ScriptedChannel(
        [
            (SELECT, "61049000"),
            ("00CB3FFF05 5C035FC105 00", "5308 7003AABBCC 7101 00 9000".replace(" ", "")),
            ("00CB3FFF05 5C035FC10A 00", "6A82"),
            ("00CB3FFF03 5C017E 00", "7E07 4F00 5F2F026020 9000"),
            (EMPTY_VERIFY, "63C3"),
            (EMPTY_VERIFY, "63C3"),
            (VERIFY_123456, "9000"),
            (f"0087119A26 7C24 8200 8120{DIGEST_OF_ABC} 00", "7C04 8202 3000 9000"),
        ]
    )
    piv = channel.piv
    piv.select()
    assert piv.certificate() == bytes.fromhex("AABBCC")
    with pytest.raises(PivCertificateAbsent, match="9C"):
        piv.certificate(Slot.SIGNATURE)
    told = piv.discovery()
    assert told is not None
    assert told.global_pin_is_primary
    assert piv.tries_left() == 3
    piv.verify_pin(pin())
    key = certificate_in(selected(DirectChannel(operator_card()))).public_key()
    assert piv.sign(Slot.AUTHENTICATION, b"abc", key) == bytes.fromhex("3000")
    assert not channel.pairs


def test_rsa_goes_in_a_chain_of_two_commands() -> None:
    padded = "0001" + "FF" * 202 + "00" + "3031300D060960864801650304020105000420" + DIGEST_OF_ABC
    template = bytes.fromhex(f"7C820106 8200 81820100{padded}")
    head, tail = template[:CHUNK_BYTES].hex().upper(), template[CHUNK_BYTES:].hex().upper()
    answer = "7C820104 82820100" + "AB" * 256
    channel = ScriptedChannel(
        [
            (f"1087079AF8{head}", "9000"),
            (f"0087079A{len(tail) // 2:02X}{tail}00", f"{answer[:-16]} 6108"),
            ("00C0000008", f"{answer[-16:]} 9000"),
        ]
    )
    signature = channel.piv.sign(Slot.AUTHENTICATION, b"abc", rsa_key().public)
    assert signature == b"\xab" * 256
    assert not channel.pairs


def test_everything_of_a_card_is_read_and_signed(channel: DirectChannel) -> None:
    piv = selected(channel)
    holder, told = piv.cardholder_id(), piv.discovery()
    assert holder is not None
    assert holder.expires is not None
    assert holder.expires.year == 2040
    assert told is not None
    assert (told.has_application_pin, told.has_global_pin) == (True, False)
    assert piv.tries_left() == 3
    for slot in Slot:
        certificate = certificate_in(piv, slot)
        assert OPERATOR in certificate.subject.rfc4514_string()
        piv.verify_pin(pin())
        signature = piv.sign(slot, b"a message", certificate.public_key())
        assert is_signature_of(certificate.public_key(), signature, b"a message")
        assert not is_signature_of(certificate.public_key(), signature, b"another")


def test_a_card_with_rsa_signs(card: OperatorCard) -> None:
    card.keys[Slot.AUTHENTICATION] = rsa_key()
    piv = selected(DirectChannel(card))
    piv.verify_pin(pin())
    signature = piv.sign(Slot.AUTHENTICATION, b"a message", rsa_key().public)
    assert is_signature_of(rsa_key().public, signature, b"a message")
    assert len(signature) == 256


def test_a_wrong_pin_counts_down_and_survives_power_cycles(card: OperatorCard) -> None:
    with pytest.raises(PinWrong) as refused:
        selected(DirectChannel(card)).verify_pin(pin("654321"))
    assert refused.value.tries_left == 2
    card.power(frames.POWER_OFF)
    piv = selected(DirectChannel(card))
    assert piv.tries_left() == 2
    piv.verify_pin(pin())
    card.power(frames.RESET)
    assert selected(DirectChannel(card)).tries_left() == 3


def test_the_last_try_is_not_sent_without_a_word(card: OperatorCard) -> None:
    card.pin.tries = 1
    channel = DirectChannel(card)
    piv = selected(channel)
    with pytest.raises(PinLastTry):
        piv.verify_pin(pin())
    assert channel.count(0x20, with_data=True) == 0
    assert card.pin.tries == 1
    with pytest.raises(PinBlocked):
        piv.verify_pin(pin("654321"), allow_last_try=True)
    with pytest.raises(PinBlocked):
        piv.verify_pin(pin(), allow_last_try=True)
    assert piv.tries_left() == 0
    assert channel.count(0x20, with_data=True) == 1


def test_the_last_try_with_permission_may_be_right(card: OperatorCard) -> None:
    card.pin.tries = 1
    piv = selected(DirectChannel(card))
    piv.verify_pin(pin(), allow_last_try=True)
    assert card.pin.tries == 3


@pytest.mark.parametrize("told", ["6A80", "6300", "6D00"])
def test_a_card_that_tells_no_tries_gets_no_pin(told: str) -> None:
    channel = ScriptedChannel([(EMPTY_VERIFY, told)])
    with pytest.raises(PinLastTry, match="does not tell"):
        channel.piv.verify_pin(pin())


@pytest.mark.parametrize(
    ("status", "error", "tries"),
    [
        ("63C2", PinWrong, 2),
        ("6300", PinWrong, None),
        ("63C0", PinBlocked, None),
        ("6983", PinBlocked, None),
        ("6F00", CardAnswer, None),
    ],
)
def test_what_verify_may_answer(status: str, error: type[DeviceError], tries: int | None) -> None:
    channel = ScriptedChannel([(EMPTY_VERIFY, "63C3"), (VERIFY_123456, status)])
    secret = pin()
    with pytest.raises(error) as refused:
        channel.piv.verify_pin(secret)
    assert type(refused.value) is error
    assert getattr(refused.value, "tries_left", None) == tries
    assert secret == bytes(6)
    assert "123456" not in str(refused.value)


@pytest.mark.parametrize("text", ["", "12345", "123456789", "12345\x00", "12 456", "12345é"])
def test_what_cannot_be_a_pin_is_not_sent(text: str) -> None:
    secret = pin(text)
    with pytest.raises(PinUnsuitable):
        ScriptedChannel([]).piv.verify_pin(secret)
    assert not any(secret)


def test_a_pin_wiped_while_the_tries_are_asked_is_not_sent(
    card: OperatorCard, channel: DirectChannel
) -> None:
    """Who stops waiting for the card wipes the PIN; eight zeros would cost a try."""
    piv, secret = selected(channel), pin()
    tries = card.pin.tries

    def wipe(_: bytes) -> None:
        secret[:] = bytes(len(secret))

    channel.before = wipe
    with pytest.raises(Cancelled):
        piv.verify_pin(secret)
    assert channel.count(0x20) == 1
    assert channel.count(0x20, with_data=True) == 0
    assert card.pin.tries == tries


def test_a_pin_is_overwritten_also_after_success(channel: DirectChannel) -> None:
    secret = pin()
    selected(channel).verify_pin(secret)
    assert secret == bytes(6)


def test_without_the_pin_nothing_is_signed(channel: DirectChannel) -> None:
    piv = selected(channel)
    key = certificate_in(piv).public_key()
    with pytest.raises(PivKeyRefused, match="6982"):
        piv.sign(Slot.AUTHENTICATION, b"abc", key)


def test_the_pin_state_ends_with_power(card: OperatorCard, channel: DirectChannel) -> None:
    piv = selected(channel)
    key = certificate_in(piv).public_key()
    piv.verify_pin(pin())
    card.power(frames.RESET)
    piv.select()
    with pytest.raises(PivKeyRefused):
        piv.sign(Slot.AUTHENTICATION, b"abc", key)


def test_the_signature_key_wants_the_pin_every_time(channel: DirectChannel) -> None:
    piv = selected(channel)
    key = certificate_in(piv, Slot.SIGNATURE).public_key()
    piv.verify_pin(pin())
    piv.sign(Slot.SIGNATURE, b"abc", key)
    with pytest.raises(PivKeyRefused):
        piv.sign(Slot.SIGNATURE, b"abc", key)


def test_a_key_of_another_algorithm_than_the_certificate_is_refused(card: OperatorCard) -> None:
    piv = selected(DirectChannel(card))
    piv.verify_pin(pin())
    with pytest.raises(PivKeyRefused, match="6A86"):
        piv.sign(Slot.AUTHENTICATION, b"abc", rsa_key().public)


def test_a_key_that_no_card_of_ours_has_is_named(channel: DirectChannel) -> None:
    key = generate_private_key(SECP384R1()).public_key()
    with pytest.raises(PivUnreadable, match="neither"):
        selected(channel).sign(Slot.AUTHENTICATION, b"abc", key)


def test_a_ktpel_is_no_operator_card() -> None:
    ktpel = KtpelCard(specimen())

    class Channel(DirectChannel):
        def transmit(self, apdu: bytes) -> bytes:
            return ktpel.apdu(apdu)

    with pytest.raises(PivAbsent):
        PivCard(ApduChannel(Channel(blank_card())), "reader").select()


def test_a_blank_card_has_nothing_to_give() -> None:
    piv = selected(DirectChannel(blank_card()))
    assert piv.cardholder_id() is None
    assert piv.discovery() is not None
    with pytest.raises(PivCertificateAbsent):
        piv.certificate()


def test_a_compressed_certificate_is_unpacked(card: OperatorCard, channel: DirectChannel) -> None:
    piv = selected(channel)
    plain = piv.certificate()
    packed = build(0x70, gzip.compress(plain)) + bytes.fromhex("710101FE00")
    card.objects[Slot.AUTHENTICATION.certificate_tag] = build(0x53, packed)
    assert piv.certificate() == plain


def test_a_compressed_bomb_is_refused(card: OperatorCard, channel: DirectChannel) -> None:
    packed = build(0x70, gzip.compress(bytes(4 << 20))) + bytes.fromhex("710101FE00")
    card.objects[Slot.AUTHENTICATION.certificate_tag] = build(0x53, packed)
    with pytest.raises(PivUnreadable, match="too long"):
        selected(channel).certificate()


@pytest.mark.parametrize(
    ("tag", "content"),
    [
        (Slot.AUTHENTICATION.certificate_tag, "53053003AABBCC00"),
        (Slot.AUTHENTICATION.certificate_tag, "5303700AAB"),
        (Slot.AUTHENTICATION.certificate_tag, "53087003AABBCC710102"),
        (Slot.AUTHENTICATION.certificate_tag, "530A7003AABBCC7003AABBCC"),
        (CHUID, "5303340101"),
        (CHUID, "530A35083230343031333332"),
        (DISCOVERY, "7E055F2F024000AA"),
        (DISCOVERY, "7E045F2F0140"),
    ],
)
def test_objects_that_contradict_themselves(
    card: OperatorCard, channel: DirectChannel, tag: int, content: str
) -> None:
    card.objects[tag] = bytes.fromhex(content)
    piv = selected(channel)
    read = {CHUID: piv.cardholder_id, DISCOVERY: piv.discovery}.get(tag, piv.certificate)
    with pytest.raises(PivUnreadable):
        read()


def test_an_empty_certificate_object_is_an_absent_certificate(
    card: OperatorCard, channel: DirectChannel
) -> None:
    card.objects[Slot.AUTHENTICATION.certificate_tag] = bytes.fromhex("5300")
    with pytest.raises(PivCertificateAbsent, match="empty"):
        selected(channel).certificate()


def test_a_refused_object_keeps_its_status() -> None:
    channel = ScriptedChannel([("00CB3FFF055C035FC10500", "6982")])
    with pytest.raises(CardAnswer, match="6982"):
        channel.piv.certificate()

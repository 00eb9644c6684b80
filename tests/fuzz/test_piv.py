"""Damaged answers of an operator card: objects, certificates, signatures, whole conversations."""

from __future__ import annotations

import gzip
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import cycle

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from drivers.api import CardChannel
from drivers.card import tlv
from drivers.card.apdu import ApduChannel
from drivers.card.atr import AtrError
from drivers.card.info_applications import find_applications
from drivers.card.info_atr import explain_atr
from drivers.card.profiles import piv_objects
from drivers.card.profiles.piv_certificate import CertificateError, OperatorCertificate
from drivers.card.profiles.piv_login import Challenge, authenticate_operator, is_signature_of
from drivers.card.profiles.piv_objects import PivObjectError, Slot
from drivers.card.profiles.piv_trust import Reason
from drivers.errors import DeviceError
from simulators.piv_card import OperatorCard, certificate_object
from tests.fuzz.harness import damage, fuzz, share, survive
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

VERIFY = 0x20
GENERAL_AUTHENTICATE = 0x87
STATUS_WORDS = tuple(
    bytes.fromhex(text)
    for text in ("9000", "6300", "63C0", "63C1", "63C2", "6700", "6982", "6983", "6A80", "6A82")
)
PIECE = 60
"""Bytes of one answer in a damaged conversation."""


def certificates() -> list[bytes]:
    keys = (operator_card().keys[Slot.AUTHENTICATION], rsa_key())
    return [authority().issue(OPERATOR, key, NOW).public_bytes(Encoding.DER) for key in keys]


def test_certificate_objects() -> None:
    plain = [certificate_object(der) for der in certificates()]
    packed = tlv.build(0x70, gzip.compress(certificates()[0])) + bytes.fromhex("710101FE00")
    examples = [*plain, tlv.build(0x53, packed)]
    assert fuzz(piv_objects.certificate_of, examples, (PivObjectError,)) > 0


@pytest.mark.parametrize("read", [piv_objects.cardholder_id_of, piv_objects.discovery_of])
def test_small_objects(read: type) -> None:
    card = operator_card()
    examples = [card.objects[tag] for tag in (piv_objects.CHUID, piv_objects.DISCOVERY)]
    assert fuzz(read, examples, (PivObjectError,)) > 0


def test_signature_templates() -> None:
    examples = [tlv.build(0x7C, tlv.build(0x82, bytes(size))) for size in (70, 71, 256)]
    assert fuzz(piv_objects.signature_of, examples, (PivObjectError,)) > 0


def test_certificates_and_what_is_checked_of_them() -> None:
    believed = trust()

    def check(der: bytes) -> bool:
        operator = OperatorCertificate.load(der)
        verdict = believed.check(operator, NOW)
        # only what the authority signed is accepted, whatever was done to the bytes around it
        assert not verdict.is_accepted or operator.certificate.tbs_certificate_bytes in signed
        return verdict.is_accepted

    examples = certificates()
    signed = {x509.load_der_x509_certificate(der).tbs_certificate_bytes for der in examples}
    assert fuzz(check, examples, (CertificateError,)) > 0


def test_answers_to_reset() -> None:
    examples = [
        bytes.fromhex(text)
        for text in (
            "3B8B8001654B5450304432654B54504C",
            "3B8C8001501122334430AAAA017781D709",
            "3BF81300008131FE15595542494B455934D4",
            "3BD096FF81B1FE451F072A",
            "3B8F8001804F0CA000000306030001000000006A",
        )
    ]
    assert fuzz(explain_atr, examples, (AtrError,)) > 0


class Talkative:
    """A `CardChannel` that gives out a damaged conversation, piece after piece, without end."""

    device = "reader"
    access_module: CardChannel | None = None

    def __init__(self, conversation: bytes) -> None:
        pieces = [conversation[at : at + PIECE] for at in range(0, len(conversation), PIECE)]
        self._answers = cycle(
            [piece if len(piece) > 1 else b"\x90\x00" for piece in pieces or [b""]]
        )

    def transmit(self, apdu: bytes) -> bytes:
        return next(self._answers)


def conversation() -> bytes:
    channel = DirectChannel(operator_card())
    answers = bytearray()

    class Listening(DirectChannel):
        def transmit(self, apdu: bytes) -> bytes:
            answer = super().transmit(apdu)
            answers.extend(answer[-PIECE:].rjust(PIECE, b"\x00"))
            return answer

    authenticate_operator(Listening(channel.card), pin(), Challenge.make(STATION, NOW), trust())
    return bytes(answers)


def test_sign_ins_at_a_card_that_talks_without_end() -> None:
    believed, asked = trust(), Challenge.make(STATION, NOW)

    def sign_in(damaged: bytes) -> None:
        proof = authenticate_operator(Talkative(damaged), pin(), asked, believed)
        assert not proof.is_accepted

    fuzz(sign_in, [conversation(), bytes.fromhex("9000") * 40], (DeviceError,), cases=share(2))


@dataclass
class OneDamagedAnswer(DirectChannel):
    """A real card; what it answers to the command of this number is damaged on its way."""

    number: int = 0
    harm: Callable[[bytes], bytes] = bytes

    def transmit(self, apdu: bytes) -> bytes:
        number = len(self.sent)
        answer = super().transmit(apdu)
        # a transport delivers two bytes at least
        return self.harm(answer).ljust(2, b"\x00") if number == self.number else answer


def answers_of_a_sign_in(card: OperatorCard) -> list[bytes]:
    class Listening(DirectChannel):
        def transmit(self, apdu: bytes) -> bytes:
            answers.append(super().transmit(apdu))
            return answers[-1]

    answers: list[bytes] = []
    authenticate_operator(Listening(card), pin(), Challenge.make(STATION, NOW), trust())
    return answers


def harms(answers: list[bytes], cases: int) -> Iterator[tuple[int, Callable[[bytes], bytes]]]:
    dice = random.Random(1)  # noqa: S311  # reproducible, not secret

    def spoil(answer: bytes) -> bytes:
        return bytes(damage(bytearray(answer), answers, dice))

    def refuse(answer: bytes) -> bytes:
        return dice.choice(STATUS_WORDS)

    for _ in range(cases):
        yield dice.randrange(len(answers)), dice.choice((spoil, spoil, spoil, refuse))


def test_whole_sign_ins() -> None:
    """One answer is damaged and everything else right, so that the last steps are reached, too."""
    believed, asked, card = trust(), Challenge.make(STATION, NOW), operator_card()
    reached: Counter[str] = Counter()

    def sign_in(case: tuple[int, Callable[[bytes], bytes]]) -> None:
        channel = OneDamagedAnswer(card, number=case[0], harm=case[1])
        try:
            proof = authenticate_operator(channel, pin(), asked, believed)
        except DeviceError as error:
            reached[type(error).__name__] += 1
            raise
        finally:
            reached["PIN sent"] += channel.count(VERIFY, with_data=True)
            reached["signature asked"] += channel.count(GENERAL_AUTHENTICATE, with_data=True)
        reached.update(reason.name for reason in proof.reasons)
        if proof.is_accepted:
            key = x509.load_der_x509_certificate(proof.certificate_der).public_key()
            assert is_signature_of(key, proof.signature, asked.to_bytes())

    cases = share(4)
    answers = answers_of_a_sign_in(card)
    assert survive(sign_in, harms(answers, cases), (DeviceError,)) > 0
    assert reached["PIN sent"] > cases // 4
    assert reached["signature asked"] > cases // 4
    expected = ("PinWrong", "PinBlocked", "PinLastTry", "PivKeyRefused", "PivUnreadable")
    for what in (*expected, Reason.WRONG_SIGNATURE.name, "PivAbsent"):
        assert reached[what], what


def test_whole_descriptions() -> None:
    def describe(damaged: bytes) -> None:
        find_applications(ApduChannel(Talkative(damaged)), "reader")

    fuzz(describe, [conversation(), bytes.fromhex("6A82") * 40], (DeviceError,))


def test_the_simulated_card_survives_any_command() -> None:
    card = operator_card()
    examples = [
        bytes.fromhex(text)
        for text in (
            "00A404000BA00000030800001000010000",
            "00CB3FFF055C035FC10500",
            "0020008008313233343536FFFF",
            "0087119A267C2482008120" + "AB" * 32 + "00",
            "0087039B047C02800000",
            "1087079AF8" + "7C820106820081820100" + "01" * 238,
            "002C00801031323334353637383132333435363738",
        )
    ]

    def answer(apdu: bytes) -> int:
        reply = card.apdu(apdu)
        assert 2 <= len(reply) <= 258
        return len(reply)

    fuzz(answer, examples, ())

"""Damaged contents of a KTP-el and of the open test application against their parsers."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

import cv2
import numpy as np

from drivers.card.apdu import ApduChannel
from drivers.card.biodata import BiodataError, parse_card_text
from drivers.card.chip_content import ChipContentError, decode_photo, decode_signature_image
from drivers.card.chip_content_minutiae import parse_template
from drivers.card.profiles import open_lds
from drivers.card.profiles.ktpel_protected import read_ktpel
from drivers.card.profiles.open_lds_sod import SecurityObjectError, check_security_object
from drivers.card.secure_messaging import IcaoSecureMessaging
from drivers.card.secure_messaging_keys import SecureMessagingError, derive_keys, retail_mac
from drivers.errors import DeviceError
from simulators.card import KtpelCard, specimen
from simulators.ktpel_card_channel import CardSecureMessaging
from simulators.ktpel_card_content import placeholder_fingers, placeholder_signature
from simulators.ktpel_card_open_lds import build_face, build_security_object, open_files
from simulators.sam import KtpelSam
from simulators.test_keys import authority_certificate
from tests.fuzz.harness import damage, fuzz, share, survive
from tests.protocol.ktpel_rig import CARD, SAM, MemoryChannel, Rig

KEYS = derive_keys(bytes(16))
GROUPS = {13: b"biodata"}


def small_photo(extension: str = ".jpg") -> bytes:
    picture = np.random.default_rng(1).integers(0, 255, (24, 16, 3), np.uint8)
    return cv2.imencode(extension, picture)[1].tobytes()


def test_photo() -> None:
    jpeg = small_photo()
    assert fuzz(decode_photo, [jpeg, b"\x01\x02" + jpeg + b"\x03\x04"], (ChipContentError,)) > 0


def test_signature_image() -> None:
    assert fuzz(decode_signature_image, [placeholder_signature()], (ChipContentError,)) > 0


def test_minutiae() -> None:
    assert fuzz(parse_template, list(placeholder_fingers()), (ChipContentError,)) > 0


def test_biodata() -> None:
    assert fuzz(parse_card_text, [specimen().biodata_text], (BiodataError,)) > 0


def test_protected_answers() -> None:
    """Damaged answers, and damaged ones whose MAC is right: what stands behind the MAC, too."""
    plain = [bytes(n) + b"\x90\x00" for n in (0, 4, 80, 208)]
    answers = [CardSecureMessaging(KEYS, 0).protect_response(one)[:-2] for one in plain]

    def received(body: bytes) -> None:
        # a channel is over after its first refusal: every case gets one of its own
        assert IcaoSecureMessaging(KEYS, 0).unprotect(body) in plain

    def signed(body: bytes) -> None:
        mac = retail_mac(KEYS.mac, (1).to_bytes(8, "big") + body)
        IcaoSecureMessaging(KEYS, 0).unprotect(body + b"\x8e\x08" + mac)

    refusals = (SecureMessagingError,)
    assert fuzz(received, answers, refusals, cases=share(4)) > 0
    assert fuzz(signed, [answer[:-10] for answer in answers], refusals) > 0


def test_protected_commands_to_the_simulated_card_and_module() -> None:
    """The simulated devices answer everything that is thrown at them."""
    card, sam = KtpelCard(specimen()), KtpelSam()
    commands = [bytes.fromhex(text) for text in ("00A40000026FF1", "00B0000008", "0084000008")]
    commands += [bytes.fromhex("0082000028") + bytes(40), bytes.fromhex("00F4000010") + bytes(16)]
    commands += [bytes.fromhex("00F1000143") + bytes(67), bytes.fromhex("0CB000000D") + bytes(14)]
    fuzz(card.apdu, commands, (), cases=share(4))
    rig = Rig()
    rig.read_protected()
    rig.close()
    fuzz(rig.sam.apdu, commands, (), cases=share(4))
    fuzz(sam.apdu, commands, (), cases=share(20))


def test_security_object() -> None:
    authorities, now = (authority_certificate(),), datetime.now(UTC)

    def check(data: bytes) -> None:
        check_security_object(data, GROUPS, authorities, now)

    fuzz(check, [build_security_object(GROUPS)], (SecurityObjectError,))


def test_files_of_the_open_application() -> None:
    files = open_files(specimen())
    files[open_lds.DG2] = build_face(small_photo())
    examples = [files[n] for n in (open_lds.EF_COM, open_lds.DG2, open_lds.DG13)]
    card = KtpelCard(specimen())
    channel = ApduChannel(MemoryChannel(CARD, card, []))

    def read(damaged: bytes) -> None:
        number = len(damaged) % 3
        place = (open_lds.EF_COM, open_lds.DG2, open_lds.DG13)[number]
        card.__dict__["_test_application"] = {**files, place: damaged}
        open_lds.read_open_lds(channel, (), datetime.now(UTC))

    assert fuzz(read, examples, (DeviceError,), cases=share(4)) > 0


def answers_of_a_reading(rig: Rig) -> list[tuple[str, bytes]]:
    """Return slot and answer of every command of a good reading, in order."""
    answers: list[tuple[str, bytes]] = []

    def listening(slot: str) -> Callable[[bytes, bytes], bytes]:
        def hear(command: bytes, answer: bytes) -> bytes:
            answers.append((slot, answer))
            return answer

        return hear

    rig.card_channel.tamper, rig.sam_channel.tamper = listening(CARD), listening(SAM)
    rig.log.clear()
    rig.read_protected()
    return answers


def test_free_and_protected_files_of_a_card() -> None:
    """Whole readings in which one answer, of card or module, is damaged and all others right."""
    rig = Rig()
    good = rig.read()
    answers = answers_of_a_reading(rig)
    samples = [answer for _, answer in answers]
    reached: Counter[str] = Counter()
    dice_at: dict[int, random.Random] = {}

    def answer(command: bytes, real: bytes) -> bytes:
        # what this reading answers, not the recorded one: its keys are of this reading alone
        dice = dice_at.get(len(rig.log))
        if dice is None:
            return real
        reached["damaged"] += 1
        return bytes(damage(bytearray(real), samples, dice)).ljust(2, b"\x00")[:258]

    def read(case: tuple[int, int]) -> None:
        number, seed = case
        dice_at.clear()
        dice_at[number + 1] = random.Random(seed)  # noqa: S311  # reproducible, not secret
        rig.log.clear()
        rig.opening.is_refused = False
        try:
            content = read_ktpel(rig.card_channel, rig.uid, rig.module)
        except DeviceError as error:
            reached[type(error).__name__] += 1
            raise
        if content is None:  # a damaged answer to SELECT makes it another card
            reached["other card"] += 1
            return
        reached["protected" if content.problem is None else type(content.problem).__name__] += 1
        if answers[number][0] == CARD and content.protected is not None:
            # a changed photo shows in the verdict on the card's signature, and in nothing else
            assert replace(content.protected, is_signature_valid=True) == good.protected
            is_same_photo = content.free.photo == good.free.photo
            assert is_same_photo or not content.protected.is_signature_valid

    def cases(count: int) -> Iterator[tuple[int, int]]:
        dice = random.Random(1)  # noqa: S311  # reproducible, not secret
        for seed in range(count):
            yield dice.randrange(len(answers)), seed

    rig.card_channel.tamper = rig.sam_channel.tamper = answer
    count = share(10)
    assert survive(read, cases(count), (DeviceError,)) > 0
    rig.close()
    assert reached["damaged"] == count
    for problem in ("protected", "AccessModuleRefused", "SecureChannelBroken", "CardNotAuthentic"):
        assert reached[problem] > count // 100, reached

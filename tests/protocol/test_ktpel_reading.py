"""The whole KTP-el through an access module: order, lengths, forms, and every way it can fail."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from drivers.card.apdu import CardAnswer
from drivers.card.biodata import parse_card_text
from drivers.card.errors import (
    AccessModuleNotOpened,
    AccessModuleRefused,
    CardNotAuthentic,
    ReaderBusy,
    SamMissing,
    SecureChannelBroken,
    ServiceDown,
)
from drivers.card.profiles import ktpel
from drivers.card.profiles.ktpel_protected import CHUNK_BYTES, SMALL_CHUNK_BYTES, read_ktpel
from drivers.errors import CardLost, CardUnreadable, DeviceError, DeviceTimeout
from simulators.card import CardContent, CardForm, KtpelCard, from_person, specimen
from simulators.sam import KtpelSam
from tests.protocol.card_scene import ANDI
from tests.protocol.ktpel_rig import CARD, SAM, Rig, content_like_the_reference, photo_of

MakeRig = Callable[..., Rig]

FORMS = (
    CardForm(),
    CardForm(card_control_bytes=29),
    CardForm(is_type_b=True),
    CardForm(is_type_b=True, uid_command=0xDF),
    CardForm(card_control_bytes=29, is_type_b=True),
)


@pytest.fixture
def make() -> Iterator[MakeRig]:
    rigs: list[Rig] = []

    def one(*arguments: object, **options: object) -> Rig:
        rigs.append(Rig(*arguments, **options))  # type: ignore[arg-type]
        return rigs[-1]

    yield one
    for rig in rigs:
        rig.close()


@pytest.mark.parametrize("form", FORMS, ids=str)
@pytest.mark.parametrize("chunk_bytes", [CHUNK_BYTES, SMALL_CHUNK_BYTES])
def test_every_form_of_card_gives_everything(
    make: MakeRig, form: CardForm, chunk_bytes: int
) -> None:
    rig = make(form=form)
    content = rig.read(chunk_bytes)
    assert content.problem is None
    assert content.free.photo == rig.content.photo
    assert len(content.free.card_control) == form.card_control_bytes
    protected = content.protected
    assert protected is not None
    assert parse_card_text(protected.biodata_text)["name"] == "BUDI UJI"
    assert protected.signature_image == rig.content.signature
    assert protected.minutiae == rig.content.fingers
    assert protected.is_signature_valid


@pytest.mark.parametrize("size", [1024, 3000, 3968, 4096, 5500])
def test_photos_of_every_size_are_covered_by_the_signature(make: MakeRig, size: int) -> None:
    given = content_like_the_reference()
    rig = make(CardContent(given.uid, given.biodata_text, photo_of(size)))
    assert rig.read().free.photo == photo_of(size)
    assert rig.read_protected().is_signature_valid


def test_commands_and_their_order_are_those_of_the_public_clients(make: MakeRig) -> None:
    rig = make()
    rig.read_protected()
    text_bytes = 2 + len(rig.content.biodata_text)
    minutiae = [2 + len(finger) + -(2 + len(finger)) % 8 for finger in rig.content.fingers]
    assert _readable(rig) == [
        *("S 00F00000 20", "S 00F70000 00", "C 00A40000 7F0A", "C 00DD0000 08"),
        *("C 00A40000 6FF2", "C 00B00000 02"),
        *(f"C 00B0{2 + at:04X} {min(248, 3000 - at):02X}" for at in range(0, 3000, 248)),
        *("C 00A40000 6FF0", "C 00B00000 35"),
        *("S 00FF0000 00", "C 00840000 08", "S 00F10001 43", "C 00820000 28", "S 00F20000 28"),
        *("X 00A40000 6FF6", "X 00B00000 50", "S 00FA0000 00", "S 00FA0600 50"),
        *("X 00A40000 6FF1", "X 00B00000 08"),
        f"X 00B00008 {text_bytes - 8:02X}",
        *(f"S 00FA0300 {min(248, 3000 - at):02X}" for at in range(0, 3000, 248)),
        "S 00FA0500 00",
        *("X 00A40000 6FF3", "X 00B00000 08"),
        *(f"X 00B0{at:04X} {min(208, 928 - at):02X}" for at in range(8, 928, 208)),
        *("X 00A40000 6FF4", "X 00B00000 08", "X 00B00008 D0"),
        f"X 00B000D8 {minutiae[0] - 216:02X}",
        *("X 00A40000 6FF5", "X 00B00000 08", "X 00B00008 D0", "S 00FA0200 00"),
        f"X 00B000D8 {minutiae[1] - 216:02X}",
        "S 00FA0400 00",
    ]


def test_number_of_commands_is_that_of_the_reference(make: MakeRig) -> None:
    """43 and 62 in the reference, whose reader asks the UID twice and selects the directory twice.

    Here the UID is asked by opening and by confirming the session (two commands outside of this
    reading), the second selection is the question for type B: 41 + 2 = 43. The module is asked for
    its number besides: 62 + 1.
    """
    rig = make()
    rig.read_protected()
    assert len(rig.sent(CARD)) == 41
    assert len(rig.sent(SAM)) == 63


def test_card_control_of_29_bytes_changes_the_first_step_only(make: MakeRig) -> None:
    rig = make(form=CardForm(card_control_bytes=29))
    rig.read_protected()
    (begin,) = (command for command in rig.sent(SAM) if command[1] == 0xF1)
    assert begin[:5].hex().upper() == "00F100002D"
    assert len(begin) == 5 + 29 + 8 + 8


def test_type_b_is_asked_by_both_commands_and_type_a_by_one(make: MakeRig) -> None:
    asked = {}
    for form in FORMS[:4]:
        rig = make(form=form)
        rig.read_protected()
        asked[form] = [c[1] for c in rig.sent(CARD) if c[1] in (0xDD, 0xDF)]
    assert list(asked.values()) == [[0xDD], [0xDD], [0xDD], [0xDD, 0xDF]]


def test_without_a_module_only_the_free_files_are_asked(make: MakeRig) -> None:
    rig = make()
    content = read_ktpel(rig.card_channel, rig.uid, None)
    assert content is not None
    assert content.free.photo == rig.content.photo
    assert content.protected is None
    assert content.problem is None
    assert {command[1] for command in rig.sent(CARD)} == {0xA4, 0xB0}
    assert rig.sent(SAM) == []


def test_a_card_of_another_kind_is_no_ktpel(make: MakeRig) -> None:
    rig = make()
    rig.card_channel.tamper = lambda command, answer: b"\x6a\x82"
    assert read_ktpel(rig.card_channel, rig.uid, rig.module) is None


def test_a_forged_signature_is_read_and_marked(make: MakeRig) -> None:
    rig = make(form=CardForm(forged_signature=True))
    protected = rig.read_protected()
    assert parse_card_text(protected.biodata_text)["name"] == "BUDI UJI"
    assert not protected.is_signature_valid


def test_a_changed_photo_is_read_and_marked(make: MakeRig) -> None:
    """The photo travels unprotected; only the signature shows that it was exchanged."""
    rig = make()

    def change(command: bytes, answer: bytes) -> bytes:
        is_photo = command[:2] == b"\x00\xb0" and len(answer) > 100
        return bytes((answer[0] ^ 1,)) + answer[1:] if is_photo else answer

    rig.card_channel.tamper = change
    content = rig.read()
    assert content.free.photo != rig.content.photo
    assert content.protected is not None
    assert not content.protected.is_signature_valid


@pytest.mark.parametrize("number", range(3, 20))
def test_one_changed_bit_under_protection_is_an_alarm(make: MakeRig, number: int) -> None:
    rig = make()
    seen = 0

    def change(command: bytes, answer: bytes) -> bytes:
        nonlocal seen
        if command[0] != 0x0C:
            return answer
        seen += 1
        position = 7 * number % (len(answer) - 2)
        changed = answer[:position] + bytes((answer[position] ^ 0x10,)) + answer[position + 1 :]
        return changed if seen == number else answer

    rig.card_channel.tamper = change
    with pytest.raises(SecureChannelBroken) as alarm:
        rig.read()
    assert isinstance(alarm.value, CardLost)
    assert not alarm.value.retryable
    assert seen == number


def test_another_card_under_protection_is_an_alarm(make: MakeRig) -> None:
    rig = make()
    other = KtpelCard(from_person(ANDI))
    rig.card_channel.tamper = lambda command, answer: (
        other.apdu(command) if command[0] == 0x0C else answer
    )
    with pytest.raises(SecureChannelBroken):
        rig.read()


def test_another_card_with_a_channel_of_its_own_is_an_alarm(make: MakeRig) -> None:
    rig, others = make(), make(from_person(ANDI))
    others.read_protected()
    rig.card_channel.tamper = lambda command, answer: (
        others.card.apdu(command) if command[0] == 0x0C else answer
    )
    with pytest.raises(SecureChannelBroken):
        rig.read()


def test_a_copy_without_the_keys_is_not_authentic_and_its_free_files_are_read(
    make: MakeRig,
) -> None:
    rig = make()
    rig.card_channel.tamper = lambda command, answer: (
        bytes(40) + b"\x90\x00" if command[1] == 0x82 else answer
    )
    content = rig.read()
    assert content.protected is None
    assert isinstance(content.problem, CardNotAuthentic)
    assert content.free.photo == rig.content.photo


def test_a_card_that_refuses_the_module_is_not_authentic(make: MakeRig) -> None:
    rig = make()
    other = KtpelCard(from_person(ANDI))
    rig.card_channel.tamper = lambda command, answer: (
        other.apdu(command) if command[1] in (0x84, 0x82) else answer
    )
    content = rig.read()
    assert content.protected is None
    assert isinstance(content.problem, CardNotAuthentic)


def test_wrong_opening_data_are_sent_once_until_the_reader_connects_anew(make: MakeRig) -> None:
    rig = make()
    rig.sam = KtpelSam(opening=bytes(32))
    rig.sam_channel.answering = rig.sam
    for _ in range(3):
        content = rig.read()
        assert content.protected is None
        assert isinstance(content.problem, AccessModuleNotOpened)
        assert content.free.photo == rig.content.photo
    assert [command[1] for command in rig.sent(SAM)] == [0xF0]
    rig.opening.is_refused = False
    rig.read()
    assert [command[1] for command in rig.sent(SAM)] == [0xF0, 0xF0]


@pytest.mark.parametrize("instruction", [0xF1, 0xF2, 0xF3, 0xF4, 0xF7, 0xFA, 0xFF])
def test_a_module_that_refuses_costs_the_protected_content_only(
    make: MakeRig, instruction: int
) -> None:
    rig = make()
    rig.sam.refuses = frozenset({instruction})
    content = rig.read()
    assert content.protected is None
    assert isinstance(content.problem, AccessModuleRefused)
    assert content.problem.device_code == "6F00"
    assert content.free.photo == rig.content.photo


@pytest.mark.parametrize("count", [0, 1, 2, 4, 5, 6, 8, 20, 40, 62])
def test_a_module_pulled_out_half_way_leaves_the_free_content(make: MakeRig, count: int) -> None:
    rig = make()
    rig.sam_channel.tamper = _failing_after(count, CardLost("reader", "the card was removed"))
    content = rig.read()
    assert content.protected is None
    assert isinstance(content.problem, SamMissing)
    assert content.free.photo == rig.content.photo
    assert len(rig.sent(SAM)) == count + 1


@pytest.mark.parametrize("error", [ServiceDown, DeviceTimeout])
def test_what_ends_the_whole_reading_is_not_swallowed(
    make: MakeRig, error: type[DeviceError]
) -> None:
    rig = make()
    rig.sam_channel.tamper = _failing_after(9, error("reader"))
    with pytest.raises(error):
        rig.read()


def test_a_module_held_by_another_program_costs_the_protected_content_only(make: MakeRig) -> None:
    rig = make()
    rig.sam_channel.tamper = _failing_after(0, ReaderBusy("reader"))
    content = rig.read()
    assert isinstance(content.problem, ReaderBusy)
    assert content.protected is None


@pytest.mark.parametrize("count", range(1, 41, 5))
def test_a_card_torn_away_ends_the_reading(make: MakeRig, count: int) -> None:
    rig = make()
    rig.card_channel.tamper = _failing_after(count, CardLost("reader"))
    with pytest.raises(CardLost):
        rig.read()


@pytest.mark.parametrize("length", [0, 1, 6, 8191, 0xFFFF])
def test_impossible_lengths_of_protected_files_are_refused(make: MakeRig, length: int) -> None:
    rig = make()

    def lie(command: bytes, answer: bytes) -> bytes:
        is_head = command[1] == 0xF4 and len(answer) == 8 + 4 and rig.sam._files.is_on
        return length.to_bytes(2, "big") + answer[2:] if is_head else answer

    rig.sam_channel.tamper = lie
    with pytest.raises((CardUnreadable, SecureChannelBroken, CardAnswer)):
        rig.read()


@pytest.mark.parametrize(
    "answer", ["9000", "123456" + "9000", "00" * 41 + "9000", "6985", "6C08", "6108"]
)
def test_strange_answers_to_the_challenge_end_in_an_error(make: MakeRig, answer: str) -> None:
    rig = make()
    rig.card_channel.tamper = lambda command, real: (
        bytes.fromhex(answer) if command[1] in (0x84, 0xC0) else real
    )
    with pytest.raises((CardAnswer, CardUnreadable)):
        rig.read()


def test_the_simulated_card_gives_nothing_protected_in_clear() -> None:
    card = KtpelCard(specimen())
    for identifier in (0x6FF1, 0x6FF3, 0x6FF4, 0x6FF5, 0x6FF6):
        card.apdu(b"\x00\xa4\x00\x00\x02" + ktpel.DEDICATED_FILE.to_bytes(2, "big"))
        assert card.apdu(b"\x00\xa4\x00\x00\x02" + identifier.to_bytes(2, "big")) == b"\x90\x00"
        assert card.apdu(bytes.fromhex("00B0000008")) == b"\x69\x82"


def test_the_simulated_module_answers_nothing_before_it_is_open() -> None:
    sam = KtpelSam()
    for command in ("00F7000000", "00FF000000", "00F2000028" + "00" * 40, "00F3000005" + "00" * 5):
        assert sam.apdu(bytes.fromhex(command)) == b"\x69\x82"


def test_the_simulated_module_forgets_with_its_power(make: MakeRig) -> None:
    rig = make()
    rig.read_protected()
    rig.sam.power(0)
    assert rig.sam.apdu(bytes.fromhex("00F7000000")) == b"\x69\x82"


def test_a_chip_has_8_kb() -> None:
    with pytest.raises(ValueError, match="8192"):
        CardContent(specimen().uid, b"x" * 2000, photo_of(6000))


def _failing_after(count: int, error: Exception) -> Callable[[bytes, bytes], bytes]:
    sent = 0

    def answer(command: bytes, real: bytes) -> bytes:
        nonlocal sent
        sent += 1
        if sent > count:
            raise error
        return real

    return answer


def _readable(rig: Rig) -> list[str]:
    """Write the commands as slot, header, and file or length; X is one protected command."""
    lines: list[str] = []
    commands = iter(rig.log)
    for slot, command in commands:
        if slot == SAM and command[1] == 0xF3:
            plain = command[5:]
            (_, sealed), (_, opened) = next(commands), next(commands)
            assert sealed[0] == 0x0C
            assert sealed[1:4] == plain[1:4]
            assert opened[1] == 0xF4
            slot, command = "X", plain
        is_select = command[1] == 0xA4
        tail = command[5:7] if is_select else command[4:5]
        lines.append(f"{slot} {command[:4].hex().upper()} {tail.hex().upper()}")
    return lines

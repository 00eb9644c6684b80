"""Secure messaging against the worked example of ICAO Doc 9303-11 appendix D, and its traps."""

from __future__ import annotations

import hashlib

import pytest
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC
from hypothesis import given
from hypothesis import strategies as st

from drivers.card.apdu import ApduChannel, CardAnswer
from drivers.card.errors import CardNotAuthentic, SecureChannelBroken
from drivers.card.profiles import ktpel
from drivers.card.secure_messaging import (
    IcaoSecureMessaging,
    SecuredCard,
    open_basic_access,
    parse_objects,
)
from drivers.card.secure_messaging_keys import (
    Authentication,
    KeyPair,
    SecureMessagingError,
    add_padding,
    derive_keys,
    first_counter,
    open_token,
    retail_mac,
    session_keys,
    strip_padding,
)
from simulators.card import CardForm, KtpelCard, specimen
from simulators.ktpel_card_channel import CardSecureMessaging
from simulators.test_keys import keys_of_card
from tests.protocol.card_scene import read_free_content
from tests.protocol.ktpel_rig import CARD, MemoryChannel

H = bytes.fromhex
CLEAR_ANSWERS = ("6988", "9000", "6A82")
KEYS = KeyPair(H("AB94FDECF2674FDFB9B391F85D7F76F2"), H("7962D9ECE03D1ACD4C76089DCE131543"))
CARD_NONCE, TERMINAL_NONCE = H("4608F91988702212"), H("781723860C06C226")
TERMINAL_SHARE = H("0B795240CB7049B01C19B33E32804F0B")
CARD_SHARE = H("0B4F80323EB3191CB04970CB4052790B")
TERMINAL_TOKEN = H(
    "72C29C2371CC9BDB65B779B8E8D37B29ECC154AA56A8799FAE2F498F76ED92F25F1448EEA8AD90A7"
)
CARD_TOKEN = H("46B9342A41396CD7386BF5803104D7CEDC122B9132139BAF2EEDC94EE178534F2F2D235D074D7449")
COUNTER = 0x887022120C06C226
EXCHANGES = (  # plain command, protected command, protected answer, plain answer
    (
        "00A4020C02011E",
        "0CA4020C158709016375432908C044F68E08BF8B92D635FF24F800",
        "990290008E08FA855A5D4C50A8ED9000",
        "9000",
    ),
    (
        "00B0000004",
        "0CB000000D9701048E08ED6705417E96BA5500",
        "8709019FF0EC34F9922651990290008E08AD55CC17140B2DED9000",
        "60145F019000",
    ),
)
LAST_COMMAND = ("00B0000412", "0CB000040D9701128E082EA28A70F3C7B53500")


def both_ends() -> tuple[IcaoSecureMessaging, CardSecureMessaging]:
    keys = session_keys(TERMINAL_SHARE, CARD_SHARE)
    return IcaoSecureMessaging(keys, COUNTER), CardSecureMessaging(keys, COUNTER)


def test_keys_of_the_worked_example() -> None:
    seed = hashlib.sha1(b"L898902C<369080619406236", usedforsecurity=False).digest()[:16]
    assert seed == H("239AB9CB282DAF66231DC5A4DF6BFBAE")
    assert derive_keys(seed) == KEYS
    assert session_keys(TERMINAL_SHARE, CARD_SHARE) == KeyPair(
        H("979EC13B1CBFE9DCD01AB0FED307EAE5"), H("F1CB1F1FB5ADF208806B89DC579DC1F8")
    )
    assert first_counter(CARD_NONCE, TERMINAL_NONCE) == COUNTER


def test_tokens_of_the_worked_example() -> None:
    terminal = Authentication(TERMINAL_NONCE, CARD_NONCE, TERMINAL_SHARE)
    card = Authentication(CARD_NONCE, TERMINAL_NONCE, CARD_SHARE)
    assert terminal.seal(KEYS) == TERMINAL_TOKEN
    assert card.seal(KEYS) == CARD_TOKEN
    assert open_token(KEYS, CARD_TOKEN) == card


def test_exchanges_of_the_worked_example_from_both_ends() -> None:
    terminal, card = both_ends()
    for plain, protected, answer, opened in EXCHANGES:
        assert terminal.protect(H(plain)) == H(protected)
        assert card.open_command(H(protected)) == H(plain)
        assert card.protect_response(H(opened)) == H(answer)
        assert terminal.unprotect(H(answer)[:-2]) == H(opened)
    assert terminal.protect(H(LAST_COMMAND[0])) == H(LAST_COMMAND[1])


def test_cmac_of_rfc_4493() -> None:
    for message, expected in (
        ("", "bb1d6929e95937287fa37d129b756746"),
        ("6bc1bee22e409f96e93d7e117393172a", "070a16b46b4d4144f79bdd9dd04a287c"),
    ):
        cmac = CMAC(AES(H("2b7e151628aed2a6abf7158809cf4f3c")))
        cmac.update(H(message))
        assert cmac.finalize() == H(expected)


def test_208_bytes_fit_into_a_short_answer() -> None:
    terminal, card = both_ends()
    card.open_command(terminal.protect(H("00B00000D0")))
    answer = card.protect_response(bytes(208) + H("9000"))
    assert answer[:3] == H("8781D9")
    assert len(answer) - 2 == 234
    assert terminal.unprotect(answer[:-2]) == bytes(208) + H("9000")


@pytest.mark.parametrize("position", range(27 - 2))
def test_any_changed_bit_ends_the_channel_for_good(position: int) -> None:
    terminal, _ = both_ends()
    terminal.protect(H(EXCHANGES[0][0]))
    terminal.unprotect(H(EXCHANGES[0][2])[:-2])
    terminal.protect(H(EXCHANGES[1][0]))
    answer = bytearray(H(EXCHANGES[1][2])[:-2])
    answer[position] ^= 0x01
    with pytest.raises(SecureMessagingError):
        terminal.unprotect(bytes(answer))
    for refused in (terminal.protect, terminal.unprotect):
        with pytest.raises(SecureMessagingError, match="over"):
            refused(H(EXCHANGES[1][2])[:-2])
    assert repr(terminal) == "IcaoSecureMessaging(over)"


def test_a_replayed_answer_is_refused() -> None:
    terminal, card = both_ends()
    for _ in range(2):
        command = terminal.protect(H("00B0000004"))
        card.open_command(command)
        answer = card.protect_response(b"data" + H("9000"))[:-2]
        if _ == 0:
            first = answer
            terminal.unprotect(answer)
    with pytest.raises(SecureMessagingError):
        terminal.unprotect(first)


def test_the_mac_is_taken_from_the_end_though_8e08_occurs_earlier() -> None:
    keys = session_keys(TERMINAL_SHARE, CARD_SHARE)
    for counter in range(200_000):
        # an answer whose own MAC contains 8E 08: found by trying counters
        card = CardSecureMessaging(keys, counter)
        answer = card.protect_response(H("9000"))[:-2]
        if b"\x8e\x08" in answer[6:]:
            terminal = IcaoSecureMessaging(keys, counter)
            assert terminal.unprotect(answer) == H("9000")
            return
    raise AssertionError("no such MAC found")


@pytest.mark.parametrize("objects", ["990290009902", "99029000" * 2, "87"])
def test_objects_twice_or_cut_short_are_refused(objects: str) -> None:
    with pytest.raises(SecureMessagingError):
        parse_objects(H(objects))


@pytest.mark.parametrize("plain", ["3131", "8701009902", "99036A8200", "990290008001FF"])
def test_a_well_signed_answer_of_another_form_is_refused(plain: str) -> None:
    keys = session_keys(TERMINAL_SHARE, CARD_SHARE)
    body = H(plain)
    mac = retail_mac(keys.mac, (1).to_bytes(8, "big") + body)
    with pytest.raises(SecureMessagingError):
        IcaoSecureMessaging(keys, 0).unprotect(body + H("8E08") + mac)


@given(st.binary(max_size=600))
def test_padding_comes_off_again(data: bytes) -> None:
    padded = add_padding(data)
    assert len(padded) % 8 == 0
    assert strip_padding(padded) == data


@pytest.mark.parametrize("padded", ["", "00" * 8, "80" + "00" * 8, "41" * 8, "4180" + "00" * 14])
def test_wrong_padding_is_refused(padded: str) -> None:
    with pytest.raises(SecureMessagingError):
        strip_padding(H(padded))


def test_counter_wraps_at_both_ends() -> None:
    keys = session_keys(TERMINAL_SHARE, CARD_SHARE)
    terminal, card = IcaoSecureMessaging(keys, 2**64 - 1), CardSecureMessaging(keys, 2**64 - 1)
    assert card.open_command(terminal.protect(H("00B0000004"))) == H("00B0000004")
    assert terminal.unprotect(card.protect_response(H("9000"))[:-2]) == H("9000")


# --- the software channel against a card --------------------------------------------------------


@pytest.fixture
def log() -> list[tuple[str, bytes]]:
    return []


@pytest.fixture(params=[51, 29])
def card(request: pytest.FixtureRequest, log: list[tuple[str, bytes]]) -> MemoryChannel:
    form = CardForm(card_control_bytes=request.param)
    return MemoryChannel(CARD, KtpelCard(specimen(), form=form), log)


def access_keys(card: MemoryChannel) -> KeyPair:
    content = read_free_content(ApduChannel(card))
    assert content is not None
    return keys_of_card(content.card_control, b"\x80" + specimen().uid).access


def test_software_channel_reads_a_protected_file(card: MemoryChannel) -> None:
    secure = open_basic_access(card, access_keys(card))
    channel = ApduChannel(SecuredCard(card, secure))
    channel.select_file(ktpel.BIODATA)
    text = specimen().biodata_text
    assert channel.read_binary(0, 8) == len(text).to_bytes(2, "big") + text[:6]
    assert channel.read_binary(8, 100) == text[6:106]
    with pytest.raises(CardAnswer) as refused:
        channel.select_file(0x6FFF)
    assert refused.value.status == 0x6A82
    assert channel.read_binary(0, 2) == len(text).to_bytes(2, "big")


@pytest.mark.parametrize("in_clear", CLEAR_ANSWERS)
def test_an_answer_in_clear_ends_the_channel_for_good(card: MemoryChannel, in_clear: str) -> None:
    secure = open_basic_access(card, access_keys(card))
    secured = SecuredCard(card, secure)
    card.tamper = lambda command, answer: H(in_clear)
    with pytest.raises(SecureChannelBroken, match="in clear"):
        secured.transmit(H("00B0000008"))
    card.tamper = lambda command, answer: answer
    sent = len(card.log)
    with pytest.raises(SecureChannelBroken, match="over"):
        secured.transmit(H("00B0000008"))
    assert len(card.log) == sent
    assert repr(secure) == "IcaoSecureMessaging(over)"


def test_other_keys_open_nothing(card: MemoryChannel) -> None:
    access_keys(card)
    with pytest.raises(CardNotAuthentic):
        open_basic_access(card, KEYS)


def test_a_card_that_only_echoes_our_token_is_not_authentic(card: MemoryChannel) -> None:
    keys = access_keys(card)
    card.tamper = lambda command, answer: (
        command[5:] + b"\x90\x00" if command[1] == 0x82 else answer
    )
    with pytest.raises(CardNotAuthentic):
        open_basic_access(card, keys)


def test_a_plain_answer_inside_the_channel_is_an_alarm(card: MemoryChannel) -> None:
    secured = SecuredCard(card, open_basic_access(card, access_keys(card)))
    card.tamper = lambda command, answer: b"\x6a\x82"
    with pytest.raises(SecureChannelBroken):
        ApduChannel(secured).select_file(ktpel.BIODATA)


def test_a_plain_command_ends_the_channel_of_the_card(card: MemoryChannel) -> None:
    secured = SecuredCard(card, open_basic_access(card, access_keys(card)))
    ApduChannel(card).select_file(ktpel.PHOTO)
    with pytest.raises(SecureChannelBroken):
        ApduChannel(secured).select_file(ktpel.BIODATA)


def test_keys_are_not_printed() -> None:
    assert "AB94" not in repr(KEYS).upper()
    assert repr(both_ends()[0]) == "IcaoSecureMessaging(open)"
    assert "0B79" not in repr(Authentication(CARD_NONCE, TERMINAL_NONCE, TERMINAL_SHARE)).upper()

"""The access module driver byte by byte, and the file with its opening data."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from drivers.api import CardChannel
from drivers.card.access import AccessSettings, CardAccess
from drivers.card.errors import (
    AccessModuleNotOpened,
    AccessModuleRefused,
    AccessOpeningUnusable,
    AuthoritiesUnusable,
    CardNotAuthentic,
)
from drivers.card.sam import PcscSam
from drivers.card.sam_opening import OpeningFile
from drivers.card.secure_messaging_keys import SecureMessagingError
from simulators.sam import IDENTIFIER, SAM_ATR, KtpelSam
from simulators.test_keys import (
    CARD_SIGNER,
    MODULE_OPENING,
    authority_certificate,
    signer_certificate,
    write_authority,
    write_opening,
)

CONTROL, UID8, CHALLENGE = bytes(range(51)), b"\x80" + bytes(7), bytes(8)


@dataclass
class Scripted:
    """A module that gives these answers, and what it was sent."""

    answers: Iterator[str]
    device: str = "reader"
    access_module: CardChannel | None = None
    sent: list[str] = field(default_factory=list)

    def transmit(self, apdu: bytes) -> bytes:
        self.sent.append(apdu.hex().upper())
        return bytes.fromhex(next(self.answers))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_opening(tmp_path / "opening")


def module(path: Path, *answers: str) -> tuple[PcscSam, list[str]]:
    channel = Scripted(iter(answers))
    return PcscSam(channel, OpeningFile("reader", path)), channel.sent


def test_every_command_has_the_public_bytes(path: Path) -> None:
    token, data = "AB" * 40, "0102030405"
    sam, sent = module(
        path,
        *("9000", "0A0B9000", "9000", token + "9000", "9000"),
        *("0CB00000009000", "11229000" + "9000", "9000", "9000", "9000", "9000", "9000", "9000"),
    )
    sam.open()
    assert sam.identifier() == b"\x0a\x0b"
    sam.clear()
    assert sam.begin(CONTROL, UID8, CHALLENGE).hex().upper() == token
    sam.finish(bytes.fromhex(token))
    assert sam.protect(bytes.fromhex("00B0000008")) == bytes.fromhex("0CB0000000")
    assert sam.unprotect(bytes.fromhex(data)) == bytes.fromhex("11229000")
    sam.start_signature_check()
    sam.give_card_signature(bytes(80))
    sam.feed_photo(bytes(248))
    sam.decipher_files()
    sam.last_piece_follows()
    assert sam.is_signature_valid()
    assert sent == [
        "00F0000020" + MODULE_OPENING.hex().upper(),
        "00F7000000",
        "00FF000000",
        "00F1000143" + (CONTROL + UID8 + CHALLENGE).hex().upper(),
        "00F2000028" + token,
        "00F3000005" + "00B0000008",
        "00F4000005" + data,
        "00FA000000",
        "00FA060050" + "00" * 80,
        "00FA0300F8" + "00" * 248,
        "00FA050000",
        "00FA020000",
        "00FA040000",
    ]


def test_a_channel_that_was_forgotten_is_over_until_the_next_card(path: Path) -> None:
    sam, sent = module(path, "9000", "0CB00000009000")
    sam.forget()
    for refused in (sam.protect, sam.unprotect):
        with pytest.raises(SecureMessagingError, match="over"):
            refused(bytes.fromhex("00B0000008"))
    assert sent == []
    sam.clear()
    assert sam.protect(bytes.fromhex("00B0000008")) == bytes.fromhex("0CB0000000")


def test_opening_data_are_conf_masked_with_pcid() -> None:
    pcid, conf = b"OPEN-TEST-PCID--", b"OPEN-TEST-CONF-1OPEN-TEST-CONF-2"
    assert bytes(a ^ b for a, b in zip(conf, pcid + pcid, strict=True)) == MODULE_OPENING


def test_answer_to_reset_of_the_simulated_module_is_that_of_the_reference() -> None:
    assert SAM_ATR.hex().upper() == "3BF81300008131FE154B545053414D7630E6"
    assert KtpelSam().atr == SAM_ATR
    assert IDENTIFIER.startswith(b"KARTU UJI")


@pytest.mark.parametrize("status", ["6300", "6982", "6F00"])
def test_refused_opening_data_are_not_sent_twice(path: Path, status: str) -> None:
    sam, sent = module(path, status)
    for _ in range(2):
        with pytest.raises(AccessModuleNotOpened):
            sam.open()
    assert len(sent) == 1


def test_steps_translate_status_words(path: Path) -> None:
    sam, _ = module(path, "6300", "6988", "6A80", "6300", "9000", "AB9000", "9000")
    with pytest.raises(CardNotAuthentic):
        sam.finish(bytes(40))
    with pytest.raises(SecureMessagingError):
        sam.unprotect(bytes(14))
    with pytest.raises(AccessModuleRefused) as refused:
        sam.protect(bytes(5))
    assert refused.value.device_code == "6A80"
    assert not sam.is_signature_valid()
    with pytest.raises(AccessModuleRefused):
        sam.unprotect(bytes(14))  # 9000 without the status word of the card
    with pytest.raises(AccessModuleRefused):
        sam.protect(bytes(5))  # one byte is no command
    with pytest.raises(AccessModuleRefused):
        sam.begin(CONTROL, UID8, CHALLENGE)  # no token
    with pytest.raises(CardNotAuthentic):
        sam.finish(bytes(39))
    with pytest.raises(SecureMessagingError):
        sam.unprotect(bytes(256))


def test_errors_of_the_module_never_show_payload(path: Path) -> None:
    sam, _ = module(path, "AABBCCDD6F00")
    with pytest.raises(AccessModuleRefused) as refused:
        sam.begin(CONTROL, UID8, CHALLENGE)
    assert "AABB" not in str(refused.value).upper()
    assert CONTROL.hex() not in str(refused.value)


# --- the file -----------------------------------------------------------------------------------


def test_opening_file_is_read_and_never_printed(path: Path) -> None:
    opening = OpeningFile("reader", path)
    assert opening.load() == MODULE_OPENING
    assert repr(opening) == "OpeningFile(refused=False)"


@pytest.mark.parametrize("text", ["", "00" * 31, "00" * 33, "zz" * 32, "0" * 63, "00 " * 100])
def test_other_contents_are_refused_without_showing_them(path: Path, text: str) -> None:
    path.write_text(text)
    with pytest.raises(AccessOpeningUnusable) as refused:
        OpeningFile("reader", path).load()
    assert "zz" not in str(refused.value)


def test_bytes_that_are_no_text_are_refused(path: Path) -> None:
    path.write_bytes(b"\xff\xfe" * 32)
    with pytest.raises(AccessOpeningUnusable):
        OpeningFile("reader", path).load()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666, 0o610])
def test_a_file_that_others_may_use_is_refused(path: Path, mode: int) -> None:
    path.chmod(mode)
    with pytest.raises(AccessOpeningUnusable, match="others may use it"):
        OpeningFile("reader", path).load()


def test_links_pipes_folders_and_nothing_are_refused(path: Path, tmp_path: Path) -> None:
    link, pipe = tmp_path / "link", tmp_path / "pipe"
    link.symlink_to(path)
    os.mkfifo(pipe, 0o600)
    for other in (link, pipe, tmp_path, tmp_path / "nothing", None):
        with pytest.raises(AccessOpeningUnusable):
            OpeningFile("reader", other).load()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_somebody_else_is_refused(path: Path) -> None:
    os.chown(path, 65534, 65534)
    with pytest.raises(AccessOpeningUnusable, match="another user"):
        OpeningFile("reader", path).load()


# --- what a reader is given ---------------------------------------------------------------------


def test_settings_come_as_texts_from_the_configuration(path: Path, tmp_path: Path) -> None:
    authority = write_authority(tmp_path / "csca.pem")
    settings = AccessSettings.model_validate(
        {"sam_opening": str(path), "document_authorities": [str(authority)]}
    )
    access = CardAccess("reader", settings)
    assert access.authorities == (authority_certificate(),)
    assert CardAccess("reader", AccessSettings()).authorities == ()


def test_files_that_are_no_authority_are_refused(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.serialization import Encoding

    signer = tmp_path / "signer.pem"
    signer.write_bytes(signer_certificate().public_bytes(Encoding.PEM))
    (tmp_path / "text.pem").write_text("no certificate")
    for name in ("signer.pem", "text.pem", "absent.pem"):
        settings = AccessSettings(document_authorities=(tmp_path / name,))
        with pytest.raises(AuthoritiesUnusable, match=name):
            _ = CardAccess("reader", settings).authorities


def test_test_keys_are_the_published_ones() -> None:
    assert CARD_SIGNER.private_numbers().private_value == 0x4F50454E
    assert MODULE_OPENING.hex().upper() == _published_opening()


def _published_opening() -> str:
    pcid = bytes.fromhex("4F50454E2D544553542D504349442D2D")
    conf = bytes.fromhex("4F50454E2D544553542D434F4E462D31" + "4F50454E2D544553542D434F4E462D32")
    return "".join(f"{a ^ b:02X}" for a, b in zip(conf, pcid * 2, strict=True))

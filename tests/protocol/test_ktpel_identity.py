"""Whole readings through a reader with two slots, on the loopback link and behind pcscd."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from drivers.api import CardReader
from drivers.card.chip_content import decode_signature_image
from drivers.card.errors import AuthoritiesUnusable, SamMissing, SecureChannelBroken
from drivers.card.identity import CardKind, CardReading, CardSource, read_identity
from drivers.card.reader import LoopbackReader, PcscReader
from drivers.card.secure_messaging import EXTERNAL_AUTHENTICATE
from drivers.card.signature import SignatureCheck
from drivers.positions import Finger
from drivers.recorder import Direction
from simulators import pcscd
from simulators.card import CardContent, CardForm, KtpelCard, from_person, specimen
from simulators.card_faults import CardFault
from simulators.desk_card import DeskCard, card_reader
from simulators.sam import KtpelSam
from simulators.test_keys import MODULE_OPENING, write_authority, write_opening
from station.recording.identity import read_card
from tests.protocol.card_scene import ANDI, CardTable
from tests.protocol.ktpel_rig import photo_of

MakeCard = Callable[[Any], KtpelCard]


def plain_card(owner: Any) -> KtpelCard:
    return KtpelCard(from_person(owner))


def genuine_looking_card(owner: Any) -> KtpelCard:
    """A card without the open test application, as genuine ones are."""
    return KtpelCard(from_person(owner), has_test_application=False)


@dataclass
class Rig:
    """A reader with the card of Andi and an access module beside it."""

    desk: DeskCard
    table: CardTable
    module: KtpelSam
    folder: Path

    def reader(self, **changes: object) -> CardReader:
        settings = {
            **self.desk.settings,
            "sam_opening": str(write_opening(self.folder / "opening")),
            "document_authorities": [str(write_authority(self.folder / "csca.pem"))],
            **changes,
        }
        if settings.pop("driver") == "pcsc":
            return PcscReader("reader", PcscReader.Settings.model_validate(settings))
        return LoopbackReader("reader", LoopbackReader.Settings.model_validate(settings))

    async def read(self, **changes: object) -> CardReading:
        async with self.reader(**changes) as reader:
            await reader.wait_card(present=True, timeout=3.0)
            return await read_identity(reader, timeout=5.0)


@contextmanager
def rig(folder: Path, make_card: MakeCard, *, pcsc: bool = False) -> Iterator[Rig]:
    table, module = CardTable(ANDI), KtpelSam()
    with card_reader(table, pcsc=pcsc, make_card=make_card, access_module=module) as desk:
        yield Rig(desk, table, module, folder)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Rig]:
    with rig(tmp_path, plain_card) as desk:
        yield desk


@pytest.fixture
def genuine(tmp_path: Path) -> Iterator[Rig]:
    with rig(tmp_path, genuine_looking_card) as desk:
        yield desk


async def test_the_module_opens_everything(desk: Rig) -> None:
    reading = await desk.read()
    content = from_person(ANDI)
    assert reading.kind is CardKind.TEST_CARD
    assert reading.simulated
    assert reading.source is CardSource.KTPEL_SAM
    assert reading.signature is SignatureCheck.VALID
    assert reading.access_problem == ""
    assert reading.biodata_absent_because == ""
    assert reading.biodata is not None
    assert reading.biodata["name"] == "ANDI CONTOH"
    assert reading.photo == content.photo
    assert reading.photo_image is not None
    assert reading.photo_image.shape == (160, 120, 3)
    assert reading.signature_image is not None
    assert np.array_equal(reading.signature_image, decode_signature_image(content.signature))
    assert [template.position for template in reading.minutiae] == [
        Finger.RIGHT_INDEX,
        Finger.LEFT_INDEX,
    ]
    assert reading.undecodable == ()


async def test_a_reader_for_small_answers_reads_the_same_in_smaller_pieces(desk: Rig) -> None:
    pieces = []
    for size in (208, 96):
        async with desk.reader(protected_chunk_bytes=size) as reader:
            reading = await read_identity(reader)
            commands = [e.text for e in reader.recorder.dump() if e.direction is Direction.SENT]
        assert reading.signature is SignatureCheck.VALID
        pieces.append(sum(text.startswith("0cb0") for text in commands))
    # the 920 bytes of the signature image behind its head are 5 or 10 pieces, biodata 1 or 2
    assert pieces[1] - pieces[0] >= 6


async def test_a_card_that_looks_genuine_is_still_called_a_test_card(genuine: Rig) -> None:
    reading = await genuine.read()
    assert reading.source is CardSource.KTPEL_SAM
    assert reading.kind is CardKind.TEST_CARD
    assert str(reading.kind) == "KARTU UJI"


async def test_without_a_slot_for_a_module_a_genuine_card_gives_what_is_free(genuine: Rig) -> None:
    reading = await genuine.read(sam_port=0)
    assert reading.kind is CardKind.KTPEL
    assert reading.biodata is None
    assert reading.biodata_absent_because == "no SAM"
    assert reading.signature is SignatureCheck.NOT_CHECKED
    assert reading.source is CardSource.NONE
    assert reading.photo_image is not None
    assert reading.minutiae == ()
    assert reading.signature_image is None


async def test_without_a_slot_for_a_module_the_open_application_is_read(desk: Rig) -> None:
    reading = await desk.read(sam_port=0)
    assert reading.source is CardSource.OPEN_LDS
    assert reading.signature is SignatureCheck.VALID
    assert reading.biodata is not None
    assert reading.biodata["name"] == "ANDI CONTOH"
    unchecked = await desk.read(sam_port=0, document_authorities=[])
    assert unchecked.signature is SignatureCheck.NOT_CHECKED


async def test_authorities_that_cannot_be_used_end_the_reading(desk: Rig) -> None:
    with pytest.raises(AuthoritiesUnusable):
        await desk.read(sam_port=0, document_authorities=["/nothing.pem"])


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (CardFault.SAM_ABSENT, "DEV-516"),
        (CardFault.SAM_PULLED, "DEV-516"),
        (CardFault.SAM_REFUSING, "DEV-523"),
    ],
)
async def test_a_failing_module_leaves_the_free_content_and_is_said(
    genuine: Rig, fault: CardFault, code: str
) -> None:
    genuine.desk.faults.inject(fault)
    reading = await genuine.read()
    assert reading.biodata is None
    assert reading.access_problem == code
    assert code in reading.biodata_absent_because
    assert reading.photo == from_person(ANDI).photo
    genuine.desk.faults.clear()
    for _ in range(60):  # a module that was pulled out is put back by a hand, after a moment
        if (await genuine.read()).biodata is not None:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("the module never came back")


async def test_a_silent_module_ends_the_reading_after_the_time_of_a_command(genuine: Rig) -> None:
    """A command without an answer cannot be taken back: card and link go with it."""
    genuine.desk.faults.inject(CardFault.SAM_SILENT)
    started = time.monotonic()
    with pytest.raises(SamMissing):
        await genuine.read(command_timeout_s=0.3)
    assert time.monotonic() - started < 3.0


async def test_a_module_that_fails_is_replaced_by_the_open_application_and_said(desk: Rig) -> None:
    desk.desk.faults.inject(CardFault.SAM_ABSENT)
    reading = await desk.read()
    assert reading.source is CardSource.OPEN_LDS
    assert reading.biodata is not None
    assert reading.access_problem == "DEV-516"


@pytest.mark.parametrize("mode", [0o644, 0o660])
async def test_opening_data_that_others_may_read_are_not_used(genuine: Rig, mode: int) -> None:
    path = write_opening(genuine.folder / "shown")
    path.chmod(mode)
    reading = await genuine.read(sam_opening=str(path))
    assert reading.access_problem == "DEV-524"
    assert reading.biodata is None


async def test_without_opening_data_the_module_is_not_used(genuine: Rig) -> None:
    assert (await genuine.read(sam_opening=None)).access_problem == "DEV-524"


async def test_wrong_opening_data_are_sent_again_only_after_a_new_connect(genuine: Rig) -> None:
    genuine.desk.faults.inject(CardFault.SAM_REFUSING)
    async with genuine.reader() as reader:
        assert (await read_identity(reader)).access_problem == "DEV-523"
        genuine.desk.faults.clear()
        assert (await read_identity(reader)).access_problem == "DEV-523"
    assert (await genuine.read()).access_problem == ""


async def test_a_forged_signature_is_marked(tmp_path: Path) -> None:
    form = CardForm(forged_signature=True)
    with rig(tmp_path, lambda owner: KtpelCard(from_person(owner), form=form)) as desk:
        reading = await desk.read()
        identified = await _identified(desk)
    assert reading.signature is SignatureCheck.INVALID
    assert reading.biodata is not None
    assert identified.facts["signature"] == "invalid"


@pytest.mark.parametrize(
    "answer", [bytes(range(40)) + b"\x90\x00", b"\x69\x82"], ids=["false token", "refusal"]
)
async def test_a_copied_card_gives_no_biodata_of_its_open_application(
    tmp_path: Path, answer: bytes
) -> None:
    """It cannot prove itself to the module; what it says elsewhere may be anybody's."""

    class Copied(KtpelCard):
        def apdu(self, command: bytes) -> bytes:
            return answer if command[1] == EXTERNAL_AUTHENTICATE[1] else super().apdu(command)

    with rig(tmp_path, lambda owner: Copied(from_person(owner))) as desk:
        reading = await desk.read()
        identified = await _identified(desk)
        sent = await _commands_of_a_reading(desk)
    assert reading.biodata is None
    assert reading.access_problem == "DEV-525"
    assert reading.biodata_absent_because.startswith("DEV-525")
    assert reading.source is CardSource.NONE
    assert reading.signature is SignatureCheck.NOT_CHECKED
    assert reading.kind is CardKind.TEST_CARD  # it has the open application: never a genuine one
    assert reading.photo == from_person(ANDI).photo
    assert identified.biodata is None
    assert identified.code == "DEV-525"
    # whether the application is there is asked last, and nothing is read from it
    asked = max(at for at, text in enumerate(sent) if text.startswith("00a4040c"))
    assert [text[:4] for text in sent[asked + 1 :]] == ["ffca"]


async def _commands_of_a_reading(desk: Rig) -> list[str]:
    async with desk.reader() as reader:
        await read_identity(reader)
        return [e.text for e in reader.recorder.dump() if e.direction is Direction.SENT]


async def test_type_b_and_short_card_control_work_through_the_reader(tmp_path: Path) -> None:
    form = CardForm(card_control_bytes=29, is_type_b=True)
    with rig(tmp_path, lambda owner: KtpelCard(from_person(owner), form=form)) as desk:
        reading = await desk.read()
    assert reading.atr_hint == "KTP-el, type B"
    assert len(reading.uid) == 4
    assert reading.signature is SignatureCheck.VALID


async def test_a_changed_answer_is_an_alarm_and_gives_nothing(tmp_path: Path) -> None:
    class Changed(KtpelCard):
        def apdu(self, command: bytes) -> bytes:
            answer = super().apdu(command)
            is_long = command[0] == 0x0C and len(answer) > 100
            return answer[:50] + bytes((answer[50] ^ 1,)) + answer[51:] if is_long else answer

    with rig(tmp_path, lambda owner: Changed(from_person(owner))) as desk:
        with pytest.raises(SecureChannelBroken):
            await desk.read()


async def test_content_that_cannot_be_decoded_is_named_and_costs_nothing_else(
    tmp_path: Path,
) -> None:
    content = CardContent(
        ANDI.card_uid, ANDI.text, photo_of(1500), fingers=(b"no template at all", bytes(64))
    )
    with rig(tmp_path, lambda _: KtpelCard(content, has_test_application=False)) as desk:
        reading = await desk.read()
    assert reading.biodata is not None
    assert reading.signature is SignatureCheck.VALID
    assert reading.photo == photo_of(1500)
    assert reading.photo_image is None
    assert reading.minutiae == ()
    assert [line.split(":")[0] for line in reading.undecodable] == ["photo", "finger 1", "finger 2"]


async def test_nothing_personal_and_no_secret_is_printed_or_recorded(desk: Rig) -> None:
    async with desk.reader() as reader:
        reading = await read_identity(reader)
        told = repr(reading) + " ".join(map(str, reader.recorder.dump()))
    assert reading.biodata is not None
    secrets = [reading.biodata[name] for name in ("nik", "name", "address")]
    secrets += [ANDI.card_uid.hex(), MODULE_OPENING.hex(), "OPEN-TEST"]
    for secret in secrets:
        assert secret.lower() not in told.lower()


async def test_the_record_learns_profile_and_verdict_and_nothing_personal(desk: Rig) -> None:
    identified = await _identified(desk)
    assert identified.biodata is not None
    assert identified.biodata.name == "ANDI CONTOH"
    assert identified.facts == {
        "kind": "KARTU UJI",
        "simulated": True,
        "profile": "KTP-el, SAM",
        "signature": "valid",
    }


async def test_the_station_learns_why_there_are_no_biodata(genuine: Rig) -> None:
    async with genuine.reader(sam_port=0) as reader:
        assert (await read_card(reader)).code == "CARD-102"
    genuine.desk.faults.inject(CardFault.SAM_ABSENT)
    identified = await _identified(genuine)
    assert identified.biodata is None
    assert identified.code == "DEV-516"
    assert identified.facts["access_problem"] == "DEV-516"


async def _identified(desk: Rig) -> Any:
    async with desk.reader() as reader:
        return await read_card(reader)


# --- behind pcscd -------------------------------------------------------------------------------


@pytest.mark.pcsc
@pytest.mark.skipif(pcscd.available() is not None, reason=f"no pcscd: {pcscd.available()}")
async def test_both_slots_behind_pcscd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """43 commands to the card and 63 to the module, seen by pcscd; all of them in well under 1 s.

    The reference has 43 and 62; the one more asks the module for its number.
    """
    started: list[pcscd.PrivatePcscd] = []
    original = pcscd.PrivatePcscd.start

    def start(self: pcscd.PrivatePcscd) -> None:
        started.append(self)
        original(self)

    monkeypatch.setattr(pcscd.PrivatePcscd, "start", start)
    content = CardContent(ANDI.card_uid, ANDI.text, photo_of(3000))
    fingers = specimen().fingers
    with rig(tmp_path, lambda _: KtpelCard(content), pcsc=True) as desk:
        async with desk.reader() as reader:
            await reader.wait_card(present=True, timeout=3.0)
            reading = await read_identity(reader)
            before = started[0].log().count("APDU: ")
            began = time.perf_counter()
            reading = await read_identity(reader)
            elapsed = time.perf_counter() - began
            commands = started[0].log().count("APDU: ") - before
    assert desk.desk.settings["sam_reader"] == "KTPEL-SIM 00 01"
    assert reading.source is CardSource.KTPEL_SAM
    assert reading.signature is SignatureCheck.VALID
    assert reading.simulated
    short = sum(len(finger) + 2 <= 216 for finger in fingers)  # one chunk less than the reference
    assert commands == 43 + 63 - 3 * short
    assert elapsed < 1.0

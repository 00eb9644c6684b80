"""The trace of card commands: everything a technician needs, nothing about anybody."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers.api import CardChannel
from drivers.card.apdu import ApduChannel
from drivers.card.channel import status_text
from drivers.card.errors import CardSilent
from drivers.card.identity import read_identity
from drivers.card.profiles import ktpel
from drivers.card.reader import LoopbackReader
from drivers.card.trace import LARGEST_FILE_BYTES, Trace
from drivers.errors import CardLost
from simulators.card_faults import CardFault
from simulators.card_links import LoopbackSlot
from tests.protocol.card_scene import ANDI, SELECT_KTPEL, CardTable, wait_until

LINE = re.compile(
    r"\d+\.\d{6} (?:reader open: loopback \d+|reader closed"
    r"|(?:card|access module) (?:> (?:power on|power off|answer to reset|[0-9a-f]{8} \d+ bytes)"
    r"|< (?:ok|\d+ bytes|(?:[69][0-9a-f]{3}|\?{4}) \d+ bytes|[A-Z]\w+ DEV-\d{3}) \d+\.\d\d ms))"
)
PIN = b"826491"


@pytest.fixture
def slot() -> Iterator[LoopbackSlot]:
    slot = LoopbackSlot(CardTable(ANDI))
    yield slot
    slot.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "card.trace"


@pytest.fixture
def reader(slot: LoopbackSlot, path: Path) -> LoopbackReader:
    settings = LoopbackReader.Settings(port=slot.port, trace=str(path), command_timeout_s=0.1)
    return LoopbackReader("reader", settings)


def told(path: Path) -> str:
    return path.read_text()


def read_and_verify(card: CardChannel) -> bytes:
    channel = ApduChannel(card)
    channel.select_file(ktpel.DEDICATED_FILE)
    channel.send(bytes((0x00, 0x20, 0x00, 0x80, len(PIN))) + PIN)
    channel.select_file(ktpel.PHOTO)
    return channel.read_file()


async def test_every_line_has_the_form_that_holds_no_data(
    reader: LoopbackReader, path: Path
) -> None:
    async with reader:
        await read_identity(reader)
        async with reader.session() as session:
            await session.run(read_and_verify)
    lines = told(path).splitlines()
    assert len(lines) > 30
    assert [line for line in lines if not LINE.fullmatch(line)] == []
    assert sum("> 00b0" in line for line in lines) > 10
    assert any("> 00200080 11 bytes" in line for line in lines)


async def test_no_byte_of_the_resident_and_no_pin_gets_there(
    reader: LoopbackReader, path: Path
) -> None:
    async with reader:
        reading = await read_identity(reader)
        async with reader.session() as session:
            await session.run(read_and_verify)
        record = " ".join(map(str, reader.recorder.dump()))
    assert reading.biodata is not None
    secrets = [ANDI.card_uid, PIN, reading.atr, reading.photo or b"", ANDI.text]
    secrets += [field.encode() for field in reading.biodata.values() if len(field) > 4]
    for text in (told(path), record):
        for secret in secrets:
            for size in (4, len(secret)):
                assert secret[:size].hex() not in text.lower()
            assert secret.decode("utf-8", "replace") not in text


async def test_a_card_without_a_status_word_tells_nothing(
    reader: LoopbackReader, slot: LoopbackSlot, path: Path
) -> None:
    async with reader:
        slot.faults.inject(CardFault.NO_STATUS)
        with pytest.raises(CardLost):
            await read_identity(reader)
    assert "< CardLost DEV-502" in told(path)
    assert status_text(b"DI") == "????"
    assert status_text(b"x") == "????"
    assert status_text(bytes.fromhex("AA63C2")) == "63c2"


async def test_a_silent_card_is_seen_by_what_was_sent_last(
    reader: LoopbackReader, slot: LoopbackSlot, path: Path
) -> None:
    async with reader:
        slot.faults.inject(CardFault.SILENT)
        with pytest.raises(Exception, match="DEV-510"):
            await read_identity(reader)
        slot.faults.clear()
        last_sent = [line for line in told(path).splitlines() if " > ffca0000 " in line]
        assert len(last_sent) == 1
        assert any("unanswered" in entry.text for entry in reader.recorder.dump())


@pytest.mark.parametrize("mode_before", [None, 0o666, 0o644])
def test_its_owner_alone_may_read_it(path: Path, mode_before: int | None) -> None:
    if mode_before is not None:
        path.touch()
        path.chmod(mode_before)
    Trace(str(path)).write("first")
    assert path.read_text().endswith("first\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_link_in_its_place_is_not_followed(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    target = path.with_name("other")
    target.write_text("of somebody else")
    path.symlink_to(target)
    trace = Trace(str(path))
    for text in ("first", "second"):
        trace.write(text)
    assert target.read_text() == "of somebody else"
    assert [record.message for record in caplog.records] == [
        "the card trace cannot be written: OSError"
    ]


async def test_no_file_stays_open_whenever_a_link_ends(
    reader: LoopbackReader, slot: LoopbackSlot, path: Path
) -> None:
    """A link that was given up writes its last lines late, when nobody closes a file any more."""
    async with reader:
        slot.faults.inject(CardFault.SILENT)
        with pytest.raises(CardSilent):
            await read_identity(reader)
        assert open_files(path) == []
        slot.faults.clear()
        await read_identity(reader)
        assert open_files(path) == []
    assert wait_until(lambda: told(path).count("reader closed") == 2)
    assert open_files(path) == []


def open_files(path: Path) -> list[str]:
    """Return the descriptors of this process that are this file."""
    own = path.stat()
    found = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # the one of this listing has gone already
            if os.path.samestat(descriptor.stat(), own):
                found.append(descriptor.name)
    return found


async def test_it_is_off_by_default(slot: LoopbackSlot) -> None:
    async with LoopbackReader("quiet", LoopbackReader.Settings(port=slot.port)) as quiet:
        assert quiet._trace is None


def test_the_file_begins_anew_when_it_is_full(path: Path) -> None:
    trace = Trace(str(path))
    path.write_text("old\n" + "x" * (LARGEST_FILE_BYTES - 10))
    trace.write("first")
    trace.write("second")
    assert path.read_text().endswith("second\n")
    assert path.stat().st_size < 100
    assert path.with_name("card.trace.1").read_text().startswith("old")


async def test_a_trace_that_cannot_be_written_stops_and_the_card_is_read(
    slot: LoopbackSlot, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = LoopbackReader.Settings(port=slot.port, trace=str(tmp_path / "absent" / "trace"))
    with caplog.at_level(logging.WARNING, logger="drivers.card.trace"):
        async with LoopbackReader("reader", settings) as reader, reader.session() as session:
            assert await session.transmit(SELECT_KTPEL) == b"\x90\x00"
    messages = [record.message for record in caplog.records]
    assert messages == ["the card trace cannot be written: FileNotFoundError"]

"""What the card driver costs: one reading through it, against the same commands by bare pyscard.

Both talk to the same card behind the same private pcscd in the same run, turn by turn.
"""

from __future__ import annotations

import asyncio
import gc
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from drivers.api import CardChannel
from drivers.card.apdu import CHUNK_BYTES, ApduChannel
from drivers.card.profiles import ktpel
from drivers.card.reader import PcscReader
from simulators.card import CardContent, KtpelCard, specimen
from simulators.card_links import VpcdSlot
from simulators.card_slot import FixedCard
from simulators.pcscd import PrivatePcscd

READER = "BENCH-SIM"
SLOT = f"{READER} 00 00"
PHOTO_BYTES = 3000
CHUNKS_OF_PHOTO = PHOTO_BYTES // CHUNK_BYTES
PATIENCE_S = 5.0


@dataclass(frozen=True)
class ApduOverhead:
    """Seconds of one reading of `commands` commands, by the driver and by bare pyscard.

    Both are lower quartiles over all turns: what other programs of the machine do only adds.
    """

    commands: int
    driver_s: float
    pyscard_s: float

    @property
    def ratio(self) -> float:
        """Driver over bare pyscard."""
        return self.driver_s / self.pyscard_s

    @property
    def per_command_us(self) -> float:
        """Microseconds that the driver adds to one command."""
        return 1e6 * (self.driver_s - self.pyscard_s) / self.commands


def measure_apdu_overhead(turns: int = 40, reads: int = 100) -> ApduOverhead:
    """Read `reads` pieces of 248 bytes, in turns by the driver and by bare pyscard.

    Needs pcscd and the virtual reader (`simulators.pcscd.available`). Everything runs on one core:
    the time to wake another one is larger than what is measured, and differs from turn to turn.
    """
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        return _measure(turns, reads)
    finally:
        os.sched_setaffinity(0, cores)


def _measure(turns: int, reads: int) -> ApduOverhead:
    content = specimen()
    photo = b"\xff\xd8\xff" + bytes(PHOTO_BYTES - 5) + b"\xff\xd9"
    card = KtpelCard(CardContent(content.uid, content.biodata_text, photo))
    with PrivatePcscd([READER]) as service:
        slot = VpcdSlot(FixedCard(card), service.slot_port(READER, 0))
        try:
            return asyncio.run(_take_turns(turns, reads, str(service.socket_path)))
        finally:
            slot.close()


async def _take_turns(turns: int, reads: int, service_socket: str) -> ApduOverhead:
    settings = PcscReader.Settings(reader=SLOT, service_socket=service_socket)
    driver, pyscard = [], []
    async with PcscReader("bench", settings) as reader:
        await reader.wait_card(present=True, timeout=PATIENCE_S)
        gc.disable()
        try:
            for turn in range(turns):
                for is_driver in (False, True) if turn % 2 else (True, False):
                    if is_driver:
                        driver.append(await _by_driver(reader, reads))
                    else:
                        pyscard.append(_by_pyscard(reads))
        finally:
            gc.enable()
    return ApduOverhead(reads + 2, _lower_quartile(driver), _lower_quartile(pyscard))


def _lower_quartile(times: list[float]) -> float:
    return statistics.quantiles(times, n=4)[0]


async def _by_driver(reader: PcscReader, reads: int) -> float:
    def work(card: CardChannel) -> bytes:
        channel = ApduChannel(card)
        channel.select_file(ktpel.DEDICATED_FILE)
        channel.select_file(ktpel.PHOTO)
        return b"".join(channel.read_binary(offset, CHUNK_BYTES) for offset in _offsets(reads))

    async with reader.session() as session:
        started = time.perf_counter()
        data = await session.run(work)
        elapsed = time.perf_counter() - started
    assert len(data) == reads * CHUNK_BYTES
    return elapsed


def _by_pyscard(reads: int) -> float:
    from smartcard import scard

    def checked(result: Any) -> Any:
        assert result[0] == 0
        return result[1:]

    (context,) = checked(scard.SCardEstablishContext(scard.SCARD_SCOPE_USER))
    protocols = scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1
    handle, protocol = checked(
        scard.SCardConnect(context, SLOT, scard.SCARD_SHARE_EXCLUSIVE, protocols)
    )
    try:
        return _timed(lambda: _read(scard, handle, protocol, reads), reads)
    finally:
        scard.SCardDisconnect(handle, scard.SCARD_UNPOWER_CARD)
        scard.SCardReleaseContext(context)


def _read(scard: Any, handle: Any, protocol: int, reads: int) -> bytes:
    def transmit(command: list[int]) -> bytes:
        code, answer = scard.SCardTransmit(handle, protocol, command)
        assert code == 0
        assert answer[-2:] == [0x90, 0x00]
        return bytes(answer[:-2])

    transmit([0x00, 0xA4, 0x00, 0x00, 0x02, *ktpel.DEDICATED_FILE.to_bytes(2, "big")])
    transmit([0x00, 0xA4, 0x00, 0x00, 0x02, *ktpel.PHOTO.to_bytes(2, "big")])
    return b"".join(
        transmit([0x00, 0xB0, offset >> 8, offset & 0xFF, CHUNK_BYTES])
        for offset in _offsets(reads)
    )


def _timed(work: Callable[[], bytes], reads: int) -> float:
    started = time.perf_counter()
    data = work()
    elapsed = time.perf_counter() - started
    assert len(data) == reads * CHUNK_BYTES
    return elapsed


def _offsets(reads: int) -> list[int]:
    return [2 + CHUNK_BYTES * (number % CHUNKS_OF_PHOTO) for number in range(reads)]


if __name__ == "__main__":
    result = measure_apdu_overhead()
    print(f"ratio {result.ratio:.3f}, {result.per_command_us:.1f} us more a command, {result}")

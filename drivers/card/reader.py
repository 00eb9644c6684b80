"""Card readers: one session is one card, and any doubt ends it.

A reading is bound to the event counter, the answer to reset and the UID, taken at its start and
compared at its end. After any failure the handle is given up, because a handle that is used again
after a fast exchange of cards talks to the other card without saying so.
"""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Final, TypeVar

from pydantic import Field

from drivers.api import (
    Call,
    CardChannel,
    CardIdentity,
    CardReader,
    CardState,
    DeviceInfo,
    Kind,
    SelfTest,
)
from drivers.card.atr import AtrError, check_atr
from drivers.card.link import CardLink
from drivers.card.loopback import LoopbackTransport
from drivers.card.pcsc import PcscTransport
from drivers.card.transport import CardTransport
from drivers.clock import Clock
from drivers.device import DeviceSettings
from drivers.errors import (
    CardLost,
    CardUnreadable,
    ConnectFailed,
    DeviceError,
    Disconnected,
    NoCard,
    Unsupported,
)
from drivers.recorder import Direction

T = TypeVar("T")

GET_UID: Final = bytes.fromhex("FFCA000000")  # answered by the reader: PC/SC part 3, GET DATA
UID_BYTES: Final = (4, 7, 8, 10)  # ISO/IEC 14443-3 types A (4, 7, 10) and B; KTP-el type B gives 8
SHORT_APDU_BYTES: Final = range(4, 262)
WATCH_STEP_S: Final = 0.25
CLOSE_PATIENCE_S: Final = 0.5
UNANSWERED_PATIENCE_S: Final = 1.0
MAX_UNANSWERED: Final = 4
VIRTUAL_READER: Final = "Virtual PCD"  # the name that the vpcd package gives its reader
SIMULATED: Final = "simulated"


class TransportReader(CardReader):
    """What both readers do alike, on any `CardTransport`.

    Every call of the wire runs on a `CardLink`, because a silent card never returns; the device
    thread waits for it and looks at its `Call` meanwhile.
    """

    driver_name: ClassVar[str]

    def __init__(self, name: str, settings: DeviceSettings, *, clock: Clock | None = None) -> None:
        super().__init__(name, settings, clock=clock)
        self._link: CardLink | None = None
        self._unanswered: list[CardLink] = []
        self._reader_name = ""
        self._in_session = False
        self._identity: CardIdentity | None = None

    @abstractmethod
    def _make_transport(self) -> CardTransport:
        """Return a new transport; no I/O."""

    def _do_connect(self, call: Call) -> DeviceInfo:
        try:
            self._ask(call, lambda transport: transport.look(0.0))
        except Disconnected as error:
            raise ConnectFailed(self.name, error.detail) from error
        name = self._reader_name
        capabilities = {SIMULATED} if self._is_simulated(name) else set()
        # PC/SC tells no serial number of the reader: its name must do, and shows the USB order
        return DeviceInfo(
            kind=Kind.CARD_READER,
            driver=self.driver_name,
            model=name,
            serial=name,
            firmware="",
            capabilities=frozenset(capabilities),
        )

    def _do_close(self) -> None:
        if (link := self._link) is not None:
            self._drop_link()
            link.has_ended(CLOSE_PATIENCE_S)

    def _do_check(self, call: Call) -> None:
        self._do_card_state(call)

    def _do_self_test(self, call: Call) -> SelfTest:
        started = self.clock.monotonic()
        state = self._ask(call, lambda transport: transport.look(0.0))
        elapsed_ms = (self.clock.monotonic() - started) * 1000
        return SelfTest(
            passed=True,
            facts={
                "reader": self._reader_name,
                "card": "present" if state.present else "absent",
                "counter": state.counter,
                "look_ms": round(elapsed_ms, 2),
            },
        )

    def _do_card_state(self, call: Call) -> CardState:
        return self._ask(call, lambda transport: transport.look(0.0))

    def _do_wait_card(self, present: bool, call: Call) -> CardState:
        state = self._do_card_state(call)
        while state.present is not present:
            state = self._ask(call, lambda transport: transport.look(WATCH_STEP_S))
        self.recorder.note(f"card {'present' if present else 'absent'}, counter {state.counter}")
        return state

    def _do_open_session(self, call: Call) -> CardIdentity:
        self._end_session(call)
        self._await_unanswered(call)
        state = self._do_card_state(call)
        if not state.present:
            raise NoCard(self.name)
        atr = self._ask(call, _connect_and_reset)
        self._in_session = True
        try:
            check_atr(atr)
        except AtrError as error:
            self._drop_link()
            raise CardUnreadable(self.name, str(error)) from error
        uid = self._read_uid(call)
        self.recorder.note(f"session open, counter {state.counter}")
        self._identity = CardIdentity(atr=atr, uid=uid, counter=state.counter)
        return self._identity

    def _do_run(self, identity: CardIdentity, work: Callable[[CardChannel], T], call: Call) -> T:
        if not self._in_session or identity is not self._identity:
            raise CardLost(self.name, "the session is over")
        return self._ask(
            call, lambda transport: work(_Channel(self.name, transport, self._exchange))
        )

    def _transmit(self, apdu: bytes, call: Call) -> bytes:
        return self._ask(call, lambda transport: self._exchange(transport, apdu))

    def _exchange(self, transport: CardTransport, apdu: bytes) -> bytes:
        if len(apdu) not in SHORT_APDU_BYTES:
            raise Unsupported(self.name, f"command of {len(apdu)} bytes is no short APDU")
        # only the header: data fields and their hashes would give away UID, NIK and PIN
        self.recorder.note(f"{apdu[:4].hex()} {len(apdu)} bytes", Direction.SENT)
        answer = transport.transmit(apdu)
        self.recorder.note(f"{answer[-2:].hex()} {len(answer)} bytes", Direction.RECEIVED)
        return answer

    def _do_confirm_session(self, identity: CardIdentity, call: Call) -> None:
        if not self._in_session or identity is not self._identity:
            raise CardLost(self.name, "the session is over")
        state = self._do_card_state(call)
        if not state.present or state.counter != identity.counter:
            self._lose("the card was lifted during the session")
        if self._ask(call, lambda transport: transport.atr()) != identity.atr:
            self._lose("another answer to reset than at the start")
        if self._read_uid(call) != identity.uid:
            self._lose("another UID than at the start")

    def _do_close_session(self, call: Call) -> None:
        self._end_session(call)

    def _is_simulated(self, reader_name: str) -> bool:
        return reader_name.startswith(VIRTUAL_READER)

    def _read_uid(self, call: Call) -> bytes:
        answer = self._transmit(GET_UID, call)
        uid, status = answer[:-2], answer[-2:]
        if status != b"\x90\x00" or len(uid) not in UID_BYTES:
            self._drop_link()
            raise CardUnreadable(self.name, f"no UID: {len(uid)} bytes, status {status.hex()}")
        return uid

    def _lose(self, fact: str) -> None:
        self._drop_link()
        raise CardLost(self.name, fact)

    def _end_session(self, call: Call) -> None:
        if self._in_session:
            self._in_session = False
            self._ask(call, lambda transport: transport.disconnect())

    def _ask(self, call: Call, work: Callable[[CardTransport], T]) -> T:
        """Run `work` on the link; after any error the link is given up, never used again."""
        call.check()
        if self._link is None:
            self._link = self._open_link(call)
        try:
            return self._link.ask(call, work)
        except DeviceError:
            self._drop_link()
            raise

    def _open_link(self, call: Call) -> CardLink:
        self._unanswered = [link for link in self._unanswered if not link.has_ended()]
        if len(self._unanswered) >= MAX_UNANSWERED:
            raise Disconnected(self.name, f"{MAX_UNANSWERED} calls are still unanswered")
        link = CardLink(self.name, self._make_transport())
        try:
            self._reader_name = link.ask(call, lambda transport: transport.open())
        except BaseException:
            self._give_up(link)
            raise
        return link

    def _drop_link(self) -> None:
        link, self._link, self._in_session = self._link, None, False
        if link is not None:
            self._give_up(link)

    def _give_up(self, link: CardLink) -> None:
        link.abandon()
        self._unanswered.append(link)

    def _await_unanswered(self, call: Call) -> None:
        """Let given-up links release the card; a silent one holds the reader until lifted."""
        started = self.clock.monotonic()
        while not all(link.has_ended() for link in self._unanswered):
            if self.clock.monotonic() - started > UNANSWERED_PATIENCE_S:
                raise CardUnreadable(self.name, "an earlier command is still unanswered")
            call.sleep(0.02)


@dataclass(frozen=True, slots=True)
class _Channel:
    """A `CardChannel` on the link thread of one session."""

    device: str
    transport: CardTransport
    exchange: Callable[[CardTransport, bytes], bytes]

    @property
    def access_module(self) -> CardChannel | None:
        return None

    def transmit(self, apdu: bytes) -> bytes:
        return self.exchange(self.transport, apdu)


def _connect_and_reset(transport: CardTransport) -> bytes:
    transport.connect()
    return transport.atr()


class PcscReader(TransportReader):
    """A reader of the machine, contact or contactless, through pcscd.

    The serial number in `DeviceInfo` is the reader's name: PC/SC offers nothing better for all
    readers. One slot of a reader with several slots is one device; its name ends in the slot.
    """

    class Settings(DeviceSettings):
        """Which reader, and which pcscd.

        `reader` is the beginning of the reader's name; empty means the only reader there is.
        `service_socket` names the socket of a pcscd of one's own; empty means that of the machine.
        """

        reader: str = ""
        service_socket: str = ""

    driver_name = "pcsc"

    def __init__(self, name: str, settings: Settings, *, clock: Clock | None = None) -> None:
        super().__init__(name, settings, clock=clock)
        self._wanted = settings.reader
        self._service_socket = settings.service_socket

    def _make_transport(self) -> CardTransport:
        if self._service_socket:
            # libpcsclite reads it once, at the first call of the process
            os.environ["PCSCLITE_CSOCK_NAME"] = self._service_socket
        return PcscTransport(self.name, self._wanted)


class LoopbackReader(TransportReader):
    """A simulated reader on 127.0.0.1, for demonstrations on a machine without pcscd."""

    class Settings(DeviceSettings):
        """`port` is where the simulated reader listens."""

        port: int = Field(ge=1, le=65535)

    driver_name = "loopback-card"

    def __init__(self, name: str, settings: Settings, *, clock: Clock | None = None) -> None:
        super().__init__(name, settings, clock=clock)
        self._port = settings.port

    def _make_transport(self) -> CardTransport:
        return LoopbackTransport(self.name, self._port)

    def _is_simulated(self, reader_name: str) -> bool:
        return True

"""What all card readers do alike: one session is one card, and any doubt ends it.

A reading is bound to the event counter, the answer to reset and the UID, taken at its start and
compared at its end. After any failure of the wire the handle is given up, because a handle that is
used again after a fast exchange of cards talks to the other card without saying so. An error that
profile code raises by itself ends nothing: the card answered, only not as hoped.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
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
from drivers.card.access import AccessSettings, CardAccess
from drivers.card.atr import AtrError, check_atr, is_contactless
from drivers.card.channel import ACCESS_MODULE, CARD, SessionChannel
from drivers.card.errors import (
    BadAtr,
    CardExchanged,
    CardReset,
    CardSilent,
    LiftCard,
    ReaderAbsent,
    ReaderGone,
    SamMissing,
    ServiceAbsent,
    ServiceDown,
)
from drivers.card.lifting import LiftWatch
from drivers.card.link_keeper import LinkKeeper
from drivers.card.pcsc_results import split_name
from drivers.card.trace import Trace, TraceTransport
from drivers.card.transport import CardTransport
from drivers.clock import Clock
from drivers.errors import (
    CardLost,
    CardUnreadable,
    ConnectFailed,
    DeviceError,
    DeviceTimeout,
    Disconnected,
    NoCard,
)

T = TypeVar("T")

GET_UID: Final = bytes.fromhex("FFCA000000")  # answered by the reader: PC/SC part 3, GET DATA
UID_BYTES: Final = (4, 7, 8, 10)  # ISO/IEC 14443-3 types A (4, 7, 10) and B; KTP-el type B gives 8
WATCH_STEP_S: Final = 0.25
SIMULATED: Final = "simulated"
SAM: Final = "sam"


class CardReaderSettings(AccessSettings):
    """What all card readers are told.

    `command_timeout_s` is how long one command may go unanswered (ISO/IEC 14443-4 allows a card
    4.9 s). `trace` is a file that gets every command without its data; empty means none.
    """

    command_timeout_s: float = Field(default=5.0, gt=0)
    trace: str = ""


class TransportReader(CardReader):
    """A reader on any `CardTransport`.

    Every call of the wire runs on a `CardLink`, because a silent card never returns; the device
    thread waits for it and looks at its `Call` meanwhile.
    """

    driver_name: ClassVar[str]
    needs_lifting: ClassVar[bool] = True
    """Whether a broken exchange leaves the reader unable to tell two cards apart (PC/SC)."""

    def __init__(
        self, name: str, settings: CardReaderSettings, *, clock: Clock | None = None
    ) -> None:
        super().__init__(name, settings, clock=clock)
        self.access = CardAccess(name, settings)
        """What opens protected cards and checks signed ones."""
        self._command_timeout_s = settings.command_timeout_s
        self._trace = Trace(settings.trace) if settings.trace else None
        self._links = LinkKeeper(name, self._traced_transport)
        self._channel: SessionChannel | None = None
        self._identity: CardIdentity | None = None
        self._lift = LiftWatch(self.clock)

    @abstractmethod
    def _make_transport(self) -> CardTransport:
        """Return a new transport; no I/O."""

    @abstractmethod
    def _is_simulated(self, reader_name: str) -> bool:
        """Say whether cards in this reader are made of software."""

    def _has_module_slot(self) -> bool:
        return False

    def _do_connect(self, call: Call) -> DeviceInfo:
        self.access.forget_refusal()
        try:
            self._look(call)
        except ServiceDown as error:
            raise ServiceAbsent(self.name, error.detail) from error
        except ReaderGone as error:
            raise ReaderAbsent(self.name, error.detail) from error
        except Disconnected as error:
            raise ConnectFailed(self.name, error.detail) from error
        name = self._links.reader_name
        capabilities = {SIMULATED} if self._is_simulated(name) else set()
        if self._has_module_slot():
            capabilities.add(SAM)
        return DeviceInfo(
            kind=Kind.CARD_READER,
            driver=self.driver_name,
            model=split_name(name).model,
            # PC/SC tells no serial number that all readers have; the name holds it where there is
            # one, and the index in it changes with the order of plugging in
            serial=split_name(name).identity,
            firmware="",
            capabilities=frozenset(capabilities),
        )

    def _do_close(self) -> None:
        self._forget_session()
        self._links.close()

    def _do_check(self, call: Call) -> None:
        self._look(call)

    def _do_self_test(self, call: Call) -> SelfTest:
        started = self.clock.monotonic()
        state = self._look(call)
        elapsed_ms = (self.clock.monotonic() - started) * 1000
        facts: dict[str, str | int | float] = {
            "reader": self._links.reader_name,
            "card": _presence(state),
            "counter": state.counter,
            "look_ms": round(elapsed_ms, 2),
        }
        if self._has_module_slot():
            module = self._ask(call, lambda transport: transport.look_at_module())
            facts["access_module"] = _presence(module)
        return SelfTest(passed=True, facts=facts)

    def _do_card_state(self, call: Call) -> CardState:
        return self._look(call)

    def _do_wait_card(self, present: bool, call: Call) -> CardState:
        try:
            state = self._look(call)
            while state.present is not present:
                state = self._look(call, WATCH_STEP_S)
        except DeviceTimeout as error:
            if present and self._lift.is_due:
                raise self._not_lifted() from error
            raise
        if present and self._lift.is_due:
            raise self._not_lifted()
        self.recorder.note(f"card {'present' if present else 'absent'}, counter {state.counter}")
        return state

    def _do_open_session(self, call: Call) -> CardIdentity:
        self._end_session(call)
        self._links.await_given_up(call)
        state = self._look(call)
        if self._lift.is_due:
            raise self._not_lifted()
        if not state.present:
            raise NoCard(self.name)
        atr, channel = self._ask(call, self._take_card)
        self._channel = channel
        try:
            check_atr(atr)
        except AtrError as error:
            self._drop_link()
            raise BadAtr(self.name, str(error)) from error
        uid = self._read_uid(channel, atr, call)
        self.recorder.note(f"session open, counter {state.counter}")
        self._identity = CardIdentity(atr=atr, uid=uid, counter=state.counter)
        return self._identity

    def _take_card(self, transport: CardTransport) -> tuple[bytes, SessionChannel]:
        transport.card.connect()
        channel = SessionChannel(self.name, transport.card, transport.access_module, self.recorder)
        return transport.card.atr(), channel

    def _do_run(self, identity: CardIdentity, work: Callable[[CardChannel], T], call: Call) -> T:
        return self._run_work(self._channel_of(identity), work, call)

    def _do_confirm_session(self, identity: CardIdentity, call: Call) -> None:
        channel = self._channel_of(identity)
        state = self._look(call)
        if not state.present or state.counter != identity.counter:
            self._drop_link()
            raise CardLost(self.name, "the card was lifted during the session")
        if self._ask(call, lambda transport: transport.card.atr()) != identity.atr:
            self._drop_link()
            raise CardExchanged(self.name, "another answer to reset than at the start")
        if self._read_uid(channel, identity.atr, call) != identity.uid:
            self._drop_link()
            raise CardExchanged(self.name, "another UID than at the start")

    def _do_close_session(self, call: Call) -> None:
        self._end_session(call)

    def _channel_of(self, identity: CardIdentity) -> SessionChannel:
        if self._channel is None or identity is not self._identity:
            raise CardLost(self.name, "the session is over")
        return self._channel

    def _read_uid(self, channel: SessionChannel, atr: bytes, call: Call) -> bytes:
        """Return the UID; empty for a card in a contact reader, which has none."""
        answer = self._run_work(channel, lambda card: card.transmit(GET_UID), call)
        uid, status = answer[:-2], answer[-2:]
        if status == b"\x90\x00" and len(uid) in UID_BYTES:
            return uid
        if status != b"\x90\x00" and not is_contactless(atr):
            return b""
        self._drop_link()
        raise CardUnreadable(self.name, f"no UID: {len(uid)} bytes, status {status.hex()}")

    def _run_work(self, channel: SessionChannel, work: Callable[[CardChannel], T], call: Call) -> T:
        """Run profile code on the link; only a failure of the wire gives the link up."""
        link = self._links.link
        if link is None:
            raise CardLost(self.name, "the session is over")
        call.check()
        is_done = False

        def whole(_: CardTransport) -> T:
            nonlocal is_done
            try:
                return channel.run(work, call)
            finally:
                is_done = True

        try:
            return link.ask(
                call, whole, lambda: self._check_patience(channel), lambda: channel.end(call)
            )
        finally:
            unanswered = None if is_done else channel.waits_for
            if unanswered is not None:
                self.recorder.note(f"{unanswered.slot}: {unanswered.what} unanswered")
            if not is_done or channel.has_lost_the_wire:
                self._demand_lifting(channel.failure)
                self._drop_link(CARD if unanswered is None else unanswered.slot)

    def _check_patience(self, channel: SessionChannel) -> None:
        """End the waiting when one command has been unanswered for too long."""
        waits_for = channel.waits_for
        if waits_for is None:
            return
        if self.clock.monotonic() - waits_for.since < self._command_timeout_s:
            return
        fact = f"no answer within {self._command_timeout_s:g} s"
        if waits_for.slot == ACCESS_MODULE:
            raise SamMissing(self.name, fact)
        raise CardSilent(self.name, fact)

    def _demand_lifting(self, failure: DeviceError | None) -> None:
        broken = isinstance(failure, CardLost) and not isinstance(failure, CardReset)
        if broken and self.needs_lifting:
            self._lift.demand()

    def _not_lifted(self) -> LiftCard:
        return LiftCard(self.name, "the reader was not empty since the last broken exchange")

    def _look(self, call: Call, wait_s: float = 0.0) -> CardState:
        state = self._ask(call, lambda transport: transport.look(wait_s))
        self._lift.saw(state.present)
        return state

    def _end_session(self, call: Call) -> None:
        if self._channel is not None:
            self._forget_session()
            self._ask(call, _give_up_cards)

    def _ask(self, call: Call, work: Callable[[CardTransport], T]) -> T:
        """Run `work` on the link; after any error the link is given up, never used again."""
        call.check()
        link = self._links.open(call)
        try:
            return link.ask(call, work)
        except DeviceError:
            self._drop_link()
            raise

    def _drop_link(self, slot: str = CARD) -> None:
        """End the session and give the link up; `slot` may still owe an answer."""
        self._forget_session()
        self._links.drop(slot)

    def _forget_session(self) -> None:
        channel, self._channel, self._identity = self._channel, None, None
        if channel is not None:
            channel.end()

    def _traced_transport(self) -> CardTransport:
        transport = self._make_transport()
        return transport if self._trace is None else TraceTransport(transport, self._trace)


def _presence(state: CardState | None) -> str:
    return "present" if state is not None and state.present else "absent"


def _give_up_cards(transport: CardTransport) -> None:
    if transport.access_module is not None:
        transport.access_module.disconnect()
    transport.card.disconnect()

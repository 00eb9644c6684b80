"""Where the simulated card lies: it follows the scene, and it fails in the ways that cards fail."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, Final, Protocol

from drivers.card import frames
from simulators.card import KtpelCard, from_person, specimen
from simulators.card_answers import (
    ATR_FAULTS,
    READ_BINARY,
    STATUS_BYTES,
    false_answer,
    false_atr,
    false_module_answer,
)
from simulators.card_faults import CARD_FAULTS, CardFault
from simulators.injection import Injector

SLOW_COMMAND_S: Final = 0.3
VISIT_S: Final = 0.05
"""How long the other card lies there that is exchanged and exchanged back."""
LONGEST_WAIT_S: Final = 3600.0


class Slot(StrEnum):
    """Which slot of a reader; each has faults of its own."""

    CARD = "card"
    ACCESS_MODULE = "access module"


class SimulatedCard(Protocol):
    """Whatever can lie in a slot: a resident's card, an operator's card, an access module."""

    @property
    def atr(self) -> bytes:
        """The answer to reset."""
        ...

    def power(self, event: int) -> None:
        """Take power off (0), put it on (1) or reset (2)."""
        ...

    def apdu(self, command: bytes) -> bytes:
        """Answer one command: data and status word."""
        ...


class ContactLost(Exception):
    """The card cannot answer this command: it was lifted, exchanged, or its link broke."""


class WasReset(Exception):
    """Another program reset the card at this command."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How slow the card is: seconds a command and seconds a byte of its answer.

    A genuine card needs 5 to 10 s for a whole reading; 0.025 and 0.0001 come near. `late_s` is how
    long a command takes while the fault `late-answer` is active: a reader gives up after 5 s.
    """

    command_s: float = 0.0
    byte_s: float = 0.0
    late_s: float = 6.0


class CardScene(Protocol):
    """The part of the scene that a card reader sees."""

    @property
    def card(self) -> Any:  # Any: whoever owns a card; `make_card` says which card is theirs
        """Whose card lies on the reader, None when none does."""
        ...

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` after every change; return its remover."""
        ...


class FixedCard:
    """A scene in which one card lies all the time, such as an access module in its slot."""

    def __init__(self, card: SimulatedCard) -> None:
        self.card: SimulatedCard = card

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Do nothing: nothing changes here."""
        return lambda: None


def resident_card(owner: Any) -> SimulatedCard:
    """Return the card of a resident; what lies there and is a card already stays as it is."""
    return owner if hasattr(owner, "apdu") else KtpelCard(from_person(owner))


class CardSlot(ABC):
    """The card that the scene lays down, with faults; the subclass gives it a link.

    Args:
        scene: whose card lies there; an object with `atr`, `power` and `apdu` is a card itself.
        make_card: the card of an owner in the scene.
        stranger: the card that comes in place of the resident's when cards are exchanged.
        faults: shared by everything that belongs to one reader; new ones when not given.
        slot: which faults concern this slot.
    """

    lift_s: ClassVar[float]
    """How long a card is away when an operator lifts it and lays it down again."""

    def __init__(
        self,
        scene: CardScene,
        *,
        make_card: Callable[[Any], SimulatedCard] = resident_card,
        stranger: SimulatedCard | None = None,
        pace: Pace | None = None,
        faults: Injector[CardFault] | None = None,
        slot: Slot = Slot.CARD,
    ) -> None:
        self.faults: Injector[CardFault] = faults or Injector(CARD_FAULTS)
        self._slot = slot
        self._scene = scene
        self._make_card = make_card
        self._stranger: SimulatedCard = stranger or KtpelCard(specimen())
        self._pace = pace or Pace()
        self._changed = threading.Condition()
        self._card: SimulatedCard | None = None
        self._own: SimulatedCard | None = None
        self._owner: object | None = None
        self._moves = 0
        self._struck: set[CardFault] = set()
        self._closed = False
        self._hand: threading.Timer | None = None
        self._unsubscribers: list[Callable[[], None]] = []

    def close(self) -> None:
        """Take the card away for good and end every thread; idempotent."""
        for unsubscribe in self._unsubscribers:
            unsubscribe()
        self._unsubscribers.clear()
        with self._changed:
            self._closed = True
            self._card = None
            hand = self._hand
            self._card_moved()
            self._changed.notify_all()
        if hand is not None:
            hand.cancel()
            hand.join()

    def _follow(self) -> None:
        """Begin to follow the scene; the subclass calls this when its link is ready."""
        self._unsubscribers = [
            self._scene.subscribe(self._scene_changed),
            self.faults.subscribe(self._fault_changed),
        ]
        self._scene_changed()
        if CardFault.SAM_ABSENT in self.faults:
            self._fault_changed(CardFault.SAM_ABSENT, True)

    def _scene_changed(self) -> None:
        with self._changed:
            owner = self._scene.card
            if owner is self._owner or self._closed:
                return
            self._owner = owner
            self._own = None if owner is None else self._make_card(owner)
            ended = tuple(self._struck)
            self._struck.clear()
        for fault in ended:  # whoever lifts the card ends what had happened to it
            self.faults.clear(fault)
        self._put(self._own)

    def _fault_changed(self, fault: CardFault, active: bool) -> None:
        is_module = self._slot is Slot.ACCESS_MODULE
        with self._changed:
            has_struck = fault in self._struck
            self._struck.discard(fault)
            self._changed.notify_all()
        if is_module and fault is CardFault.SAM_ABSENT:
            self._put(None if active else self._own)
        elif not active and has_struck:
            # who ends such a fault lifts what lies there and lays the right card down
            self._put(None)
            self._put_later(self.lift_s)

    def _put(self, card: SimulatedCard | None) -> None:
        """Let `card` lie there, or none."""
        with self._changed:
            if self._closed or card is self._card:
                return
            self._lay(card)
            # before the lock is given up: a link that the new card makes must not be ended
            self._card_moved()

    def _lay(self, card: SimulatedCard | None) -> None:
        """Exchange the card; the lock is held."""
        self._moves += (self._card is not None) + (card is not None)
        if self._card is not None:
            self._card.power(frames.POWER_OFF)
        self._card = card
        self._changed.notify_all()

    def _put_later(self, seconds: float) -> None:
        """Lay the card of the scene down after a while, unless the slot is closed before."""
        with self._changed:
            if self._closed:
                return
            if self._hand is not None:
                self._hand.cancel()
            self._hand = threading.Timer(seconds, lambda: self._put(self._own))
            self._hand.daemon = True
            self._hand.start()

    @abstractmethod
    def _card_moved(self) -> None:
        """Make the link show that another card, or none, lies there; the lock is held."""

    def _atr_of(self, card: SimulatedCard) -> bytes:
        if self._slot is Slot.ACCESS_MODULE:
            return card.atr
        # pcscd keeps what it was told until the card is laid down anew
        self._struck.update(fault for fault in ATR_FAULTS if fault in self.faults)
        return false_atr(self.faults, card.atr)

    def _answer_of(self, card: SimulatedCard, command: bytes) -> bytes:
        """Answer a command as `card`, with the faults of the moment.

        Raises:
            ContactLost: the card does not lie there any more, or its link is to break.
            WasReset: somebody else has reset it.
        """
        if self._slot is Slot.ACCESS_MODULE:
            self._strike_module()
            self._wait(CardFault.SAM_SILENT, card)
            return false_module_answer(self.faults, command, card.apdu(command))
        self._strike(card, command)
        self._wait(CardFault.SILENT, card)
        answer = false_answer(self.faults, command, card.apdu(command))
        if len(answer) < STATUS_BYTES:  # to a reader this is a broken contact
            self._struck.add(CardFault.NO_STATUS)
        slow_s = SLOW_COMMAND_S if CardFault.SLOW in self.faults else 0.0
        slow_s += self._pace.late_s if CardFault.LATE in self.faults else 0.0
        self._take_time(card, slow_s + self._pace.command_s + len(answer) * self._pace.byte_s)
        return answer

    def _strike(self, card: SimulatedCard, command: bytes) -> None:
        faults = self.faults
        if CardFault.LINK_BROKEN in faults:
            self._struck.add(CardFault.LINK_BROKEN)
            raise ContactLost
        if CardFault.TORN_AWAY in faults and command[1] == READ_BINARY:
            self._exchange_for(None, CardFault.TORN_AWAY)
        for fault in (CardFault.SWAPPED, CardFault.SWAPPED_BACK):
            if fault in faults and card is self._own and fault not in self._struck:
                self._exchange_for(self._stranger, fault)
        if CardFault.RESET in faults.notes and faults.strikes(CardFault.RESET):
            card.power(frames.RESET)
            raise WasReset

    def _strike_module(self) -> None:
        if CardFault.SAM_PULLED in self.faults:
            self._exchange_for(None, CardFault.SAM_PULLED)

    def _exchange_for(self, card: SimulatedCard | None, fault: CardFault) -> None:
        """Let another card lie there, faster than any reader looks."""
        with self._changed:
            self._struck.add(fault)
            self._lay(card)
        if fault is CardFault.SWAPPED_BACK:
            self._put_later(VISIT_S)
        raise ContactLost

    def _wait(self, fault: CardFault, card: SimulatedCard) -> None:
        if fault in self.faults:
            self._take_time(card, LONGEST_WAIT_S, lambda: fault not in self.faults)

    def _take_time(
        self,
        card: SimulatedCard,
        seconds: float,
        is_over: Callable[[], bool] = lambda: False,
    ) -> None:
        """Let time pass; a card that leaves meanwhile cannot answer any more."""
        with self._changed:
            if seconds:
                self._changed.wait_for(
                    lambda: is_over() or self._card is not card or self._closed, seconds
                )
            if self._card is not card or self._closed:
                raise ContactLost

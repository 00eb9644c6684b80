"""Where the simulated card lies: it follows the scene, and it fails in the ways that cards fail."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Protocol

from simulators.card import CardContent, KtpelCard, from_person, specimen

GARBAGE_ATR: Final = bytes.fromhex("0001")
READ_BINARY: Final = 0xB0


class CardFault(StrEnum):
    """Faults of the card, injectable while running; the driver must see each of them."""

    SILENT = "commands are never answered"
    LINK_BROKEN = "the next command breaks the contact"
    GARBAGE_ATR = "the answer to reset is 00 01"
    WRONG_TCK = "the check byte of the answer to reset is wrong"
    SHORT_ANSWER = "every piece of a file is one byte short"
    SWAP = "at the next command another card lies there, faster than a reader looks"


ONE_SHOT: Final = frozenset({CardFault.LINK_BROKEN, CardFault.SWAP})


class ContactLost(Exception):
    """The card cannot answer this command: it was lifted, exchanged, or its link broke."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How slow the card is: seconds a command and seconds a byte of its answer.

    A genuine card needs 5 to 10 s for a whole reading; 0.025 and 0.0001 come near.
    """

    command_s: float = 0.0
    byte_s: float = 0.0


class CardScene(Protocol):
    """The part of the scene that a card reader sees."""

    @property
    def card(self) -> Any:  # Any: whoever owns a card; `content` says what the card takes of them
        """Whose card lies on the reader, None when none does."""
        ...

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` after every change; return its remover."""
        ...


class CardSlot(ABC):
    """The card that the scene lays down, with faults; the subclass gives it a link.

    Args:
        scene: whose card lies there.
        content: what a resident's card holds.
        stranger: the card that `CardFault.SWAP` puts in place of the resident's.
    """

    def __init__(
        self,
        scene: CardScene,
        *,
        content: Callable[[Any], CardContent] = from_person,
        stranger: CardContent | None = None,
        pace: Pace | None = None,
    ) -> None:
        self._scene = scene
        self._content = content
        self._stranger = stranger or specimen()
        self._pace = pace or Pace()
        self._changed = threading.Condition()
        self._card: KtpelCard | None = None
        self._owner: object | None = None
        self._moves = 0
        self._fault: CardFault | None = None
        self._closed = False
        self._unsubscribe: Callable[[], None] = lambda: None

    def inject(self, fault: CardFault | None) -> None:
        """Fail like this from now on (None: no more); a swap and a broken link happen once."""
        with self._changed:
            self._fault = fault
            self._changed.notify_all()

    def close(self) -> None:
        """Take the card away for good and end every thread; idempotent."""
        self._unsubscribe()
        with self._changed:
            self._closed = True
            self._card = None
            self._changed.notify_all()
        self._card_moved()

    def _follow(self) -> None:
        """Begin to follow the scene; the subclass calls this when its link is ready."""
        self._unsubscribe = self._scene.subscribe(self._scene_changed)
        self._scene_changed()

    def _scene_changed(self) -> None:
        with self._changed:
            owner = self._scene.card
            if owner is self._owner or self._closed:
                return
            self._owner = owner
            self._lay(None if owner is None else KtpelCard(self._content(owner)))
        self._card_moved()

    def _lay(self, card: KtpelCard | None) -> None:
        """Exchange the card; the lock is held."""
        self._moves += (self._card is not None) + (card is not None)
        self._card = card
        self._changed.notify_all()

    @abstractmethod
    def _card_moved(self) -> None:
        """Make the link show that another card, or none, lies there; any thread, no lock held."""

    def _atr_of(self, card: KtpelCard) -> bytes:
        if self._fault is CardFault.GARBAGE_ATR:
            return GARBAGE_ATR
        if self._fault is CardFault.WRONG_TCK:
            return card.atr[:-1] + bytes([card.atr[-1] ^ 0x01])
        return card.atr

    def _answer_of(self, card: KtpelCard, command: bytes) -> bytes:
        """Answer a command as `card`, with the fault of the moment.

        Raises:
            ContactLost: the card does not lie there any more, or its link is to break.
        """
        with self._changed:
            fault = self._fault
            if fault in ONE_SHOT:
                self._fault = None
                if fault is CardFault.SWAP:
                    self._lay(KtpelCard(self._stranger))
                raise ContactLost
            self._wait_while(lambda: self._fault is CardFault.SILENT, card)
        answer = card.apdu(command)
        if fault is CardFault.SHORT_ANSWER and command[1] == READ_BINARY and len(answer) > 2:
            answer = answer[1:]
        with self._changed:
            self._wait_while(
                lambda: True, card, self._pace.command_s + len(answer) * self._pace.byte_s
            )
        return answer

    def _wait_while(
        self, is_slow: Callable[[], bool], card: KtpelCard, limit: float | None = None
    ) -> None:
        self._changed.wait_for(
            lambda: not is_slow() or self._card is not card or self._closed, limit
        )
        if self._card is not card or self._closed:
            raise ContactLost

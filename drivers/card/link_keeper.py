"""The one link of a reader that is in use, and those given up that have not ended yet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from drivers.card.channel import ACCESS_MODULE, CARD
from drivers.card.errors import LiftCard, SamMissing
from drivers.card.link import CardLink
from drivers.card.transport import CardTransport
from drivers.device import Call
from drivers.errors import Disconnected

UNANSWERED_PATIENCE_S: Final = 1.0
MAX_UNANSWERED: Final = 4
CLOSE_PATIENCE_S: Final = 0.5
WAIT_STEP_S: Final = 0.02


class LinkKeeper:
    """Opens links, gives them up and knows which of them still hold the card.

    Args:
        device: name of the reader.
        make_transport: returns a new transport; no I/O.
    """

    def __init__(self, device: str, make_transport: Callable[[], CardTransport]) -> None:
        self._device = device
        self._make_transport = make_transport
        self._given_up: list[tuple[CardLink, str]] = []
        self.link: CardLink | None = None
        self.reader_name = ""

    def open(self, call: Call) -> CardLink:
        """Return the link in use, opened if there is none.

        Raises:
            Disconnected: too many earlier calls are still unanswered, or the reader is not there.
        """
        if self.link is not None:
            return self.link
        self._given_up = [(link, slot) for link, slot in self._given_up if not link.has_ended()]
        if len(self._given_up) >= MAX_UNANSWERED:
            raise Disconnected(self._device, f"{MAX_UNANSWERED} calls are still unanswered")
        link = CardLink(self._device, self._make_transport())
        try:
            self.reader_name = link.ask(call, lambda transport: transport.open())
        except BaseException:
            self._give_up(link, CARD)
            raise
        self.link = link
        return link

    def drop(self, slot: str = CARD) -> None:
        """Give the link up; `slot` is the one that may still owe an answer."""
        link, self.link = self.link, None
        if link is not None:
            self._give_up(link, slot)

    def close(self) -> None:
        """Give the link up and let it end, if it can."""
        link = self.link
        self.drop()
        if link is not None:
            link.has_ended(CLOSE_PATIENCE_S)

    def await_given_up(self, call: Call) -> None:
        """Let given-up links release the card; a silent one holds the reader until lifted.

        Raises:
            LiftCard, SamMissing: a command to the card or to the access module is unanswered.
        """
        started = call.clock.monotonic()
        while waiting := [slot for link, slot in self._given_up if not link.has_ended()]:
            if call.clock.monotonic() - started > UNANSWERED_PATIENCE_S:
                error = SamMissing if ACCESS_MODULE in waiting else LiftCard
                raise error(self._device, "an earlier command is still unanswered")
            call.sleep(WAIT_STEP_S)

    def _give_up(self, link: CardLink, slot: str) -> None:
        link.abandon()
        self._given_up.append((link, slot))

"""What a wire to a card reader must offer; everything here may block and runs on a link thread."""

from __future__ import annotations

from typing import Protocol

from drivers.values import CardState


class CardContact(Protocol):
    """One slot: a resident's card, or the access module of the reader."""

    def connect(self) -> None:
        """Power the card and take it for this program alone.

        Raises:
            NoCard: the slot is empty.
            CardMute: the card does not answer to reset.
            BadAtr: its answer to reset offers no usable protocol.
            ReaderBusy: another program holds the slot.
            Disconnected: the service or the reader has gone.
        """
        ...

    def atr(self) -> bytes:
        """Return the answer to reset of the connected card."""
        ...

    def transmit(self, apdu: bytes) -> bytes:
        """Exchange one APDU, without any limit of time; at least two bytes come back.

        Raises:
            CardLost: any failure; the connection to the card is over.
            Disconnected: the service or the reader has gone.
        """
        ...

    def disconnect(self) -> None:
        """Power the card off and give it up; must succeed when it is gone or was never there."""
        ...


class CardTransport(Protocol):
    """One connection to one reader, used from one thread; `interrupt` may come from any other."""

    @property
    def card(self) -> CardContact:
        """The slot for cards; usable after `open`."""
        ...

    @property
    def access_module(self) -> CardContact | None:
        """The slot of the access module, None where none is configured; usable after `open`."""
        ...

    def open(self) -> str:
        """Find the reader and return its name.

        Raises:
            ServiceDown, ReaderGone: the service or the reader is absent.
            ReaderAmbiguous: the name fits several readers.
            ReaderForbidden: the system does not permit access.
            CardLibraryMissing: the machine has no library for cards.
        """
        ...

    def look(self, wait_s: float) -> CardState:
        """Say what lies on the reader; wait up to `wait_s` seconds for a change before answering.

        Raises:
            Disconnected: the service or the reader has gone.
        """
        ...

    def look_at_module(self) -> CardState | None:
        """Say what lies in the slot of the access module; None where there is no such slot.

        Raises:
            Disconnected: the service has gone.
        """
        ...

    def interrupt(self) -> None:
        """Wake a blocked call if the wire knows how; from another thread."""
        ...

    def close(self) -> None:
        """Give up cards and reader; must succeed after any failure."""
        ...

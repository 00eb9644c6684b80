"""What a wire to a card reader must offer; everything here may block and runs on a link thread."""

from __future__ import annotations

from typing import Protocol

from drivers.values import CardState


class CardTransport(Protocol):
    """One connection to one reader, used from one thread; `interrupt` may come from any other."""

    def open(self) -> str:
        """Find the reader and return its name.

        Raises:
            Disconnected: the service or the reader is absent, or the name fits several readers.
            DeviceRefused: the system does not permit access.
        """
        ...

    def look(self, wait_s: float) -> CardState:
        """Say what lies on the reader; wait up to `wait_s` seconds for a change before answering.

        Raises:
            Disconnected: the service or the reader has gone.
        """
        ...

    def connect(self) -> None:
        """Power the card and take it for this program alone.

        Raises:
            NoCard: the reader is empty.
            CardUnreadable: the card is mute or its answer to reset is refused.
            DeviceBusy: another program holds the reader.
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
        """Power the card off and give it up; must succeed when it is gone."""
        ...

    def interrupt(self) -> None:
        """Wake a blocked call if the wire knows how; from another thread."""
        ...

    def close(self) -> None:
        """Give up card and reader; must succeed after any failure."""
        ...

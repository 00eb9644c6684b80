"""The two links of a simulated card: behind pcscd (vpcd), or on a loopback port of its own."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Any, ClassVar, Final

from drivers.card import frames
from drivers.card.loopback import LOOPBACK
from simulators.card_faults import CardFault
from simulators.card_slot import (
    CardScene,
    CardSlot,
    ContactLost,
    Pace,
    SimulatedCard,
    Slot,
    WasReset,
    resident_card,
)
from simulators.injection import Injector

RETRY_S: Final = 0.03
END_PATIENCE_S: Final = 2.0


class VpcdSlot(CardSlot):
    """A card in a slot of the vpcd driver: being connected to its port is being inserted.

    Survives the end of pcscd: the card is there again as soon as the port is. After a broken link
    the card must be lifted and laid down again.
    """

    # longer than half a second as pcscd sees it, which looks every 0.4 s
    lift_s: ClassVar[float] = 1.0

    def __init__(
        self,
        scene: CardScene,
        port: int,
        *,
        make_card: Callable[[Any], SimulatedCard] = resident_card,
        stranger: SimulatedCard | None = None,
        pace: Pace | None = None,
        faults: Injector[CardFault] | None = None,
        slot: Slot = Slot.CARD,
    ) -> None:
        super().__init__(
            scene, make_card=make_card, stranger=stranger, pace=pace, faults=faults, slot=slot
        )
        self._port = port
        self._link: socket.socket | None = None
        self._dead: SimulatedCard | None = None
        self._thread = threading.Thread(target=self._run, name="sim-card-vpcd", daemon=True)
        self._thread.start()
        self._follow()

    def close(self) -> None:
        super().close()
        self._thread.join(END_PATIENCE_S)

    def _card_moved(self) -> None:
        with self._changed:
            self._dead = None
            self._changed.notify_all()
            if self._link is not None:
                with contextlib.suppress(OSError):
                    self._link.shutdown(socket.SHUT_RDWR)

    def _run(self) -> None:
        while (card := self._next_card()) is not None:
            try:
                link = socket.create_connection((LOOPBACK, self._port), timeout=1.0)
            except OSError:  # no pcscd, or not yet
                with self._changed:
                    self._changed.wait(RETRY_S)
                continue
            with link, contextlib.suppress(EOFError, OSError):
                self._serve(link, card)

    def _next_card(self) -> SimulatedCard | None:
        """Wait for a card that is not dead; None when the slot is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._card not in (None, self._dead))
            return self._card

    def _serve(self, link: socket.socket, card: SimulatedCard) -> None:
        link.settimeout(None)
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._changed:
            if self._card is not card:
                return
            self._link = link
        try:
            self._talk(link, card)
        except ContactLost:
            with self._changed:
                if self._card is card:
                    self._dead = card
        finally:
            with self._changed:
                self._link = None

    def _talk(self, link: socket.socket, card: SimulatedCard) -> None:
        while True:
            message = frames.receive(link)
            if len(message) != 1:
                link.sendall(frames.pack(self._answer_of(card, message)))
            elif message[0] == frames.GET_ATR:
                link.sendall(frames.pack(self._atr_of(card)))
            else:
                card.power(message[0])


class LoopbackSlot(CardSlot):
    """A reader with its card on 127.0.0.1; speaks `drivers.card.frames` as the listening side.

    While the fault `reader-unplugged` is active the port is closed; later the same one is opened.
    """

    lift_s: ClassVar[float] = 0.1

    def __init__(
        self,
        scene: CardScene,
        port: int = 0,
        *,
        make_card: Callable[[Any], SimulatedCard] = resident_card,
        stranger: SimulatedCard | None = None,
        pace: Pace | None = None,
        faults: Injector[CardFault] | None = None,
        slot: Slot = Slot.CARD,
    ) -> None:
        super().__init__(
            scene, make_card=make_card, stranger=stranger, pace=pace, faults=faults, slot=slot
        )
        self.port = port
        self._listener: socket.socket | None = None
        self._connections: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._follow()
        self._plug()

    def close(self) -> None:
        super().close()
        self._unplug()

    def _fault_changed(self, fault: CardFault, active: bool) -> None:
        if fault is not CardFault.UNPLUGGED:
            super()._fault_changed(fault, active)
        elif active:
            self._unplug()
        else:
            self._plug()

    def _plug(self) -> None:
        self._listener = socket.create_server((LOOPBACK, self.port))
        self.port = self._listener.getsockname()[1]
        self._start(self._accept, self._listener)

    def _unplug(self) -> None:
        """Close the port and every connection; idempotent."""
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits in accept
            listener.close()
        with self._changed:
            for connection in self._connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            threads, self._threads = self._threads, []
        for thread in threads:
            thread.join(END_PATIENCE_S)

    def _card_moved(self) -> None:
        """Do nothing: connections are to the reader, each looks at the card by itself."""

    def _start(self, target: Callable[[socket.socket], None], link: socket.socket) -> None:
        thread = threading.Thread(target=target, args=(link,), name="sim-card", daemon=True)
        with self._changed:
            self._threads = [t for t in self._threads if t.is_alive()] + [thread]
            thread.start()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with self._changed:
                    self._connections.add(connection)
                self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            with connection, contextlib.suppress(EOFError, OSError, ContactLost):
                self._talk(connection)
        finally:
            with self._changed:
                self._connections.discard(connection)

    def _talk(self, connection: socket.socket) -> None:
        powered: SimulatedCard | None = None
        while True:
            message = frames.receive(connection)
            if len(message) != 1:
                answer, powered = self._exchange(powered, message)
            elif message[0] == frames.GET_ATR:
                answer = self._atr_of(self._card) if self._card is not None else b""
            elif message[0] == frames.LOOK:
                answer = frames.pack_look(self._look())
            else:
                powered = self._power(message[0])
                continue
            connection.sendall(frames.pack(answer))

    def _look(self) -> frames.Look:
        with self._changed:
            if self._card is None:
                return frames.Look(self._moves, frames.Found.NOTHING)
            if self._slot is Slot.CARD and CardFault.HELD in self.faults:
                return frames.Look(self._moves, frames.Found.HELD)
            if self._slot is Slot.CARD and CardFault.MUTE in self.faults:
                return frames.Look(self._moves, frames.Found.MUTE)
            return frames.Look(self._moves, frames.Found.CARD, self._atr_of(self._card))

    def _power(self, event: int) -> SimulatedCard | None:
        card = self._card
        if card is not None:
            card.power(event)
        return None if event == frames.POWER_OFF else card

    def _exchange(
        self, powered: SimulatedCard | None, command: bytes
    ) -> tuple[bytes, SimulatedCard | None]:
        """Answer as the powered card; after an exchange, fail once and then be the other card.

        That second step is what pcscd does with a stale handle: a driver that tries again gets the
        data of another person.
        """
        if powered is None or powered is not self._card:
            return b"", self._card
        try:
            return self._answer_of(powered, command), powered
        except WasReset:
            return b"", powered
        except ContactLost:
            if self._card is powered:  # the link itself is to break
                raise
            return b"", self._card

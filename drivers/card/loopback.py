"""A simulated reader on a loopback port, for a machine without pcscd; frames of `frames`."""

from __future__ import annotations

import contextlib
import socket
import time
from typing import Final

from drivers.card import frames
from drivers.card.atr import MAX_ATR_BYTES
from drivers.card.errors import CardMute, ReaderBusy, ReaderGone
from drivers.card.transport import CardContact
from drivers.errors import CardLost, DeviceError, NoCard, ProtocolError
from drivers.values import CardState

LOOPBACK: Final = "127.0.0.1"
CONNECT_TIMEOUT_S: Final = 1.0
LOOK_INTERVAL_S: Final = 0.05


class LoopbackContact:
    """A `CardContact` on a connection of its own; a refused connection means no such slot."""

    def __init__(self, device: str, port: int) -> None:
        self._device = device
        self._port = port
        self._socket: socket.socket | None = None
        self._powered = False
        self._interrupted = False

    def open(self) -> None:
        """Connect to the slot.

        Raises:
            ReaderGone: nothing listens there.
        """
        self._connection()

    def look(self) -> CardState:
        """Say what lies in the slot now."""
        try:
            return self._look()
        except (EOFError, OSError):
            # the old connection died; a look changes nothing, so it may be made once more
            self._drop()
        try:
            return self._look()
        except (EOFError, OSError) as error:
            self._drop()
            raise self._gone() from error

    def connect(self) -> None:
        try:
            self._connection().sendall(frames.control(frames.POWER_ON))
            what, answer = self._found()
        except (EOFError, OSError) as error:
            self._drop()
            raise self._gone() from error
        if what is frames.Found.HELD:
            raise ReaderBusy(self._device, "another program holds the reader")
        if what is frames.Found.NOTHING:
            raise NoCard(self._device)
        if what is frames.Found.MUTE or len(answer) > MAX_ATR_BYTES:
            raise CardMute(self._device, "no usable answer to reset")
        self._powered = True

    def atr(self) -> bytes:
        return self._ask_card(frames.control(frames.GET_ATR))

    def transmit(self, apdu: bytes) -> bytes:
        return self._ask_card(frames.pack(apdu))

    def disconnect(self) -> None:
        if self._powered and self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.sendall(frames.control(frames.POWER_OFF))
        self._powered = False

    def interrupt(self) -> None:
        """Break the connection, so that a read waiting for a silent card returns."""
        self._interrupted = True
        if (connection := self._socket) is not None:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Give up card and slot."""
        self.disconnect()
        self._drop()

    def _ask_card(self, frame: bytes) -> bytes:
        if not self._powered or self._socket is None:
            raise CardLost(self._device, "the card is not powered")
        try:
            answer = self._exchange(frame)
        except (EOFError, OSError) as error:
            self._drop()
            self.look()  # raises ReaderGone when the reader itself has gone
            raise CardLost(self._device, "the connection broke inside a command") from error
        if len(answer) < 2:
            self._powered = False
            raise CardLost(self._device, f"answer of {len(answer)} bytes")
        return answer

    def _look(self) -> CardState:
        answer = self._exchange(frames.control(frames.LOOK))
        try:
            seen = frames.parse_look(answer)
        except ValueError as error:
            raise ProtocolError(self._device, f"state of {len(answer)} bytes") from error
        present = seen.found is not frames.Found.NOTHING
        usable = seen.atr if len(seen.atr) <= MAX_ATR_BYTES else b""
        return CardState(present, seen.counter, usable)

    def _found(self) -> tuple[frames.Found, bytes]:
        answer = self._exchange(frames.control(frames.LOOK))
        try:
            seen = frames.parse_look(answer)
        except ValueError as error:
            raise ProtocolError(self._device, f"state of {len(answer)} bytes") from error
        return seen.found, seen.atr

    def _exchange(self, frame: bytes) -> bytes:
        connection = self._connection()
        connection.sendall(frame)
        return frames.receive(connection)

    def _connection(self) -> socket.socket:
        if self._socket is None:
            address = (LOOPBACK, self._port)
            try:
                self._socket = socket.create_connection(address, CONNECT_TIMEOUT_S)
            except OSError as error:
                raise ReaderGone(self._device, f"nothing listens on port {self._port}") from error
            self._socket.settimeout(None)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._interrupted:  # asked last: `interrupt` sets this before it looks for the socket
            self._drop()
            raise ReaderGone(self._device, "the connection was given up")
        return self._socket

    def _gone(self) -> DeviceError:
        return ReaderGone(self._device, "the reader ended the connection")

    def _drop(self) -> None:
        connection, self._socket = self._socket, None
        self._powered = False
        if connection is not None:
            connection.close()


class LoopbackTransport:
    """A `CardTransport` to 127.0.0.1; `sam_port` 0 means no access module."""

    def __init__(self, device: str, port: int, sam_port: int = 0) -> None:
        self._port = port
        self._card = LoopbackContact(device, port)
        self._sam = LoopbackContact(device, sam_port) if sam_port else None

    @property
    def card(self) -> CardContact:
        return self._card

    @property
    def access_module(self) -> CardContact | None:
        return self._sam

    def open(self) -> str:
        self._card.open()
        return f"loopback {self._port}"

    def look(self, wait_s: float) -> CardState:
        if wait_s > 0:
            time.sleep(min(wait_s, LOOK_INTERVAL_S))
        return self._card.look()

    def look_at_module(self) -> CardState | None:
        if self._sam is None:
            return None
        try:
            return self._sam.look()
        except ReaderGone:
            return None

    def interrupt(self) -> None:
        self._card.interrupt()
        if self._sam is not None:
            self._sam.interrupt()

    def close(self) -> None:
        if self._sam is not None:
            self._sam.close()
        self._card.close()

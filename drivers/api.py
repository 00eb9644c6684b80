"""The device contract: what a desk may ask of a scanner, a camera and a card reader.

Import from here. `drivers.device` holds the life cycle shared by all kinds, `drivers.values` what
goes in and comes out, `drivers.errors` what may be raised. Importing this module loads no vendor
library.
"""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from drivers.clock import Clock
from drivers.device import Call, Device, DeviceSettings
from drivers.errors import Unsupported
from drivers.positions import Eye, Finger, Slap
from drivers.values import (
    Capture,
    CardState,
    DeviceInfo,
    FaceRequest,
    FingerRequest,
    Frame,
    Image,
    IrisRequest,
    Kind,
    SelfTest,
    SlapRequest,
    State,
    read_only,
)

__all__ = [
    "Call",
    "Capture",
    "CardChannel",
    "CardIdentity",
    "CardReader",
    "CardSession",
    "CardState",
    "Device",
    "DeviceInfo",
    "DeviceSettings",
    "Eye",
    "FaceCamera",
    "FaceRequest",
    "Finger",
    "FingerRequest",
    "FingerprintScanner",
    "Frame",
    "Image",
    "IrisCamera",
    "IrisRequest",
    "Kind",
    "LatestFrame",
    "PreviewingDevice",
    "SelfTest",
    "Slap",
    "SlapRequest",
    "State",
    "read_only",
]

T = TypeVar("T")

CaptureRequest = SlapRequest | FingerRequest | IrisRequest | FaceRequest


class LatestFrame:
    """A cell for one frame between a device's thread and everybody else: drop, never queue."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._frame: Frame | None = None

    def put(self, frame: Frame) -> None:
        """Replace the frame; called on the device's thread."""
        with self._changed:
            self._frame = frame
            self._changed.notify_all()

    def get(self) -> Frame | None:
        """Return the newest frame; equal sequence numbers mean nothing new."""
        with self._changed:
            return self._frame

    def clear(self) -> None:
        """Forget the frame: the picture of the last resident must not greet the next."""
        with self._changed:
            self._frame = None

    def newer_than(self, sequence: int, timeout: float) -> Frame | None:
        """Wait up to `timeout` seconds for a frame with a greater number."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._frame is not None and self._frame.sequence > sequence, timeout
            )
            frame = self._frame
            return frame if frame is not None and frame.sequence > sequence else None


class PreviewingDevice(Device):
    """A device with a live picture.

    A driver puts frames into `self._frames` from its own preview thread, between
    `_do_start_preview` and `_do_stop_preview`; `_do_close` stops the preview too.
    """

    def __init__(self, name: str, settings: DeviceSettings, *, clock: Clock | None = None) -> None:
        super().__init__(name, settings, clock=clock)
        self._frames = LatestFrame()

    async def start_preview(self, request: CaptureRequest, timeout: float = 5.0) -> None:
        """Start the live picture for what will be captured next; restarts a running one."""
        await self._verb(lambda call: self._do_start_preview(request, call), timeout)

    async def stop_preview(self, timeout: float = 5.0) -> None:
        """Stop the live picture and forget its last frame; idempotent."""
        await self._verb(self._do_stop_preview, timeout)
        self._frames.clear()

    def latest(self) -> Frame | None:
        """Return the newest frame or None; never blocks, safe from any thread."""
        return self._frames.get()

    def _do_start_preview(self, request: CaptureRequest, call: Call) -> None:
        """Start the preview thread; a device without a picture leaves this as it is."""
        raise Unsupported(self.name, "no live picture")

    def _do_stop_preview(self, call: Call) -> None:
        """Stop the preview thread; must succeed when none runs."""


class FingerprintScanner(PreviewingDevice):
    """A ten-print or single-finger scanner."""

    kind = Kind.FINGERPRINT

    async def capture(self, request: SlapRequest | FingerRequest, timeout: float = 15.0) -> Capture:
        """Wait for the fingers, capture them and return verified samples.

        Raises:
            DeviceTimeout: nobody laid a finger on the glass in time.
            Untrusted: the answer failed a check; nothing of it was kept.
        """
        return await self._verb(lambda call: self._do_capture(request, call), timeout)

    async def finger_present(self, timeout: float = 2.0) -> bool:
        """Say whether a finger lies on the glass; `Unsupported` where the device cannot tell."""
        return await self._verb(self._do_finger_present, timeout)

    @abstractmethod
    def _do_capture(self, request: SlapRequest | FingerRequest, call: Call) -> Capture: ...

    def _do_finger_present(self, call: Call) -> bool:
        raise Unsupported(self.name, "cannot tell whether a finger is present")


class IrisCamera(PreviewingDevice):
    """A camera for one or both irises in near-infrared light."""

    kind = Kind.IRIS

    async def capture(self, request: IrisRequest, timeout: float = 20.0) -> Capture:
        """Capture the eyes asked for, one sample an eye, and return verified samples."""
        return await self._verb(lambda call: self._do_capture(request, call), timeout)

    @abstractmethod
    def _do_capture(self, request: IrisRequest, call: Call) -> Capture: ...


class FaceCamera(PreviewingDevice):
    """A colour camera for the portrait."""

    kind = Kind.FACE

    async def capture(self, request: FaceRequest, timeout: float = 5.0) -> Capture:
        """Return the sharpest of the next frames as one sample with the camera's own bytes."""
        return await self._verb(lambda call: self._do_capture(request, call), timeout)

    @abstractmethod
    def _do_capture(self, request: FaceRequest, call: Call) -> Capture: ...


@dataclass(frozen=True, slots=True)
class CardIdentity:
    """What one card reading is bound to; both are taken again before its data count."""

    atr: bytes = field(repr=False)
    uid: bytes = field(repr=False)
    counter: int


class CardChannel(Protocol):
    """Blocking exchange with the card of one session, on the reader's own thread.

    Profiles are written against it: plain code that runs inside `CardSession.run`.
    """

    @property
    def device(self) -> str:
        """Name of the reader, for errors."""
        ...

    @property
    def access_module(self) -> CardChannel | None:
        """The channel to the secure access module in the reader's other slot, if there is one."""
        ...

    def transmit(self, apdu: bytes) -> bytes:
        """Send one short command APDU; return data and status word (at least 2 bytes).

        Raises:
            CardLost: the card left or was reset; the session is over.
            DeviceTimeout, Cancelled: the call that this channel belongs to has ended.
        """
        ...


class CardSession:
    """An exclusive channel to one card; obtained from `CardReader.session`, never kept."""

    def __init__(self, identity: CardIdentity, reader: CardReader) -> None:
        self.identity = identity
        self._reader = reader

    async def run(self, work: Callable[[CardChannel], T], timeout: float = 20.0) -> T:
        """Run `work` on the reader's thread and return what it returns.

        A whole reading runs without going back to the event loop for every command.

        Raises:
            CardLost: the card left or was reset; the session is over.
            DeviceTimeout: the whole work was not done in time.
        """
        # the two halves of one contract: nobody else may run work in a session
        run = self._reader._run_in_session  # noqa: SLF001
        return await run(self.identity, work, timeout)

    async def transmit(self, apdu: bytes, timeout: float = 5.0) -> bytes:
        """Send one short command APDU; return data and status word (at least 2 bytes).

        Raises: as `run`.
        """
        return await self.run(lambda channel: channel.transmit(apdu), timeout)


class CardReader(Device):
    """A contact or contactless reader holding at most one card."""

    kind = Kind.CARD_READER

    async def card_state(self, timeout: float = 2.0) -> CardState:
        """Look at the reader now."""
        return await self._verb(self._do_card_state, timeout)

    async def wait_card(self, present: bool, timeout: float = 30.0) -> CardState:
        """Return when a card is present (or absent).

        Raises:
            DeviceTimeout: it did not happen in time.
        """
        return await self._verb(lambda call: self._do_wait_card(present, call), timeout)

    @asynccontextmanager
    async def session(self, timeout: float = 5.0) -> AsyncIterator[CardSession]:
        """Open an exclusive channel to the card that lies there now.

        Leaving the block normally compares ATR, UID and counter with those at the start. Whatever
        was read may be used only after that.

        Raises:
            NoCard: the reader is empty.
            CardUnreadable: the card does not answer as a card must.
            CardLost: the card left or was exchanged during the session.
        """
        identity = await self._verb(self._do_open_session, timeout)
        try:
            yield CardSession(identity, self)
            await self._verb(lambda call: self._do_confirm_session(identity, call), timeout)
        finally:
            if self._state is State.READY:
                await self._verb(self._do_close_session, timeout)

    async def _run_in_session(
        self, identity: CardIdentity, work: Callable[[CardChannel], T], timeout: float
    ) -> T:
        return await self._verb(lambda call: self._do_run(identity, work, call), timeout)

    @abstractmethod
    def _do_card_state(self, call: Call) -> CardState: ...

    @abstractmethod
    def _do_wait_card(self, present: bool, call: Call) -> CardState: ...

    @abstractmethod
    def _do_open_session(self, call: Call) -> CardIdentity: ...

    @abstractmethod
    def _do_run(self, identity: CardIdentity, work: Callable[[CardChannel], T], call: Call) -> T:
        """Run `work` for the session of `identity`; `CardLost` when that session is over."""

    @abstractmethod
    def _do_confirm_session(self, identity: CardIdentity, call: Call) -> None:
        """Raise `CardLost` unless the same card has lain there all the time."""

    @abstractmethod
    def _do_close_session(self, call: Call) -> None:
        """Give the card up; must succeed when it is gone."""

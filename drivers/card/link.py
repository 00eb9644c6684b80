"""A thread that may hang: card commands have no limit of time, the device thread must have one."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TypeVar

from drivers.card.transport import CardTransport
from drivers.device import Call
from drivers.worker import DeviceThread

T = TypeVar("T")

STEP_S = 0.05
"""How often the device thread looks whether its call should end; the contract allows 0.25 s."""
END_PATIENCE_S = 0.1
"""How long a call that is over waits for its work, which looks at the call at every command."""


class CardLink:
    """A transport with a thread of its own (a PC/SC context belongs to one thread).

    A link whose answer nobody waits for any more is abandoned, never used again: when its thread
    wakes up, the thread gives up card and context and ends.
    """

    def __init__(self, name: str, transport: CardTransport) -> None:
        self._transport = transport
        self._thread = DeviceThread(f"{name}-link")
        self._closed: Future[None] | None = None

    def ask(
        self,
        call: Call,
        work: Callable[[CardTransport], T],
        watch: Callable[[], None] = lambda: None,
        give_up: Callable[[], None] = lambda: None,
    ) -> T:
        """Run `work` on the link thread; raise what it raises, or what ends the call.

        Args:
            call: its deadline and cancellation are looked at every 50 ms.
            work: gets the transport, on the link thread.
            watch: called as often, on the calling thread; what it raises ends the waiting too.
            give_up: called once when the waiting ends without an answer, before anything else can
                happen; must keep `work` from sending more.
        """
        future = self._thread.submit(lambda: work(self._transport))
        while True:
            # `result` alone: `concurrent.futures.wait` costs as much as a command of the card
            with contextlib.suppress(TimeoutError):
                return future.result(min(STEP_S, call.remaining))
            if future.done():
                return future.result()
            try:
                call.check()
                watch()
            except BaseException:
                give_up()
                # work that is between two commands ends by itself, and the link stays usable
                wait([future], END_PATIENCE_S)
                raise

    def abandon(self) -> None:
        """Let the link end as soon as its thread can; does not wait."""
        if self._closed is None:
            self._transport.interrupt()
            self._closed = self._thread.submit(self._transport.close)
            self._thread.stop()

    def has_ended(self, patience_s: float = 0.0) -> bool:
        """Say whether an abandoned link has given up card and reader."""
        return self._closed is not None and bool(wait([self._closed], patience_s).done)

"""Daemon threads that run blocking calls in order: one a physical device, and a few besides."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")

THREAD_PREFIX = "device-"


class DaemonThread:
    """A serial executor whose hung call delays neither the event loop nor the end of the process.

    `ThreadPoolExecutor` and `asyncio.to_thread` are joined when the interpreter ends; a daemon
    thread is not, so the operator can always leave the program.
    """

    def __init__(self, name: str) -> None:
        self._jobs: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None]
        self._jobs = queue.SimpleQueue()
        thread = threading.Thread(target=self._loop, name=name, daemon=True)
        thread.start()

    def submit(self, job: Callable[[], T]) -> Future[T]:
        """Queue `job` and return its future; jobs run one at a time, first come first served."""
        future: Future[T] = Future()
        self._jobs.put((future, job))
        return future

    def stop(self) -> None:
        """End the thread after the jobs already queued; does not wait."""
        self._jobs.put(None)

    def _loop(self) -> None:
        while (item := self._jobs.get()) is not None:
            future, job = item
            if not future.set_running_or_notify_cancel():
                continue
            try:
                result = job()
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(result)
            del item, future, job  # an idle thread must not keep the last capture alive


class DeviceThread(DaemonThread):
    """The one thread on which all blocking calls of a device run."""

    def __init__(self, name: str) -> None:
        super().__init__(THREAD_PREFIX + name)

"""What a desk does with the module's own matcher: enrol, compare, find, copy and delete fingers.

The library is meant for the fingers of operators. The module neither limits attempts nor keeps a
secret: whoever asks it must count and lock, and a page of an applicant must be removed before the
transaction ends. Templates are proprietary: they fit the model and firmware that made them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from drivers.device import Call
from drivers.errors import DeviceRefused, ProtocolError
from drivers.serial.commands import Confirmation
from drivers.serial.errors import ForeignTemplate, LibraryMismatch
from drivers.serial.module import Buffer, PageMatch, R30xCommands
from drivers.serial.parameters import ModuleParameters
from drivers.serial.r30x import R30xScanner

POLL_INTERVAL_S: Final = 0.1
ATTEMPTS_TO_MERGE: Final = 3


class Prompt(StrEnum):
    """What the person at the sensor should do now."""

    PLACE = "place"
    """Place the finger."""
    PLACE_BETTER = "place-better"
    """The picture was poor: wipe or moisten the finger, and press it flat."""
    REMOVE = "remove"
    """Lift the finger."""
    PLACE_AGAIN = "place-again"
    """Place the same finger once more."""
    START_AGAIN = "start-again"
    """The two takes were not of one finger."""


@dataclass(frozen=True, slots=True)
class ModuleTemplate:
    """A finger in the module's own form; `model` and `firmware` say whose, e.g. "R30x", "0009"."""

    data: bytes = field(repr=False)
    model: str
    firmware: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """The module's verdict; `score` is its own, without a unit, and 0 when they differ."""

    same: bool
    score: int


class FingerLibrary:
    """The library and the matcher of a connected `R30xScanner`.

    `prompt` is called on the event loop whenever the person at the sensor has something else to
    do. Each method is one verb of the scanner: deadline, cancellation and errors are as there.
    """

    def __init__(
        self, scanner: R30xScanner, prompt: Callable[[Prompt], None] = lambda prompt: None
    ) -> None:
        self._scanner = scanner
        self._prompt = prompt

    async def pages(self, timeout: float = 5.0) -> tuple[int, ...]:
        """Return the used pages, ascending."""
        return await self._scanner.run(
            lambda commands, call: commands.pages(commands.parameters(call).capacity, call), timeout
        )

    async def enrol(self, page: int, timeout: float = 30.0) -> ModuleTemplate | None:
        """Take a finger twice, lifted in between, and store it in a page; return its copy.

        Returns None, and stores nothing, when three pairs of takes were not of one finger.

        Raises:
            LibraryMismatch: the library does not hold what it must afterwards.
        """
        tell = self._teller()

        def work(commands: R30xCommands, call: Call) -> bytes | None:
            if not _take_twice(commands, call, tell):
                return None
            with_page = {*_used(commands, call), page}
            commands.store(Buffer.FIRST, page, call)
            _expect_count(commands, len(with_page), call)
            return commands.upload_template(Buffer.FIRST, call)

        data = await self._scanner.run(work, timeout)
        return None if data is None else self._of_this_module(data)

    async def verify(self, wanted: int | ModuleTemplate, timeout: float = 15.0) -> Comparison:
        """Compare the finger on the sensor with a page or with a template of ours.

        Raises:
            DeviceRefused: the page is empty (code 0C).
            ForeignTemplate: another model or firmware made the template.
        """
        if isinstance(wanted, ModuleTemplate):
            self._must_fit(wanted)
        tell = self._teller()

        def work(commands: R30xCommands, call: Call) -> Comparison:
            if isinstance(wanted, ModuleTemplate):
                _deliver(commands, Buffer.SECOND, wanted.data, call)
            _take(commands, Buffer.FIRST, Prompt.PLACE, call, tell)
            if isinstance(wanted, int) and not commands.load(Buffer.SECOND, wanted, call):
                raise _empty_page(commands, wanted)
            score = commands.match(call)
            return Comparison(score is not None, score or 0)

        return await self._scanner.run(work, timeout)

    async def identify(self, timeout: float = 15.0) -> PageMatch | None:
        """Find the finger on the sensor in the whole library; None when it is not there."""
        tell = self._teller()

        def work(commands: R30xCommands, call: Call) -> PageMatch | None:
            capacity = commands.parameters(call).capacity
            _take(commands, Buffer.FIRST, Prompt.PLACE, call, tell)
            return commands.search(Buffer.FIRST, 0, capacity, call)

        return await self._scanner.run(work, timeout)

    async def remove(self, page: int, timeout: float = 5.0) -> None:
        """Delete a page; an empty one is no error.

        Raises:
            LibraryMismatch: the page is still there, or another one went.
        """

        def work(commands: R30xCommands, call: Call) -> None:
            without_page = set(_used(commands, call)) - {page}
            commands.delete(page, 1, call)
            _expect_count(commands, len(without_page), call)

        await self._scanner.run(work, timeout)

    async def clear(self, timeout: float = 5.0) -> None:
        """Delete every page.

        Raises:
            LibraryMismatch: pages are left.
        """

        def work(commands: R30xCommands, call: Call) -> None:
            commands.empty(call)
            _expect_count(commands, 0, call)

        await self._scanner.run(work, timeout)

    async def template(self, page: int, timeout: float = 5.0) -> ModuleTemplate:
        """Return a copy of a page.

        Raises:
            DeviceRefused: the page is empty (code 0C).
        """

        def work(commands: R30xCommands, call: Call) -> bytes:
            if not commands.load(Buffer.FIRST, page, call):
                raise _empty_page(commands, page)
            return commands.upload_template(Buffer.FIRST, call)

        return self._of_this_module(await self._scanner.run(work, timeout))

    async def store(self, page: int, template: ModuleTemplate, timeout: float = 5.0) -> None:
        """Write a template of ours into a page.

        Raises:
            ForeignTemplate: another model or firmware made it.
            LibraryMismatch: the library does not hold what it must afterwards.
        """
        self._must_fit(template)

        def work(commands: R30xCommands, call: Call) -> None:
            with_page = {*_used(commands, call), page}
            _deliver(commands, Buffer.FIRST, template.data, call)
            commands.store(Buffer.FIRST, page, call)
            _expect_count(commands, len(with_page), call)

        await self._scanner.run(work, timeout)

    def _of_this_module(self, data: bytes) -> ModuleTemplate:
        info = self._scanner.info
        return ModuleTemplate(data, info.model, info.firmware)

    def _must_fit(self, template: ModuleTemplate) -> None:
        info = self._scanner.info
        if (template.model, template.firmware) != (info.model, info.firmware):
            made_by = f"made by {template.model} {template.firmware}"
            raise ForeignTemplate(
                self._scanner.name, f"{made_by}, not {info.model} {info.firmware}"
            )

    def _teller(self) -> Callable[[Prompt], None]:
        """Return a function for the device's thread that prompts on the event loop."""
        loop = asyncio.get_running_loop()
        return lambda prompt: _tell(loop, self._prompt, prompt)


def _tell(loop: asyncio.AbstractEventLoop, prompt: Callable[[Prompt], None], what: Prompt) -> None:
    if not loop.is_closed():  # an abandoned verb may outlive its loop
        loop.call_soon_threadsafe(prompt, what)


def _take_twice(commands: R30xCommands, call: Call, tell: Callable[[Prompt], None]) -> bool:
    """Fill and merge both buffers; say whether the takes were of one finger."""
    first = Prompt.PLACE
    for _ in range(ATTEMPTS_TO_MERGE):
        _take(commands, Buffer.FIRST, first, call, tell)
        _await_removal(commands, call, tell)
        _take(commands, Buffer.SECOND, Prompt.PLACE_AGAIN, call, tell)
        if commands.merge(call):
            return True
        tell(Prompt.START_AGAIN)
        _await_removal(commands, call, tell)
        first = Prompt.PLACE
    return False


def _take(
    commands: R30xCommands,
    buffer: Buffer,
    prompt: Prompt,
    call: Call,
    tell: Callable[[Prompt], None],
) -> None:
    """Wait for a finger that gives a usable template, and put that into a buffer."""
    tell(prompt)
    while True:
        code = commands.look(call)
        if code is Confirmation.OK:
            code = commands.extract(buffer, call)
            if code is Confirmation.OK:
                return
        if code is not Confirmation.NO_FINGER:
            tell(Prompt.PLACE_BETTER)
        call.sleep(POLL_INTERVAL_S)


def _await_removal(commands: R30xCommands, call: Call, tell: Callable[[Prompt], None]) -> None:
    tell(Prompt.REMOVE)
    while commands.look(call) is not Confirmation.NO_FINGER:
        call.sleep(POLL_INTERVAL_S)


def _deliver(commands: R30xCommands, buffer: Buffer, template: bytes, call: Call) -> None:
    """Write a template into a buffer and read it back, because the module confirms no data."""
    for _ in range(2):
        commands.download_template(buffer, template, call)
        back = commands.upload_template(buffer, call)
        if back == template:
            return
        if len(back) != len(template):
            sizes = f"{len(template)} bytes became {len(back)}"
            raise ForeignTemplate(commands.link.device, sizes)
    raise ProtocolError(commands.link.device, "template damaged on its way, twice")


def _used(commands: R30xCommands, call: Call) -> tuple[int, ...]:
    parameters: ModuleParameters = commands.parameters(call)
    return commands.pages(parameters.capacity, call)


def _expect_count(commands: R30xCommands, expected: int, call: Call) -> None:
    count = commands.count(call)
    if count != expected:
        raise LibraryMismatch(commands.link.device, f"{count} pages, expected {expected}")


def _empty_page(commands: R30xCommands, page: int) -> DeviceRefused:
    code = f"{Confirmation.TEMPLATE_UNREADABLE:02X}"
    return DeviceRefused(commands.link.device, code, f"page {page} is empty")

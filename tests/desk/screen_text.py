"""What a test sees of a screen, and how it waits for it."""

from __future__ import annotations

import time
from collections.abc import Callable

from textual.pilot import Pilot

from station.desk.app import DeskApp

PATIENCE = 5.0
"""Seconds after which a condition that does not hold fails the test."""


async def wait_until(condition: Callable[[], bool], pilot: Pilot[int]) -> None:
    """Let the application work until `condition` holds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"never happened; the screen shows:\n{text_of(pilot.app)}")
        await pilot.pause(0.01)


async def wait_for(text: str, pilot: Pilot[int]) -> None:
    """Wait until `text` is on the screen."""
    await wait_until(lambda: text in text_of(pilot.app), pilot)


def lines_of(app: object) -> list[str]:
    """The rows of the terminal as text, without colours."""
    assert isinstance(app, DeskApp)
    return [strip.text.rstrip() for strip in app.screen._compositor.render_strips()]


def text_of(app: object) -> str:
    """The whole terminal as text."""
    return "\n".join(lines_of(app))


async def settled(pilot: Pilot[int]) -> None:
    """Wait until no command runs and the newest view is shown."""
    app = pilot.app
    assert isinstance(app, DeskApp)

    def calm() -> bool:
        return not app.busy and app.view == app.station.view

    await wait_until(calm, pilot)
    await pilot.pause(0.01)

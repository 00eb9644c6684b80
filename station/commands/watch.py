"""`rekam devices watch`: what becomes of the devices, one line an event, until Ctrl+C."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

import typer

from drivers.device import Device
from drivers.supervisor import Event, EventQueue, Happening, Status, Supervisor
from station.compose import build_devices
from station.config import StationConfig
from station.i18n import N_, Translator
from station.messages import explain

ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

WORDS: Mapping[Happening, str] = {
    Happening.CONNECTED: N_("connected: {device}"),
    Happening.BACK: N_("works again after {outage}: {device}"),
    Happening.OTHER_DEVICE: N_("another device answers in its place: {device}"),
    Happening.LOST: N_("lost: {reason}. {action}"),
    Happening.HUNG: N_("does not answer any more: {reason}. {action}"),
    Happening.REFUSED: N_("cannot be connected: {reason}. {action}"),
    Happening.RESET: N_("is being reset"),
}
WATCHED = N_("is watched, driver {driver}")
SUMMARY = N_("usable for {usable}; connections: {connections}; losses: {losses}")
LONGEST_OUTAGE = N_("longest outage: {outage}")


class Output(Protocol):
    """Prints what happens, each time one line."""

    def watched(self, role: str, driver: str) -> None:
        """Say that a device is watched."""
        ...

    def event(self, event: Event) -> None:
        """Say what happened."""
        ...

    def summary(self, role: str, status: Status) -> None:
        """Say how a device did."""
        ...


class Plain:
    """Lines for people, in one of the languages of the screens."""

    def __init__(self, language: str) -> None:
        self._translate = Translator(language)

    def watched(self, role: str, driver: str) -> None:
        self._line(datetime.now(UTC), role, self._translate(WATCHED, driver=driver))

    def event(self, event: Event) -> None:
        reason, action = explain(event.code, self._translate) if event.code else ("", "")
        words = self._translate(
            WORDS[event.what],
            device=event.detail,
            outage=_duration(event.outage_s),
            reason=reason,
            action=action,
        )
        code = f"  [{event.code}]" if event.code else ""
        self._line(event.at, event.role, words + code)

    def summary(self, role: str, status: Status) -> None:
        health = status.health
        words = self._translate(
            SUMMARY,
            usable=_duration(health.ready_s),
            connections=health.connections,
            losses=health.losses,
        )
        if status.longest_outage_s:
            outage = _duration(status.longest_outage_s)
            words += "; " + self._translate(LONGEST_OUTAGE, outage=outage)
        self._line(datetime.now(UTC), role, words)

    def _line(self, at: datetime, role: str, words: str) -> None:
        typer.echo(f"{at.astimezone():%H:%M:%S}  {role:<9} {words}")


class Json:
    """One JSON object a line, for programs; times are UTC, durations seconds."""

    def watched(self, role: str, driver: str) -> None:
        self._line(datetime.now(UTC), role, "watched", driver=driver)

    def event(self, event: Event) -> None:
        told: dict[str, Any] = {
            "code": event.code,
            "detail": event.detail,
            "attempt": event.attempt,
            "outage_s": round(event.outage_s, 3),
        }
        if event.device is not None:
            told |= {"model": event.device.model, "serial": event.device.serial}
        self._line(event.at, event.role, event.what.value, **told)

    def summary(self, role: str, status: Status) -> None:
        self._line(
            datetime.now(UTC),
            role,
            "summary",
            state=status.state.value,
            code=status.code,
            ready_s=round(status.health.ready_s, 3),
            connections=status.health.connections,
            losses=status.health.losses,
            attempts=status.attempts,
            downtime_s=round(status.downtime_s, 3),
            longest_outage_s=round(status.longest_outage_s, 3),
        )

    def _line(self, at: datetime, role: str, what: str, **told: Any) -> None:
        typer.echo(json.dumps({"at": at.isoformat(), "role": role, "what": what, **told}))


def run(config: StationConfig, language: str, as_json: bool) -> int:
    """Watch the configured devices until a signal ends it; 0."""
    output = Json() if as_json else Plain(language)
    asyncio.run(_watch(config, output))
    return 0


async def _watch(config: StationConfig, output: Output) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in ENDING_SIGNALS:
        loop.add_signal_handler(number, ended.set)
    devices = build_devices(config).by_role()
    for role in devices:
        output.watched(role, config.devices[role].driver)
    status = await watch(devices, output, ended)
    for role, one in status.items():
        output.summary(role, one)


async def watch(
    devices: Mapping[str, Device], output: Output, ended: asyncio.Event
) -> Mapping[str, Status]:
    """Supervise `devices` and print every event until `ended`; return how they did."""
    supervisor = Supervisor(devices)
    queue = EventQueue()
    supervisor.subscribe(queue)
    supervisor.start()
    ending = asyncio.create_task(ended.wait())
    telling = asyncio.create_task(_tell(queue, output))
    try:
        await asyncio.wait({ending, telling}, return_when=asyncio.FIRST_COMPLETED)
        if telling.done():
            telling.result()  # an output that refuses ends the command
        return supervisor.status()
    finally:
        ending.cancel()
        telling.cancel()
        await supervisor.stop()
        await asyncio.gather(*(device.close() for device in devices.values()))


async def _tell(queue: EventQueue, output: Output) -> None:
    while True:
        output.event(await queue.get())


def _duration(seconds: float) -> str:
    """Hours, minutes, seconds and tenths, as 0:01:05.4; the limits of a return are 1 s and 3 s."""
    minutes, tenths = divmod(round(seconds * 10), 600)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{tenths // 10:02}.{tenths % 10}"

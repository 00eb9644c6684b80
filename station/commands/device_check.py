"""Every configured device: connect it, let it test itself, and say why where that fails."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from drivers.device import Device
from drivers.errors import ConnectFailed, DeviceError
from drivers.sbi.device import SbiDevice
from drivers.sbi.settings import SbiSettings
from drivers.serial.settings import R30xSettings
from drivers.values import DeviceInfo, Kind, SelfTest
from station.commands import (
    camera_check,
    card_check,
    node_check,
    sbi_check,
    serial_check,
    usb_check,
)
from station.commands.findings import Cause, CauseCode, Finding, Health, bad, warning
from station.commands.host import Host, this_host
from station.config import ConfiguredDevice, StationConfig

PROBE_TIMEOUT_S: Final = 3.0
"""How long is asked who answers instead of the expected device."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one device; `stranger` is who answered instead of the expected one."""

    info: DeviceInfo | None = None
    test: SelfTest | None = None
    error: DeviceError | None = None
    stranger: DeviceInfo | None = None


def check_devices(config: StationConfig, host: Host | None = None) -> list[Finding]:
    """Connect and test all devices at once; name cause and action for each that does not work."""
    seen_from = host or this_host()
    outcomes = asyncio.run(_try_all(config))
    findings: list[Finding] = []
    for role, outcome in outcomes.items():
        entry = config.devices[role]
        findings += judge(entry, outcome, seen_from, simulated=config.station.simulated)
    return findings


def judge(
    entry: ConfiguredDevice, outcome: Outcome, host: Host, *, simulated: bool
) -> Iterator[Finding]:
    """One finding for the device, and a warning for each thing that will make trouble."""
    if outcome.error is not None:
        cause = other_device(entry, outcome) or find_cause(entry, outcome.error, host)
        yield bad(entry.role, outcome.error).because(cause)
        return
    if outcome.info is None or outcome.test is None:
        raise ValueError("an outcome without an error has an identity and a test")
    facts = ", ".join(f"{name} {value}" for name, value in outcome.test.facts.items())
    found = f"{outcome.info.model} {outcome.info.serial} ({outcome.info.driver}); {facts}"
    refusal = _refusal(entry, outcome.info, simulated)
    if refusal is not None:
        yield Finding(entry.role, Health.BAD, found).because(refusal)
    elif outcome.test.passed:
        yield Finding(entry.role, Health.GOOD, found)
    else:
        yield Finding(entry.role, Health.BAD, found, "The device's own test failed.")
    for cause in _troubles(entry, outcome.test, host, simulated=simulated):
        yield warning(entry.role, cause)


def find_cause(entry: ConfiguredDevice, error: DeviceError, host: Host) -> Cause | None:
    """Say why a device does not work, by looking at everything its configuration points to."""
    settings = entry.settings
    if isinstance(settings, SbiSettings) and issubclass(entry.kind, SbiDevice):
        services = sbi_check.Services(entry.kind.bio_type)
        return sbi_check.find_cause(settings, error, host, datetime.now(UTC), services)
    if isinstance(settings, R30xSettings):
        node = serial_check.node_of(settings)
        if isinstance(node, Cause):
            return usb_check.taken_by_braille(host) or node
        return _cause_at(node, error, host) or _silent(node, error)
    if entry.kind.kind is Kind.CARD_READER:
        return card_check.find_cause(settings, error, host)
    for address in _texts(entry):
        if camera_check.is_network(address):
            return camera_check.find_cause(address, error, host)
        if address.startswith("/dev/"):
            return _cause_at(Path(address), error, host)
    return None


def other_device(entry: ConfiguredDevice, outcome: Outcome) -> Cause | None:
    """Another device than the one that was set up answers."""
    expected, stranger = entry.settings.expect_serial, outcome.stranger
    if stranger is None or stranger.serial == expected:
        return None
    return Cause(
        CauseCode.OTHER_DEVICE,
        f"{stranger.model} {stranger.serial} answers instead of {expected}",
        "Plug in the device that belongs here, or write the new number in expect_serial.",
    )


def _cause_at(node: Path, error: DeviceError, host: Host) -> Cause | None:
    cause = node_check.find_cause(node, error, host)
    if cause is not None and cause.code is CauseCode.NODE_ABSENT:
        return usb_check.taken_by_braille(host) or cause
    return cause


def _silent(node: Path, error: DeviceError) -> Cause | None:
    return serial_check.silent(node, error) if isinstance(error, ConnectFailed) else None


def _refusal(entry: ConfiguredDevice, info: DeviceInfo, simulated: bool) -> Cause | None:
    """Why a device that works may not be used all the same."""
    is_reader = entry.kind.kind is Kind.CARD_READER
    return card_check.is_virtual(info, simulated) if is_reader else None


def _troubles(
    entry: ConfiguredDevice, test: SelfTest, host: Host, *, simulated: bool
) -> Iterator[Cause]:
    settings = entry.settings
    found: list[Cause | None] = []
    if isinstance(settings, SbiSettings):
        now = datetime.now(UTC)
        files = (*settings.device_roots, *settings.chip_roots)
        found += [sbi_check.root_expired(file, now, sbi_check.EXPIRES_SOON) for file in files]
    if entry.kind.kind is Kind.CARD_READER:
        found.append(card_check.virtual_driver(host, simulated))
    if isinstance(settings, R30xSettings):
        found.append(serial_check.baud_differs(settings, test.facts))
    for node in _nodes(entry):
        found.append(usb_check.sleeps(node, host))
        if entry.kind.kind is Kind.FINGERPRINT:
            found.append(usb_check.is_probed_as_modem(node, host))
    yield from (cause for cause in found if cause is not None)


def _nodes(entry: ConfiguredDevice) -> list[Path]:
    if isinstance(entry.settings, R30xSettings):
        node = serial_check.node_of(entry.settings)
        return [node] if isinstance(node, Path) else []
    return [Path(text) for text in _texts(entry) if text.startswith("/dev/")]


def _texts(entry: ConfiguredDevice) -> list[str]:
    """Every text of a device's settings: where a driver that we do not know finds its hardware."""
    return [str(value) for _, value in entry.settings if isinstance(value, str | Path)]


async def _try_all(config: StationConfig) -> dict[str, Outcome]:
    entries = config.devices
    outcomes = await asyncio.gather(*(_try(entry) for entry in entries.values()))
    return dict(zip(entries, outcomes, strict=True))


async def _try(entry: ConfiguredDevice) -> Outcome:
    device = entry.kind(entry.role, entry.settings)
    try:
        info = await device.connect()
        return Outcome(info, await device.self_test())
    except DeviceError as error:
        outcome = Outcome(error=error)
    finally:
        await device.close()
    if entry.settings.expect_serial and isinstance(outcome.error, ConnectFailed):
        outcome = replace(outcome, stranger=await _who_answers(entry))
    return outcome


async def _who_answers(entry: ConfiguredDevice) -> DeviceInfo | None:
    """Connect without caring for the serial number; None when nobody answers at all."""
    anyone = entry.settings.model_copy(update={"expect_serial": ""})
    device: Device = entry.kind(entry.role, anyone)
    try:
        return await device.connect(PROBE_TIMEOUT_S)
    except DeviceError:
        return None
    finally:
        await device.close()

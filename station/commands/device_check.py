"""Every configured device: connect it, let it test itself, and say why where that fails."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeGuard

from drivers.camera.settings import CameraSettings
from drivers.card.access import AccessSettings
from drivers.device import Device, DeviceSettings
from drivers.errors import ConnectFailed, DeviceError, OtherDevice
from drivers.sbi.device import SbiDevice
from drivers.sbi.settings import SbiSettings
from drivers.serial.settings import R30xSettings
from drivers.values import DeviceInfo, Kind, SelfTest
from station.commands import (
    camera_check,
    card_check,
    node_check,
    sam_check,
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
    """What became of one device.

    `stranger` is who answered instead of the expected one; `size` is (width, height) in pixels of
    the pictures that a camera sends instead of the configured ones.
    """

    info: DeviceInfo | None = None
    test: SelfTest | None = None
    error: DeviceError | None = None
    stranger: DeviceInfo | None = None
    size: tuple[int, int] | None = None


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
        yield _failed(entry, outcome, outcome.error, host)
        yield from _access_findings(entry, None)
        return
    if outcome.info is None or outcome.test is None:
        raise ValueError("an outcome without an error has an identity and a test")
    facts = ", ".join(f"{name} {value}" for name, value in outcome.test.facts.items())
    found = f"{outcome.info.model} {outcome.info.serial} ({outcome.info.driver}); {facts}"
    refusal = _refusal(entry, outcome.info, simulated)
    access = list(_access_findings(entry, outcome.test))
    if refusal is not None:
        yield Finding(entry.role, Health.BAD, found).because(refusal)
    elif not outcome.test.passed:
        yield Finding(entry.role, Health.BAD, found, "The device's own test failed.")
    elif not access:
        yield Finding(entry.role, Health.GOOD, found)
    yield from access
    for cause in _troubles(entry, outcome.test, host, simulated=simulated):
        yield warning(entry.role, cause)


def _failed(entry: ConfiguredDevice, outcome: Outcome, error: DeviceError, host: Host) -> Finding:
    """The finding for a device that cannot be used, with its cause."""
    if (other := other_device(entry, outcome)) is not None:
        # something was found: the words of the error would say the contrary
        return Finding(entry.role, Health.BAD, other.found).because(other)
    settings = entry.settings
    size = camera_check.other_size(settings, outcome.size) if _is_sized(settings) else None
    return bad(entry.role, error).because(size or find_cause(entry, error, host))


def _is_sized(settings: DeviceSettings) -> TypeGuard[CameraSettings]:
    return isinstance(settings, CameraSettings) and settings.width > 0


def _access_findings(entry: ConfiguredDevice, test: SelfTest | None) -> Iterator[Finding]:
    """What a card reader was given for protected cards and cannot be used; always bad."""
    settings = entry.settings
    if not isinstance(settings, AccessSettings):
        return
    socket = str(getattr(settings, "service_socket", ""))
    facts = None if test is None else test.facts
    troubles = sam_check.find_troubles(
        entry.role, settings, facts, lambda: card_check.names_at(socket)
    )
    for trouble in troubles:
        yield bad(entry.role, trouble.error).because(trouble.cause)


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
        f"another device answers: {stranger.model} {stranger.serial} instead of {expected}",
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
    if entry.settings.expect_serial and isinstance(outcome.error, ConnectFailed | OtherDevice):
        outcome = replace(outcome, stranger=await _who_answers(entry))
    if _is_sized(entry.settings) and isinstance(outcome.error, ConnectFailed):
        outcome = replace(outcome, size=await _what_size(entry))
    return outcome


async def _what_size(entry: ConfiguredDevice) -> tuple[int, int] | None:
    """Connect a camera without asking for a size; None when it gives no picture of any."""
    any_size = entry.settings.model_copy(update={"width": 0, "height": 0, "expect_serial": ""})
    device: Device = entry.kind(entry.role, any_size)
    try:
        await device.connect(PROBE_TIMEOUT_S)
        facts = (await device.self_test(PROBE_TIMEOUT_S)).facts
    except DeviceError:
        return None
    finally:
        await device.close()
    width, height = facts.get("width_px"), facts.get("height_px")
    return (width, height) if isinstance(width, int) and isinstance(height, int) else None


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

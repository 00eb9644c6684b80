"""Finding services and their devices; what is found here is unsigned and only a hint.

A service binds one free port in 4501..4600 and may bind another one after a restart. Closed ports
of this machine refuse at once, so that all are tried and HTTP is spoken on the open ones only.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from drivers.device import Call
from drivers.errors import DeviceError
from drivers.recorder import FlightRecorder
from drivers.sbi.answers import JsonObject, objects, text, texts
from drivers.sbi.jws import decode_base64, parse_object
from drivers.sbi.link import exchange
from drivers.sbi.protocol import DISCOVER, HOST, PORTS, PURPOSE, BioType
from drivers.sbi.trust import Check, CheckFailed, DigitalId

SERVICE_LIMIT_S: Final = 2.0
"""How long one silent service may delay the search."""

_PROBE_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Found:
    """One device as discovery describes it."""

    port: int
    device_id: str
    device_code: str
    status: str
    purpose: str
    callback: str
    digital_id: DigitalId
    spec_versions: tuple[str, ...]


def open_ports() -> list[int]:
    """Return the ports of the interface where somebody listens; takes a few milliseconds."""
    found = []
    for port in PORTS:
        with socket.socket() as probe:
            probe.settimeout(_PROBE_S)
            if probe.connect_ex((HOST, port)) == 0:
                found.append(port)
    return found


def discover(port: int, bio_type: BioType, call: Call, recorder: FlightRecorder) -> list[Found]:
    """Ask one service for its registration devices of one modality.

    Devices that the service does not offer for registration, and entries that cannot be read, are
    left out.

    Raises:
        DeviceError: the service is gone, silent or answers something else.
    """
    answer = exchange(port, DISCOVER, {"type": bio_type.value}, call, recorder)
    items = objects(answer, call.device)
    devices = [device for item in items if (device := _found(item, port)) is not None]
    return [
        device
        for device in devices
        if device.purpose == PURPOSE and device.digital_id.bio_type == bio_type
    ]


def search(bio_type: BioType, call: Call, recorder: FlightRecorder) -> list[Found]:
    """Ask every service of this machine; one that fails or is silent is noted and passed over."""
    devices: list[Found] = []
    for port in open_ports():
        call.check()
        limit = min(call.deadline, call.clock.monotonic() + SERVICE_LIMIT_S)
        part = Call(call.device, call.clock, limit, call.cancelled)
        try:
            devices += discover(port, bio_type, part, recorder)
        except DeviceError as error:
            recorder.note(f"service at {port}: {error.code}")
            call.check()
    return devices


def callback_port(found: Found) -> int:
    """Return the port at which the device wants to be called.

    Raises:
        CheckFailed: the address is not on this machine or outside the interface's ports.
    """
    try:
        parts = urlsplit(found.callback)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise CheckFailed(Check.CALLBACK, "no address") from error
    if host != HOST or port is None or port not in PORTS:
        raise CheckFailed(Check.CALLBACK, "address outside this machine's service ports")
    return port


def _found(item: JsonObject, port: int) -> Found | None:
    try:
        identity = parse_object(decode_base64(text(item, "digitalId")))
    except ValueError:
        return None
    return Found(
        port,
        text(item, "deviceId"),
        text(item, "deviceCode"),
        text(item, "deviceStatus"),
        text(item, "purpose"),
        text(item, "callbackId"),
        DigitalId.of(identity),
        texts(item, "specVersion"),
    )

"""Finding services and their devices; what is found here is unsigned and only a hint.

A service binds one free port in 4501..4600 and may bind another one after a restart. Closed ports
of this machine refuse at once, so that all are tried and HTTP is spoken on the open ones only. All
services are asked at the same time: a silent one costs its own limit and nothing more.
"""

from __future__ import annotations

import errno
import selectors
import socket
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from drivers.device import Call
from drivers.errors import DeviceError, ProtocolError
from drivers.recorder import FlightRecorder
from drivers.sbi.answers import JsonObject, error_code, objects, text, texts
from drivers.sbi.jws import decode_base64, parse_object
from drivers.sbi.link import exchange
from drivers.sbi.protocol import HOST, PORTS, PURPOSE, BioType
from drivers.sbi.requests import discovery_request
from drivers.sbi.trust import Check, CheckFailed, DigitalId
from drivers.sbi.versions import VERSIONS, Version

_PROBE_S: Final = 0.1
_UNKNOWN_VERB: Final = "500"


@dataclass(frozen=True, slots=True)
class Found:
    """One device as discovery describes it; `key` is what `version` calls it."""

    port: int
    version: Version
    key: str
    status: str
    purpose: str
    callback: str
    digital_id: DigitalId
    spec_versions: tuple[str, ...]


def open_ports(ports: Sequence[int] = PORTS) -> list[int]:
    """Return the ports where somebody listens; a few milliseconds, at most a tenth of a second."""
    found = []
    with ExitStack() as probes, selectors.DefaultSelector() as selector:
        for port in ports:
            probe = probes.enter_context(socket.socket())
            probe.setblocking(False)
            outcome = probe.connect_ex((HOST, port))
            if outcome == 0:
                found.append(port)
            elif outcome == errno.EINPROGRESS:
                selector.register(probe, selectors.EVENT_WRITE, port)
        until = time.monotonic() + _PROBE_S
        while selector.get_map() and (left := until - time.monotonic()) > 0:
            for key, _ in selector.select(left):
                selector.unregister(key.fileobj)
                if isinstance(key.fileobj, socket.socket) and not key.fileobj.getsockopt(
                    socket.SOL_SOCKET, socket.SO_ERROR
                ):
                    found.append(key.data)
    return sorted(found)


def discover(
    port: int,
    bio_type: BioType,
    call: Call,
    recorder: FlightRecorder,
    versions: Sequence[Version] = VERSIONS,
) -> list[Found]:
    """Ask one service for its registration devices of one modality.

    The service is asked in one version after the other until it offers that version. Devices that
    it does not offer for registration, and entries that cannot be read, are left out.

    Raises:
        DeviceError: the service is gone, silent, or answers something else in every version.
    """
    offered: list[Found] = []
    failures: list[ProtocolError] = []
    for version in versions:
        try:
            found = _discover(version, port, bio_type, call, recorder)
        except ProtocolError as error:
            failures.append(error)
            recorder.note(f"service at {port} and version {version.name}: {error.detail}")
            continue
        if any(version.name in device.spec_versions for device in found):
            return found
        offered = offered or found
    if len(failures) == len(versions):
        raise failures[0]
    return offered


def _discover(
    version: Version, port: int, bio_type: BioType, call: Call, recorder: FlightRecorder
) -> list[Found]:
    request = discovery_request(version, bio_type)
    items = objects(exchange(port, version.discover, request, call, recorder), call.device)
    if any(error_code(item) == _UNKNOWN_VERB for item in items):
        raise ProtocolError(call.device, f"{version.discover[0]} is unknown to the service")
    devices = [device for item in items if (device := _found(version, item, port)) is not None]
    return [
        device
        for device in devices
        if device.purpose == PURPOSE and device.digital_id.bio_type == bio_type
    ]


def search(
    bio_type: BioType,
    call: Call,
    recorder: FlightRecorder,
    *,
    limit_s: float,
    versions: Sequence[Version] = VERSIONS,
) -> list[Found]:
    """Ask every service of this machine, all at the same time.

    A service that fails, or is silent for `limit_s` seconds, is noted and passed over.

    Raises:
        Cancelled, DeviceTimeout: the call has ended.
    """
    until = min(call.deadline, call.clock.monotonic() + limit_s)

    def ask(port: int) -> list[Found]:
        part = Call(call.device, call.clock, until, call.cancelled)
        try:
            return discover(port, bio_type, part, recorder, versions)
        except DeviceError as error:
            recorder.note(f"service at {port}: {error.code}")
            return []

    ports = open_ports()
    if not ports:
        return []
    name = f"device-{call.device}-search"
    with ThreadPoolExecutor(len(ports), thread_name_prefix=name) as threads:
        devices = [device for found in threads.map(ask, ports) for device in found]
    call.check()
    return devices


def callback_port(callback: str) -> int:
    """Return the port at which a device wants to be called.

    Raises:
        CheckFailed: the address is not on this machine or outside the interface's ports.
    """
    try:
        parts = urlsplit(callback)
        scheme, host, port = parts.scheme, parts.hostname, parts.port
    except ValueError as error:
        raise CheckFailed(Check.CALLBACK, "no address") from error
    if scheme != "http" or host != HOST or port is None or port not in PORTS:
        raise CheckFailed(Check.CALLBACK, "address outside this machine's service ports")
    return port


def _found(version: Version, item: JsonObject, port: int) -> Found | None:
    try:
        identity = parse_object(decode_base64(text(item, "digitalId")))
    except ValueError:
        return None
    return Found(
        port,
        version,
        text(item, version.device_key),
        text(item, "deviceStatus"),
        text(item, "purpose"),
        text(item, "callbackId"),
        DigitalId.of(identity),
        texts(item, "specVersion"),
    )

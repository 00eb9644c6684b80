"""Network cameras: does anybody answer at the address, and do pictures come."""

from __future__ import annotations

from urllib.parse import urlsplit

from drivers.errors import DeviceError, DeviceTimeout
from station.commands.findings import Cause, CauseCode
from station.commands.host import Host

PORTS = {"http": 80, "https": 443, "rtsp": 554}


def is_network(address: str) -> bool:
    """Say whether this is the URL of a stream."""
    return urlsplit(address).scheme in PORTS


def find_cause(url: str, error: DeviceError, host: Host) -> Cause | None:
    """Say why a network camera gives no picture, if it can be seen from here."""
    return unreachable(url, host) or (silent(url) if isinstance(error, DeviceTimeout) else None)


def unreachable(url: str, host: Host) -> Cause | None:
    """Nobody answers at host and port of the stream; the URL itself may hold a password."""
    parts = urlsplit(url)
    name, port = parts.hostname or "", parts.port or PORTS[parts.scheme]
    reason = host.why_unreachable((name, port))
    if not reason:
        return None
    return Cause(
        CauseCode.CAMERA_UNREACHABLE,
        f"nobody answers at {name}:{port}: {reason}",
        "Check power and network cable of the camera, then its address in the configuration.",
    )


def silent(url: str) -> Cause:
    """The camera accepts the connection and sends no picture."""
    where = urlsplit(url).hostname
    return Cause(
        CauseCode.CAMERA_SILENT,
        f"the camera at {where} accepts connections and sends no picture",
        "Switch the camera off and on; end other viewers of its stream.",
    )

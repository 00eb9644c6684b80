"""Network cameras: does anybody answer at the address, and do pictures come."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from drivers.camera.errors import PictureFrozen
from drivers.camera.settings import CameraSettings
from drivers.errors import DeviceError, DeviceTimeout
from station.commands.findings import Cause, CauseCode
from station.commands.host import Host

PORTS: Final = {"http": 80, "https": 443, "rtsp": 554}
LOGIN: Final = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
NO_STREAM: Final = ("text/", "application/json", "application/xhtml")
"""Kinds of content that are no picture; a stream is multipart, video or image."""


def is_network(address: str) -> bool:
    """Say whether this is the URL of a stream."""
    return urlsplit(address).scheme in PORTS


def find_cause(url: str, error: DeviceError, host: Host) -> Cause | None:
    """Say why a network camera gives no picture, if it can be seen from here."""
    is_silent = isinstance(error, DeviceTimeout) and not isinstance(error, PictureFrozen)
    return (
        unreachable(url, host) or wrong_address(url, host) or (silent(url) if is_silent else None)
    )


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


def wrong_address(url: str, host: Host) -> Cause | None:
    """A server answers, and what it has at this address is no stream, or is not for us."""
    parts = urlsplit(url)
    answer = host.stream_answer(url)
    if answer is None:
        return None
    where, status = f"{parts.hostname}:{parts.port or PORTS[parts.scheme]}", answer.status
    if status in LOGIN:
        return Cause(
            CauseCode.CAMERA_LOGIN,
            f"the camera at {where} refuses the login (status {status})",
            f"Correct user and password in source: {parts.scheme}://USER:PASSWORD@ADDRESS/PATH",
        )
    if status >= HTTPStatus.BAD_REQUEST:
        said = f"has nothing at {parts.path or '/'} (status {status})"
    elif answer.content_type.startswith(NO_STREAM):
        said = f"shows a page at {parts.path or '/'} and no stream ({answer.content_type})"
    else:
        return None
    return Cause(
        CauseCode.CAMERA_ADDRESS,
        f"the address is wrong: {where} answers and {said}",
        "Correct the path of the stream in source; the manual of the camera names it.",
    )


def other_size(settings: CameraSettings, real: tuple[int, int] | None) -> Cause | None:
    """The camera works, and its pictures have another size (width, height) than the configured."""
    if real is None or real == (settings.width, settings.height):
        return None
    return Cause(
        CauseCode.CAMERA_SIZE,
        f"the camera sends pictures of {real[0]} x {real[1]}, the configuration says "
        f"width = {settings.width}, height = {settings.height}",
        f"Write width = {real[0]} and height = {real[1]}, or set the camera to the other size.",
    )


def silent(url: str) -> Cause:
    """The camera accepts the connection and sends no picture."""
    where = urlsplit(url).hostname
    return Cause(
        CauseCode.CAMERA_SILENT,
        f"the camera at {where} accepts connections and sends no picture",
        "Switch the camera off and on; end other viewers of its stream.",
    )

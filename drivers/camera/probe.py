"""Ask a network camera for a sign of life over a plain socket, with a time limit that holds."""

from __future__ import annotations

import socket
import time
from typing import Final
from urllib.parse import SplitResult, urlsplit

from drivers.camera.link import Link, SourceUnavailable

LEAST_BYTES: Final = 16384
"""So much within the opening time-out; a stream with less than 10 kB/s is no picture (own)."""

_PORTS = {"http": 80, "https": 443, "rtsp": 554}


def connect(url: str, timeout: float) -> socket.socket:
    """Open a TCP connection to the camera.

    Raises:
        SourceUnavailable: nothing answers, or it refuses.
    """
    parts = urlsplit(url)
    try:
        return socket.create_connection((parts.hostname or "", _port(parts)), timeout)
    except TimeoutError as error:
        raise SourceUnavailable("the network address does not answer") from error
    except OSError as error:
        raise SourceUnavailable("the stream cannot be opened") from error


def wait_for_data(url: str, timeout: float) -> None:
    """Ask for the stream as a viewer does and return when 16 kB of it have come.

    Also returns when the camera ends the connection: whoever opens it finds out why. Over RTSP any
    answer will do, over HTTPS the connection itself.

    Raises:
        SourceUnavailable: nothing answers, it refuses, or it stays silent for `timeout` seconds.
    """
    deadline = time.monotonic() + timeout
    parts = urlsplit(url)
    with connect(url, timeout) as link:
        if parts.scheme == "https":
            return
        try:
            link.sendall(_request(parts))
            missing = 1 if parts.scheme == "rtsp" else LEAST_BYTES
            while missing > 0:
                link.settimeout(max(0.001, deadline - time.monotonic()))
                piece = link.recv(missing)
                if not piece:
                    return
                missing -= len(piece)
        except TimeoutError as error:
            reason = "the stream opens but sends no picture"
            raise SourceUnavailable(reason, Link.SILENT) from error
        except OSError as error:
            raise SourceUnavailable("the stream cannot be opened") from error


def _port(parts: SplitResult) -> int:
    return parts.port or _PORTS[parts.scheme]


def _request(parts: SplitResult) -> bytes:
    host = f"{parts.hostname}:{_port(parts)}"
    if parts.scheme == "rtsp":
        return f"OPTIONS rtsp://{host}{parts.path} RTSP/1.0\r\nCSeq: 1\r\n\r\n".encode()
    query = f"?{parts.query}" if parts.query else ""
    target = f"{parts.path or '/'}{query}"
    return f"GET {target} HTTP/1.0\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()

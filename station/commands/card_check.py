"""Card readers: the library, the service, its socket, permission, the reader itself.

Facts about pcscd (Debian's paths, polkit since 2.0) are those of pcsc-lite's own documentation.
"""

from __future__ import annotations

import ctypes.util
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from drivers.card.errors import (
    CardLibraryMissing,
    ReaderAmbiguous,
    ReaderBusy,
    ReaderForbidden,
    ReaderGone,
    ServiceDown,
)
from drivers.card.info import list_readers
from drivers.card.reader import SIMULATED, LoopbackReader
from drivers.device import DeviceSettings
from drivers.errors import DeviceError
from drivers.ownership import processes_named, users_of_library
from drivers.values import DeviceInfo
from station.commands.findings import Cause, CauseCode
from station.commands.host import Host
from station.commands.usb_check import taken_by_kernel_nfc

DAEMON: Final = "usr/sbin/pcscd"
POLKIT_ACTION: Final = "org.debian.pcsc-lite.access_pcsc"
POLKIT_POLICY: Final = "usr/share/polkit-1/actions/org.debian.pcsc-lite.policy"
POLKIT_RULES: Final = ("etc/polkit-1/rules.d", "usr/share/polkit-1/rules.d")
VIRTUAL_DRIVER: Final = "usr/lib/pcsc/drivers/serial/libifdvpcd.so"
_START: Final = "sudo systemctl enable --now pcscd.socket"


def find_cause(
    settings: DeviceSettings,
    error: DeviceError,
    host: Host,
    names_of: Callable[[str], Sequence[str]] = list_readers,
) -> Cause | None:
    """Say why a PC/SC reader does not work, if it can be seen from here.

    `names_of` returns the names of the readers that the service at a socket has.
    """
    if isinstance(settings, LoopbackReader.Settings):
        return None  # it has no smart-card service
    own_socket = str(getattr(settings, "service_socket", ""))
    if own_socket:
        host = replace(host, pcsc_socket=Path(own_socket))
    match error:
        case CardLibraryMissing():
            return no_library() or no_pyscard()
        case ServiceDown() if own_socket:
            return at_own_socket(host)
        case ServiceDown():
            return no_service(host) or no_socket(host) or service_down(host)
        case ReaderForbidden():
            return forbidden_by_polkit(host)
        case ReaderGone():
            return taken_by_kernel_nfc(host) or no_reader(names_at(own_socket, names_of))
        case ReaderAmbiguous():
            return ambiguous(names_at(own_socket, names_of))
        case ReaderBusy():
            return busy(host)
    return None


def no_library(find: Callable[[str], str | None] = ctypes.util.find_library) -> Cause | None:
    """Libpcsclite is absent."""
    if find("pcsclite") is not None:
        return None
    found = "the library libpcsclite is not installed"
    return Cause(CauseCode.CARD_NO_LIBRARY, found, "sudo apt-get install libpcsclite1 pcscd")


def no_pyscard(find: Callable[[str], object | None] = find_spec) -> Cause | None:
    """The Python binding of PC/SC is absent."""
    if find("smartcard") is not None:
        return None
    return Cause(
        CauseCode.CARD_NO_PYSCARD,
        "pyscard is not installed: only the simulated loopback reader works",
        "Install gcc, python3-dev and libpcsclite-dev, then run `make setup` again.",
    )


def no_service(host: Host) -> Cause | None:
    """The smart-card service is not installed."""
    if (host.root / DAEMON).exists():
        return None
    found = f"the smart-card service is not installed: no /{DAEMON}"
    return Cause(CauseCode.CARD_NO_SERVICE, found, "sudo apt-get install pcscd")


def no_socket(host: Host) -> Cause | None:
    """There is no socket to reach the service by."""
    if host.pcsc_socket.exists():
        return None
    running = processes_named("pcscd", host.proc)
    by_whom = f", although {running[0]} runs" if running else ": pcscd does not run"
    found = f"{host.pcsc_socket} does not exist{by_whom}"
    return Cause(CauseCode.CARD_NO_SOCKET, found, _START)


def service_down(host: Host) -> Cause | None:
    """The socket is there and nobody answers behind it."""
    reason = host.why_unreachable(host.pcsc_socket)
    if not reason:
        return None
    found = f"nobody answers at {host.pcsc_socket}: {reason}"
    return Cause(CauseCode.CARD_SERVICE_DOWN, found, "sudo systemctl restart pcscd.socket pcscd")


def at_own_socket(host: Host) -> Cause | None:
    """Nobody is at the socket that the configuration names instead of that of the machine."""
    cause = no_socket(host) or service_down(host)
    if cause is None:
        return None
    action = "Correct service_socket in the configuration; empty means the pcscd of this machine."
    return replace(cause, found=f"service_socket: {cause.found}", action=action)


def forbidden_by_polkit(host: Host) -> Cause | None:
    """This pcscd asks polkit, and no rule lets this user in."""
    if not (host.root / POLKIT_POLICY).exists():
        return None
    unread = 0
    for folder in (host.root / name for name in POLKIT_RULES):
        try:
            rules = [file.read_text(errors="replace") for file in folder.iterdir()]
        except FileNotFoundError:
            continue
        except OSError:
            unread += 1
            continue
        if any(POLKIT_ACTION in rule and f'"{host.user}"' in rule for rule in rules):
            return None
    unseen = " (some rules are closed to us)" if unread else ""
    return Cause(
        CauseCode.CARD_POLKIT,
        f"pcscd asks polkit, and no rule names the user {host.user}{unseen}",
        "Copy 50-rekam.rules of `rekam system-files` to /etc/polkit-1/rules.d with this user.",
    )


def no_reader(names: Sequence[str]) -> Cause:
    """The service runs and has no reader of the configured name."""
    there = f"these readers: {', '.join(names)}" if names else "no reader at all"
    return Cause(
        CauseCode.CARD_NO_READER,
        f"the smart-card service runs and has {there}",
        "Plug the reader in, or write the beginning of its name in `reader`.",
    )


def ambiguous(names: Sequence[str]) -> Cause:
    """Several readers, or several slots of one, fit the configured name."""
    return Cause(
        CauseCode.CARD_AMBIGUOUS,
        f"the configured name fits several of these readers: {', '.join(names)}",
        "Write the whole name in `reader`, and that of the SAM slot in `sam_reader`.",
    )


def busy(host: Host) -> Cause:
    """Another program holds the reader; those that use PC/SC at all are named."""
    users = users_of_library("libpcsclite.so", host.proc)
    names = ", ".join(str(user) for user in users.holders if user.pid != host.pid)
    seen = f"programs that use cards: {names}" if names else f"its name: {users}"
    return Cause(
        CauseCode.CARD_BUSY,
        f"another program holds the reader; {seen}",
        "Close that program.",
    )


def virtual_driver(host: Host, simulated_desk: bool) -> Cause | None:
    """The driver of software readers is installed at a desk that records real people."""
    if simulated_desk or not (host.root / VIRTUAL_DRIVER).exists():
        return None
    return Cause(
        CauseCode.CARD_VIRTUAL,
        "vsmartcard-vpcd is installed: any program could offer a card that does not exist",
        "sudo apt-get remove vsmartcard-vpcd",
    )


def is_virtual(info: DeviceInfo, simulated_desk: bool) -> Cause | None:
    """A software reader at a desk that records real people."""
    if simulated_desk or SIMULATED not in info.capabilities:
        return None
    return Cause(
        CauseCode.CARD_VIRTUAL,
        f"{info.model} is a simulated reader, and this desk is no simulation",
        "sudo apt-get remove vsmartcard-vpcd, or set station.simulated = true.",
    )


def names_at(
    service_socket: str, names_of: Callable[[str], Sequence[str]] = list_readers
) -> Sequence[str]:
    """Return the names of all readers of the service; none where it cannot be asked."""
    try:
        return names_of(service_socket)
    except DeviceError:
        return ()  # none, or the service ended meanwhile

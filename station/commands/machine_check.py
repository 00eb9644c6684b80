"""What this machine has: Python, our own packages, libraries, models, the card service."""

from __future__ import annotations

import ctypes
import sqlite3
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from station.commands.card_check import no_library, no_pyscard, no_service
from station.commands.findings import Cause, CauseCode, Finding, Health, warning
from station.commands.host import Host, this_host
from station.commands.usb_check import taken_by_kernel_nfc

_TIMEX_BYTES = 512
"""More than struct timex has on any architecture (208 on 64 bits)."""
_TIME_ERROR = 5
"""The state of a clock that is not synchronised."""


def check_machine(host: Host | None = None) -> Iterator[Finding]:
    """Look at everything that does not depend on a configuration."""
    python = ".".join(map(str, sys.version_info[:3]))
    supported = (3, 11) <= sys.version_info[:2] <= (3, 12)
    yield Finding(
        "python",
        Health.GOOD if supported else Health.BAD,
        python,
        "" if supported else "Use Python 3.11 or 3.12.",
    )
    yield _own_packages()
    yield _opencv()
    yield _face_models()
    yield from check_cards(host or this_host())
    yield check_clock()
    owner_only = sqlite3.sqlite_version_info < (3, 51, 3)
    remark = "; safe here, where one connection owns the file" if owner_only else ""
    yield Finding("sqlite", Health.GOOD, sqlite3.sqlite_version + remark)


def _own_packages() -> Finding:
    """Names like `drivers` exist on package indexes too: make sure that ours are the ones found."""
    import drivers
    import station

    folders = {Path(module.__file__ or "").parent.parent for module in (drivers, station)}
    try:
        found = f"{version('rekam')} in {folders.pop()}"
    except PackageNotFoundError:
        return Finding("rekam", Health.BAD, "not installed", "Run `make setup`.")
    if folders:
        return Finding(
            "rekam", Health.BAD, "foreign package `drivers` found", "Use an environment of its own."
        )
    return Finding("rekam", Health.GOOD, found)


def _opencv() -> Finding:
    try:
        import cv2
    except ImportError as error:
        return Finding(
            "opencv",
            Health.BAD,
            str(error),
            "Install the system packages libgl1 and libglib2.0-0, or run `make setup`.",
        )
    return Finding("opencv", Health.GOOD, cv2.__version__)


def _face_models() -> Finding:
    from station.biometrics.face.models import Model, ModelsMissing, model_path

    try:
        files = [model_path(model) for model in Model]
    except ModelsMissing as error:
        return Finding("face models", Health.BAD, "missing: faces are not checked", str(error))
    return Finding("face models", Health.GOOD, f"{len(files)} files, hashes as published")


def check_cards(host: Host) -> Iterator[Finding]:
    """What reading cards needs; a desk without a reader needs none of it, so that nothing is bad.

    The socket is looked at with the reader: systemd starts pcscd when it is first asked.
    """
    missing = no_pyscard() or no_library() or no_service(host)
    if missing is not None:
        yield warning("cards", missing)
    else:
        yield Finding("cards", Health.GOOD, f"pyscard {version('pyscard')}, pcscd installed")
    if (taken := taken_by_kernel_nfc(host)) is not None:
        yield warning("cards", taken)


def kernel_clock_state() -> int:
    """Ask the kernel how its clock stands; nothing is changed. Source: adjtimex(2)."""
    request = ctypes.create_string_buffer(_TIMEX_BYTES)  # modes = 0: read only
    return int(ctypes.CDLL(None).adjtimex(request))


def check_clock(state: Callable[[], int] = kernel_clock_state) -> Finding:
    """Whether something keeps the clock right; answers of devices and records carry times."""
    told = state()
    if told < 0:
        return Finding("clock", Health.WARNING, "the kernel does not say how its clock stands")
    if told != _TIME_ERROR:
        return Finding("clock", Health.GOOD, "kept right by the network")
    cause = Cause(
        CauseCode.CLOCK,
        "nothing keeps the clock of this machine right",
        "timedatectl set-ntp true",
    )
    return warning("clock", cause)

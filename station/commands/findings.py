"""One line of a report about this machine: what was looked at, found, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from drivers.errors import DeviceError
from station.commands.reporting import sentences
from station.errors import StationError


class Health(StrEnum):
    """How a check ended."""

    GOOD = "ok"
    WARNING = "warning"
    BAD = "bad"


class CauseCode(StrEnum):
    """Stable names of what keeps a device from working; explained in the installation guide."""

    NODE_ABSENT = "node.absent"
    NODE_NO_GROUP = "node.no-group"
    NODE_LOGIN_AGAIN = "node.login-again"
    NODE_FORBIDDEN = "node.forbidden"
    NODE_BUSY = "node.busy"
    NODE_BUSY_UNSEEN = "node.busy-unseen"
    USB_MODEM_MANAGER = "usb.modem-manager"
    USB_BRAILLE = "usb.braille"
    USB_SLEEPS = "usb.sleeps"
    USB_KERNEL_NFC = "usb.kernel-nfc"
    SERIAL_BAUD = "serial.baud"
    SERIAL_SILENT = "serial.silent"
    CAMERA_UNREACHABLE = "camera.unreachable"
    CAMERA_SILENT = "camera.silent"
    CAMERA_ADDRESS = "camera.address"
    CAMERA_LOGIN = "camera.login"
    CAMERA_SIZE = "camera.size"
    CARD_NO_LIBRARY = "card.no-library"
    CARD_NO_PYSCARD = "card.no-pyscard"
    CARD_NO_SERVICE = "card.no-service"
    CARD_NO_SOCKET = "card.no-socket"
    CARD_SERVICE_DOWN = "card.service-down"
    CARD_POLKIT = "card.polkit"
    CARD_NO_READER = "card.no-reader"
    CARD_AMBIGUOUS = "card.ambiguous"
    CARD_BUSY = "card.busy"
    CARD_VIRTUAL = "card.virtual"
    CARD_SAM_OPENING = "card.sam-opening"
    CARD_SAM_READER = "card.sam-reader"
    CARD_SAM_ABSENT = "card.sam-absent"
    CARD_AUTHORITIES = "card.authorities"
    SBI_NO_SERVICE = "sbi.no-service"
    SBI_FOREIGN = "sbi.foreign"
    SBI_NO_DEVICE = "sbi.no-device"
    SBI_SEVERAL = "sbi.several"
    SBI_VERSION = "sbi.version"
    SBI_NO_ROOT = "sbi.no-root"
    SBI_ROOT_EXPIRED = "sbi.root-expired"
    SBI_NOT_TRUSTED = "sbi.not-trusted"
    SBI_TRUST_LEVEL = "sbi.trust-level"
    CLOCK = "clock"
    OTHER_DEVICE = "other-device"


@dataclass(frozen=True, slots=True)
class Cause:
    """Why something does not work, and the one thing that mends it; a line each."""

    code: CauseCode
    found: str
    action: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's report.

    `code` is stable: the name of the cause where one was found, otherwise the code of the error,
    otherwise empty. `cause` says why in words, `action` what to do.
    """

    name: str
    health: Health
    found: str
    action: str = ""
    code: str = ""
    cause: str = ""

    def because(self, cause: Cause | None) -> Finding:
        """The same finding with the cause that was found for it, if there is one."""
        if cause is None:
            return self
        return replace(self, code=cause.code.value, cause=cause.found, action=cause.action)


def bad(name: str, error: StationError | DeviceError) -> Finding:
    """What an error says, with the action that the catalogue knows for it."""
    message, action = sentences(error.code)
    detail = f" ({error.detail})" if error.detail else ""
    return Finding(name, Health.BAD, f"[{error.code}] {message}{detail}", action, error.code)


def warning(name: str, cause: Cause) -> Finding:
    """Something that works now and will make trouble."""
    return Finding(name, Health.WARNING, cause.found, cause.action, cause.code.value, cause.found)

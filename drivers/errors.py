"""Everything a driver may raise.

Callers branch on the class and on its attributes, never on message text. `detail` goes to logs and
to the technician: it names conditions and sizes and never holds payload (APDU data, pixels, NIK).
"""

from __future__ import annotations

from typing import ClassVar


class DeviceError(Exception):
    """Base of all device errors; `code` is stable (audit log, translations, support tables)."""

    code: ClassVar[str] = "DEV-000"
    retryable: ClassVar[bool] = False
    """Whether the same call, made again, may succeed without anyone touching the hardware."""
    device_usable: ClassVar[bool] = True
    """Whether the state of the hardware is still known; if not, the device becomes LOST."""

    def __init__(self, device: str, detail: str = "") -> None:
        super().__init__(f"{self.code} {device}: {detail}" if detail else f"{self.code} {device}")
        self.device = device
        self.detail = detail


class Retryable(DeviceError):
    """The same call may succeed when it is made again."""

    retryable = True


class NotConnected(DeviceError):
    """A verb was used before `connect`, after `close` or after the device was lost."""

    code = "DEV-101"


class ConnectFailed(Retryable):
    """The device is absent, refused, or is not the one named in the configuration."""

    code = "DEV-102"


class Disconnected(Retryable):
    """The device was connected and is gone (unplugged, service ended, hub reset)."""

    code = "DEV-103"
    device_usable = False


class DeviceBusy(DeviceError):
    """Another verb is running, or another program owns the hardware."""

    code = "DEV-104"


class OtherDevice(DeviceError):
    """Another device answers in the place of the one that was used, and nobody has accepted it."""

    code = "DEV-105"


class DeviceTimeout(Retryable):
    """The deadline passed while the driver was waiting for the hardware or for the resident."""

    code = "DEV-201"


class ProtocolError(Retryable):
    """The device answered something the driver cannot parse."""

    code = "DEV-202"


class Untrusted(DeviceError):
    """A device answered, but what it claims does not hold; nothing of the answer is kept.

    `check` is the stable name of the failed check: "signature", "hash-chain", "transaction" ...
    """

    code = "DEV-203"

    def __init__(self, device: str, check: str, detail: str = "") -> None:
        super().__init__(device, f"{check}: {detail}" if detail else check)
        self.check = check


class DeviceHung(DeviceTimeout):
    """The driver did not return after its deadline: its thread is abandoned."""

    code = "DEV-204"
    retryable = False
    device_usable = False


class DeviceRefused(DeviceError):
    """The device understood the request and refused it; `device_code` is its own error code."""

    code = "DEV-205"

    def __init__(self, device: str, device_code: str, detail: str = "") -> None:
        super().__init__(device, f"{device_code} {detail}".strip())
        self.device_code = device_code


class Unsupported(DeviceError):
    """This model cannot do what was asked; `DeviceInfo.capabilities` would have said so."""

    code = "DEV-301"


class Cancelled(DeviceError):
    """Someone called `cancel` or `close` while the verb was running."""

    code = "DEV-401"


class NoCard(Retryable):
    """There is no card on the reader."""

    code = "DEV-501"


class CardLost(Retryable):
    """The card left, was reset or was exchanged while it was read; nothing of it is kept."""

    code = "DEV-502"


class CardUnreadable(DeviceError):
    """The card is mute, its answer to reset is wrong, or it is a card of another kind."""

    code = "DEV-503"


class DriverFault(DeviceError):
    """The driver raised something it should have translated: a bug, never retried."""

    code = "DEV-901"
    device_usable = False

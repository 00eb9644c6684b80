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


class StaleImage(Retryable):
    """The module delivered the very picture that it had delivered before: it did not look again."""

    code = "DEV-241"


class WrongPixelOrder(DeviceError):
    """The picture of a module holds the two pixels of each byte in the wrong order."""

    code = "DEV-242"


class ModuleLocked(DeviceRefused):
    """The module has a password or an address that the configuration does not know."""

    code = "DEV-243"


class ModuleBusy(Retryable):
    """The module says that it is executing a command although nobody gave it one."""

    code = "DEV-244"


class ForeignTemplate(DeviceError):
    """A template was made by another model or firmware than the module that is connected."""

    code = "DEV-245"


class LibraryMismatch(DeviceError):
    """The module's library holds other pages than it must after what was stored or deleted."""

    code = "DEV-246"


class Unsupported(DeviceError):
    """This model cannot do what was asked; `DeviceInfo.capabilities` would have said so."""

    code = "DEV-301"


class Cancelled(DeviceError):
    """Someone called `cancel` or `close` while the verb was running."""

    code = "DEV-401"


class PictureStopped(DeviceTimeout):
    """The camera is there and no new picture comes from it."""

    code = "DEV-261"


class PictureFrozen(DeviceTimeout):
    """The camera sends the same picture again and again; a live sensor has noise."""

    code = "DEV-262"


class PictureBroken(ProtocolError):
    """Pictures come and none of them is whole, or they have another size than agreed."""

    code = "DEV-263"


class ControlRefused(ConnectFailed):
    """The camera does not take a value that the configuration asks for; `control` is its name."""

    code = "DEV-264"
    retryable = False

    def __init__(self, device: str, control: str, detail: str) -> None:
        super().__init__(device, f"{control}: {detail}")
        self.control = control


class NoCard(Retryable):
    """There is no card on the reader."""

    code = "DEV-501"


class CardLost(Retryable):
    """The card left, was reset or was exchanged while it was read; nothing of it is kept."""

    code = "DEV-502"


class CardUnreadable(DeviceError):
    """The card is mute, its answer to reset is wrong, or it is a card of another kind."""

    code = "DEV-503"


class ServiceDown(Disconnected):
    """The smart-card service of the machine does not run or has ended."""

    code = "DEV-504"


class ServiceAbsent(ServiceDown, ConnectFailed):
    """As `ServiceDown`, found while connecting: nothing was open."""

    device_usable = True


class ReaderGone(Disconnected):
    """The card reader is not plugged in, or not under the configured name."""

    code = "DEV-505"


class ReaderAbsent(ReaderGone, ConnectFailed):
    """As `ReaderGone`, found while connecting: nothing was open."""

    device_usable = True


class ReaderForbidden(DeviceRefused):
    """The system does not permit this user to use the card reader (polkit)."""

    code = "DEV-506"


class ReaderBusy(DeviceBusy):
    """Another program holds the card reader."""

    code = "DEV-507"


class CardMute(CardUnreadable):
    """The card does not answer to reset: no contact, upside down, too far away, or dead."""

    code = "DEV-508"


class BadAtr(CardUnreadable):
    """The answer to reset breaks ISO/IEC 7816-3."""

    code = "DEV-509"


class CardSilent(DeviceTimeout):
    """One command was not answered within the time that a command may take."""

    code = "DEV-510"
    retryable = False


class LiftCard(CardUnreadable):
    """The reader must be empty for a moment before the card on it can be trusted or seen again."""

    code = "DEV-511"


class CardReset(CardLost):
    """Another program reset the card: keys and PIN state are gone, nothing of it is kept."""

    code = "DEV-512"


class CardExchanged(CardLost):
    """At the end another card lay there than at the start; nothing of either is kept."""

    code = "DEV-513"


class ReaderAmbiguous(ConnectFailed):
    """Several readers fit the configured name; the program does not guess."""

    code = "DEV-514"
    retryable = False


class CardLibraryMissing(ConnectFailed):
    """libpcsclite or pyscard is not installed."""

    code = "DEV-515"
    retryable = False


class SamMissing(DeviceError):
    """The secure access module is absent, mute, pulled out or does not answer any more.

    The session with the card goes on: what is free can still be read.
    """

    code = "DEV-516"


class PivAbsent(DeviceError):
    """The card has no PIV application: it is no operator card."""

    code = "DEV-531"


class PinWrong(DeviceError):
    """The operator card refused the PIN; `tries_left` is None where the card does not tell."""

    code = "DEV-532"

    def __init__(self, device: str, tries_left: int | None) -> None:
        told = "unknown number of" if tries_left is None else str(tries_left)
        super().__init__(device, f"{told} tries left")
        self.tries_left = tries_left


class PinBlocked(DeviceError):
    """No PIN try is left; only the PUK of the card helps."""

    code = "DEV-533"


class PinLastTry(DeviceError):
    """One try is left, or the card does not tell how many: the PIN was not sent."""

    code = "DEV-534"


class PinUnsuitable(DeviceError):
    """What was typed cannot be a PIN; nothing was sent."""

    code = "DEV-535"


class PivCertificateAbsent(DeviceError):
    """The operator card holds no certificate where one is needed."""

    code = "DEV-536"


class PivUnreadable(DeviceError):
    """An answer of the operator card contradicts its format or its certificate cannot be read."""

    code = "DEV-537"


class PivKeyRefused(DeviceError):
    """The operator card refuses to sign: no such key, or no permission."""

    code = "DEV-538"


class AccessModuleRefused(DeviceRefused):
    """The secure access module (SAM) refused a command; `device_code` is its status word."""

    code = "DEV-522"


class AccessModuleNotOpened(DeviceRefused):
    """The SAM refuses the opening data; they are not sent again before the next connect."""

    code = "DEV-523"


class AccessOpeningUnusable(DeviceError):
    """The file with the opening data is absent, open to others, or holds something else."""

    code = "DEV-524"


class CardNotAuthentic(DeviceError):
    """The card could not prove itself: it is a copy, or it belongs to another access module."""

    code = "DEV-525"


class SecureChannelBroken(CardLost):
    """A protected answer was changed or came from another card: an alarm, nothing is kept."""

    code = "DEV-526"
    retryable = False


class AuthoritiesUnusable(DeviceError):
    """A certificate file of the document authorities is absent, damaged or no authority's."""

    code = "DEV-527"


class DriverFault(DeviceError):
    """The driver raised something it should have translated: a bug, never retried."""

    code = "DEV-901"
    device_usable = False

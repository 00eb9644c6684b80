"""What only readers, cards and access modules can do wrong, beside `drivers.errors`.

Service and reader first, then cards, then the access module of a KTP-el, then operator cards.
"""

from __future__ import annotations

from drivers.errors import (
    CardLost,
    CardUnreadable,
    ConnectFailed,
    DeviceBusy,
    DeviceError,
    DeviceRefused,
    DeviceTimeout,
    Disconnected,
)


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

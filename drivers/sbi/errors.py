"""What only an SBI device can do wrong: one error a failed check, one a class of refusals.

Callers branch on `Untrusted` and `DeviceRefused`; the code says what the operator can do about it.
"""

from __future__ import annotations

from drivers.errors import DeviceRefused, Untrusted


class SignatureWrong(Untrusted):
    """A token is malformed, is not RS256, or its signature does not match its content."""

    code = "DEV-211"


class SignerUnknown(Untrusted):
    """The signer's certificate is unreadable or comes from none of the roots of this desk."""

    code = "DEV-212"


class SignerExpired(Untrusted):
    """The signer's certificate, or the root above it, has ended."""

    code = "DEV-213"


class ForeignDevice(Untrusted):
    """The answer is about, or comes from, another device than the one that was asked."""

    code = "DEV-214"


class CallbackForeign(Untrusted):
    """The device wants to be called outside this machine or the ports of the interface."""

    code = "DEV-215"


class OtherEnvironment(Untrusted):
    """Test and production are mixed: the answer is of another environment than this desk."""

    code = "DEV-216"


class OtherPurpose(Untrusted):
    """The answer was not made for registration."""

    code = "DEV-217"


class OtherTransaction(Untrusted):
    """The answer carries a transaction number that this program never gave out."""

    code = "DEV-218"


class OtherVersion(Untrusted):
    """The device offers, or answered in, another version of the interface."""

    code = "DEV-219"


class ClocksDiffer(Untrusted):
    """The time of the answer is far from the clock of this computer, or is no time at all."""

    code = "DEV-220"


class PositionsWrong(Untrusted):
    """The answer does not hold exactly the fingers or eyes that were asked for, in order."""

    code = "DEV-221"


class HashChainBroken(Untrusted):
    """The hashes do not continue from the last one that was verified."""

    code = "DEV-222"


class ScoreImpossible(Untrusted):
    """The quality is no number from 0 to 100."""

    code = "DEV-223"


class RecordBroken(Untrusted):
    """The record is no ISO/IEC 19794 record of the kind that was asked for."""

    code = "DEV-224"


class RecordMislabelled(Untrusted):
    """The record inside is labelled as another finger or eye than its item."""

    code = "DEV-225"


class ImageLossy(Untrusted):
    """The image was compressed with losses, or says falsely that it was not."""

    code = "DEV-226"


class ResolutionWrong(Untrusted):
    """The resolution is outside what registration accepts."""

    code = "DEV-227"


class ImageWrong(Untrusted):
    """The image does not decode, or has not the type and size that its record states."""

    code = "DEV-228"


class LevelTooLow(Untrusted):
    """The device names no known level of trust, or a lower one than this desk demands."""

    code = "DEV-229"


class Replayed(Untrusted):
    """The answer to an earlier request came once more."""

    code = "DEV-230"


class NothingDetected(DeviceRefused):
    """The device saw no finger, eye or face (101)."""

    code = "DEV-231"


class ExtractionFailed(DeviceRefused):
    """The device could not make a picture of what it saw (102, 608, 707, 708, 710)."""

    code = "DEV-232"


class OrientationWrong(DeviceRefused):
    """What lies on the device is turned (105)."""

    code = "DEV-233"


class DeviceNotReady(DeviceRefused):
    """The device is switched on but cannot work yet, or cannot any more (110)."""

    code = "DEV-234"


class KeyInvalid(DeviceRefused):
    """The device has no valid key or is not registered (100, 107, 108)."""

    code = "DEV-235"


class TamperDetected(DeviceRefused):
    """The device reports that somebody tampered with it (103)."""

    code = "DEV-236"


class ServerUnreachable(DeviceRefused):
    """The device does not reach its own management server (104)."""

    code = "DEV-237"


class RequestRefused(DeviceRefused):
    """The device does not accept what was asked: settings or software do not fit (109, 112 ...)."""

    code = "DEV-238"


class PictureStopped(DeviceRefused):
    """The live picture stopped before the capture ended (700)."""

    code = "DEV-239"
